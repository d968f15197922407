"""Everything that is checked and made before the first run; what is wrong is said before anything is written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dialectic import agents, executors, workspace
from dialectic.config import Settings
from dialectic.errors import UsageError, WorkspaceError
from dialectic.loop import facts
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.measure import longest
from dialectic.loop.memory import fold_sessions
from dialectic.session import LOGS, Session, check_session_id, new_session_id
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
    agent = agents.load(settings.agent, **_script(settings, settings.agent))
    executor = executors.load(settings.executor, **_script(settings, settings.executor))
    train_py, prepare_py, program = (_read(root / name) for name in TOP_FILES)
    read_knobs(train_py.decode("utf-8"))
    steering = read_steering(program.decode("utf-8"))
    profile, data, ready = facts.describe(root, settings.profile, settings.corpus, settings.budget)
    _check_writable(root)
    if not ready:
        observer.note(f"preparing corpus {data.corpus} for profile {profile.name}: once, then it is kept in a cache")
        facts.prepare_data(root, profile.name, data.corpus)
    record = _record(root, session_id, settings, profile, data, (agent, executor), (train_py, prepare_py, program))
    session = Session.create(root, record, prepare_py)
    branch = workspace.start(root, session_id)
    if branch is not None:
        record = record.model_copy(update={"branch": branch})
        session.write_record(record)
    graph = fold_sessions(root, observer)
    graph.add_session(record)
    observer.opened(record, announcement(record, settings, profile))
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
        belief=Belief(prior_noise=profile.noise_sigma),
        incumbent_text=train_py.decode("utf-8"),
        program=program.decode("utf-8"),
        steering=steering,
        known={one.plan.fingerprint: one.id for one in graph.history.experiments if one.plan.fingerprint},
    )


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
        prepare_sha256=_sha256(prepare_py),
        program_sha256=_sha256(program),
        base_train_sha256=_sha256(train_py),
        git=workspace.facts(root),
        config=_configuration(settings),
    )


def announcement(record: SessionRecord, settings: Settings, profile: ProfileFacts) -> Announcement:
    """What the session says first."""
    candidates = settings.iterations or 0
    runs = candidates + baseline_runs(candidates) if candidates else 0
    return Announcement(
        session_id=record.session_id,
        agent=record.agent.name,
        agent_reason="it needs no model, no key and no network" if record.agent.name == "builtin" else "",
        profile=profile.name,
        profile_reason=profile.reason,
        corpus=record.data.corpus if record.data else "",
        executor=record.executor,
        iterations=candidates,
        runs=runs,
        budget_seconds=profile.time_budget,
        clock=profile.clock,
        longest_seconds=longest(profile, runs),
        likely_seconds=runs * (profile.time_budget + OVERHEAD_SECONDS[profile.device]),
    )


def _read(path: Path) -> bytes:
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


def _check_writable(root: Path) -> None:
    """Find a read-only folder before minutes are spent on data."""
    for folder in (root, root / LOGS, root / KNOWLEDGE):
        probe = folder / ".dialectic-probe"
        try:
            if folder.is_dir():
                probe.touch()
                probe.unlink()
        except OSError as error:
            raise storage_error(probe, error) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _script(settings: Settings, name: str) -> dict[str, Path | None]:
    return {"script": settings.script} if name == "scripted" else {}


def _configuration(settings: Settings) -> dict[str, str | int | float | bool | None]:
    return {name: value if not isinstance(value, Path) else value.name for name, value in dict(settings).items()}
