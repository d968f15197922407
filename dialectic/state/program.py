"""The steering block of ``program.md``."""

from __future__ import annotations

from typing import Literal

from dialectic.state.base import Value

Sign = Literal["environment", "file", "import", "network", "process", "token-files"]
"""Signs of cheating that the user may tolerate by naming them under ``allow``."""


class Steering(Value):
    """What the human fixes for every agent; read again at each iteration."""

    freeze: list[str] = []
    """Knobs that no candidate may change."""
    ranges: dict[str, tuple[float, float]] = {}
    """Knob → smallest and largest value allowed, after evaluation."""
    prefer: list[str] = []
    """Tension kinds to take up first."""
    allow: list[Sign] = []
