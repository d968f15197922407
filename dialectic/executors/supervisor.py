"""The supervisor: one small process beside every run, started as ``python -m dialectic.executors.supervisor FOLDER``.

It reads the run's specification (one line of JSON) and then one more byte from standard input. The byte says that the
runner has saved the handle; end of file before it says that the runner died, and then nothing was ever started.
From there on it owns the run: it enforces the limits, keeps the output, measures from outside, stops the run when it is
sent SIGTERM, ends every process that the run left behind, and writes ``exit.json`` last of all.

The run dies with it. On Linux the kernel sees to that for the run itself; a watchdog process, which notices that a pipe
was closed, sees to the run's whole process group, and on other systems to everything.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

from dialectic.executors.entry import CageBrokenError
from dialectic.executors.finish import finish, reserve
from dialectic.executors.launch import Signals, dismiss_watchdog, kill, kill_group, start_run, start_watchdog
from dialectic.executors.output import Stream
from dialectic.executors.processes import PR_SET_CHILD_SUBREAPER, Process, descendants, memory_bytes, prctl, table
from dialectic.executors.vitals import (
    SCARCE_SHARE,
    UNREACHABLE_BYTES,
    Pulse,
    available_share,
    free_bytes,
    hides_children,
    oom_kills,
    written,
)
from dialectic.state.trees import remove_tree

EXIT_SCHEMA_VERSION = 2
NO_EXIT_CODE = -1
RESERVE_BYTES = 16_384
"""Set aside on the disk at the start, so that ``exit.json`` finds room where the run filled everything."""

CLEANUP_SECONDS = 10.0
OWN_PROCESSES = 4
"""Of the cage itself, which count as the run's."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Spec = dict[str, Any]


