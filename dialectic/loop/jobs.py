"""Waiting for a job, whoever started it.

An executor finds a job again by its folder: submitting one that runs or has ended starts nothing. So a runner that
goes on where another was killed waits for the run that survived, takes the answer of the one that has ended, and
starts the one that never was, all in the same words.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from dialectic.errors import ExecutorError, Interrupted, RecordError
from dialectic.executors.folder import JOB_NAME
from dialectic.loop.house import House
from dialectic.state.files import read_record
from dialectic.state.run import Job, JobHandle, LiveEvent, RunRecord

POLL_SECONDS = (0.02, 0.1)
"""Between two looks at a job: first often, so that a short one costs nothing, then seldom."""
MACHINE_TRIES = 5
MACHINE_WAIT: wait_base = wait_exponential(exp_base=4, max=60)
"""Between two tries of a machine that fails: 1, 4, 16 and 60 s."""


def await_job(house: House, job: Job, watch: Callable[[LiveEvent], None] | None = None) -> RunRecord:
    """Submit ``job`` and wait for its end; one that was lost with its supervisor is started once more.

    A machine that fails is tried again for a while: only one that stays away ends the session. A job that is lost again
    is its candidate's failure, unless that happened to the candidate before it, too.

    Raises:
        ExecutorError: the machine cannot be used, or cannot hold any run.
        Interrupted: the user stopped the session; the job was stopped first.
    """
    record = _patiently(house, job, watch)
    if record.failure.kind == "lost":
        house.observer.note(f"{job.job_id} was lost with its supervisor; it is started once more")
        record = _patiently(house, job, watch)
    if record.failure.kind == "lost" and _holds_nothing(house):
        raise ExecutorError(f"{job.job_id} was lost twice ({record.failure.message}); see whether memory runs out")
    return record


def _holds_nothing(house: House) -> bool:
    """Whether the candidate before was lost as well; the baseline has none before it, and runs as it was found."""
    results = [result for _, result, _ in house.history if result is not None]
    return not results or results[-1].failure.kind == "lost"


def _patiently(house: House, job: Job, watch: Callable[[LiveEvent], None] | None) -> RunRecord:
    """Wait for a job through failures of the machine; submitting it again starts nothing that runs or has ended."""

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        house.observer.note(f"{error}; tried again in {state.upcoming_sleep:.0f} s")

    patient = Retrying(
        retry=retry_if_exception_type(ExecutorError),
        stop=stop_after_attempt(MACHINE_TRIES),
        wait=MACHINE_WAIT,
        before_sleep=tell,
        reraise=True,
    )
    return patient(_await_once, house, job, watch)


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
