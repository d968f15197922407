"""The knobs of one text with their values: read, written so that the file stays portable, and held to fit together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dialectic.errors import EditError
from dialectic.state.arithmetic import Evaluated, Scalar, evaluate, number

MOST_BLOCKS = 1000
"""No model is deeper; a foreign constant may say so all the same."""
OF_PROFILE = re.compile(r"\bPROFILE\.([a-z_][a-z0-9_]*)")


@dataclass(frozen=True)
class Knobs:
    """The knobs of one text with their values under a profile."""

    sources: Mapping[str, str]
    profile: Mapping[str, Scalar]
    text: str = ""
    """The text itself, to see which grafts it takes."""

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
        """The knobs after ``changes``, knob → new source text; empty text takes a knob away."""
        after = {**self.sources, **changes}
        return Knobs({knob: source for knob, source in after.items() if source}, self.profile, self.text)

    @cached_property
    def sizes(self) -> Mapping[str, object]:
        """What the size knobs come to in ``train.py``; a candidate that changes none of it changes nothing."""
        depth, head_dim = self.number("DEPTH") or 1, self.number("HEAD_DIM") or 1
        heads = math.ceil(depth * (self.number("ASPECT_RATIO") or 1) / head_dim)
        pattern = str(self.value("WINDOW_PATTERN") or "L")
        embeds = bool(self.value("VALUE_EMBEDDINGS"))
        windows = "".join(pattern[block % len(pattern)] for block in range(min(max(int(depth) - 1, 0), MOST_BLOCKS)))
        return {
            "depth": depth,
            "width": heads * head_dim,
            "heads": heads,
            "kv_heads": max(heads // max(int(self.number("KV_HEAD_RATIO") or 1), 1), 1),
            "windows": windows,
            "short": (self.number("WINDOW_DIVISOR") or 2) if "S" in windows else None,
            "gate": min(self.number("GATE_CHANNELS") or 0, heads * head_dim) if embeds else None,
        }


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


def with_companions(knobs: Knobs, changes: dict[str, str]) -> dict[str, str]:
    """``changes`` with what must or should change along; empty when there is no way.

    The device batch stays a divisor of the total one, twice over where batches grow; a gated MLP has three matrices
    instead of two, so its hidden width shrinks to keep the cost.
    """
    after = knobs.changed(changes)
    if "TOTAL_BATCH_SIZE" in changes or "GROWING_BATCH" in changes:
        return _with_device_batch(after, changes)
    if "MLP_GATED" in changes and (ratio := after.number("MLP_RATIO")) is not None:
        ratio *= 3 / 4 if after.value("MLP_GATED") else 4 / 3
        return {**changes, "MLP_RATIO": written(max(round(ratio), 1), after.sources["MLP_RATIO"], knobs.profile)}
    return changes


def _with_device_batch(after: Knobs, changes: dict[str, str]) -> dict[str, str]:
    total, device = after.number("TOTAL_BATCH_SIZE"), after.number("DEVICE_BATCH_SIZE")
    length = after.suggested("sequence_length")
    if total is None or device is None or length is None:
        return changes
    # The profile's device batch where it fits, so that a batch that shrank and grew again leaves nothing behind.
    passes = 2 if after.number("GROWING_BATCH") else 1
    rows = min(after.suggested("device_batch_size") or device, total // (passes * length))
    if rows < 1 or total % (passes * rows * length):
        return {}
    if rows == device:
        return changes
    return {**changes, "DEVICE_BATCH_SIZE": written(int(rows), after.sources["DEVICE_BATCH_SIZE"], after.profile)}


def fits(before: Knobs, after: Knobs) -> bool:
    """Whether the sizes go together in ``train.py``, stay in proportion to the budget, and really change the model."""
    sizes, total = after.sizes, after.number("TOTAL_BATCH_SIZE")
    heads, kv_heads = int(str(sizes["heads"])), int(str(sizes["kv_heads"]))
    tokens = (after.number("DEVICE_BATCH_SIZE") or 1) * (after.suggested("sequence_length") or 1)
    if heads % kv_heads or (total is not None and "DEVICE_BATCH_SIZE" in after.sources and total % tokens):
        return False
    changed = {knob for knob, source in after.sources.items() if before.sources.get(knob) != source}
    if changed <= SHAPING and sizes == before.sizes:
        return False
    return (
        not after.sources.keys() >= SIZES
        or SMALLEST <= _work(after) / _work_suggested(after) <= LARGEST
        or _work(after) == _work(before)
    )


SIZES = {"DEPTH", "ASPECT_RATIO", "HEAD_DIM"}
SHAPING = SIZES | {"KV_HEAD_RATIO", "WINDOW_PATTERN", "WINDOW_DIVISOR", "GATE_CHANNELS"}
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
