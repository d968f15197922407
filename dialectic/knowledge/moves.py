"""Which move comes next, and on which axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dialectic.knowledge.history import Comparison, Experiment, History
from dialectic.knowledge.poles import SIDES, other
from dialectic.state.base import MoveType, Side, iteration_label
from dialectic.state.briefing import PoleEvidence, TensionEvidence

PLATEAU = 3
"""Moves in a row without a gain after which another axis is taken up."""

SYNTHESIS_EVERY = 3
"""In any so many moves there is one synthesis, once a pole was measured."""

LEAD = 2
"""Tests by which one pole may lead before the other counts as neglected."""


@dataclass(frozen=True)
class Suggestion:
    """A move on an axis, and the reason as a sentence."""

    move: MoveType
    axis: str
    reason: str
    firm: bool = False
    """Whether it stands against a reflection that asked for another move."""


def pole_evidence(history: History, compared: Comparison, axis: str, side: Side) -> PoleEvidence:
    """What was measured on one side, among experiments whose numbers compare."""
    tested = [one for one in history.at("tested", axis, side) if one.comparison == compared]
    deltas = [one.effect.delta for one in tested if one.effect.delta is not None]
    return PoleEvidence(
        experiments=[one.id for one in tested],
        mean_delta=sum(deltas) / len(deltas) if deltas else None,
        best_delta=min(deltas, default=None),
        failures=sum(one.comparison == compared for one in history.at("failed", axis, side)),
    )


def tension_evidence(history: History, session_id: str, compared: Comparison) -> list[TensionEvidence]:
    """Every axis held by experiments that compare, the most recently active first."""
    found = []
    for axis in history.axes():
        holders = [one for one in history.at("held", axis) if one.comparison == compared]
        if not holders:
            continue
        own = [one.iteration for one in holders if one.session_id == session_id]
        label = next(tension.label for tension in holders[-1].tensions if tension.kind == axis)
        syntheses = [one.id for one in history.at("synthesis", axis) if one.comparison == compared]
        thesis, antithesis = (pole_evidence(history, compared, axis, side) for side in SIDES)
        found.append(
            TensionEvidence(
                kind=axis,
                label=label,
                thesis=thesis,
                antithesis=antithesis,
                syntheses=syntheses,
                last_iteration=max(own, default=0),
            )
        )
    return sorted(found, key=lambda one: (-one.last_iteration, one.kind))


def untested(evidence: TensionEvidence) -> list[Side]:
    """Sides that no experiment measured; one that failed did not."""
    return [side for side in SIDES if not evidence.pole(side).experiments]


def neglected(evidence: TensionEvidence) -> Side | None:
    """The side that was never measured while the other was, or by which the other leads by :data:`LEAD` tests."""
    counts = {side: len(evidence.pole(side).experiments) for side in SIDES}
    return next(
        (side for side in SIDES if counts[other(side)] >= (LEAD if counts[side] else 0) + max(counts[side], 1)), None
    )


def contested(evidence: TensionEvidence) -> bool:
    """Whether both poles were measured."""
    return all(evidence.pole(side).best_delta is not None for side in SIDES)


def without_gain(turns: Sequence[Experiment]) -> int:
    """How many of the latest moves brought no gain."""
    return next((count for count, turn in enumerate(reversed(turns)) if turn.gained), len(turns))


class Choice:
    """The moves of one session so far, and the axes to choose from, best first."""

    def __init__(self, turns: Sequence[Experiment], tensions: Sequence[TensionEvidence], prefer: Sequence[str]) -> None:
        self.turns = turns
        own = [one for one in tensions if one.last_iteration] or list(tensions)
        known = {one.kind: one for one in own}
        wanted = [name for name in dict.fromkeys(prefer) if name not in known]
        everywhere = {one.kind: one for one in tensions}
        blank = PoleEvidence(experiments=[], mean_delta=None, best_delta=None)
        for name in wanted:
            known[name] = everywhere.get(name) or TensionEvidence(
                kind=name, label=name, thesis=blank, antithesis=blank, syntheses=[], last_iteration=0
            )
        self.rank = {name: position for position, name in enumerate(dict.fromkeys(prefer))}
        self.last = {one.primary_axis: one.iteration for one in turns}
        self.drought = without_gain(turns)
        recent = turns[-PLATEAU:] if self.drought >= PLATEAU else []
        self.stale = {one.primary_axis for one in recent}
        self.axes = sorted(known.values(), key=self._order)

    def exhausted(self, axis: str) -> bool:
        """Whether ``axis`` has reached a plateau: its own last moves, or the session's, brought no gain."""
        return axis in self.stale or self.drought_of(axis) >= PLATEAU

    def drought_of(self, axis: str) -> int:
        """How many of the latest moves on ``axis`` brought no gain."""
        return without_gain([one for one in self.turns if one.primary_axis == axis])

    def _order(self, one: TensionEvidence) -> tuple[float, float, float, float, float, str]:
        """Axes on a plateau come last, the longest left alone first; else preferred ones, gains, the least tested."""
        if self.exhausted(one.kind):
            return (1, self.last.get(one.kind, 0), 0, 0, 0, one.kind)
        # The mean: the best of several noisy measurements promises more than there is.
        gain = max(0.0, *(-(one.pole(side).mean_delta or 0.0) for side in SIDES))
        tests = len(one.thesis.experiments) + len(one.antithesis.experiments)
        return (0, self.rank.get(one.kind, len(self.rank)), -gain, tests, self.last.get(one.kind, 0), one.kind)

    def get(self, axis: str) -> TensionEvidence | None:
        """The evidence on ``axis`` when it can be chosen."""
        return next((one for one in self.axes if one.kind == axis), None)

    def to_join(self, axis: str = "") -> TensionEvidence | None:
        """Where a third form has something to join: ``axis``, one with both poles measured, or else with one."""
        able = [one for one in self.axes if len(untested(one)) < len(SIDES)]
        named = [one for one in able if one.kind == axis and contested(one)]
        return next(iter([*named, *(one for one in able if contested(one)), *able]), None)


