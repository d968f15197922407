"""A session that was stopped, rebuilt from its files: everything that is checked and mended before it goes on.

Which files exist says how far it got. An iteration without a plan is prepared again: agents answer the same question
in the same way, and what the killed attempt left goes. One with a plan and no result goes on with its runs, which the
executor finds again (:mod:`dialectic.loop.jobs`). A run that was stopped by its user is run again as the same one.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dialectic import agents, workspace
from dialectic.config import FIXED, Settings, SettingValue, resumed
from dialectic.errors import CorruptRecord, DataError, SessionError, UsageError
from dialectic.loop import cage, facts, kernels
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.memory import fold_sessions
from dialectic.loop.opening import (
    actors,
    announcement,
    check_hours,
    check_writable,
    configuration,
    read_file,
    script_of,
    sha256,
    start_branch,
    warn,
)
from dialectic.loop.staged import STAGED
from dialectic.session import BASE_TRAIN_PY, LOGS, Iteration, Session, mend, unplanned
from dialectic.state.base import experiment_id
from dialectic.state.files import TEMPORARY, sweep, write_bytes
from dialectic.state.observer import Observer
from dialectic.state.session import DataFacts, PhaseState, ProfileFacts, SessionRecord
from dialectic.verdict import Belief, retrace
from dialectic.workspace import read_steering


def reopen_house(session: Session, settings: Settings, given: Collection[str], observer: Observer) -> House:
    """Check that the session can go on, and put its files and this process where it was stopped.

    The caller holds the session. ``given`` are the names of the settings that the command line gave.

    Raises:
        UsageError: a flag says something else than the session was started with.
        DialecticError: the session cannot go on; its files are as they were.
    """
    record = session.record()
    profile, data = _facts(session, record)
    settings = _settings(session, record, settings, given)
    agent, executor = actors(settings)
    prepare_py, program = (read_file(session.root / name) for name in ("prepare.py", "program.md"))
    if sha256(prepare_py) != record.prepare_sha256:
        raise SessionError(
            f"prepare.py was changed since session {session.id} began, so its numbers would not compare; put it back "
            f"(the session's copy is {session.prepare_py}) or start a new session without --resume"
        )
    steering = read_steering(program.decode("utf-8"))
    data = _prepared(session.root, settings, data, observer)
    held = cage.look(settings, executor.name, profile, session.root, Path(data.folder))
    check_writable(session.root)
    if held is not None:
        kernels.fetch(profile, Path(data.folder), observer)
    history = session.history()
    check_total(settings, given, len(history) - 1)
    if not any(result for _, result, _ in history):
        check_hours(settings, profile)
    base = _base(session, record)
    for name, content in {"prepare.py": prepare_py, BASE_TRAIN_PY: base, **script_of(settings)}.items():
        write_bytes(session.folder / name, content)
    if not history and record.branch is None:
        record = start_branch(session, record)
    told = configuration(settings)
    kept = {name: value for name, value in record.config.items() if name in (*FIXED, "session", "script")}
    record = record.model_copy(update={"data": data, "config": told | kept, "cage": held})
    session.write_record(record)
    graph = fold_sessions(session.root, observer, resumed=session.id)
    house = House(
        root=session.root,
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
        incumbent_text=base.decode("utf-8"),
        program=program.decode("utf-8"),
        steering=steering,
        known={fingerprint: one.id for one in graph.history.experiments for fingerprint in one.plan.fingerprints},
    )
    _return_to(house, history)
    return house


def _facts(session: Session, record: SessionRecord) -> tuple[ProfileFacts, DataFacts]:
    if record.profile is None or record.data is None:
        raise SessionError(f"session {session.id} was recorded by another system; it can be read, but not resumed")
    return record.profile, record.data


def _settings(session: Session, record: SessionRecord, settings: Settings, given: Collection[str]) -> Settings:
    """The session's own settings; what was found from the hardware at its start counts as asked for."""
    profile, data = _facts(session, record)
    found: dict[str, SettingValue] = {
        "profile": profile.name,
        "corpus": data.corpus,
        "budget": profile.time_budget,
        "seed": record.seed,
        "agent": record.agent.name,
        "executor": record.executor,
    }
    own = resumed(settings, given, record.config | found)
    script = settings.script if "script" in given else session.script if session.script.exists() else None
    return own.model_copy(update={"session": session.id, "script": script})


