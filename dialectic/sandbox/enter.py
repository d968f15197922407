"""The last step before a run, which gets two open file descriptors.

It reads what to do, marshalled, from the first, applies to itself every layer that a process can apply to itself,
writes which are applied to the second, and becomes the run. It goes on only when every layer that was asked for holds;
a trial goes on whatever fails, to tell of each. Standard library only, and of that only what is written in C or small:
it starts before every run, inside of the cage, and ``json`` or ``signal`` would double its time.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import marshal
import os
import resource
import sys

from dialectic.sandbox import filter, landlock
from dialectic.sandbox.proof import own_namespaces

REFUSED = 126
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Config = dict[str, Any]


def limit(config: Config, user: int | None) -> str:
    """Limit processes, open files, the size of files and memory of a process that is about to become ``user``."""
    processes = config["processes"]
    exempt = os.geteuid() == 0 and user is None
    if config["count_user"] and os.geteuid() != 0:
        # The kernel counts every process and thread of the user: what is there already is not the run's.
        processes += _tasks_of(os.getuid())
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: config["open_files"],
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_FSIZE: config["file_bytes"],
        resource.RLIMIT_DATA: config["data_bytes"],
    }
    for name, value in wanted.items():
        if value is not None:
            hard = resource.getrlimit(name)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (most, most))
    return "processes are counted once a second: the kernel limits none for root" if exempt else ""


def _tasks_of(user: int) -> int:
    """How many processes and threads a user has now."""
    count = 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116
                count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
        except OSError:
            continue
    return count


def become(user: int | None) -> str:
    """Take another user's id for good, or give up root's capabilities when there is no other."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        # The kernel forgets who is to die with whom when the user changes.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(REFUSED)
        return f"user id {user}"
    if os.geteuid() == 0 and sys.platform == "linux":
        for capability in range(LAST_CAPABILITY + 1):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
        if libc.capset(head, (ctypes.c_uint32 * 6)()):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ""


def apply(config: Config) -> dict[str, dict[str, str]]:
    """Apply the layers that ``config`` asks for, in the order in which each still may; what came of each."""
    found = own_namespaces()  # before anything hides them
    steps: list[tuple[str, bool, Callable[[], str]]] = [
        ("resource limits", config["limits"] is not None, lambda: limit(config["limits"], config["user"])),
        ("other user", True, lambda: become(config["user"])),
        ("landlock", config["landlock"], lambda: _landlock(config)),
        ("system-call filter", config["sockets"] is not None, lambda: _filter(config["sockets"])),
    ]
    applied: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name, wanted, step in steps:
        if not wanted:
            continue
        try:
            applied[name] = step()
        except (OSError, ValueError, AttributeError) as error:
            failed[name] = getattr(error, "strerror", None) or str(error)
    if config["user"] is None:
        applied.pop("other user", None)
    return {"applied": applied, "failed": failed, "namespaces": found}


def _landlock(config: Config) -> str:
    filter.give_up_privileges()
    return f"version {landlock.restrict(config['read'], config['write'], config['use'])}"


def _filter(sockets: bool) -> str:
    filter.install(sockets)
    return "" if sockets else "no sockets"


def main(config_from: int, report_to: int) -> int:
    """Enter the cage and become the run; returns only when something is missing."""
    os.set_inheritable(report_to, False)
    with os.fdopen(config_from, "rb") as stream:
        config: Config = marshal.loads(stream.read())  # noqa: S302 (our own starter wrote it)
    report = apply(config)
    try:
        os.chdir(config["work"])
    except OSError as error:
        report["failed"]["folder"] = str(error.strerror)
    os.write(report_to, marshal.dumps(report))
    if report["failed"] and not config["trial"]:
        return REFUSED
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a run must find as usual
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execve(config["command"][0], config["command"], config["environment"])  # noqa: S606
    except OSError as error:
        os.write(report_to, marshal.dumps(error.errno))
    return 127
