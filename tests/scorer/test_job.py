"""The scoring as a job of the local executor: what comes back over its pipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import prepare
from dialectic.executors.local import LocalExecutor
from dialectic.scorer.job import read_answer, scoring_job
from dialectic.state.run import Failure, Job, Limits, Score
from tests.executors.conftest import ENVIRONMENT, wait
from tests.forging import RUNS_CODE, forged

Answer = Callable[[Path], Score | Failure]


@pytest.fixture
def answer(smoke: Path, tmp_path: Path) -> Answer:
    """Scores a file under the supervisor, as a session does."""

    def run(model: Path) -> Score | Failure:
        trained = Job(job_id="s:002:1", folder=str(tmp_path), command=["true"], limits=Limits(wall_seconds=1))
        limits = Limits(wall_seconds=170)
        job = scoring_job(trained, model, Path(prepare.__file__), smoke, "smoke", ENVIRONMENT, limits)
        executor = LocalExecutor()
        handle = executor.submit(job)
        wait(executor, handle, 170)
        return read_answer(job, executor.collect(handle))

    return run


def test_an_honest_file_has_a_score(answer: Answer, honest: Path) -> None:
    score = answer(honest)
    assert isinstance(score, Score)
    assert score.val_bpb > 0


def test_a_forged_file_is_a_failed_check_with_the_rules_name(answer: Answer, honest: Path, tmp_path: Path) -> None:
    forge, rule = RUNS_CODE["pickled weight"]
    failure = answer(forged(honest, tmp_path / "model.pt2", forge, tmp_path / "marker"))
    assert failure == Failure(kind="check", message=f"model refused: {rule}: 'weight_0' in its weights is pickled")
    assert not (tmp_path / "marker").exists()


def test_a_damaged_file_is_no_score(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"not an archive")
    failure = answer(tmp_path / "model.pt2")
    assert isinstance(failure, Failure)
    assert failure.kind == "score"
    assert "model.pt2 is damaged or not an exported graph" in failure.message
