"""Scoring as a job for an executor; its paths are those of the runner's machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from dialectic.errors import CorruptRecord, DataError
from dialectic.state.run import Failure, Job, Limits, RunRecord, Score

ANSWER = "score.json"
SUFFIX = ":score"
DATA_FAULT = 3
"""Exit code of a scorer that cannot read the evaluation data: no fault of the candidate's."""


def scoring_job(
    run: Job, model: Path, prepare_py: Path, data: Path, profile: str, environment: Mapping[str, str], limits: Limits
) -> Job:
    """The job that scores what ``run`` handed over; ``environment`` is the whole environment of its process."""
    return Job(
        job_id=run.job_id + SUFFIX,
        experiment_id=run.experiment_id,
        folder=str(Path(run.folder) / "score"),
        command=[
            "{python}",
            "-m",
            "dialectic.scorer",
            str(model),
            "--prepare",
            str(prepare_py),
            "--cache",
            str(data),
            "--profile",
            profile,
        ],
        environment=dict(environment),
        limits=limits,
        answer=ANSWER,
    )


def read_answer(job: Job, record: RunRecord) -> Score | Failure:
    """The score, or why there is none: the scoring failed, or a check did not pass.

    Raises:
        DataError: the evaluation data are damaged: every candidate would fail.
        CorruptRecord: the scorer ended well and left no answer.
    """
    path = Path(job.folder) / ANSWER
    if record.exit_code == DATA_FAULT:
        raise DataError(record.failure.message or "the evaluation data cannot be read; run `python prepare.py` again")
    if record.status != "completed":
        return Failure(kind="score", message=f"scoring {record.status}: {record.failure.message}")
    try:
        score = Score.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise CorruptRecord(f"{path}: the scorer left no answer; run the command again") from error
    except ValidationError:
        return Failure(kind="score", message="the model's bits per byte are not a finite number")
    if score.failed_checks:
        numbers = ", ".join(f"{name} {score.checks[name].value:.3g}" for name in score.failed_checks)
        return Failure(kind="check", message=f"the model failed the scorer's checks: {numbers}")
    return score
