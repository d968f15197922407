"""The system's process table, read without a library: the supervisor has to start within milliseconds.

Linux tells it through ``/proc``, elsewhere ``ps`` does. Two promises of the kernel exist on Linux only: a process can
ask to die with its parent, and to inherit the orphans among its descendants.
"""

from __future__ import annotations

import os
import sys

LINUX = sys.platform == "linux"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Process:
    """One row of the table: ``cpu_seconds`` of its own, ``rss_bytes`` resident, ``born`` in ticks since the boot.

    ``threads`` is 1 where the system does not tell.
    """

    __slots__ = ("born", "cpu_seconds", "parent", "pid", "rss_bytes", "threads")

    def __init__(self, pid: int, parent: int, cpu_seconds: float, rss_bytes: int, born: int, threads: int = 1) -> None:
        self.pid = pid
        self.parent = parent
        self.cpu_seconds = cpu_seconds
        self.rss_bytes = rss_bytes
        self.born = born
        self.threads = threads


def prctl(option: int, value: int) -> bool:
    """Linux's ``prctl`` with one number; False where there is none or it refuses."""
    if not LINUX:
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)


def table() -> dict[int, Process]:
    """Every process that this user can see."""
    return _from_proc() if LINUX else _from_ps()


def _from_proc() -> dict[int, Process]:
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib would double the supervisor's start)
        if not name.isdigit():
            continue
        try:
            descriptor = os.open(f"/proc/{name}/stat", os.O_RDONLY)
        except OSError:
            continue
        try:
            stat = os.read(descriptor, 4096)
        except OSError:
            continue
        finally:
            os.close(descriptor)
        # The second field is the program's name in brackets, which may itself hold spaces and brackets.
        fields = stat[stat.rfind(b")") + 2 :].split()
        if len(fields) < 22:
            continue
        cpu = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
        rss, born, threads = int(fields[21]) * PAGE_BYTES, int(fields[19]), int(fields[17])
        found[int(name)] = Process(int(name), int(fields[1]), cpu, rss, born, threads)
    return found


def _from_ps() -> dict[int, Process]:
    import subprocess

    answer = subprocess.run(["ps", "-axo", "pid=,ppid=,rss=,time="], capture_output=True, text=True, check=False)
    found: dict[int, Process] = {}
    for line in answer.stdout.splitlines():
        fields = line.split()
        if len(fields) == 4:
            pid, parent, rss = (int(field) for field in fields[:3])
            found[pid] = Process(pid, parent, _seconds(fields[3]), rss * 1024, 0)
    return found


def _seconds(text: str) -> float:
    """What ``ps`` prints of a CPU time, ``[[days-]hours:]minutes:seconds``, with or without a fraction."""
    days, _, rest = text.rpartition("-")
    total = 24.0 * int(days or 0)
    for place, part in enumerate(rest.split(":")):
        total = total * (60 if place else 1) + float(part)
    return total


def descendants(root: int, processes: dict[int, Process]) -> list[Process]:
    """The children of ``root``, their children and so on, without ``root``."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        for child in children.pop(waiting.pop(), []):
            found.append(child)
            waiting.append(child.pid)
    return found


def memory_bytes(processes: list[Process]) -> int:
    """Memory that ``processes`` hold together: what each has alone, plus the largest shared part once.

    Pages that a fork left common to two processes count twice.
    """
    alone, shared = 0, 0
    for process in processes:
        part = _shared_bytes(process.pid) if LINUX else 0
        alone += max(process.rss_bytes - part, 0)
        shared = max(shared, part)
    return alone + shared


def _shared_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:  # noqa: PTH123
            return int(stream.read().split()[2]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