def check_total(settings: Settings, given: Collection[str], candidates: int) -> None:
    """Hold ``--iterations``, which is the session's total, against the candidates that it has begun.

    Raises:
        UsageError: it has more of them already.
    """
    total = settings.iterations
    if total is not None and candidates > total and "iterations" in given:
        raise UsageError(
            f"--iterations {total}: the session has {candidates} candidates already, and with --resume it is their "
            f"total; give a larger one"
        )


def _prepared(root: Path, settings: Settings, data: DataFacts, observer: Observer) -> DataFacts:
    """The session's data where they lie now; prepared again when they are gone."""
    profile, found, ready = facts.describe(root, settings.profile, settings.corpus, settings.budget)
    if found.fingerprint != data.fingerprint:
        raise DataError(
            f"corpus {data.corpus} is not what it was when the session began, so its numbers would not compare; "
            f"start a new session without --resume"
        )
    if not ready:
        observer.note(f"preparing corpus {data.corpus} for profile {profile.name} again: it is gone from the cache")
        facts.prepare_data(root, profile.name, data.corpus)
    return found


def _base(session: Session, record: SessionRecord) -> bytes:
    """``train.py`` as the session found it; older sessions keep it in their baseline only."""
    for path in (session.base_train_py, session.iteration(1).train_py, session.root / "train.py"):
        if path.exists() and sha256(content := path.read_bytes()) == record.base_train_sha256:
            return content
    raise CorruptRecord(f"{session.base_train_py}: is not what the session started from; restore it")


def _return_to(house: House, history: list[Iteration]) -> None:
    """Put session and house at the first iteration that has no result."""
    session, observer = house.session, house.observer
    finished = [(plan, result, tensions) for plan, result, tensions in history if result is not None]
    count = len(finished)
    whole = [plan.iteration for plan, _, _ in history] == list(range(1, len(history) + 1))
    if not whole or any(result is None for _, result, _ in history[:-1]):
        raise CorruptRecord(f"{session.folder}: plans or results are missing between others; restore them")
    for plan, result, tensions in finished:
        house.remember(plan, result, tensions)
    house.belief = retrace(Belief.under(house.profile), [result for _, result, _ in finished])
    house.commits = {plan.iteration: plan.candidate_commit for plan, _, _ in history}
    # An iteration without repeats takes about as long as a run with its scoring.
    taken = [result.cost.wall_seconds / max(len(result.verdict.runs), 1) for _, result, _ in finished]
    house.longest_turn = house.longest_run = max(taken, default=0.0)
    if house.record.branch is not None and unplanned(session, count) is not None:
        workspace.take_back(house.root, house.record.branch, f"{experiment_id(session.id, count + 1)} ")
    house.planned = history[count][0] if len(history) > count else None
    told = mend(session, count, house.planned.iteration if house.planned else None)
    for folder in (house.root, house.root / LOGS, house.root / STAGED.parent):
        sweep(list(folder.glob(f"*{TEMPORARY}")))
    sweep(list((house.root / KNOWLEDGE).rglob(f"*{TEMPORARY}")))
    observer.opened(house.record, announcement(house.record, house.settings, house.profile, house.history))
    warn(house.record, observer)
    observer.resumed([(plan, result) for plan, result, _ in finished])
    _set_phases(house, history)
    if house.planned is None:
        session.write_manifest(house.history)
        return
    if "prepare_completed" not in told:
        author = house.planned.filled_by.get("prediction", "computed")
        house.leave(house.planned.iteration, "prepare", move_type=house.planned.move_type, author=author)
    house.plan_ahead(house.planned)


def _set_phases(house: House, history: list[Iteration]) -> None:
    """What ``live/state.json`` says of the last iteration's phases."""
    if history:
        plan, result, _ = history[-1]
        house.iteration = plan.iteration
        house.prepare_state = _completed(plan.created_at)
        house.reflect_state = _completed(result.completed_at) if result is not None else PhaseState()


def _completed(moment: str) -> PhaseState:
    return PhaseState(status="completed", started_at=moment, completed_at=moment)
