"""Waiting for a job, whoever started it.

An executor finds a job again by its folder: submitting one that runs or has ended starts nothing. So a runner that
goes on where another was killed waits for the run that survived, takes the answer of the one that has ended, and
starts the one that never was, all in the same words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dialectic.errors import ExecutorError, Interrupted, RecordError
from dialectic.executors.folder import JOB_NAME
from dialectic.loop.house import House
from dialectic.state.files import read_record
from dialectic.state.run import Job, JobHandle, LiveEvent, RunRecord

POLL_SECONDS = (0.02, 0.1)
"""Between two looks at a job: first often, so that a short one costs nothing, then seldom."""


def await_job(house: House, job: Job, watch: Callable[[LiveEvent], None] | None = None) -> RunRecord:
    """Submit ``job`` and wait for its end; one that was lost with its supervisor is started once more.

    Raises:
        ExecutorError: it was lost again: the machine cannot hold it, and that is not the candidate's fault.
        Interrupted: the user stopped the session; the job was stopped first.
    """
    for _ in range(2):
        record = _await_once(house, job, watch)
        if record.failure.kind != "lost":
            return record
        house.observer.note(f"{job.job_id} was lost with its supervisor; it is started once more")
    raise ExecutorError(f"{job.job_id} was lost twice ({record.failure.message}); see whether memory runs out")


def _await_once(house: House, job: Job, watch: Callable[[LiveEvent], None] | None) -> RunRecord:
    offset, pause = 0, POLL_SECONDS[0]
    try:
        handle = house.executor.submit(job)
        while True:
            ended = house.executor.poll(handle).state != "running"
            if watch:
                events, offset = house.executor.events(handle, offset)
                for event in events:
                    watch(event)
            if ended:
                return house.executor.collect(handle)
            time.sleep(pause)
            pause = min(pause * 1.3, POLL_SECONDS[1])
    except Interrupted:
        _stop(house, job)
        raise


def _stop(house: House, job: Job) -> None:
    """Stop a job gracefully, also one whose submission was interrupted after it had begun."""
    try:
        handle = read_record(Path(job.folder) / JOB_NAME, JobHandle)
    except RecordError:
        return
    house.executor.cancel(handle)
