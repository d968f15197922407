"""An executor that trains nothing: how a run ends stands in a script (format: :mod:`dialectic.executors.script`).

Demo, test double and recipe for a bug report in one: ``--executor scripted --script FILE``. It leaves the same files as
a real run, so that every reader works on them, and keeps the same promises: nothing starts twice, and a new runner
finds what the old one left.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist

from dialectic.errors import ExecutorError, StorageError, UsageError
from dialectic.executors import collect, handles
from dialectic.executors.collect import Exit
from dialectic.executors.finish import EVENTS_NAME, EXIT_NAME, move_outputs
from dialectic.executors.folder import JOB_NAME, LOG_NAME, WORK_NAME, check_names, fresh_work
from dialectic.executors.script import SCORE_SUFFIX, Entry, read_script
from dialectic.executors.staging import exit_of, live_events, log_text
from dialectic.state.base import Value, utc_now
from dialectic.state.files import read_json, read_record, storage_error, to_json, write_bytes, write_record, write_text
from dialectic.state.run import Job, JobHandle, JobStatus, LiveEvent, RunRecord, Score

PENDING_NAME = "scripted-exit.json"
MODEL_PLACEHOLDER = b"a scripted run hands over no model\n"


class Pending(Value):
    """A staged run in ``work/`` that ends at ``due``, in seconds since the epoch."""

    due: float
    outputs: list[str]
    ended: Exit


class ScriptedExecutor:
    """Runs whose end was written before."""

    name = "scripted"

    def __init__(self, script: Path | None = None) -> None:
        """Read ``script``.

        Raises:
            UsageError: there is none, or it does not have the format.
        """
        if script is None:
            raise UsageError("the scripted executor needs a script; add --script FILE")
        self.script = read_script(Path(script))
        self.faults: dict[str, int] = {}
        """How often the machine has failed so far, by job."""

    def submit(self, job: Job) -> JobHandle:
        """Stage the run that the script describes.

        Raises:
            ExecutorError: the script says that the machine fails here.
            StorageError: the run's folder cannot be written.
        """
        check_names(job)
        folder, entry = Path(job.folder), self.script.entry(job.job_id, job.experiment_id)
        if (folder / JOB_NAME).exists():
            handle = read_record(folder / JOB_NAME, JobHandle)
            if handle.job_id != job.job_id:
                raise ExecutorError(f"{folder}: belongs to {handle.job_id}, not to {job.job_id}; move that folder away")
            state = self.poll(handle).state
            if state == "running" or (state == "ended" and not collect.says_nothing(folder)):
                return handle
        if self._fails(job.job_id, entry):
            raise ExecutorError(f"{job.job_id}: the scripted machine cannot be reached; mend the script and resume")
        try:
            self._stage(job, entry, fresh_work(job))
        except OSError as error:
            raise storage_error(folder, error) from error
        handle = JobHandle(
            job_id=job.job_id,
            executor=self.name,
            pid=os.getpid(),
            started=time.time(),
            boot_id=handles.boot_id(),
            folder=str(folder),
        )
        write_record(folder / JOB_NAME, handle)
        self.poll(handle)
        return handle

    def poll(self, handle: JobHandle) -> JobStatus:
        """Whether the run's time has come; it ends here when it has."""
        folder = Path(handle.folder)
        if collect.has_ended(folder):
            return JobStatus(state="ended")
        pending = self._pending(folder)
        if pending is None:
            return JobStatus(state="lost")
        if time.time() < pending.due:
            return JobStatus(state="running")
        self._finish(folder, pending, pending.ended)
        return JobStatus(state="ended")

    def events(self, handle: JobHandle, offset: int) -> tuple[list[LiveEvent], int]:
        """Live events from byte ``offset`` on, and the next offset."""
        return collect.read_events(Path(handle.folder), offset)

    def collect(self, handle: JobHandle) -> RunRecord:
        """The record of a run that has ended or was lost, computed from its files every time.

        Raises:
            ExecutorError: it is still running.
        """
        state = self.poll(handle).state
        if state == "running":
            raise ExecutorError(f"{handle.job_id} is still running; wait until it has ended")
        return collect.lost_record(handle) if state == "lost" else collect.run_record(handle)

    def cancel(self, handle: JobHandle) -> None:
        """End a run whose time has not come."""
        if self.poll(handle).state == "running":
            folder = Path(handle.folder)
            if pending := self._pending(folder):
                stopped = {"reason": "cancelled", "exit_code": 143, "ended_at": utc_now()}
                self._finish(folder, pending, pending.ended.model_copy(update=stopped))

    def _fails(self, job_id: str, entry: Entry) -> bool:
        """Whether the machine fails this time."""
        if entry.fault != ("score-machine" if job_id.endswith(SCORE_SUFFIX) else "machine"):
            return False
        self.faults[job_id] = self.faults.get(job_id, 0) + 1
        return entry.faults == 0 or self.faults[job_id] <= entry.faults

    def _stage(self, job: Job, entry: Entry, work: Path) -> None:
        folder, scoring = Path(job.folder), job.job_id.endswith(SCORE_SUFFIX)
        failure = entry.failure
        if scoring:
            failure = "crash" if entry.failure == "score" else "none"
        elif failure == "score":
            failure = "none"
        write_text(folder / LOG_NAME, log_text(entry, failure, scoring))
        if scoring:
            if job.answer:
                write_text(folder / job.answer, "" if failure == "crash" else to_json(_score(job, entry)))
        else:
            events = live_events(entry, failure)
            lines = [json.dumps(event | {"timestamp": utc_now(), "seq": seq}) for seq, event in enumerate(events)]
            (work / EVENTS_NAME).write_text("".join(f"{line}\n" for line in lines))
            for name in job.outputs:
                if failure == "none" and name != EVENTS_NAME:
                    (work / name).write_bytes(MODEL_PLACEHOLDER)
        if failure == "lost":
            return
        due = time.time() + (0.0 if scoring else entry.wait)
        ended = exit_of(job.job_id, entry, failure, datetime.now(UTC))
        pending = Pending(due=due, outputs=job.outputs, ended=ended)
        write_bytes(work / PENDING_NAME, pending.model_dump_json().encode())

    def _pending(self, folder: Path) -> Pending | None:
        path = folder / WORK_NAME / PENDING_NAME
        return Pending.model_validate(read_json(path)) if path.is_file() else None

    def _finish(self, folder: Path, pending: Pending, ended: Exit) -> None:
        try:
            move_outputs(str(folder / WORK_NAME), str(folder), pending.outputs)
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror}; mend that and run again") from error
        write_record(folder / EXIT_NAME, ended)


def deviation(job_id: str, sd: float) -> float:
    """A normal deviate of SD ``sd``, the same for a run and its scoring at any time on any machine."""
    digest = hashlib.sha256(job_id.removesuffix(SCORE_SUFFIX).encode()).digest()
    uniform = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
    return sd * NormalDist().inv_cdf(uniform)


def _score(job: Job, entry: Entry) -> dict[str, object]:
    added = deviation(job.job_id, entry.noise)
    holdout = entry.val_bpb if entry.holdout_bpb is None else entry.holdout_bpb
    score = Score(
        val_bpb=entry.val_bpb + added,
        holdout_bpb=holdout + added,
        tokens=entry.tokens,
        bytes=entry.bytes,
        checks=entry.checks,
    )
    return score.model_dump(mode="json")
