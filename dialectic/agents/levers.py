"""One knob as something to move: in steps, within bounds, written so that the file stays portable and readable."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from dialectic.errors import EditError
from dialectic.state.arithmetic import Evaluated, Scalar, evaluate, number
from dialectic.state.base import Side

OF_PROFILE = re.compile(r"\bPROFILE\.([a-z_][a-z0-9_]*)")

Kind = Literal["count", "double", "factor", "shift", "ladder"]
"""How a value moves by a step: plus whole numbers, times two, times a factor, plus a fraction, to the next option."""


@dataclass(frozen=True)
class Knobs:
    """The knobs of one text with their values under a profile."""

    sources: Mapping[str, str]
    profile: Mapping[str, Scalar]

    def value(self, knob: str) -> Evaluated | None:
        """None where the text has no such knob, or no value for it."""
        try:
            return evaluate(self.sources[knob], self.profile, self.sources) if knob in self.sources else None
        except EditError:
            return None

    def number(self, knob: str) -> float | None:
        """The value where it is a number."""
        return number(self.sources.get(knob, ""), self.profile, self.sources)

    def suggested(self, field: str) -> float | None:
        """A field of the profile where it is a number."""
        found = self.profile.get(field)
        return None if found is None or isinstance(found, str | bool) else float(found)

    def changed(self, changes: Mapping[str, str]) -> Knobs:
        """The knobs after ``changes``, knob → new source text."""
        return Knobs({**self.sources, **changes}, self.profile)

    @cached_property
    def sizes(self) -> Mapping[str, object]:
        """What the size knobs come to in ``train.py``; a candidate that changes none of it changes nothing."""
        depth, head_dim = self.number("DEPTH") or 1, self.number("HEAD_DIM") or 1
        heads = math.ceil(depth * (self.number("ASPECT_RATIO") or 1) / head_dim)
        pattern = str(self.value("WINDOW_PATTERN") or "L")
        embeds = bool(self.value("VALUE_EMBEDDINGS"))
        return {
            "depth": depth,
            "width": heads * head_dim,
            "heads": heads,
            "kv_heads": max(heads // int(self.number("KV_HEAD_RATIO") or 1), 1),
            "windows": "".join(pattern[block % len(pattern)] for block in range(max(int(depth) - 1, 0))),
            "gate": min(self.number("GATE_CHANNELS") or 0, heads * head_dim) if embeds else None,
        }


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
    promise: float = 0.0
    """How much more is expected of a larger value before anything was measured, from -1 to 1."""
    stride: Callable[[Knobs], float] | None = None
    """The step where it depends on other knobs."""

    def applies(self, knobs: Knobs) -> bool:
        """Whether the text has this knob with a value that can be moved."""
        return self.position(knobs) is not None

    def position(self, knobs: Knobs) -> float | None:
        """Where the knob stands, in steps; only differences mean something."""
        value = knobs.value(self.knob)
        if self.kind == "ladder":
            return None if value is None else self._rung(value)
        found = knobs.number(self.knob)
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
        if value is None or value == knobs.value(self.knob):
            return {}
        changes = {self.knob: written(value, knobs.sources[self.knob], knobs.profile)}
        return with_device_batch(knobs, changes) if self.knob == "TOTAL_BATCH_SIZE" else changes

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
            rung = self._rung(knobs.value(self.knob) or 0)
            place = int((rung or 0) + whole)
            return self.options[place] if 0 <= place < len(self.options) else None
        present = knobs.number(self.knob)
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
        return int(value) if self.kind == "count" else rounded(value, present)

    def _bounds(self, knobs: Knobs) -> tuple[float, float]:
        if not self.field:
            return self.low, self.high
        base = knobs.suggested(self.field) or knobs.number(self.knob) or 1.0
        return max(round(self.low * base), 1), round(self.high * base)


def rounded(value: float, present: float) -> float:
    """``value`` with two digits, or three where two would not tell it from ``present``."""
    for digits in (2, 3):
        short = float(f"{value:.{digits}g}")
        if short != present:
            return short
    return value


def written(value: Evaluated, old: str, profile: Mapping[str, Scalar]) -> str:
    """Source text for ``value``, relative to the profile where ``old`` was: ``PROFILE.depth + 2``."""
    names = set(OF_PROFILE.findall(old))
    base = profile.get(next(iter(names))) if len(names) == 1 else None
    if base is not None and base == value:
        return f"PROFILE.{next(iter(names))}"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int) and isinstance(base, int) and not isinstance(value, bool):
        return f"PROFILE.{next(iter(names))} {_relative(value, base)}"
    return repr(value)


def _relative(value: int, base: int) -> str:
    if value >= 2 * base and value % base == 0:
        return f"* {value // base}"
    if 0 < 2 * value <= base and base % value == 0 and base >= 8:
        return f"// {base // value}"
    return f"+ {value - base}" if value > base else f"- {base - value}"


def with_device_batch(knobs: Knobs, changes: Mapping[str, str]) -> dict[str, str]:
    """``changes`` with a device batch of which the new total batch is a multiple; empty when there is none."""
    after = knobs.changed(changes)
    total, device = after.number("TOTAL_BATCH_SIZE"), after.number("DEVICE_BATCH_SIZE")
    length = knobs.suggested("sequence_length")
    if total is None or device is None or length is None or total % (device * length) == 0:
        return dict(changes)
    smaller = total // length
    if smaller < 1 or total % (smaller * length):
        return {}
    source = written(int(smaller), knobs.sources["DEVICE_BATCH_SIZE"], knobs.profile)
    return {**changes, "DEVICE_BATCH_SIZE": source}


def fits(before: Knobs, after: Knobs) -> bool:
    """Whether the sizes go together in ``train.py``, stay in proportion to the budget, and really change the model."""
    sizes, total = after.sizes, after.number("TOTAL_BATCH_SIZE")
    heads, kv_heads = int(str(sizes["heads"])), int(str(sizes["kv_heads"]))
    tokens = (after.number("DEVICE_BATCH_SIZE") or 1) * (after.suggested("sequence_length") or 1)
    if heads % kv_heads or (total is not None and "DEVICE_BATCH_SIZE" in after.sources and total % tokens):
        return False
    shaping = {"DEPTH", "ASPECT_RATIO", "HEAD_DIM", "KV_HEAD_RATIO", "WINDOW_PATTERN", "GATE_CHANNELS"}
    changed = {knob for knob, source in after.sources.items() if before.sources.get(knob) != source}
    if changed <= shaping and sizes == before.sizes:
        return False
    return SMALLEST <= _work(after) / _work_suggested(after) <= LARGEST or _work(after) == _work(before)


SMALLEST, LARGEST = 1 / 5, 6.0
"""Work per token against the profile's suggestion that a candidate may ask for: beyond it a budget tells nothing."""


def _work(knobs: Knobs) -> float:
    depth, width = float(str(knobs.sizes["depth"])), float(str(knobs.sizes["width"]))
    return depth * width**2 * (4 + 2 * (knobs.number("MLP_RATIO") or 4))


def _work_suggested(knobs: Knobs) -> float:
    depth, aspect = knobs.suggested("depth"), knobs.suggested("aspect_ratio")
    if depth is None or aspect is None:
        return _work(knobs)
    return depth * (depth * aspect) ** 2 * 12
