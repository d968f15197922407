"""Starting a run in its cage, for the supervisor: what the last step is told, and what it tells.

The wrapper and the last step inherit two pipes. The first carries what is to be applied and the run's own command and
environment; the second is closed by the kernel when the run takes over, after which nothing of ours is inside.
"""

from __future__ import annotations

import marshal
import os

from dialectic.sandbox.proof import confirm, read_report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Cage = dict[str, Any]
    Spec = dict[str, Any]


class CageBrokenError(Exception):
    """A layer that must hold does not; the run was not started."""


class Entry:
    """The way of one run into its cage."""

    def __init__(self, spec: Spec) -> None:
        self.cage: Cage = spec["cage"]
        self.run: list[str] = spec["command"]
        self.config = marshal.dumps(
            self.cage["config"] | {"command": spec["command"], "environment": spec["environment"]}
        )
        self.config_read, self.config_write = os.pipe()
        self.report_read, self.report_write = os.pipe()

    def command(self) -> list[str]:
        """What the started process executes; called in that process."""
        for descriptor in (self.config_read, self.report_write):
            os.set_inheritable(descriptor, True)
        return [*self.cage["command"], str(self.config_read), str(self.report_write)]

    def watch(self) -> Cage:
        """Tell the last step what to do, and wait until the run has taken over; level and layers as they hold.

        Raises:
            CageBrokenError: a layer does not hold.
            OSError: the run's command cannot be executed.
        """
        os.close(self.config_read)
        os.close(self.report_write)
        try:
            _write(self.config_write, self.config)
            lines = read_report(self.report_read)
        finally:
            os.close(self.report_read)
        if not lines:
            raise CageBrokenError("its cage could not be made; the reason is in run.log")
        layers, broken = confirm(self.cage["layers"], lines[0])
        if broken:
            raise CageBrokenError(f"its cage does not hold ({broken})")
        if len(lines) > 1:
            raise OSError(lines[1], os.strerror(lines[1]), self.run[0])
        return {"level": self.cage["level"], "layers": layers}


def held_by(cage: Cage) -> Cage:
    """The record of a cage that has nothing to apply."""
    return {"level": cage["level"], "layers": cage["layers"]}


def _write(descriptor: int, content: bytes) -> None:
    """Write everything; a wrapper that ended before it read says so by what it does not report."""
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except BrokenPipeError:
        return
    finally:
        os.close(descriptor)