def suggest(
    turns: Sequence[Experiment],
    tensions: Sequence[TensionEvidence],
    prefer: Sequence[str],
    asked: MoveType | None = None,
) -> Suggestion:
    """The next move.

    In this order: a synthesis when the last two moves were none and a pole was measured; another axis after a plateau;
    after a gain, exploit its axis further; on the present axis, negate when one pole was never measured; otherwise the
    best axis, where a neglected pole comes first.

    ``turns`` are the session's moves so far, newest last. ``asked`` is the move that the last reflection asked for: it
    is made, on the axis that it spoke of, unless a synthesis is due or a plateau was reached; the reason then says so.
    """
    choice = Choice(turns, tensions, prefer)
    if not choice.axes:
        return Suggestion("exploit", "", "Nothing was tried yet, so any favoured pole is a start.")
    own = _synthesis(choice) or _plateau(choice) or _onwards(choice)
    return own if asked in (None, own.move) or not turns else _heed(choice, own, asked)


def _synthesis(choice: Choice) -> Suggestion | None:
    gap = SYNTHESIS_EVERY - 1
    recent = choice.turns[-gap:]
    if len(recent) < gap or any(turn.plan.move_type == "synthesize" for turn in recent):
        return None
    found = choice.to_join()
    if found is None:
        return None
    return Suggestion(
        "synthesize", found.kind, f"The last {gap} moves were no synthesis. {_why_synthesize(found)}", firm=True
    )


def _plateau(choice: Choice) -> Suggestion | None:
    last = choice.turns[-1].primary_axis if choice.turns else ""
    if not last or not choice.exhausted(last):
        return None
    step = _begin(choice.axes[0])
    if step.axis == last:
        why = f"{last} brought no gain in {choice.drought_of(last)} moves, but no other axis is known."
    elif choice.drought >= PLATEAU:
        why = f"None of the last {choice.drought} moves brought a gain beyond the noise, so the axis changes."
    else:
        why = f"{last} brought no gain in its last {choice.drought_of(last)} moves, so the axis changes."
    return replace(step, reason=f"{why} {step.reason}", firm=True)


def _onwards(choice: Choice) -> Suggestion:
    last = choice.turns[-1] if choice.turns else None
    current = choice.get(last.primary_axis) if last else None
    if last and current:
        if last.gained:
            why = f"Iteration {iteration_label(last.iteration)} gained, so {current.kind} is pushed further."
            return Suggestion("exploit", current.kind, why)
        if len(untested(current)) == 1:
            return _begin(current)
    return _begin(choice.axes[0])


def _heed(choice: Choice, own: Suggestion, asked: MoveType | None) -> Suggestion:
    """What becomes of a reflection that asked for another move than the graph would make."""
    last = choice.turns[-1]
    wish = f"The reflection of iteration {iteration_label(last.iteration)} asked to {asked}"
    if own.firm:
        return replace(own, reason=f"{wish}; the graph departs from it. {own.reason}")
    current = choice.get(last.primary_axis) or choice.get(own.axis) or choice.axes[0]
    if asked == "synthesize":
        found = choice.to_join(current.kind)
        if found is None:
            return replace(own, reason=f"{wish}, but no pole has been measured yet. {own.reason}")
        return Suggestion("synthesize", found.kind, f"{wish}. {_why_synthesize(found)}")
    step = _why_exploit(current) if asked == "exploit" else _why_negate(current)
    return Suggestion("exploit" if asked == "exploit" else "negate", current.kind, f"{wish}. {step}")


def _begin(evidence: TensionEvidence) -> Suggestion:
    """The first thing to do on an axis: its neglected pole, or else the better one."""
    if neglected(evidence):
        return Suggestion("negate", evidence.kind, _why_negate(evidence))
    return Suggestion("exploit", evidence.kind, _why_exploit(evidence))


def _why_negate(evidence: TensionEvidence) -> str:
    side = neglected(evidence)
    if side is None:
        return f"The side of {evidence.kind} that is not favoured is tested: {_told(evidence)}."
    count, more = len(evidence.pole(side).experiments), len(evidence.pole(other(side)).experiments)
    if not count:
        return f"The {side} of {evidence.kind} was never measured."
    times = "once" if count == 1 else f"{count} times"
    return f"The {side} of {evidence.kind} was measured only {times}, the {other(side)} {more} times."


def _why_exploit(evidence: TensionEvidence) -> str:
    if len(untested(evidence)) == len(SIDES):
        return f"No pole of {evidence.kind} was measured yet, so the favoured one goes first."
    return f"On {evidence.kind} the better pole is pushed: {_told(evidence)}."


def _why_synthesize(evidence: TensionEvidence) -> str:
    if contested(evidence):
        return f"Both poles of {evidence.kind} were measured, so a third form has numbers to start from: " + (
            f"{_told(evidence)}."
        )
    return (
        f"Only one pole of {evidence.kind} was measured; it is joined to what the other one holds: {_told(evidence)}."
    )


def _told(evidence: TensionEvidence) -> str:
    """``thesis -0.0040 bpb on average of 2, antithesis not measured``: estimated effects."""
    return ", ".join(_side(side, evidence.pole(side)) for side in SIDES)


def _side(side: Side, pole: PoleEvidence) -> str:
    count = len(pole.experiments)
    if pole.mean_delta is None:
        return f"{side} not measured"
    return f"{side} {pole.mean_delta:+.4f} bpb " + (f"on average of {count}" if count > 1 else "in one test")
