"""The steering block of ``program.md``."""

from __future__ import annotations

from dialectic.state.base import Value
from dialectic.state.signs import FlaggedRule


class Steering(Value):
    """What the human fixes for every agent; read again at each iteration."""

    freeze: list[str] = []
    """Knobs that no candidate may change."""
    ranges: dict[str, tuple[float, float]] = {}
    """Knob → smallest and largest value allowed, after evaluation."""
    prefer: list[str] = []
    """Tension kinds to take up first."""
    allow: list[FlaggedRule] = []
    """Signs of cheating that are not worth recording; those for which a candidate is refused cannot be named."""
