"""One prepare phase: the briefing, and the proposal with its refusals and its fallback."""

from __future__ import annotations

import difflib
import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from dialectic import knowledge, workspace
from dialectic.agents import found
from dialectic.agents.catalogue import CATALOGUE
from dialectic.agents.grafts import GRAFTS
from dialectic.errors import AgentError, DialecticError, WorkspaceError
from dialectic.loop.house import House
from dialectic.loop.staged import clear_staged
from dialectic.state.base import FilledBy
from dialectic.state.briefing import Briefing
from dialectic.state.contracts import Agent, PrepareContext
from dialectic.state.files import make_folder
from dialectic.state.plan import Plan
from dialectic.state.program import Steering
from dialectic.state.proposal import Proposal, Refusal
from dialectic.state.run import Failure
from dialectic.state.text import clean

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

PHASE_SECONDS = 600.0
"""How long an agent may take for one phase."""
MAX_REFUSALS = 3
"""After that many the builtin agent fills in (design, section 8)."""


@dataclass(frozen=True)
class Prepared:
    """A proposal, who made it, the candidate it makes, and why there is nothing to run when there is not."""

    proposal: Proposal
    author: FilledBy
    train_py: str
    summary: str
    bounds: workspace.Bounds
    rejected: Failure = field(default_factory=Failure)
    computed: tuple[str, ...] = ()
    """Fields of the plan that its author left out, and that were computed."""
    agent: str = ""
    """Name of the agent that proposed it, or ``person``; empty where nobody was asked."""


def brief(house: House, iteration: int) -> Briefing:
    """Begin an iteration: clear the staged state, and ask the tension graph what it would do."""
    house.enter(iteration, "prepare")
    clear_staged(house)
    return ask_graph(house, iteration)


def ask_graph(house: House, iteration: int) -> Briefing:
    """The briefing, under ``program.md`` as it is now."""
    house.program, house.steering = _read_program(house)
    _note_idle_steering(house)
    return _briefing(house, iteration)


def _briefing(house: House, iteration: int) -> Briefing:
    incumbent = house.belief.incumbent if house.belief.mean is not None else None
    return knowledge.briefing(
        house.graph, house.session.id, iteration, incumbent, house.belief.noise, prefer=house.steering.prefer
    )


def propose(house: House, iteration: int, briefing: Briefing) -> Prepared:
    """The baseline's own proposal, the agent's, or the fallback's; rejected only when all of them were refused."""
    bounds = bounds_of(house)
    context = context_of(house, iteration, briefing, bounds)
    if iteration == 1:
        proposal = found.baseline(context)
        return Prepared(proposal, "computed", house.incumbent_text, "the file as it was found", bounds)
    authors: tuple[tuple[Agent, FilledBy], ...] = ((house.agent, "agent"), (house.fallback, "computed"))
    refusals: list[Refusal] = []
    reason = ""
    for agent, author in authors:
        proposal_or_none, refused, why = _ask(house, agent, context)
        refusals, reason = refusals + refused, why
        if proposal_or_none is not None:
            train_py = workspace.apply(house.incumbent_text, proposal_or_none.edits)
            summary = f"{agent.name} proposed it" + (f" after {len(refusals)} refusals" if refusals else "")
            return Prepared(proposal_or_none, author, train_py, summary, bounds, agent=agent.name)
    failure = Failure(kind="rejected", message=reason)
    proposal = found.baseline(context)
    return Prepared(proposal, "computed", house.incumbent_text, f"rejected: {reason}", bounds, failure)


def propose_again(house: House, plan: Plan, crash: str) -> tuple[Briefing, Prepared] | None:
    """The proposal of whoever proposed ``plan``, told how its candidate crashed; None when there is no other.

    Nobody fills in: what is not mended has crashed.
    """
    author = plan.filled_by.get("prediction", "computed")
    agent = house.agent if author == "agent" else house.fallback
    briefing, bounds = _briefing(house, plan.iteration), bounds_of(house)
    context = replace(context_of(house, plan.iteration, briefing, bounds), crash=crash, crashed=plan)
    proposal, refused, _ = _ask(house, agent, context)
    if proposal is None:
        return None
    train_py = workspace.apply(house.incumbent_text, proposal.edits)
    summary = f"{agent.name} proposed it after a crash" + (f" and {len(refused)} refusals" if refused else "")
    return briefing, Prepared(proposal, author, train_py, summary, bounds, agent=agent.name)


