"""Starting processes for the supervisor: the run, the watchdog, and the signals that tell about them."""

from __future__ import annotations

import errno
import os
import signal

from dialectic.executors.entry import CageBrokenError, Entry, held_by
from dialectic.executors.output import read_available
from dialectic.executors.processes import PR_SET_PDEATHSIG, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Cage = dict[str, Any]
    Spec = dict[str, Any]

DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGTERM,
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTSTP,
)
"""What a run finds as usual, whatever its ancestors ignore: a shell's background jobs ignore SIGINT and SIGQUIT."""


class Signals:
    """Asks to stop and ended children, turned into bytes of a pipe that the loop can wait for."""

    def __init__(self) -> None:
        self.stop = False
        self.pipe, write_end = os.pipe()
        os.set_blocking(self.pipe, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        # The runner starts us with SIGTERM blocked: one that came before this line is delivered now, not lost.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _ask_to_stop(self, *_: object) -> None:
        self.stop = True

    def drain(self) -> None:
        """Forget the bytes; what they stood for is in :attr:`stop` and in the children's states."""
        while read_available(self.pipe, 4096):
            continue


def start_watchdog() -> tuple[int, int]:
    """A process that kills a process group when we are gone; its id, and the pipe on which it learns the group.

    A line with a number names the group; an empty line takes the order back.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(read_end)
        return pid, write_end
    os.close(write_end)
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    told = b""
    while chunk := os.read(read_end, 64):
        told += chunk
    group = told.split(b"\n")[-2] if b"\n" in told else b""
    if group:
        kill_group(int(group), signal.SIGKILL)
    os._exit(0)


def dismiss_watchdog(pipe: int) -> None:
    """Take the watchdog's order back; the run may have killed it."""
    try:
        os.write(pipe, b"\n")
    except BrokenPipeError:
        return
    finally:
        os.close(pipe)


def kill_group(group: int, number: int) -> None:
    """Signal a process group that may be gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def kill(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def start_run(spec: Spec, output: int, answer: int) -> tuple[int, Cage | None]:
    """Start the command in a session of its own; ``answer`` takes its standard output, ``output`` the rest.

    Its process id, and what holds it.

    Raises:
        OSError: the command cannot be executed.
        CageBrokenError: it was not started, because its cage does not hold.
    """
    supervisor = os.getpid()
    error_read, error_write = os.pipe()
    entry = Entry(spec) if spec["cage"] and spec["cage"]["command"] else None
    pid = os.fork()
    if pid == 0:
        try:
            _become(spec, output, answer, supervisor, entry)
        except (OSError, ValueError) as error:
            os.write(error_write, str(getattr(error, "errno", None) or errno.EINVAL).encode())
        finally:
            os._exit(127)
    os.close(error_write)
    told = os.read(error_read, 16)
    os.close(error_read)
    if told:
        os.waitpid(pid, 0)
        raise OSError(int(told), os.strerror(int(told)), spec["command"][0])
    if entry is None:
        return pid, spec["cage"] and held_by(spec["cage"])
    try:
        return pid, entry.watch()
    except (OSError, CageBrokenError):
        kill_group(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _become(spec: Spec, output: int, answer: int, supervisor: int, entry: Entry | None) -> None:
    import resource

    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        return
    # An ignored signal stays ignored in the new program; Python itself ignores SIGPIPE and SIGXFSZ.
    for number in DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    volunteer()
    grant_cores(spec["cores"])
    command, environment = spec["command"], spec["environment"]
    if entry:
        # A wrapper would end by the signal that is meant for the run; the last step unblocks it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        command, environment = entry.command(), spec["cage"]["environment"]
    # Also a wrapper's: by this folder whoever collects a lost run knows what is left of it.
    os.chdir(spec["work"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(answer, 1)
    os.dup2(output, 2)
    os.execve(command[0], command, environment)  # noqa: S606 (a list, never a shell)


def volunteer() -> None:
    """Where memory runs out, let the kernel kill this run before the supervisor, the runner or the user's programs."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:  # noqa: PTH123
            stream.write("500")
    except OSError:
        return


def grant_cores(count: int) -> None:
    """Restrict this process to the first ``count`` of its processor cores; 0 means all; Linux only."""
    if count and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
