"""The candidates that a move allows, the most promising first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from dialectic.agents.catalogue import CATALOGUE, LEVERS, SIDES, Opposition, other
from dialectic.agents.evidence import Evidence
from dialectic.agents.levers import Knobs, Lever, fits
from dialectic.state.base import MoveType, Side
from dialectic.state.briefing import PoleEvidence
from dialectic.state.contracts import PrepareContext

CURIOSITY = 1.0
"""SDs of the surrogate that an unknown effect is credited with."""

WIDTHS: tuple[tuple[float, ...], ...] = ((1.0, 0.5), (2.0,), (0.25, 1.5), (0.75, 3.0))
"""Multiples of a lever's stride, round by round: the later ones are tried when all before were refused."""


@dataclass(frozen=True)
class Option:
    """One possible candidate."""

    kind: str
    move: MoveType
    steps: Mapping[str, float]
    """Knob → displacement in steps, as asked for."""
    changes: Mapping[str, str]
    mean: float
    """Expected effect in bpb, and its SD."""
    sd: float
    poles: Mapping[Side, Mapping[str, str]]
    """What embodies the poles of the axis when this option is tested."""
    partner: str = ""
    """The other axis that a synthesis draws from."""

    @property
    def appeal(self) -> float:
        """The lower, the better: expected effect less a credit for what it would teach."""
        return self.mean - CURIOSITY * self.sd


