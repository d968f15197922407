"""One knob as something to move: in steps, within bounds; what it is not yet in the file, a graft brings there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dialectic.agents.grafts import GRAFTS
from dialectic.agents.grafts import applies as grafts_onto
from dialectic.agents.sizes import Knobs, rounded, with_companions, written
from dialectic.state.arithmetic import Evaluated
from dialectic.state.base import Side

Kind = Literal["count", "double", "factor", "shift", "ladder"]
"""How a value moves by a step: plus whole numbers, times two, times a factor, plus a fraction, to the next option."""


@dataclass(frozen=True)
class Lever:
    """A knob, how it moves, and which pole a larger value embodies."""

    knob: str
    kind: Kind
    larger: Side
    """The pole of a larger value; of a later option for a ladder."""
    more: str
    """What a larger value is, in words."""
    less: str
    because_more: str
    """Why a larger value may help."""
    because_less: str
    step: float = 1.0
    low: float = 0.0
    high: float = math.inf
    field: str = ""
    """The profile's field that suggests this size: ``low`` and ``high`` are then multiples of it."""
    options: tuple[Evaluated, ...] = ()
    multiple: int = 1
    """A whole value stays a multiple of this."""
    on_cpu: float = 0.0
    """How much is expected of a larger value before anything was measured, -2 to 2: a few hundred small steps."""
    on_gpu: float = 0.0
    """The same on an accelerator, where a run makes a thousand steps and more."""
    stride: Callable[[Knobs], float] | None = None
    """The step where it depends on other knobs."""

    def applies(self, knobs: Knobs) -> bool:
        """Whether the text has this knob with a value that can be moved, or can be given it."""
        present = self.knob in knobs.sources or grafts_onto(self.knob, knobs.text)
        return present and self.position(knobs) is not None

    def value(self, knobs: Knobs) -> Evaluated | None:
        """The knob's value; where the text lacks it, the one that its graft begins with."""
        if self.knob in knobs.sources:
            return knobs.value(self.knob)
        graft = GRAFTS.get(self.knob)
        return graft.neutral if graft else None

    def number(self, knobs: Knobs) -> float | None:
        """The value where it is a number."""
        value = self.value(knobs)
        return None if value is None or isinstance(value, bool | str | tuple) else float(value)

    def position(self, knobs: Knobs) -> float | None:
        """Where the knob stands, in steps; only differences mean something."""
        value = self.value(knobs)
        if self.kind == "ladder":
            return None if value is None else self._rung(value)
        found = self.number(knobs)
        if found is None or (self.kind in ("factor", "double") and found <= 0):
            return None
        if self.kind == "factor":
            return math.log(found) / math.log(self.step)
        return math.log2(found) if self.kind == "double" else found / self._step(knobs)

    def sign(self, side: Side) -> int:
        """1 where ``side`` wants a larger value, else -1."""
        return 1 if side == self.larger else -1

    def side(self, steps: float) -> Side:
        """The pole that a move by ``steps`` embodies."""
        other: Side = "antithesis" if self.larger == "thesis" else "thesis"
        return self.larger if steps > 0 else other

    def move(self, knobs: Knobs, steps: float) -> dict[str, str]:
        """Knob → new source text after a move by about ``steps``; empty where it cannot move that way."""
        if not self.applies(knobs) or not steps:
            return {}
        value = self._moved(knobs, steps)
        if value is None or value == self.value(knobs):
            return {}
        return with_companions(knobs, {self.knob: written(value, knobs.sources.get(self.knob, ""), knobs.profile)})

    def _step(self, knobs: Knobs) -> float:
        return self.stride(knobs) if self.stride else self.step

    def _rung(self, value: Evaluated) -> float | None:
        if value in self.options:
            return float(self.options.index(value))
        if not isinstance(value, str) or not value or not isinstance(self.options[0], str):
            return None
        # A pattern that is not on the ladder stands by its share of short windows.
        shares = [str(option).count("S") / len(str(option)) for option in self.options]
        share = value.count("S") / len(value)
        return float(min(range(len(shares)), key=lambda place: abs(shares[place] - share)))

    def _moved(self, knobs: Knobs, steps: float) -> Evaluated | None:
        whole = math.copysign(max(1, round(abs(steps))), steps)
        if self.kind == "ladder":
            place = int((self.position(knobs) or 0) + whole)
            return self.options[place] if 0 <= place < len(self.options) else None
        present = self.number(knobs)
        assert present is not None
        low, high = self._bounds(knobs)
        if self.kind == "double":
            value = present * 2**whole
            return int(value) if low <= value <= high and value == int(value) else None
        if self.kind == "count":
            value = present + math.copysign(max(1, round(abs(steps) * self._step(knobs))), steps)
        elif self.kind == "factor":
            value = present * self.step**steps
        else:
            value = present + self.step * steps
        value = min(max(value, low), high)
        # A bound that lies behind the present value would move it the wrong way.
        if (value - present) * steps <= 0:
            return None
        if isinstance(self.value(knobs), int):
            value = round(value / self.multiple) * self.multiple
            return int(value) if (value - present) * steps > 0 else None
        return rounded(value, present)

    def _bounds(self, knobs: Knobs) -> tuple[float, float]:
        if not self.field:
            return self.low, self.high
        base = knobs.suggested(self.field) or knobs.number(self.knob) or 1.0
        return max(round(self.low * base), 1), round(self.high * base)
