"""What a run's log says: its summary numbers, and why it failed."""

from __future__ import annotations

import re
import signal

from dialectic.state.base import Metrics, numeric_metrics
from dialectic.state.run import SUMMARY_NAMES, Failure, FailureKind
from dialectic.state.text import clean

MESSAGE_CHARACTERS = 500

NUMBER_LINE = re.compile(r"^(\w+):\s+(\S+)\s*$")
EXCEPTION_LINE = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$")
MARGIN = re.compile(r"^(?:\[rank\d+\]:\s?)?(?:[ +]*\+ (?=\w)|[ ]+\| ?(?=\w))?")
"""What launchers of several processes and groups of exceptions put before a line."""
TRACEBACK = "Traceback (most recent call last):"

OUT_OF_MEMORY = re.compile(
    r"\b\w*MemoryError\b|CUDA out of memory|HIP out of memory|XPU out of memory|MPS backend out of memory"
    r"|(?:CUDA|HIP|cuda runtime) (?:driver )?error(?: \(2\))?\s?: out of memory"
    r"|cudaErrorMemoryAllocation|hipErrorOutOfMemory"
    r"|CU(?:BLAS|DNN|SPARSE|SOLVER)_STATUS_ALLOC_FAILED|(?:HIP|ROC)BLAS_STATUS_(?:ALLOC_FAILED|MEMORY_ERROR)"
    r"|DefaultCPUAllocator: (?:can't|not enough) |std::bad_alloc|Cannot allocate memory"
)
NO_SPACE = "No space left on device"
NOT_FINITE = re.compile(
    r"^FloatingPointError\b|\b(?:loss|logits|gradients?|parameters?|weights?)\b.{0,20}"
    r"\b(?:is|are|was|were|became|has|have|contains?)\b.{0,12}\b(?:nans?|infs?|infinite|non-?finite|not finite)\b",
    re.IGNORECASE,
)
CHILD_KILLED = re.compile(r"killed by signal: Killed|terminated abruptly|died with <Signals\.SIGKILL")
EXPORT_FAILED = "export failed:"
GAVE_UP = "FAIL:"

KILLED = 128 + signal.SIGKILL

SIGNAL_WORDS = {
    "SIGSEGV": "a native library used memory that is not its own",
    "SIGBUS": "a file in memory was cut, or shared memory is full",
    "SIGILL": "an instruction that this processor does not know",
    "SIGFPE": "a whole number was divided by zero in native code",
    "SIGABRT": "native code gave up",
    "SIGKILL": "by somebody else, for the kernel did not run out of memory",
    "SIGTERM": "by somebody else",
    "SIGXCPU": "its CPU time was limited by the system",
    "SIGXFSZ": "the size of its files was limited by the system",
}
"""What a signal usually means."""

STOPPED: dict[str, tuple[FailureKind, str]] = {
    "timeout": ("timeout", "it ran into its wall limit and was stopped"),
    "hang": ("hang", "it did nothing for a long time and was stopped"),
    "memory": ("out-of-memory", "it used more memory than it may"),
    "processes": ("crash", "it started more processes than it may"),
    "disk": ("disk", "it wrote more than it may"),
    "hidden": ("claims", "it hid CPU time of its processes"),
    "cancelled": ("interrupted", "it was asked to stop"),
}
"""Reason of an end from outside → kind of failure, and what is said when the supervisor said nothing."""


def summary_numbers(log: str) -> Metrics:
    """The summary numbers after the last line ``---``; only known names and finite numbers."""
    _, found, after = f"\n{log}\n".rpartition("\n---\n")
    if not found:
        return {}
    lines = (NUMBER_LINE.match(line) for line in after.splitlines())
    metrics = numeric_metrics({line.group(1): line.group(2) for line in lines if line})
    return {name: metrics[name] for name in SUMMARY_NAMES if name in metrics}


def diagnose(reason: str, exit_code: int, message: str, log: str, starved: bool = True) -> Failure:
    """Why a run has no result; kind ``none`` when it ended by itself with exit code 0.

    Args:
        reason: why it ended, as ``exit.json`` says.
        exit_code: a shell's.
        message: what the supervisor has to say.
        log: the cleaned end of ``run.log``.
        starved: whether memory may have run out: the kernel killed for it, it was scarce, or nobody can tell. Without
            that a SIGKILL that was not ours came from somebody else.
    """
    if reason in STOPPED:
        kind, usual = STOPPED[reason]
        return Failure(kind=kind, message=message or usual)
    if exit_code == 0:
        return Failure()
    if exit_code == KILLED and starved:
        return Failure(kind="out-of-memory", message="the system killed it, which it does when memory runs out")
    return _from_log(exit_code, log, starved)


def _from_log(exit_code: int, log: str, starved: bool) -> Failure:
    last = last_exception(log)
    for line in reversed(log.splitlines()):
        if line.startswith(GAVE_UP) or line == GAVE_UP[:-1]:
            said = line[len(GAVE_UP) :].strip() or "it gave up"
            return Failure(kind="nan", message=clean(said, MESSAGE_CHARACTERS))
    if EXPORT_FAILED in last:
        return Failure(kind="export", message=clean(last[last.index(EXPORT_FAILED) :], MESSAGE_CHARACTERS))
    if OUT_OF_MEMORY.search(last) or (starved and CHILD_KILLED.search(last)):
        return Failure(kind="out-of-memory", message=clean(last, MESSAGE_CHARACTERS))
    if NOT_FINITE.search(last):
        return Failure(kind="nan", message=clean(last, MESSAGE_CHARACTERS))
    ended = _ended(exit_code)
    return Failure(kind="crash", message=clean(f"{last} ({ended})" if last else ended, MESSAGE_CHARACTERS))


def _ended(exit_code: int) -> str:
    number = exit_code - 128
    if number not in set(signal.Signals):
        return f"exit code {exit_code}"
    name = signal.Signals(number).name
    return f"killed by {name}: {SIGNAL_WORDS[name]}" if name in SIGNAL_WORDS else f"killed by {name}"


def last_exception(log: str) -> str:
    """The last exception's line, or the last line with anything on it.

    Standard output is flushed after the traceback was printed, so that the exception need not come last. Of a group of
    exceptions it is the group's own line.
    """
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    bare = [MARGIN.sub("", line) for line in lines]
    headers = [number for number, line in enumerate(bare) if line.endswith(TRACEBACK) and not line.startswith(" ")]
    if headers:
        grouped = [number for number in headers if bare[number] != TRACEBACK]
        for line in bare[(grouped or headers)[-1] + 1 :]:
            if EXCEPTION_LINE.match(line):
                return line
    return lines[-1] if lines else ""