class Supervision:
    """A run from its start to its end."""

    def __init__(self, spec: Spec, signals: Signals) -> None:
        self.spec = spec
        self.signals = signals
        self.reason = "ended"
        self.message = ""
        self.exit_code = NO_EXIT_CODE
        self.cpu_reaped = 0.0
        self.cpu_seen: dict[tuple[int, int], float] = {}
        self.peak_rss_bytes = 0
        self.streams: list[Stream] = []
        self.leader = 0
        self.cage: dict[str, Any] | None = None
        self.kill_at = 0.0
        self.oom_kills = oom_kills()
        self.memory_scarce = False
        self.free_bytes = free_bytes(spec["work"])
        self.started_at = self.ended_at = utc_now()
        self.began = self.finished = time.monotonic()
        self.pulse = Pulse(self.began)

    def start(self) -> None:
        """Start the run; a command that cannot be executed is the machine's fault."""
        spec, limit = self.spec, self.spec["output_bytes"]
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.watchdog, self.watchdog_pipe = start_watchdog()
        self.streams = [Stream(os.path.join(spec["folder"], "run.log"), limit)]  # noqa: PTH118
        if spec["answer"]:
            self.streams.append(Stream(os.path.join(spec["folder"], spec["answer"]), limit))  # noqa: PTH118
        self.started_at, self.began = utc_now(), time.monotonic()
        try:
            self.leader, self.cage = start_run(spec, self.streams[0].write_end, self.streams[-1].write_end)
            os.write(self.watchdog_pipe, f"{self.leader}\n".encode())
        except OSError as error:
            self.reason, self.message = "machine", f"{error.filename or spec['command'][0]}: {error.strerror}"
        except CageBrokenError as error:
            self.reason, self.message = "machine", str(error)
        for stream in self.streams:
            os.close(stream.write_end)

    def watch(self) -> None:
        """Wait for the run's end and enforce the limits until then."""
        look_every = 0.25 if self.spec["memory_bytes"] else 1.0
        next_look = self.began + look_every
        poller = select.poll()
        poller.register(self.signals.pipe, select.POLLIN)
        for stream in self.streams:
            poller.register(stream.pipe, select.POLLIN)
        while self.leader:
            until = min(next_look, self.kill_at or self.began + self.spec["wall_seconds"])
            poller.poll(max(until - time.monotonic(), 0.0) * 1000 + 1)
            self.signals.drain()
            for stream in self.streams:
                if stream.open:
                    stream.pump()
                    self.forget_closed(poller, stream)
            self.reap()
            now = time.monotonic()
            if self.leader and now >= next_look:
                self.look()
                # On a machine with thousands of processes a look is slow; it may never cost more than 2 %.
                next_look = now + max(look_every, 50 * (time.monotonic() - now))
            if self.leader:
                self.enforce(time.monotonic())

    def forget_closed(self, poller: select.poll, stream: Stream) -> None:
        """A pipe at its end would wake the poller without pause."""
        if not stream.open:
            poller.unregister(stream.pipe)

    def enforce(self, now: float) -> None:
        """Stop the run when its time is over or a stop was asked for; kill it when it did not listen."""
        if not self.kill_at:
            if self.signals.stop:
                self.stop("cancelled", "", self.spec["grace_seconds"])
            elif now >= self.began + self.spec["wall_seconds"]:
                message = f"stopped after its wall limit of {self.spec['wall_seconds']:g} s"
                self.stop("timeout", message, self.spec["grace_seconds"])
        elif now >= self.kill_at:
            kill_group(self.leader, signal.SIGKILL)
            self.kill_at = now + 1.0

    def stop(self, reason: str, message: str, grace_seconds: float) -> None:
        """End the run for a reason: ask first where there is a grace period, kill at once where there is none."""
        self.reason, self.message = reason, message
        self.kill_at = time.monotonic() + grace_seconds
        if grace_seconds:
            kill_group(self.leader, signal.SIGTERM)

    def look(self) -> None:
        """Look at the process tree, of which nobody may ever wait for some, and at the run's files; hold the limits."""
        tree = self.tree()
        for process in tree:
            self.cpu_seen[process.pid, process.born] = process.cpu_seconds
            self.peak_rss_bytes = max(self.peak_rss_bytes, process.rss_bytes)
        self.memory_scarce = self.memory_scarce or available_share() < SCARCE_SHARE
        if self.kill_at:
            return
        if any(hides_children(process.pid) for process in tree):
            self.stop("hidden", "a process of it ignored SIGCHLD, so that CPU time of its children is not counted", 0.0)
        allowed = self.spec["memory_bytes"]
        if allowed and (used := memory_bytes(tree)) > allowed:
            self.stop("memory", f"used {used / 2**20:.0f} MB of {allowed / 2**20:.0f} MB allowed", 0.0)
        most = self.spec["cage"]["processes"] if self.spec["cage"] else 0
        if most and (count := sum(process.threads for process in tree)) > most + OWN_PROCESSES:
            self.stop("processes", f"ran {count} processes and threads of {most} allowed", 0.0)
        changed = self.look_at_files()
        patience = self.spec["hang_seconds"]
        output = sum(stream.log.total for stream in self.streams)
        quiet = self.pulse.silence(time.monotonic(), self.cpu_seconds(), output, changed)
        if patience and quiet >= patience and not self.kill_at:
            message = (
                f"stopped after {quiet:.0f} s without output, without a change of its files and with hardly any CPU"
            )
            self.stop("hang", f"{message} time", self.spec["grace_seconds"])

    def look_at_files(self) -> tuple[int, float]:
        """Look at what the run has written: bytes, and when it wrote last."""
        found = written(self.spec["work"], self.spec["private"])
        self.free_bytes = min(self.free_bytes, free_bytes(self.spec["work"]))
        allowed = self.spec["disk_bytes"]
        if allowed and found[0] > allowed:
            message = f"wrote {found[0] / 2**20:.1f} MB of {allowed / 2**20:.1f} MB allowed"
            if found[0] >= UNREACHABLE_BYTES:
                message = "made folders so deep that nobody can look into them"
            self.stop("disk", message, 0.0)
        return found

    def cpu_seconds(self) -> float:
        """CPU time of the whole process tree so far."""
        return max(self.cpu_reaped, sum(self.cpu_seen.values()))

    def tree(self) -> list[Process]:
        """Every process that the run consists of."""
        return [process for process in descendants(os.getpid(), table()) if process.pid != self.watchdog]

    def reap(self) -> bool:
        """Collect ended children, orphans among them; False when no child is left but the watchdog."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.watchdog:
                self.watchdog = 0
                continue
            self.cpu_reaped += usage.ru_utime + usage.ru_stime
            scale = 1 if sys.platform == "darwin" else 1024
            self.peak_rss_bytes = max(self.peak_rss_bytes, usage.ru_maxrss * scale)
            if pid == self.leader:
                self.finished, self.ended_at = time.monotonic(), utc_now()
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code
                kill_group(self.leader, signal.SIGKILL)
                self.leader = 0

    def sweep(self) -> None:
        """End every process that the run left behind, then take its last output."""
        give_up = time.monotonic() + CLEANUP_SECONDS
        while time.monotonic() < give_up:
            self.reap()
            left = self.tree()
            if not left:
                break
            for process in left:
                self.cpu_seen[process.pid, process.born] = process.cpu_seconds
                kill(process.pid)
            select.select([], [], [], 0.002)
            for stream in self.streams:
                stream.drain()
        for stream in self.streams:
            stream.drain()
            stream.log.close()
        dismiss_watchdog(self.watchdog_pipe)
        if not self.kill_at:
            self.look_at_files()  # a disk can fill between two looks

    def record(self) -> dict[str, object]:
        """What ``exit.json`` says."""
        before, after = self.oom_kills, oom_kills()
        errors = [stream.log.error for stream in self.streams if stream.log.error]
        return {
            "schema_version": EXIT_SCHEMA_VERSION,
            "job_id": self.spec["job_id"],
            "reason": self.reason,
            "message": self.message,
            "storage_error": f"{errors[0].filename or 'run.log'}: {errors[0].strerror}" if errors else "",
            "exit_code": self.exit_code,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "wall_seconds": round(self.finished - self.began, 6),
            "cpu_seconds": round(self.cpu_seconds(), 6),
            "max_rss_mb": round(self.peak_rss_bytes / 2**20, 3),
            "output_bytes": self.streams[0].log.total if self.streams else 0,
            "oom_kills": None if before is None or after is None else after - before,
            "memory_scarce": self.memory_scarce,
            "free_bytes": self.free_bytes,
            "cage": self.cage,
        }


def utc_now() -> str:
    """The present time as ISO 8601 in UTC with milliseconds."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def main(folder: str) -> int:
    """Supervise one run; the exit code is 0 when ``exit.json`` was written or nothing was to be started."""
    # What the runner's parents left open, a terminal or somebody's socket, is no business of a run.
    os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), 65_536))
    signals = Signals()
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0
    spec: Spec = json.loads(line)
    if not sys.stdin.buffer.read(1):
        remove_tree(spec["private"])
        return 0
    # Not closed: its number would go to the next file that is opened, and the run's own numbers 0 to 2 over it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    reserve(folder, RESERVE_BYTES)
    supervision = Supervision(spec, signals)
    if signals.stop:
        supervision.reason = "cancelled"
    else:
        supervision.start()
        supervision.watch()
        supervision.sweep()
    return finish(spec, supervision.record())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
