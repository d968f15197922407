"""Which process a handle means: a process id is used again, so its start time and the boot count too."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

from dialectic.state.run import JobHandle

START_TOLERANCE_SECONDS = 1.0
"""The system derives a start time from its clock, so that the same process may seem to move by this much."""


def boot_id() -> str:
    """A text that changes with every start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def start_time(pid: int) -> float | None:
    """When the process started, in seconds since the epoch; None when it has ended.

    A child of ours that has ended is reaped on the way.
    """
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.create_time()
    except psutil.Error:
        return None
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return None


def alive(handle: JobHandle) -> bool:
    """Whether the supervisor that ``handle`` names is running.

    When somebody sets the machine's clock, the start times that the system tells move with it; then the supervisor's
    command line, which names the run's folder, is what tells it from a later process of the same number.
    """
    if handle.boot_id != boot_id():
        return False
    started = start_time(handle.pid)
    if started is None:
        return False
    return abs(started - handle.started) <= START_TOLERANCE_SECONDS or _supervises(handle)


def _supervises(handle: JobHandle) -> bool:
    try:
        command = psutil.Process(handle.pid).cmdline()
    except psutil.Error:
        return False
    return command[-2:] == ["dialectic.executors.supervisor", handle.folder]


def wait_until_gone(handle: JobHandle) -> None:
    """Return when the supervisor has ended."""
    pause = 0.002
    while alive(handle):
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def kill_strays(work: Path) -> None:
    """Kill processes of this user that work in the folder ``work``: what a killed supervisor may have left."""
    if not work.exists():
        return
    inside = work.resolve()
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and Path(process.cwd()).is_relative_to(inside):
                process.kill()
        except (psutil.Error, OSError):
            continue
