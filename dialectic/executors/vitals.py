"""A run's vital signs, for the supervisor: whether it still does anything, what it has written, whether memory ran out.

Standard library only, and only what is cheap: all of it is looked at every second.
"""

from __future__ import annotations

import errno
import os
import signal

from dialectic.executors.processes import LINUX

IDLE_SHARE = 0.02
"""CPU time over wall time below which a process does nothing: polling a lock takes less, a starved one gets more."""

SCARCE_SHARE = 0.1
"""Share of the machine's memory below which what is available counts as scarce: some systems kill before the kernel."""

UNREACHABLE_BYTES = 2**60
"""More than any disk holds: nobody can tell what lies where no path leads."""


class Pulse:
    """How long a run has given no sign of life: no output, no change of a file, hardly any CPU time.

    A process that spins while it waits is not told from one that works; the wall limit ends it.
    """

    def __init__(self, now: float) -> None:
        self.last = now
        self.cpu_seconds = 0.0
        self.seen: tuple[object, ...] = ()

    def silence(self, now: float, cpu_seconds: float, *seen: object) -> float:
        """Seconds since the last sign of life; ``seen`` is whatever changes when the run writes something."""
        worked = cpu_seconds - self.cpu_seconds
        if seen != self.seen or worked > max(IDLE_SHARE * (now - self.last), 0.05):
            self.last, self.cpu_seconds, self.seen = now, cpu_seconds, seen
        return now - self.last


def hides_children(pid: int, proc: str = "/proc") -> bool:
    """Whether a process ignores the end of its children: then the kernel counts their CPU time nowhere."""
    for line in _lines(f"{proc}/{pid}/status"):
        name, _, mask = line.partition(":")
        if name == "SigIgn":
            return bool(int(mask, 16) >> (signal.SIGCHLD - 1) & 1)
    return False


def written(*folders: str) -> tuple[int, float]:
    """Bytes on the disk below ``folders``, and the time of the latest change in them, in seconds since the epoch.

    A folder that lies deeper than a path may be long counts as :data:`UNREACHABLE_BYTES`, whatever it holds.
    """
    size, latest, waiting = 0, 0.0, list(folders)
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError as error:
            size += UNREACHABLE_BYTES if error.errno == errno.ENAMETOOLONG else 0
            continue
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
            except OSError as error:
                size += UNREACHABLE_BYTES if error.errno == errno.ENAMETOOLONG else 0
                continue
            size += facts.st_blocks * 512
            latest = max(latest, facts.st_mtime)
    return size, latest


def free_bytes(folder: str) -> int:
    """What this user may still write where ``folder`` lies."""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return 0
    return facts.f_bavail * facts.f_frsize


def available_share(meminfo: str = "/proc/meminfo") -> float:
    """Share of the machine's memory that is available; 1 where the system does not tell."""
    found = {line.split(":")[0]: line.split()[1] for line in _lines(meminfo) if len(line.split()) > 1}
    try:
        return int(found["MemAvailable"]) / int(found["MemTotal"])
    except (KeyError, ValueError, ZeroDivisionError):
        return 1.0


def oom_kills(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> int | None:
    """How many processes the kernel has killed so far for lack of memory; None where it does not tell.

    Those of our own control group where it counts them (version 2 in ``memory.events``, version 1 in
    ``memory.oom_control``), else those of the whole machine.
    """
    if not LINUX:
        return None
    places = []
    for line in _lines(f"{proc}/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        path = path.rstrip("/")
        if not controllers:
            places.append(f"{cgroups}{path}/memory.events")
        elif "memory" in controllers.split(","):
            # Inside a container the path may be the host's; the container's own group is then mounted as the root.
            places += [f"{cgroups}/memory{path}/memory.oom_control", f"{cgroups}/memory/memory.oom_control"]
    for place in [*places, f"{proc}/vmstat"]:
        for line in _lines(place):
            name, _, number = line.partition(" ")
            if name == "oom_kill" and number.isdigit():
                return int(number)
    return None


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().splitlines()
    except OSError:
        return []
