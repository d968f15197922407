"""Second chances: an out-of-memory start and a crash before training, at most one of them an iteration.

An out-of-memory start is run once more with half the device batch and the same total batch. A crash before the training
clock starts goes back, with its traceback, to the agent that proposed the candidate; a person's has crashed. Either way
the iteration gets a second plan, which says so, and goes on under its number; its runs are numbered on, so that no seed
is used twice.

What is on disk changes in an order in which a killed runner loses nothing and repeats nothing:

1. a copy of the first plan and of all that it names is completed under ``attempts/1/``, in one step;
2. the second plan's files are written, and its ``plan.json`` takes the place of the first, in one step;
3. ``execution/``, which held the first attempt's run, moves to ``attempts/1/execution/``, in one step;
4. the second attempt runs in a new ``execution/``.

Whoever finds the first plan finds its run ended and decides again; whoever finds the second does what is left from 3.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from dialectic import workspace
from dialectic.agents.person import Person
from dialectic.errors import EditError
from dialectic.loop.house import House
from dialectic.loop.measure import Measurement, measure
from dialectic.loop.plan import commit_candidate, write_plan
from dialectic.loop.propose import propose_again
from dialectic.session import IterationFolder
from dialectic.state.files import make_folder, sync_folder, write_bytes, write_record, write_text
from dialectic.state.plan import Plan, SecondChance
from dialectic.state.proposal import KnobEdit
from dialectic.state.text import tail

START_SHARE = 0.1
"""Memory that runs out within this share of the budget ran out at the start: little is lost by starting anew."""
TRACEBACK_CHARACTERS = 6_000
FIRST_ATTEMPT = Path("attempts") / "1"
COPIED = ("plan.json", "actual", "tensions", "transcendent", "agent/prepare")


def run_candidate(house: House, plan: Plan) -> tuple[Plan, Measurement]:
    """Run and score a candidate, with a second chance where it deserves one; the plan is the one that counts."""
    first = run_plan(house, plan)
    second = _second_plan(house, plan, first) if plan.second_chance.kind == "none" else None
    if second is None:
        return plan, first
    return second, _run_second(house, second)


def run_plan(house: House, plan: Plan) -> Measurement:
    """Run and score the candidate of this plan, be it the iteration's second; what has ended already is looked up."""
    if plan.second_chance.kind == "none":
        return measure(house, plan)
    _retell(house, plan)
    return _run_second(house, plan)


def _run_second(house: House, plan: Plan) -> Measurement:
    folder = house.session.iteration(plan.iteration)
    house.known.setdefault(plan.second_chance.fingerprint, house.experiment_id(plan.iteration))
    settle(folder, plan)
    house.session.append_event("second_chance", plan.iteration, reason=plan.second_chance.kind)
    measurement = measure(house, plan)
    measurement.wall_seconds += plan.second_chance.wall_seconds
    measurement.train_seconds += plan.second_chance.train_seconds
    return measurement


def _retell(house: House, plan: Plan) -> None:
    """Say again what a killed runner said of the first attempt: the events of an unfinished iteration are dropped."""
    chance, of = plan.second_chance, "baseline" if plan.iteration == 1 else "candidate"
    code = chance.exit_code
    for k in range(1, chance.runs + 1):
        house.session.append_event("run_started", plan.iteration, k=k, of=of)
        house.session.append_event("run_completed", plan.iteration, k=k, of=of, status="failed", exit_code=code)


def _second_plan(house: House, plan: Plan, first: Measurement) -> Plan | None:
    """The plan of the second attempt; None where the first one stands."""
    failure, record = first.failure, first.record
    if record is None or record.failure != failure:
        return None
    chance = SecondChance(
        kind="out-of-memory" if failure.kind == "out-of-memory" else "crash",
        message=failure.message,
        exit_code=record.exit_code,
        runs=1,
        wall_seconds=first.wall_seconds,
        train_seconds=first.train_seconds,
        fingerprint=plan.fingerprint,
    )
    if failure.kind == "out-of-memory" and first.progress <= START_SHARE:
        return _smaller(house, plan, chance)
    # Nobody but the person knows what a crashed candidate of theirs was to be: no agent's idea takes its place.
    agents = plan.iteration > 1 and plan.author != Person.name
    if failure.kind == "crash" and not record.training_started and agents:
        return _mended(house, plan, chance)
    return None