class Search:
    """Everything that could be tried next, under the steering block."""

    def __init__(self, context: PrepareContext) -> None:
        self.context = context
        values = context.profile.values | {"sequence_length": context.profile.sequence_length}
        self.knobs = Knobs(context.knobs, values)
        self.evidence = Evidence(self.knobs, context.briefing, list(LEVERS.values()))
        self.poles: dict[tuple[str, Side], Mapping[str, str]] = {}
        self.measured = {one.kind: one for one in context.briefing.tensions}

    def favoured(self, one: Opposition) -> Side:
        """The side that measured better; before that the one that the catalogue begins with."""
        found = self.measured.get(one.kind)
        means = {side: _mean(found.pole(side)) for side in SIDES} if found else {}
        thesis, antithesis = means.get("thesis"), means.get("antithesis")
        if thesis is None and antithesis is None:
            return one.favoured
        if thesis is None or antithesis is None:
            # What was never tested counts as without effect.
            known: Side = "antithesis" if thesis is None else "thesis"
            return known if (means[known] or 0.0) < 0 else other(known)
        return "thesis" if thesis < antithesis else "antithesis"

    def neglected(self, one: Opposition) -> Side:
        """The side that was tested less; with equal counts the one that is not favoured."""
        found = self.measured.get(one.kind)
        counts = [len(found.pole(side).experiments) for side in SIDES] if found else [0, 0]
        if counts[0] == counts[1]:
            return other(self.favoured(one))
        return "thesis" if counts[0] < counts[1] else "antithesis"

    def options(self, move: MoveType, kind: str, widths: tuple[float, ...]) -> list[Option]:
        """What ``move`` allows on an axis."""
        one = CATALOGUE[kind]
        if move == "synthesize":
            return self._ranked(self._syntheses(one, widths))
        side = self.favoured(one) if move == "exploit" else self.neglected(one)
        return self._ranked(self.singles(one, side, widths, move))

    def singles(self, one: Opposition, side: Side, widths: Iterable[float], move: MoveType) -> Iterator[Option]:
        """Moves of one lever towards ``side``."""
        across = self.pole(one, other(side))
        for lever in one.applicable(self.knobs):
            stride = self.evidence.stride(lever, lever.sign(side)) * lever.sign(side)
            for width in widths:
                found = self.option(one.kind, move, {lever.knob: stride * width})
                if found and found.changes != across:
                    poles: dict[Side, Mapping[str, str]] = {side: found.changes, other(side): across}
                    yield self._with(found, poles)

    def pole(self, one: Opposition, side: Side) -> Mapping[str, str]:
        """The most promising embodiment of a pole; without steering where that leaves none, empty where none is."""
        if (one.kind, side) not in self.poles:
            self.poles[one.kind, side] = self._pole(one, side)
        return self.poles[one.kind, side]

    def _pole(self, one: Opposition, side: Side) -> Mapping[str, str]:
        for steered in (True, False):
            found: list[Option] = []
            for lever in one.applicable(self.knobs):
                made = self.option(one.kind, "exploit", {lever.knob: float(lever.sign(side))}, steered=steered)
                found += [made] if made else []
            if found:
                return self._ranked(found)[0].changes
        return {}

    def everything(self) -> Iterator[Option]:
        """Beyond the catalogue's moves: every two levers together, at every width, and then every three."""
        for count in (2, 3):
            for widths in WIDTHS:
                yield from self._ranked(self._combined(count, widths))

    def option(self, kind: str, move: MoveType, steps: Mapping[str, float], *, steered: bool = True) -> Option | None:
        """The candidate that moves these levers; None where one cannot move so, or the steering block forbids it."""
        changes: dict[str, str] = {}
        for knob, amount in steps.items():
            moved = LEVERS[knob].move(self.knobs.changed(changes), amount)
            if not moved:
                return None
            changes |= moved
        after = self.knobs.changed(changes)
        if not fits(self.knobs, after) or (steered and not self._allowed(changes, after)):
            return None
        mean, sd = self.evidence.predict(changes)
        return Option(kind, move, dict(steps), changes, mean, sd, {})

    def _allowed(self, changes: Mapping[str, str], after: Knobs) -> bool:
        steering = self.context.steering
        for knob in changes:
            if knob in steering.freeze:
                return False
            low, high = steering.ranges.get(knob, (None, None))
            value = after.number(knob)
            if low is not None and high is not None and (value is None or not low <= value <= high):
                return False
        return True

    def _syntheses(self, one: Opposition, widths: tuple[float, ...]) -> Iterator[Option]:
        yield from self._between(one)
        for pulls in one.syntheses:
            yield from self._pulled(one, dict(pulls), widths)
        yield from self._across(one, widths)

    def _between(self, one: Opposition) -> Iterator[Option]:
        """The setting between two measured poles where the parabola through the measurements is lowest."""
        for lever in one.applicable(self.knobs):
            bottom = max(-2.0, min(self.evidence.bottom(lever), 2.0))
            if not self.evidence.both_sides(lever) or abs(bottom) < 0.1:
                continue
            found = self.option(one.kind, "synthesize", {lever.knob: bottom})
            poles = {side: lever.move(self.knobs, lever.sign(side)) for side in SIDES}
            if found and found.changes not in poles.values():
                yield self._with(found, poles)

    def _pulled(self, one: Opposition, pulls: Mapping[str, Side], widths: tuple[float, ...]) -> Iterator[Option]:
        """Two levers of one axis pulled to opposite poles."""
        if any(knob not in self.evidence.levers for knob in pulls):
            return
        for width in widths:
            steps = {knob: self._stride(one.lever(knob), side) * width for knob, side in pulls.items()}
            found = self.option(one.kind, "synthesize", steps)
            if found:
                poles = {side: one.lever(knob).move(self.knobs, steps[knob]) for knob, side in pulls.items()}
                yield self._with(found, poles)

    def _across(self, one: Opposition, widths: tuple[float, ...]) -> Iterator[Option]:
        """What measured best on this axis together with what measured best on another one."""
        own = self._best(one, widths)
        for partner in CATALOGUE.values():
            theirs = self._best(partner, widths) if partner.kind != one.kind else None
            if own is None or theirs is None:
                continue
            found = self.option(one.kind, "synthesize", {**own.steps, **theirs.steps})
            if found:
                yield self._with(found, {side: self.pole(one, side) for side in SIDES}, partner.kind)

    def _best(self, one: Opposition, widths: tuple[float, ...]) -> Option | None:
        found = [option for side in SIDES for option in self.singles(one, side, widths, "exploit")]
        return next(iter(self._ranked(found)), None)

    def _combined(self, count: int, widths: tuple[float, ...]) -> Iterator[Option]:
        moves: list[tuple[str, Lever, Side]] = [
            (one.kind, lever, side)
            for one in CATALOGUE.values()
            for lever in one.applicable(self.knobs)
            for side in SIDES
        ]
        moves = sorted(moves, key=lambda part: self._lot(part[1].knob + part[2]))[:16]
        for parts in combinations(moves, count):
            if len({lever.knob for _, lever, _ in parts}) < count:
                continue
            for width in widths:
                steps = {lever.knob: self._stride(lever, side) * width for _, lever, side in parts}
                kind = parts[0][0]
                found = self.option(kind, "synthesize", steps)
                if found:
                    yield self._with(found, {side: self.pole(CATALOGUE[kind], side) for side in SIDES})

    def _stride(self, lever: Lever, side: Side) -> float:
        return self.evidence.stride(lever, lever.sign(side)) * lever.sign(side)

    def _with(self, option: Option, poles: Mapping[Side, Mapping[str, str]], partner: str = "") -> Option:
        return Option(option.kind, option.move, option.steps, option.changes, option.mean, option.sd, poles, partner)

    def _ranked(self, options: Iterable[Option]) -> list[Option]:
        return sorted(options, key=lambda one: (round(one.appeal, 9), self._lot(repr(sorted(one.changes.items())))))

    def _lot(self, text: str) -> str:
        """Decides between equals, differently for every session and iteration."""
        return hashlib.sha256(f"{self.context.seed}:{text}".encode()).hexdigest()


def _mean(pole: PoleEvidence) -> float | None:
    """What a side measured on average; a side that only failed is worse than any number."""
    if pole.mean_delta is None:
        return 1.0 if pole.failures else None
    return pole.mean_delta
