"""The cage: what a running process may touch, and what really kept it there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dialectic.state.base import Value

Level = Literal["none", "limits", "files", "offline", "sealed"]
LEVELS: tuple[Level, ...] = ("none", "limits", "files", "offline", "sealed")
"""What a run is kept from, the weakest first; each level has what the one before it has.

none      nothing but a folder of its own and a clean environment
limits    it cannot take the machine: memory, processes, open files, the size of its files and its output are limited
files     it writes only in ``work/`` and its private temporary folder, and reads only the system, Python, and what the
          job names: no validation or hold-out text, home, keys, plan, other iterations
offline   it has no network: no TCP, no UDP, no socket of another program
sealed    it sees neither other processes nor any other file's name, cannot signal or trace what is outside, and nothing
          that it started outlives it, not even a ``kill -9`` of the supervisor
"""

LayerName = Literal[
    "resource limits",
    "other user",
    "landlock",
    "system-call filter",
    "mount namespace",
    "network namespace",
    "process namespace",
    "sandbox-exec",
]

LayerState = Literal["applied", "absent", "failed", "unused"]
"""``absent``: this system has none; ``failed``: it has one that was tried and refused; ``unused``: not asked for."""


class Layer(Value):
    """One means of keeping a process in its cage."""

    name: LayerName
    state: LayerState
    detail: str = ""
    """What it does here, or why it is not applied."""


class CageRecord(Value):
    """Which layers hold a run, one by one, and the level that they reach together."""

    level: Level = "none"
    layers: list[Layer] = []

    def reaches(self, level: Level) -> bool:
        """Whether it is at least ``level``."""
        return LEVELS.index(self.level) >= LEVELS.index(level)

    @property
    def missing(self) -> list[Layer]:
        """The layers that were wanted and are not applied."""
        return [layer for layer in self.layers if layer.state in ("absent", "failed")]


class Cage(Value):
    """What a job may touch beside the system, Python, its ``links`` (reading) and its own folders (writing).

    There is no network in any cage. An executor applies every layer up to ``level`` that works on its machine, and
    starts nothing when one that worked before does not work for this job.
    """

    level: Level = "sealed"
    """The highest level to use; ``none`` switches the cage off."""
    require: Level = "none"
    """Below this level the job is not started."""
    read: list[str] = []
    """Absolute paths of files and folders that it may read."""
    hidden: list[str] = []
    """Absolute paths that it never sees, even inside of a folder that it may read."""
    home: dict[str, str] = {}
    """Path below ``HOME`` → absolute path of a folder that may be read there, such as a cache filled before."""
    accelerator: bool = False
    """Whether it may use the machine's accelerators."""
    processes: int = Field(default=1024, gt=0)
    """Processes and threads at once."""
    open_files: int = Field(default=4096, gt=0)
    """Open at once in one process."""
    file_bytes: int | None = Field(default=None, gt=0)
    """Size of one file."""
