"""Everything that is checked and made before the first run; what is wrong is said before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from dialectic import agents, executors, workspace
from dialectic.config import Settings
from dialectic.errors import UsageError, WorkspaceError
from dialectic.loop import cage, facts, kernels
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.measure import longest
from dialectic.loop.memory import fold_sessions
from dialectic.loop.share import pairs_at_end, planned_runs, repeats_left
from dialectic.session import BASE_TRAIN_PY, LOGS, SCRIPT, Iteration, Session, check_session_id, new_session_id
from dialectic.state.base import utc_now
from dialectic.state.contracts import Agent, Executor
from dialectic.state.files import storage_error
from dialectic.state.observer import Announcement, Observer
from dialectic.state.session import AgentFacts, DataFacts, ProfileFacts, SessionRecord
from dialectic.verdict import Belief, baseline_runs
from dialectic.workspace import read_knobs, read_steering

TOP_FILES = ("train.py", "prepare.py", "program.md")
OVERHEAD_SECONDS = {"cpu": 12.0, "mps": 30.0, "cuda": 90.0}
"""What a run usually takes beside its budget: start, export, score. Measured for the CPU (``benchmarks/overhead.py``),
a guess that counts one compilation for the others."""


def open_house(root: Path, settings: Settings, observer: Observer) -> House:
    """Check everything, prepare the data where they are missing, and lay the session down.

    Raises:
        DialecticError: something is wrong; nothing was written.
    """
    session_id = check_session_id(settings.session) if settings.session else new_session_id(root)
    if (root / LOGS / session_id).exists():
        raise UsageError(f"session {session_id} is there already; choose another --session")
    agent, executor = actors(settings)
    train_py, prepare_py, program = (read_file(root / name) for name in TOP_FILES)
    read_knobs(train_py.decode("utf-8"))
    steering = read_steering(program.decode("utf-8"))
    profile, data, ready = facts.describe(root, settings.profile, settings.corpus, settings.budget)
    held = cage.look(settings, executor.name, profile, root, Path(data.folder))
    check_hours(settings, profile)
    check_writable(root)
    if not ready:
        observer.note(f"preparing corpus {data.corpus} for profile {profile.name}: once, then it is kept in a cache")
        facts.prepare_data(root, profile.name, data.corpus)
    if held is not None:
        kernels.fetch(profile, Path(data.folder), observer)
    record = _record(root, session_id, settings, profile, data, (agent, executor), (train_py, prepare_py, program))
    record = record.model_copy(update={"cage": held})
    session = Session.create(root, record, prepare_py, {BASE_TRAIN_PY: train_py} | script_of(settings))
    record = start_branch(session, record)
    graph = fold_sessions(root, observer)
    graph.add_session(record)
    observer.opened(record, announcement(record, settings, profile))
    warn(record, observer)
    return House(
        root=root,
        settings=settings,
        session=session,
        record=record,
        profile=profile,
        agent=agent,
        fallback=agents.load("builtin"),
        executor=executor,
        observer=observer,
        graph=graph,
        belief=Belief.under(profile),
        incumbent_text=train_py.decode("utf-8"),
        program=program.decode("utf-8"),
        steering=steering,
        known={fingerprint: one.id for one in graph.history.experiments for fingerprint in one.plan.fingerprints},
    )


def warn(record: SessionRecord, observer: Observer) -> None:
    """Say what a run can still do where its cage is not whole."""
    if told := cage.warning(record.cage):
        observer.note(told)


def start_branch(session: Session, record: SessionRecord) -> SessionRecord:
    """Give the session its branch where git allows one; asking twice makes it once."""
    branch = workspace.start(session.root, session.id)
    if branch is None:
        return record
    record = record.model_copy(update={"branch": branch})
    session.write_record(record)
    return record


def _record(
    root: Path,
    session_id: str,
    settings: Settings,
    profile: ProfileFacts,
    data: DataFacts,
    actors: tuple[Agent, Executor],
    texts: tuple[bytes, bytes, bytes],
) -> SessionRecord:
    """``session.json`` before the branch is known; ``texts`` are train.py, prepare.py and program.md."""
    now = utc_now()
    agent, executor = actors
    train_py, prepare_py, program = texts
    return SessionRecord(
        session_id=session_id,
        created_at=now,
        updated_at=now,
        notes="",
        profile=profile,
        budget_seconds=profile.time_budget,
        agent=AgentFacts(name=agent.name, model=agent.model),
        executor=executor.name,
        seed=settings.seed,
        machine=facts.machine(profile),
        data=data,
        prepare_sha256=sha256(prepare_py),
        program_sha256=sha256(program),
        base_train_sha256=sha256(train_py),
        git=workspace.facts(root),
        config=configuration(settings),
    )


def announcement(
    record: SessionRecord, settings: Settings, profile: ProfileFacts, finished: Sequence[Iteration] = ()
) -> Announcement:
    """What the session says first; the ``finished`` iterations need no run any more."""
    candidates = settings.iterations or 0
    runs = repeats = pairs = 0
    if candidates:
        runs = max(candidates + 1 - len(finished), 0) if finished else planned_runs(candidates, profile.noise_sigma)
        repeats = min(repeats_left(settings, profile.noise_sigma, finished), settings.max_repeats * runs)
        pairs = pairs_at_end(settings, profile.noise_sigma, candidates)
    return Announcement(
        session_id=record.session_id,
        agent=record.agent.name,
        agent_reason="it needs no model, no key and no network" if record.agent.name == "builtin" else "",
        profile=profile.name,
        profile_reason=profile.reason,
        corpus=record.data.corpus if record.data else "",
        executor=record.executor,
        sandbox=record.cage.level if record.cage else "",
        iterations=candidates,
        runs=runs,
        repeats=repeats,
        pairs=pairs,
        rule=settings.rule,
        budget_seconds=profile.time_budget,
        clock=profile.clock,
        longest_seconds=longest(profile, runs + repeats + 2 * pairs),
        likely_seconds=(runs + 2 * pairs) * (profile.time_budget + OVERHEAD_SECONDS[profile.device]),
    )


def read_file(path: Path) -> bytes:
    """A top-level file, which is text.

    Raises:
        WorkspaceError: it is not there or not text.
    """
    try:
        content = path.read_bytes()
        content.decode("utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: there is no such file; name the research folder with --root or make one with `dialectic init DIR`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path}: cannot be read ({error})") from error
    return content


def check_hours(settings: Settings, profile: ProfileFacts) -> None:
    """Refuse a limit in which not even the baseline is sure to end.

    Raises:
        UsageError: ``max_hours`` is that short.
    """
    needed = longest(profile, baseline_runs(settings.iterations or 0, profile.noise_sigma)) / 3600
    if settings.max_hours is not None and settings.max_hours < needed:
        raise UsageError(f"--max-hours {settings.max_hours:g}: the baseline may take {needed:.2f} hours; give it those")


def check_writable(root: Path) -> None:
    """Find a read-only folder before minutes are spent on data."""
    for folder in (root, root / LOGS, root / KNOWLEDGE):
        probe = folder / ".dialectic-probe"
        try:
            if folder.is_dir():
                probe.touch()
                probe.unlink()
        except OSError as error:
            raise storage_error(probe, error) from error


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def script_of(settings: Settings) -> dict[str, bytes]:
    """The script as a file that the session keeps; nothing when neither agent nor executor reads one."""
    if settings.script is None or "scripted" not in (settings.agent, settings.executor):
        return {}
    return {SCRIPT: settings.script.read_bytes()}


def actors(settings: Settings) -> tuple[Agent, Executor]:
    """The agent and the executor that the settings name.

    Raises:
        UsageError: there is none of that name, or its script cannot be used.
    """

    def script(name: str) -> dict[str, Path | None]:
        return {"script": settings.script} if name == "scripted" else {}

    agent = agents.load(settings.agent, **script(settings.agent))
    return agent, executors.load(settings.executor, **script(settings.executor))


def configuration(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """The settings as ``session.json`` keeps them; of a path its name, because it is of this machine."""
    return {name: value if not isinstance(value, Path) else value.name for name, value in dict(settings).items()}
