"""From a run's files to values: ``exit.json``, ``run.log`` and ``live-events.ndjson``.

Everything is computed from the files each time, so that any reader at any time comes to the same record.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ValidationError

from dialectic.errors import ExecutorError, StorageError
from dialectic.executors.diagnosis import NO_SPACE, diagnose, last_exception, summary_numbers
from dialectic.executors.finish import EVENTS_BYTES, EVENTS_NAME, EXIT_NAME, SUPERVISOR_LOG_NAME
from dialectic.executors.folder import LOG_NAME, WORK_NAME, remove_private
from dialectic.executors.handles import kill_strays
from dialectic.state.base import Metrics, Record, numeric_metrics
from dialectic.state.cage import CageRecord
from dialectic.state.files import read_record
from dialectic.state.run import NO_EXIT_CODE, Failure, JobHandle, LiveEvent, RunRecord
from dialectic.state.text import clean, read_from, tail

LOG_TAIL_CHARACTERS = 100_000
EVENT_CHUNK_BYTES = 4 * 2**20
FIELD_CHARACTERS = 1_000
FULL_BYTES = 64 * 2**20
"""Less free space than this during a run that was refused some means that the disk was full, not a smaller one of
the run's own, such as its shared memory."""


class Exit(Record):
    """``exit.json``, as the supervisor writes it."""

    nullable: ClassVar[frozenset[str]] = frozenset({"oom_kills", "free_bytes", "cage"})

    job_id: str
    reason: Literal["ended", "timeout", "hang", "memory", "processes", "disk", "hidden", "cancelled", "machine"]
    """Why it ended: by itself, stopped by a limit or a person, or never properly started."""
    message: str = ""
    storage_error: str = ""
    """Not empty when output could not be written, which makes every other field doubtful."""
    exit_code: int = NO_EXIT_CODE
    started_at: str
    ended_at: str
    wall_seconds: float
    cpu_seconds: float
    max_rss_mb: float
    output_bytes: int = 0
    oom_kills: int | None = None
    """Processes that the kernel killed meanwhile for lack of memory; None where it does not tell."""
    memory_scarce: bool = False
    """Whether less than a tenth of the machine's memory was available at some time."""
    free_bytes: int | None = None
    """The least free space on the run's disk that was seen; None where nobody looked."""
    cage: CageRecord | None = None
    """What held it; None for a job without a cage."""


def has_ended(folder: Path) -> bool:
    """Whether the run in ``folder`` wrote its last file."""
    return (folder / EXIT_NAME).is_file()


def says_nothing(folder: Path) -> bool:
    """Whether an ended run, stopped or failed by the machine, tells nothing of its candidate and may start anew."""
    ended = read_record(folder / EXIT_NAME, Exit)
    if ended.reason in ("machine", "cancelled"):
        return True
    return bool(_disk_trouble(ended, tail(folder / LOG_NAME, LOG_TAIL_CHARACTERS)))


def _disk_trouble(ended: Exit, log: str) -> str:
    """What the disk did to a run that kept its own limit; empty when it is not to blame."""
    if ended.reason == "disk":
        return ""
    full = ended.free_bytes is not None and ended.free_bytes < FULL_BYTES
    if not ended.storage_error and ended.exit_code and full and NO_SPACE in last_exception(log):
        return f"{last_exception(log)[:200]} (the run failed because the disk is full)"
    return ended.storage_error


def run_record(handle: JobHandle) -> RunRecord:
    """The record of an ended run.

    Raises:
        ExecutorError: the machine failed, not the candidate.
        StorageError: output is missing because it could not be written.
        CorruptRecord: ``exit.json`` is damaged.
    """
    folder = Path(handle.folder)
    ended = read_record(folder / EXIT_NAME, Exit)
    log = tail(folder / LOG_NAME, LOG_TAIL_CHARACTERS)
    if trouble := _disk_trouble(ended, log):
        raise StorageError(f"{folder}: {trouble}; free some space and run again")
    if ended.reason == "machine":
        raise ExecutorError(f"{handle.job_id} could not be started: {clean(ended.message, 300)}; mend that and resume")
    starved = ended.oom_kills is None or ended.oom_kills > 0 or ended.memory_scarce
    failure = diagnose(ended.reason, ended.exit_code, ended.message, log, starved)
    status: Literal["completed", "failed", "timed_out", "interrupted"] = "completed"
    if failure.kind in ("timeout", "hang"):
        status = "timed_out"
    elif failure.kind == "interrupted":
        status = "interrupted"
    elif failure.kind != "none":
        status = "failed"
    return RunRecord(
        execution_id=handle.job_id,
        status=status,
        exit_code=ended.exit_code,
        failure=failure,
        metrics=summary_numbers(log),
        started_at=ended.started_at,
        ended_at=ended.ended_at,
        wall_seconds=ended.wall_seconds,
        cpu_seconds=ended.cpu_seconds,
        max_rss_mb=ended.max_rss_mb,
        training_started=training_started(folder),
        cage=ended.cage,
        handed_over=handed_over(folder),
    )


