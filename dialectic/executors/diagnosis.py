"""What a run's log says: its summary numbers, and why it failed."""

from __future__ import annotations

import re
import signal

from dialectic.state.base import Metrics, numeric_metrics
from dialectic.state.run import SUMMARY_NAMES, Failure
from dialectic.state.text import clean

MESSAGE_CHARACTERS = 500

NUMBER_LINE = re.compile(r"^(\w+):\s+(\S+)\s*$")
EXCEPTION_LINE = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")
TRACEBACK = "Traceback (most recent call last):"
OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|CUDA out of memory|HIP out of memory|MPS backend out of memory|\bMemoryError\b"
    r"|DefaultCPUAllocator: (?:can't|not enough) |std::bad_alloc|Cannot allocate memory"
)
EXPORT_FAILED = "export failed:"
GAVE_UP = "FAIL:"

KILLED = 128 + signal.SIGKILL


def summary_numbers(log: str) -> Metrics:
    """The summary numbers after the last line ``---``; only known names and finite numbers."""
    _, found, after = f"\n{log}\n".rpartition("\n---\n")
    if not found:
        return {}
    lines = (NUMBER_LINE.match(line) for line in after.splitlines())
    metrics = numeric_metrics({line.group(1): line.group(2) for line in lines if line})
    return {name: metrics[name] for name in SUMMARY_NAMES if name in metrics}


def diagnose(reason: str, exit_code: int, message: str, log: str) -> Failure:
    """Why a run has no result; kind ``none`` when it ended by itself with exit code 0.

    Args:
        reason: why it ended, as ``exit.json`` says.
        exit_code: a shell's.
        message: what the supervisor has to say.
        log: the cleaned end of ``run.log``.
    """
    if reason == "timeout":
        return Failure(kind="timeout", message=message or "it ran into its wall limit and was stopped")
    if reason == "cancelled":
        return Failure(kind="interrupted", message=message or "it was asked to stop")
    if reason == "memory":
        return Failure(kind="out-of-memory", message=message)
    if exit_code == 0:
        return Failure()
    if exit_code == KILLED:
        return Failure(kind="out-of-memory", message="the system killed it, which it does when memory runs out")
    return _from_log(exit_code, log)


def _from_log(exit_code: int, log: str) -> Failure:
    last = last_exception(log)
    for line in reversed(log.splitlines()):
        if line.startswith(GAVE_UP):
            return Failure(kind="nan", message=clean(line[len(GAVE_UP) :].strip(), MESSAGE_CHARACTERS))
    if EXPORT_FAILED in last:
        return Failure(kind="export", message=clean(last[last.index(EXPORT_FAILED) :], MESSAGE_CHARACTERS))
    if OUT_OF_MEMORY.search(last):
        return Failure(kind="out-of-memory", message=clean(last, MESSAGE_CHARACTERS))
    ended = f"exit code {exit_code}"
    if exit_code > 128 and exit_code - 128 in set(signal.Signals):
        ended = f"killed by {signal.Signals(exit_code - 128).name}"
    return Failure(kind="crash", message=clean(f"{last} ({ended})" if last else ended, MESSAGE_CHARACTERS))


def last_exception(log: str) -> str:
    """The last exception's line, or the last line with anything on it.

    Standard output is flushed after the traceback was printed, so that the exception need not come last.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    headers = [number for number, line in enumerate(lines) if line == TRACEBACK]
    if headers:
        for line in lines[headers[-1] + 1 :]:
            if EXCEPTION_LINE.match(line):
                return line
    return lines[-1] if lines else ""
