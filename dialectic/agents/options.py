"""The candidates that a move allows, the most promising first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from dialectic.agents.catalogue import SIDES, Opposition, Steps, other, tensions_of
from dialectic.agents.evidence import Evidence
from dialectic.agents.found import Poles, knobs_of, levers_of
from dialectic.agents.sizes import Knobs, fits
from dialectic.state.base import MoveType, Side
from dialectic.state.briefing import PoleEvidence
from dialectic.state.contracts import PrepareContext

Widths = tuple[float, ...]

WIDTHS: tuple[Widths, ...] = ((1.0, 0.5), (2.0,), (0.25, 1.5), (0.75, 3.0))
"""Multiples of a lever's stride, round by round: the later ones are tried when all before were refused."""

FOLLOWS = "DEVICE_BATCH_SIZE"
"""A knob that is never a cause of its own: a second chance after a lack of memory lowers it too."""

PARTNERS = 3
"""Other axes that a synthesis may draw from, the most promising ones."""


@dataclass(frozen=True)
class Option:
    """One possible candidate."""

    kind: str
    move: MoveType
    steps: Steps
    """Knob → displacement in steps, as asked for."""
    changes: Mapping[str, str]
    mean: float
    """Expected effect in bpb, and its SD."""
    sd: float
    gain: float
    """By how much one run of it is expected to improve the incumbent, in bpb."""
    side: Side = "thesis"
    """The pole that a move of one pole embodies."""
    poles: Poles | None = None
    """What embodies the poles of the axis when this option is tested."""
    partner: str = ""
    """The other axis that a synthesis draws from."""