def lost_record(handle: JobHandle) -> RunRecord:
    """The record of a run that was lost with its supervisor."""
    folder = Path(handle.folder)
    kill_strays(folder / WORK_NAME)
    remove_private(folder)
    said = tail(folder / SUPERVISOR_LOG_NAME, 300).splitlines()[-1:]
    began = datetime.fromtimestamp(handle.started, UTC)
    log = folder / LOG_NAME
    ended = max(datetime.fromtimestamp(log.stat().st_mtime, UTC), began) if log.exists() else began
    return RunRecord(
        execution_id=handle.job_id,
        status="failed",
        exit_code=NO_EXIT_CODE,
        failure=Failure(kind="lost", message=": ".join(["the supervisor is gone", *said])),
        started_at=stamp(began),
        ended_at=stamp(ended),
        wall_seconds=(ended - began).total_seconds(),
        cpu_seconds=0.0,
        max_rss_mb=0.0,
        training_started=training_started(folder),
    )


def read_events(folder: Path, offset: int) -> tuple[list[LiveEvent], int]:
    """Live events from byte ``offset`` on and the next offset; whole lines only, a broken line is skipped.

    What lies beyond :data:`~dialectic.executors.finish.EVENTS_BYTES` is not read: no run has that much to tell.
    """
    if offset >= EVENTS_BYTES:
        return [], offset
    # A running job's file lies in work/; it is moved in one step, so whoever misses it there finds it in the folder.
    for path in (folder / WORK_NAME / EVENTS_NAME, folder / EVENTS_NAME):
        content, size = read_from(path, offset, min(EVENT_CHUNK_BYTES, EVENTS_BYTES - offset))
        if size:
            break
    end = content.rfind(b"\n") + 1
    if end == 0 and len(content) == EVENT_CHUNK_BYTES:
        return [], offset + len(content)  # no event is that long; the rest of this line will not parse either
    parsed = (parse_event(line) for line in content[:end].splitlines())
    return [event for event in parsed if event], offset + end


def parse_event(line: bytes) -> LiveEvent | None:
    """One line as an event; None when it is none."""
    try:
        data = json.loads(line)
        known = {name: data.pop(name) for name in ("type", "timestamp", "seq")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    data.pop("schema_version", None)
    fields = {clean(name, 100): _field(value) for name, value in data.items()}
    try:
        return LiveEvent(
            type=clean(str(known["type"]), 100),
            timestamp=clean(str(known["timestamp"]), 100),
            seq=known["seq"],
            fields=fields,
        )
    except ValidationError:
        return None


def moment(timestamp: str) -> datetime:
    """A time as our files write it; the epoch where it is none, for a run may write anything."""
    try:
        found = datetime.fromisoformat(timestamp)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _field(value: object) -> float | str | bool | dict[str, float | None] | None:
    """A field as its type allows: text cleaned, numbers finite, of a nested object only the numbers."""
    if isinstance(value, dict):
        return {clean(str(name), 100): _number(part) for name, part in value.items() if _is_number(part)}
    if isinstance(value, bool):
        return value
    return clean(value, FIELD_CHARACTERS) if isinstance(value, str) else _number(value)


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, (int, float))


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def training_started(folder: Path) -> bool:
    """Whether the events tell of a training step."""
    return any(event.type == "train_step" for event in all_events(folder))


def handed_over(folder: Path) -> Metrics:
    """What ``prepare`` told at the hand-over: numbers of the last such event, none where there is none."""
    told: Metrics = {}
    for event in all_events(folder):
        if event.type == "handed_over":
            told = numeric_metrics(event.fields)
    return told


def all_events(folder: Path) -> Iterator[LiveEvent]:
    """Every live event of a run."""
    offset, following = -1, 0
    while following > offset:
        offset = following
        events, following = read_events(folder, offset)
        yield from events


def stamp(moment: datetime) -> str:
    """``moment``, in UTC, as our files write times."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
