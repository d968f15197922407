"""Which layers make which level."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from dialectic.state.cage import LEVELS, LayerName, Level

LAYERS: tuple[LayerName, ...] = get_args(LayerName)

WRAPPED: tuple[LayerName, ...] = ("mount namespace", "network namespace", "process namespace")
BARE: dict[Level, tuple[LayerName, ...]] = {
    "none": (),
    "limits": ("resource limits",),
    "files": ("resource limits", "other user", "landlock"),
    "offline": ("resource limits", "other user", "landlock", "system-call filter"),
}
"""What is applied where the highest level is this one; ``sealed`` adds the namespaces to all of ``offline``."""


def wanted(level: Level) -> tuple[LayerName, ...]:
    """The layers that a Linux machine is asked for, up to ``level``."""
    return (*BARE["offline"], *WRAPPED) if level == "sealed" else BARE[level]


def reached(applied: Collection[str]) -> Level:
    """The level that the applied layers make together."""
    met = {
        "limits": "resource limits" in applied,
        "files": bool({"mount namespace", "landlock", "sandbox-exec"} & {*applied}),
        "offline": bool({"network namespace", "system-call filter", "sandbox-exec"} & {*applied}),
        "sealed": {*WRAPPED} <= {*applied},
    }
    level: Level = "none"
    for one in LEVELS[1:]:
        if not met[one]:
            break
        level = one
    return level