def _smaller(house: House, plan: Plan, chance: SecondChance) -> Plan | None:
    """The same candidate with half the device batch; what it predicts, and why, and what was proposed stays."""
    folder, name = house.session.iteration(plan.iteration), house.experiment_id(plan.iteration)
    text = first_text(folder)
    try:
        edit = workspace.halved_device_batch(text, house.profile)
        _check_steering(house, text, edit)
    except EditError as error:
        house.observer.note(f"{name} ran out of memory at its start and is not run with half the batch: {error}")
        if (folder.path / FIRST_ATTEMPT).exists():
            # A runner that was killed had begun with the second attempt, which was still allowed then.
            restore(folder)
        return None
    house.observer.note(f"{name} ran out of memory at its start; it is run once more with {edit.knob} = {edit.value}")
    archive(folder)
    train_py = workspace.apply(text, [edit])
    chance = chance.model_copy(update={"edits": [edit]})
    message = f"{plan.move_type}\n\n{plan.prediction}\n\n{edit.knob} = {edit.value}, for memory ran out.\n"
    house.commits[plan.iteration] = commit_candidate(house, plan.iteration, train_py, message, chance)
    second = plan.model_copy(
        update={
            "candidate_commit": house.commits[plan.iteration],
            "execution_id": f"{name}:{chance.runs + 1}",
            "knobs": workspace.read_knobs(train_py),
            "fingerprint": workspace.fingerprint(
                train_py, house.profile.name, house.profile.time_budget, house.data.fingerprint
            ),
            "second_chance": chance,
        }
    )
    write_text(folder.train_py, train_py)
    write_text(folder.patch, workspace.diff(house.incumbent_text, train_py))
    write_record(folder.plan, second)
    house.plan_ahead(second)
    return second


def _check_steering(house: House, text: str, edit: KnobEdit) -> None:
    """Raise EditError where ``program.md`` does not allow the edit."""
    steering = house.steering
    if edit.knob in steering.freeze:
        raise EditError(f"program.md freezes {edit.knob}")
    if edit.knob in steering.ranges:
        low, high = steering.ranges[edit.knob]
        value = workspace.evaluate(edit.value, house.profile.values, workspace.read_knobs(text))
        if not isinstance(value, int | float) or not low <= value <= high:
            raise EditError(f"program.md allows {low:g} to {high:g} for {edit.knob}")


def _mended(house: House, plan: Plan, chance: SecondChance) -> Plan | None:
    """The plan of what the agent proposes instead, told the traceback."""
    folder, name = house.session.iteration(plan.iteration), house.experiment_id(plan.iteration)
    house.known.setdefault(plan.fingerprint, name)
    house.observer.note(f"{name} crashed before training began; it goes back to its author once: {chance.message}")
    archive(folder)
    house.live("prepare")
    mended = propose_again(house, plan, tail(folder.run(1) / "run.log", TRACEBACK_CHARACTERS))
    if mended is None:
        restore(folder)
        house.observer.note(f"{name} was not mended; it has crashed")
        return None
    briefing, prepared = mended
    return write_plan(house, plan.iteration, briefing, prepared, chance)


def archive(folder: IterationFolder) -> None:
    """Copy the first plan and all that it names to ``attempts/1/``, unless that was done before."""
    target = folder.path / FIRST_ATTEMPT
    if target.exists():
        return
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial)
    for name in COPIED:
        source = folder.path / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and not path.is_symlink():
                write_bytes(partial / path.relative_to(folder.path), path.read_bytes())
    partial.rename(target)
    sync_folder(target.parent)


def restore(folder: IterationFolder) -> None:
    """Put the first attempt's files back, for there is no second."""
    kept = folder.path / FIRST_ATTEMPT
    for path in folder.tensions.iterdir():
        if not (kept / "tensions" / path.name).exists():
            shutil.rmtree(path)
    for path in sorted(kept.rglob("*")):
        if path.is_file():
            write_bytes(folder.path / path.relative_to(kept), path.read_bytes())
    # Renamed first: a copy that is only half deleted must not be taken for a whole one.
    gone = kept.rename(kept.with_name(f"{kept.name}.partial"))
    shutil.rmtree(gone.parent)


def first_text(folder: IterationFolder) -> str:
    """The first attempt's ``train.py``; a killed runner may have begun to write the second's over it."""
    kept = folder.path / FIRST_ATTEMPT / "actual" / "train.py"
    return (kept if kept.exists() else folder.train_py).read_bytes().decode("utf-8")


def settle(folder: IterationFolder, plan: Plan) -> None:
    """After the second plan was written: move the first attempt's run away, and drop tensions that were its alone."""
    target = folder.path / FIRST_ATTEMPT / "execution"
    if folder.execution.exists() and not target.exists():
        folder.execution.rename(target)
        sync_folder(target.parent)
        sync_folder(folder.path)
    for path in folder.tensions.iterdir():
        if path.name not in plan.active_tension_ids:
            shutil.rmtree(path)