def _ask(house: House, agent: Agent, context: PrepareContext) -> tuple[Proposal | None, list[Refusal], str]:
    """One agent's proposal, or why there is none; each refusal goes back to it with the exact reason."""
    refusals: list[Refusal] = []
    why = ""
    while len(refusals) < MAX_REFUSALS:
        try:
            proposal = hear(agent.prepare, replace(context, refusals=tuple(refusals)))
        except AgentError as error:
            why = f"{agent.name} could not prepare: {error}"
            house.observer.note(why)
            break
        refusal = context.check(proposal)
        if refusal is None:
            return proposal, refusals, ""
        house.observer.note(f"{agent.name} was refused ({refusal.rule}): {refusal.reason}")
        refusals.append(refusal)
        why = refusal.reason
    return None, refusals, why


def hear(phase: Callable[[Asked], Answered], context: Asked) -> Answered:
    """What an agent answers in a phase.

    Raises:
        AgentError: it failed, be it by a mistake in its code: that is no reason to end a night.
        DialecticError: the machine failed, or the disk is full.
    """
    try:
        return phase(context)
    except DialecticError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = clean(f"{type(error).__name__}: {error}", 300)
        raise AgentError(f"{said} (a mistake in {Path(place.filename).name}, line {place.lineno})") from error


def _read_program(house: House) -> tuple[str, Steering]:
    """``program.md`` and its steering block, read anew: the user steers without stopping.

    A file that broke while the session runs ends nothing and frees nothing: what was read last stays in force.
    """
    path = house.root / "program.md"
    try:
        text = path.read_text(encoding="utf-8")
        return text, workspace.read_steering(text)
    except (OSError, UnicodeDecodeError, WorkspaceError) as error:
        house.observer.note(f"{error}; the steering that was read last stays in force")
        return house.program, house.steering


def _note_idle_steering(house: House) -> None:
    """Say once of each name in the steering block that it steers nothing, and what is near it."""
    # A knob that a graft may bring is none of them, though train.py lacks it today.
    knobs = {*workspace.read_knobs(house.incumbent_text), *GRAFTS}
    strange = {*house.steering.freeze, *house.steering.ranges} - knobs
    for name in sorted(strange - house.noted):
        near = difflib.get_close_matches(name.upper(), sorted(knobs), n=1)
        guess = f"; did you mean {near[0]}?" if near else "; `dialectic show 1 --json` lists the knobs"
        house.observer.note(f"program.md steers {name}, but train.py has no such knob, so it steers nothing{guess}")
    kinds = {*house.steering.prefer} - {*CATALOGUE}
    for kind in sorted(kinds - house.noted):
        near = difflib.get_close_matches(kind, sorted(CATALOGUE), n=1)
        guess = f"did you mean {near[0]}?" if near else f"it knows {', '.join(CATALOGUE)}"
        house.observer.note(f"program.md prefers {kind}, which is no tension of the builtin agent; {guess}")
    house.noted |= strange | kinds


def bounds_of(house: House) -> workspace.Bounds:
    """What a candidate is held against."""
    return workspace.Bounds(
        origins=workspace.Origins(root=house.root, current=house.incumbent_text, iteration=_texts(house)),
        steering=house.steering,
        profile=house.profile,
        data_fingerprint=house.data.fingerprint,
        known=house.known,
        baseline=_texts(house)(house.experiment_id(1)) or "",
    )


def _texts(house: House) -> Callable[[str], str | None]:
    def text_of(experiment: str) -> str | None:
        session_id, _, label = experiment.partition(":")
        if session_id != house.session.id or not label.isdigit():
            return None
        path = house.session.iteration(int(label)).train_py
        return path.read_text(encoding="utf-8") if path.exists() else None

    return text_of


def context_of(house: House, iteration: int, briefing: Briefing, bounds: workspace.Bounds) -> PrepareContext:
    """What prepare is told."""
    digest = hashlib.sha256(f"{house.settings.seed}:{iteration}:agent".encode()).digest()
    return PrepareContext(
        session_id=house.session.id,
        iteration=iteration,
        train_py=house.incumbent_text,
        knobs=workspace.read_knobs(house.incumbent_text),
        program=house.program,
        steering=house.steering,
        briefing=briefing,
        profile=house.profile,
        folder=make_folder(house.session.iteration(iteration).phase("prepare")),
        seed=int.from_bytes(digest[:4], "big"),
        deadline=time.monotonic() + PHASE_SECONDS,
        check=lambda proposal: workspace.check(proposal, bounds),
    )
