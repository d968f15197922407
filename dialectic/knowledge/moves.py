"""Which move comes next, and on which axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialectic.knowledge.history import Comparison, Experiment, History
from dialectic.knowledge.poles import SIDES
from dialectic.state.base import MoveType, Side
from dialectic.state.briefing import PoleEvidence, TensionEvidence

PLATEAU = 3
"""Discards in a row on one axis after which another one is taken up."""

SYNTHESIS_EVERY = 3
"""In any so many moves there is one synthesis, once an axis has both poles measured."""


@dataclass(frozen=True)
class Suggestion:
    """A move on an axis, and the reason as a sentence."""

    move: MoveType
    axis: str
    reason: str


def pole_evidence(history: History, compared: Comparison, axis: str, side: Side) -> PoleEvidence:
    """What was measured on one side, among experiments whose numbers compare."""
    tested = [one for one in history.at("tested", axis, side) if one.comparison == compared]
    deltas = [one.effect.delta for one in tested if one.effect.delta is not None]
    return PoleEvidence(
        experiments=[one.id for one in tested],
        mean_delta=sum(deltas) / len(deltas) if deltas else None,
        best_delta=min(deltas, default=None),
        failures=sum(one.effect.failed for one in tested),
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
    """Sides that no experiment has tested, not even one that failed."""
    return [side for side in SIDES if not evidence.pole(side).experiments]


def contested(evidence: TensionEvidence) -> bool:
    """Whether both poles were measured."""
    return all(evidence.pole(side).best_delta is not None for side in SIDES)


def discards_in_a_row(turns: Sequence[Experiment], axis: str) -> int:
    """How many of the latest moves on ``axis`` were not kept."""
    count = 0
    for turn in reversed([one for one in turns if one.primary_axis == axis]):
        if turn.kept:
            break
        count += 1
    return count


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
        self.axes = sorted(known.values(), key=self._order)

    def exhausted(self, axis: str) -> bool:
        """Whether ``axis`` has reached a plateau."""
        return discards_in_a_row(self.turns, axis) >= PLATEAU

    def _order(self, one: TensionEvidence) -> tuple[float, float, float, float, float, str]:
        """Axes on a plateau come last, the longest left alone first; else preferred ones, gains, the least tested."""
        if self.exhausted(one.kind):
            return (1, self.last.get(one.kind, 0), 0, 0, 0, one.kind)
        gain = max(0.0, *(-(one.pole(side).best_delta or 0.0) for side in SIDES))
        tests = len(one.thesis.experiments) + len(one.antithesis.experiments)
        return (0, self.rank.get(one.kind, len(self.rank)), -gain, tests, self.last.get(one.kind, 0), one.kind)

    def get(self, axis: str) -> TensionEvidence | None:
        """The evidence on ``axis`` when it can be chosen."""
        return next((one for one in self.axes if one.kind == axis), None)


def suggest(turns: Sequence[Experiment], tensions: Sequence[TensionEvidence], prefer: Sequence[str]) -> Suggestion:
    """The next move.

    In this order: a synthesis when the last two moves were none and an axis has both poles measured; after a keep,
    exploit its axis further; on the present axis, negate when one pole was never tested; otherwise, and after a
    plateau, the best axis, where a pole that was never tested comes first.

    ``turns`` are the session's moves so far, newest last.
    """
    choice = Choice(turns, tensions, prefer)
    if not choice.axes:
        return Suggestion("exploit", "", "Nothing was tried yet, so any favoured pole is a start.")
    due = _synthesis(choice)
    if due:
        return due
    last = turns[-1] if turns else None
    current = choice.get(last.primary_axis) if last else None
    plateau = ""
    if last and current:
        axis = current.kind
        if choice.exhausted(axis):
            plateau = f"{axis} brought {discards_in_a_row(turns, axis)} discards in a row, so the axis changes. "
        elif last.kept:
            return Suggestion("exploit", axis, f"{last.id} was kept, so {axis} is pushed further.")
        elif len(untested(current)) == 1:
            return _negate(current)
    best = choice.axes[0]
    if len(untested(best)) == 1:
        step = _negate(best)
        return Suggestion(step.move, step.axis, plateau + step.reason)
    return Suggestion("exploit", best.kind, plateau + _why_exploit(best))


def _synthesis(choice: Choice) -> Suggestion | None:
    gap = SYNTHESIS_EVERY - 1
    recent = choice.turns[-gap:]
    if len(recent) < gap or any(turn.plan.move_type == "synthesize" for turn in recent):
        return None
    axis = next((one.kind for one in choice.axes if contested(one)), None)
    if axis is None:
        return None
    return Suggestion(
        "synthesize", axis, f"Both poles of {axis} were measured and the last {gap} moves were no synthesis."
    )


def _negate(evidence: TensionEvidence) -> Suggestion:
    return Suggestion("negate", evidence.kind, f"The {untested(evidence)[0]} of {evidence.kind} was never tested.")


def _why_exploit(evidence: TensionEvidence) -> str:
    if untested(evidence):
        return f"No pole of {evidence.kind} was tested yet, so the favoured one goes first."
    best = {side: evidence.pole(side).best_delta for side in SIDES}
    numbers = ", ".join(f"{side} {'none' if delta is None else format(delta, '+.4f')}" for side, delta in best.items())
    return f"On {evidence.kind} the better pole is pushed (best effects in bpb: {numbers})."
