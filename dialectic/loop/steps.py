"""One iteration by hand, in three steps, with an editor between them; each is the loop's own work.

prepare   brief the next iteration: a form in ``research_state/current_iteration.json``, ``train.py`` beside it to edit
execute   check what was edited, record the plan, run, score, judge
reflect   take the person's words, fill in what is missing, record the result, learn

Between two steps everything lies in files: the session's own, and ``step.json``, which says whose form it is. A step
that was killed is done again; the run of ``execute`` is found by its handle, so nothing runs twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialectic import workspace
from dialectic.agents import found, person
from dialectic.config import Settings, load
from dialectic.errors import AgentError, DialecticError, Interrupted, UsageError, WorkspaceError
from dialectic.loop.chances import run_candidate, run_plan
from dialectic.loop.compare import compare
from dialectic.loop.house import House
from dialectic.loop.measure import Measurement
from dialectic.loop.opening import open_house
from dialectic.loop.plan import write_plan
from dialectic.loop.propose import Prepared, ask_graph, bounds_of, brief, context_of
from dialectic.loop.reflect import reflect as reflect_on
from dialectic.loop.reflect import reflect_context, write_result
from dialectic.loop.reopening import reopen_house
from dialectic.loop.staged import CANDIDATE, STAGED, refuse_loss, refuse_strange
from dialectic.session import Session, open_session
from dialectic.state.base import Value
from dialectic.state.files import read_record, write_bytes, write_record
from dialectic.state.observer import Observer
from dialectic.state.plan import Plan
from dialectic.state.proposal import Edit, FileEdit, KnobEdit, Proposal, StagedState
from dialectic.state.result import Result, Verdict
from dialectic.state.session import AgentFacts
from dialectic.state.step import STEP, Step


class Prompt(Value):
    """What prepare tells the person."""

    session_id: str
    iteration: int
    suggestion: Proposal
    """What the builtin agent would do."""


def prepare(root: Path, settings: Settings, fresh: bool, observer: Observer) -> Prompt:
    """Begin the next iteration of ``settings.session`` (default the latest), or of a new session when it is ``fresh``.

    Raises:
        UsageError: the iteration is planned already, or edits that were not executed would be lost.
        DialecticError: as opening and resuming a session do.
    """
    refuse_loss(root)
    house = open_house(root, settings, observer) if fresh else None
    session = house.session if house else open_session(root, settings.session)
    with session.hold(), _working(house or reopen_house(session, settings, (), observer)) as opened:
        return _prepare(opened)


def _prepare(house: House) -> Prompt:
    house.require_baseline()
    iteration = len(house.history) + 1
    if house.planned is not None:
        raise UsageError(
            f"iteration {iteration} of session {house.session.id} is planned already; go on with dialectic execute, "
            f"or with dialectic run --resume when an agent planned it"
        )
    if iteration > 1:
        refuse_strange(house.root, house.incumbent_text)
    context = context_of(house, iteration, brief(house, iteration), bounds_of(house))
    suggestion = found.baseline(context)
    step = Step(session_id=house.session.id, iteration=iteration)
    if iteration > 1:
        try:
            suggestion = house.fallback.prepare(context)
        except AgentError as error:
            house.observer.note(f"{house.fallback.name} has nothing to suggest: {error}")
        content = house.incumbent_text.encode("utf-8")
        write_bytes(house.root / CANDIDATE, content)
        step = step.model_copy(update={"candidate_sha256": hashlib.sha256(content).hexdigest()})
    write_record(house.root / STAGED, person.form(suggestion, context))
    write_record(house.root / STEP, step)
    house.live("prepare", is_active=False)
    return Prompt(session_id=house.session.id, iteration=iteration, suggestion=suggestion)


def execute(root: Path, observer: Observer) -> tuple[Plan, Measurement, Verdict]:
    """Plan, run, score and judge what was edited; doing it twice runs it once.

    Raises:
        UsageError: nothing was prepared.
        WorkspaceError: the candidate cannot be run as it is; nothing was recorded, mend it and execute again.
    """
    session, step, form = _staged(root)
    with session.hold(), _working(reopen_house(session, load(root, {}), (), observer)) as house:
        plan, measurement = run_candidate(house, house.planned or _plan(house, step, form))
        judged, _ = compare(house, plan, measurement)
        if plan.iteration > 1:
            # The baseline has nothing to interpret that the numbers do not say: no words are asked for.
            told = person.suggested_result(reflect_context(house, plan, measurement, judged))
            current = read_record(root / STAGED, StagedState)
            write_record(root / STAGED, current.model_copy(update={"result": form.result or told}))
        write_record(root / STEP, step.model_copy(update={"executed": True}))
        house.live("verdict", is_active=False)
        return plan, measurement, judged


def _plan(house: House, step: Step, form: StagedState) -> Plan:
    iteration = len(house.history) + 1
    if iteration != step.iteration:
        raise UsageError(f"the form is of iteration {step.iteration}, and {iteration} comes next: dialectic prepare")
    bounds, briefing = bounds_of(house), ask_graph(house, iteration)
    context = context_of(house, iteration, briefing, bounds)
    if iteration == 1:
        proposal = found.baseline(context)
        made = Prepared(proposal, "computed", house.incumbent_text, "the file as it was found", bounds)
    else:
        edits = edits_between(house.incumbent_text, _candidate(house.root))
        try:
            proposal, left = person.proposal(form, edits, context)
        except AgentError as error:
            raise WorkspaceError(f"{house.root / STAGED}: {error}; mend it and execute again") from error
        refusal = context.check(proposal)
        if refusal is not None:
            raise WorkspaceError(f"{house.root / CANDIDATE}: {refusal.reason} (then dialectic execute again)")
        train_py = workspace.apply(house.incumbent_text, proposal.edits)
        told, name = "a person proposed it", person.Person.name
        made = Prepared(proposal, "agent", train_py, told, bounds, computed=left, agent=name)
    # Unlike for other agents the staged state stays until the plan takes its place: it is the person's work.
    house.enter(iteration, "prepare")
    return write_plan(house, iteration, briefing, made)


def reflect(root: Path, observer: Observer) -> Result:
    """Record the iteration with the person's words, and learn from it.

    Raises:
        UsageError: nothing was executed.
    """
    session, step, form = _staged(root)
    if not step.executed:
        raise UsageError(f"iteration {step.iteration} of session {session.id} has not run yet: dialectic execute")
    with session.hold(), _working(reopen_house(session, load(root, {}), (), observer)) as house:
        if house.planned is None:
            _put_away(root, step)
            raise UsageError(f"iteration {step.iteration} of session {session.id} is recorded already: dialectic log")
        plan, author = house.planned, person.Person(form.result)
        house.agent = author
        # Whether there is a second attempt, and what is run again, was decided when it was executed.
        measurement = run_plan(house, plan)
        judged, belief = compare(house, plan, measurement, buy=False)
        reflected = reflect_on(house, plan, measurement, judged)
        result = write_result(house, plan, measurement, judged, reflected, author.left)
        house.learn(plan, result, belief)
        _put_away(root, step)
        house.live("reflect", is_active=False)
        return result


def _put_away(root: Path, step: Step) -> None:
    """After a result was recorded; what lies beside the form of a baseline was not laid down for it."""
    if step.iteration > 1:
        (root / CANDIDATE).unlink(missing_ok=True)
    (root / STEP).unlink(missing_ok=True)


@contextmanager
def _working(house: House) -> Iterator[House]:
    """While a person's step is done; ``session.json`` keeps the agent that ``dialectic run --resume`` goes on with."""
    house.record = house.record.model_copy(update={"agent": AgentFacts(name=person.Person.name)})
    try:
        yield house
    except Interrupted:
        house.live("interrupted", is_active=False)
        raise
    except DialecticError:
        house.live("prepare", is_active=False)
        raise


def _staged(root: Path) -> tuple[Session, Step, StagedState]:
    """The session, the step and the form that lie in ``research_state/``.

    Raises:
        UsageError: there are none.
    """
    if not (root / STEP).exists():
        raise UsageError(f"{root / STAGED.parent}: nothing was prepared by hand; begin with dialectic prepare")
    step = read_record(root / STEP, Step)
    return open_session(root, step.session_id), step, read_record(root / STAGED, StagedState)


def _candidate(root: Path) -> str:
    path = root / CANDIDATE
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path}: cannot be read ({error}); dialectic prepare writes it anew") from error


def edits_between(incumbent: str, candidate: str) -> list[Edit]:
    """What turns one text into the other: knobs where that is all that differs, else the whole file.

    Raises:
        EditError: the candidate does not parse.
    """
    if incumbent == candidate:
        return []
    old, new = workspace.read_knobs(incumbent), workspace.read_knobs(candidate)
    knobs: list[Edit] = [KnobEdit(knob=name, value=text) for name, text in new.items() if old.get(name, text) != text]
    if knobs and workspace.apply(incumbent, knobs) == candidate:
        return knobs
    return [FileEdit(text=candidate)]