class Search:
    """Everything that could be tried next, under the steering block."""

    def __init__(self, context: PrepareContext) -> None:
        self.context = context
        self.knobs = knobs_of(context)
        self.tensions = tensions_of(self.knobs)
        self.levers = levers_of(self.tensions, self.knobs)
        accelerated = context.profile.device == "cuda"
        self.evidence = Evidence(self.knobs, context.briefing, self.levers, accelerated)
        self.measured = {one.kind: one for one in context.briefing.tensions}
        ends = [{knob: new for knob, (_, new) in dead.changed_knobs.items()} for dead in context.briefing.dead_ends]
        self.dead = [values for end in ends if (values := self._values(end))]
        self._poles: dict[tuple[str, Side], Mapping[str, str]] = {}
        self._bests: dict[str, Option | None] = {}

    def favoured(self, one: Opposition) -> Side:
        """The side that measured better; before that the more promising one, or else the one declared."""
        found = self.measured.get(one.kind)
        means = {side: _mean(found.pole(side)) for side in SIDES} if found else {}
        thesis, antithesis = means.get("thesis"), means.get("antithesis")
        if thesis is None and antithesis is None:
            return self._promising(one)
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

    def one_sided(self, kind: str) -> bool:
        """Whether only one side of an axis was tested."""
        found = self.measured.get(kind)
        return found is not None and len({bool(found.pole(side).experiments) for side in SIDES}) == 2

    def options(self, move: MoveType, kind: str, widths: Widths) -> list[Option]:
        """What ``move`` allows on an axis; nothing where the axis does not apply."""
        one = self.tensions.get(kind)
        if one is None:
            return []
        if move == "synthesize":
            return self._ranked(self._syntheses(one, widths))
        if move == "exploit":
            return self._ranked(self._towards(one, self.favoured(one), widths, move))
        # A belief is worth testing while it may be wrong; a loss that is as good as certain teaches nothing.
        found = self._towards(one, self.neglected(one), widths, move)
        return self._ranked(option for option in found if option.mean < option.sd)

    def pole(self, one: Opposition, side: Side) -> Mapping[str, str]:
        """The most promising embodiment of a pole, of knobs that the file has if they can be.

        Without steering where that leaves none, empty where none is.
        """
        if (one.kind, side) not in self._poles:
            self._poles[one.kind, side] = self._pole(one, side)
        return self._poles[one.kind, side]

    def everything(self) -> Iterator[Option]:
        """Beyond the catalogue's moves: every two levers together, at every width, and then every three."""
        for count in (2, 3):
            for widths in WIDTHS:
                yield from self._ranked(self._combined(count, widths))

    def option(self, kind: str, move: MoveType, steps: Steps, *, steered: bool = True) -> Option | None:
        """The candidate that moves these levers.

        None where one cannot move so, the steering block forbids it, it repeats a dead end, or a dead end of one knob
        is part of it.
        """
        changes: dict[str, str] = {}
        for knob, amount in steps.items():
            lever = self.levers.get(knob)
            moved = lever.move(self.knobs.changed(changes), amount) if lever else {}
            if not moved:
                return None
            changes |= moved
        after = self.knobs.changed(changes)
        if not fits(self.knobs, after) or (steered and not self._allowed(changes, after)):
            return None
        mean, sd = self.evidence.predict(changes)
        return Option(kind, move, dict(steps), changes, mean, sd, self.evidence.gain(mean, sd))

    def _values(self, changes: Mapping[str, str]) -> dict[str, object]:
        """What the causes come to; a device batch follows from the others, or from the memory of the machine."""
        after = self.knobs.changed(changes)
        return {knob: after.value(knob) for knob in changes if knob != FOLLOWS}

    def _allowed(self, changes: Mapping[str, str], after: Knobs) -> bool:
        values = self._values(changes)
        if any(values == dead or (len(dead) == 1 and dead.items() <= values.items()) for dead in self.dead):
            return False
        steering = self.context.steering
        for knob in changes:
            if knob in steering.freeze:
                return False
            low, high = steering.ranges.get(knob, (None, None))
            value = after.number(knob)
            if low is not None and high is not None and (value is None or not low <= value <= high):
                return False
        return True

    def _towards(self, one: Opposition, side: Side, widths: Widths, move: MoveType) -> Iterator[Option]:
        """Moves towards ``side``: of one lever, or of those that embody it together."""
        across = self.pole(one, other(side))
        for base in one.moves(side, self.knobs):
            for width in widths:
                found = self.option(one.kind, move, self._scaled(base, width))
                if found and found.changes != across:
                    yield replace(found, side=side, poles=_both(side, found.changes, across))

    def _scaled(self, base: Steps, width: float) -> dict[str, float]:
        """A lever alone goes by its stride; several keep their proportions."""
        if len(base) > 1:
            return {knob: step * width for knob, step in base.items()}
        return {knob: step * width * self.evidence.stride(knob, step) for knob, step in base.items()}

    def _pole(self, one: Opposition, side: Side) -> Mapping[str, str]:
        for steered in (True, False):
            made = (self.option(one.kind, "exploit", base, steered=steered) for base in one.moves(side, self.knobs))
            found = self._ranked(option for option in made if option)
            if found:
                # One that the file has a knob for is easier to read, and quicker to check, than a graft.
                plain = (option for option in found if option.changes.keys() <= self.knobs.sources.keys())
                return next(plain, found[0]).changes
        return {}

    def _promising(self, one: Opposition) -> Side:
        gains = {}
        for side in SIDES:
            made = (self.option(one.kind, "exploit", base) for base in one.moves(side, self.knobs))
            gains[side] = max((option.gain for option in made if option), default=0.0)
        sides = sorted(SIDES, key=lambda side: (-round(gains[side], 9), side != one.favoured))
        return sides[0]

    def _syntheses(self, one: Opposition, widths: Widths) -> Iterator[Option]:
        poles = {side: self.pole(one, side) for side in SIDES}
        for option in (*self._between(one), *self._pulled(one, widths), *self._across(one)):
            yield replace(option, poles=poles)

    def _between(self, one: Opposition) -> Iterator[Option]:
        """The setting between two measured poles where the parabola through the measurements is lowest."""
        for lever in one.applicable(self.knobs):
            bottom = self.evidence.between(lever.knob)
            if abs(bottom) >= 0.1:
                found = self.option(one.kind, "synthesize", {lever.knob: bottom})
                if found:
                    yield found

    def _pulled(self, one: Opposition, widths: Widths) -> Iterator[Option]:
        """Levers pulled to opposite poles at once."""
        for pulls in one.syntheses:
            for width in widths:
                found = self.option(one.kind, "synthesize", {knob: step * width for knob, step in pulls.items()})
                if found:
                    yield found

    def _across(self, one: Opposition) -> Iterator[Option]:
        """What promises most on this axis together with what promises most on another one."""
        own = self.best(one.kind)
        partners = [found for kind in self.tensions if kind != one.kind and (found := self.best(kind))]
        for theirs in self._ranked(partners)[:PARTNERS] if own else []:
            assert own is not None
            if not own.steps.keys() & theirs.steps.keys():
                found = self.option(one.kind, "synthesize", {**own.steps, **theirs.steps})
                if found:
                    yield replace(found, partner=theirs.kind)

    def best(self, kind: str) -> Option | None:
        """The most promising move of one pole on an axis."""
        if kind not in self._bests:
            one = self.tensions[kind]
            found = [option for side in SIDES for option in self._towards(one, side, WIDTHS[0], "exploit")]
            self._bests[kind] = next(iter(self._ranked(found)), None)
        return self._bests[kind]

    def _combined(self, count: int, widths: Widths) -> Iterator[Option]:
        moves = [
            (one, lever.knob, float(lever.sign(side)))
            for one in self.tensions.values()
            for lever in one.applicable(self.knobs)
            for side in SIDES
        ]
        moves = sorted(moves, key=lambda part: self._lot(f"{part[1]}{part[2]}"))[:16]
        for parts in combinations(moves, count):
            if len({knob for _, knob, _ in parts}) < count:
                continue
            for width in widths:
                steps = {knob: self.evidence.stride(knob, sign) * sign * width for _, knob, sign in parts}
                one = parts[0][0]
                found = self.option(one.kind, "synthesize", steps)
                if found:
                    yield replace(found, poles={side: self.pole(one, side) for side in SIDES})

    def _ranked(self, options: Iterable[Option]) -> list[Option]:
        return sorted(
            options, key=lambda one: (one.mean >= 0, -round(one.gain, 9), self._lot(repr(sorted(one.changes.items()))))
        )

    def _lot(self, text: str) -> str:
        """Decides between equals, differently for every session and iteration."""
        return hashlib.sha256(f"{self.context.seed}:{text}".encode()).hexdigest()


def _both(side: Side, changes: Mapping[str, str], across: Mapping[str, str]) -> Poles:
    return {side: changes, other(side): across}


def _mean(pole: PoleEvidence) -> float | None:
    """What a side measured on average; a side that only failed is worse than any number."""
    if pole.mean_delta is None:
        return 1.0 if pole.failures else None
    return pole.mean_delta
