"""What every executor promises, run for each of them with the same jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialectic.errors import ExecutorError
from dialectic.executors import load
from dialectic.state.contracts import Executor
from dialectic.state.files import read_record
from dialectic.state.run import Job, JobHandle, Score
from tests.executors.conftest import MakeJob, until, wait, write_script

EVENTS = """
import json, sys
stream = open("live-events.ndjson", "w")
for seq, kind in enumerate(["run_started", "train_step"]):
    stream.write(json.dumps({"type": kind, "timestamp": "2026-11-21T05:22:00Z", "seq": seq, "step": seq}) + "\\n")
stream.flush()
"""
SUMMARY = "print('---'); print('training_seconds: 1.5'); print('depth:     4')"
SCORE = {"schema_version": 2, "val_bpb": 1.25, "holdout_bpb": 1.5, "tokens": 8192, "bytes": 24576}

CODE = {
    1: EVENTS + "open('model.pt2', 'w').write('model')\n" + SUMMARY,
    2: EVENTS + "import time; time.sleep(0.5)\n" + SUMMARY,
    3: EVENTS + "import time; time.sleep(60)",
    4: "raise RuntimeError('a scripted crash')",
    5: EVENTS + "print('FAIL: loss is nan at step 3'); sys.exit(1)",
    6: EVENTS + "raise MemoryError('CUDA out of memory.')",
    7: EVENTS + "raise ValueError('export failed: a scripted graph break')",
}
SCRIPT = {
    "default": {"val_bpb": 1.25, "holdout_bpb": 1.5, "metrics": {"training_seconds": 1.5}},
    "iterations": {
        "2": {"wait": 0.5},
        "3": {"wait": 60},
        "4": {"failure": "crash", "training_started": False},
        "5": {"failure": "nan"},
        "6": {"failure": "out-of-memory"},
        "7": {"failure": "export"},
    },
}


@pytest.fixture(params=["local", "scripted"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Executor:
    """Each executor in turn."""
    return new_executor(str(request.param), tmp_path)


def new_executor(name: str, tmp_path: Path) -> Executor:
    """One more object, as a new runner would have it."""
    options = {"script": write_script(tmp_path / "script.json", SCRIPT)} if name == "scripted" else {}
    return load(name, **options)


class TestExecutor:
    """The contract."""

    def job(self, make_job: MakeJob, iteration: int) -> Job:
        """The job that goes as iteration ``iteration`` of the script says."""
        outputs = ["model.pt2", "live-events.ndjson", "never-written"]
        return make_job(CODE[iteration], job_id=f"s:{iteration:03d}:1", outputs=outputs)

    def test_a_run_from_start_to_end(self, executor: Executor, make_job: MakeJob) -> None:
        job = self.job(make_job, 1)
        handle = executor.submit(job)
        assert wait(executor, handle) == "ended"
        record = executor.collect(handle)
        assert (record.execution_id, record.status, record.exit_code) == ("s:001:1", "completed", 0)
        assert record.failure.kind == "none"
        assert record.metrics["training_seconds"] == 1.5
        assert record.metrics["depth"] == 4
        assert record.training_started
        assert record.started_at <= record.ended_at
        assert (Path(job.folder) / "model.pt2").stat().st_size > 0
        assert (Path(job.folder) / "run.log").read_text().startswith("---\n")
        assert json.loads((Path(job.folder) / "exit.json").read_text())["schema_version"] == 2

    def test_collect_and_poll_say_the_same_every_time(self, executor: Executor, make_job: MakeJob) -> None:
        handle = executor.submit(self.job(make_job, 1))
        wait(executor, handle)
        assert executor.collect(handle) == executor.collect(handle)
        assert executor.poll(handle) == executor.poll(handle)

    def test_submitting_again_starts_nothing(self, executor: Executor, make_job: MakeJob, tmp_path: Path) -> None:
        job = self.job(make_job, 2)
        handle = executor.submit(job)
        again = new_executor(executor.name, tmp_path)
        assert again.submit(job) == handle
        assert executor.poll(handle).state == "running"
        wait(executor, handle)
        written = (Path(job.folder) / "exit.json").stat()
        assert again.submit(job) == handle
        assert (Path(job.folder) / "exit.json").stat().st_ino == written.st_ino
        assert again.collect(handle) == executor.collect(handle)

    def test_a_new_runner_finds_the_run(self, executor: Executor, make_job: MakeJob, tmp_path: Path) -> None:
        job = self.job(make_job, 2)
        submitted = executor.submit(job)
        handle = read_record(Path(job.folder) / "job.json", JobHandle)
        assert handle == submitted
        again = new_executor(executor.name, tmp_path)
        assert again.poll(handle).state == "running"
        assert wait(again, handle) == "ended"
        assert again.collect(handle).status == "completed"

    def test_events_are_read_once_each(self, executor: Executor, make_job: MakeJob) -> None:
        handle = executor.submit(self.job(make_job, 2))
        until(lambda: executor.events(handle, 0)[1])
        early, offset = executor.events(handle, 0)
        assert [event.type for event in early][:2] == ["run_started", "train_step"]
        wait(executor, handle)
        late, end = executor.events(handle, offset)
        everything, whole = executor.events(handle, 0)
        assert early + late == everything
        assert executor.events(handle, whole) == ([], end)

    def test_a_cancelled_run_is_interrupted(self, executor: Executor, make_job: MakeJob) -> None:
        handle = executor.submit(self.job(make_job, 3))
        executor.cancel(handle)
        assert executor.poll(handle).state == "ended"
        record = executor.collect(handle)
        assert (record.status, record.failure.kind) == ("interrupted", "interrupted")
        executor.cancel(handle)
        assert executor.collect(handle) == record

    def test_a_cancelled_run_tells_nothing_and_is_started_anew(self, executor: Executor, make_job: MakeJob) -> None:
        job = self.job(make_job, 3)
        executor.cancel(executor.submit(job))
        handle = executor.submit(job)
        assert executor.poll(handle).state == "running"
        assert not (Path(job.folder) / "exit.json").exists()
        executor.cancel(handle)

    def test_cancelling_an_ended_run_changes_nothing(self, executor: Executor, make_job: MakeJob) -> None:
        handle = executor.submit(self.job(make_job, 1))
        wait(executor, handle)
        executor.cancel(handle)
        assert executor.collect(handle).status == "completed"

    @pytest.mark.parametrize(
        ("iteration", "kind", "text", "trained"),
        [
            (4, "crash", "RuntimeError: a scripted crash", False),
            (5, "nan", "loss is nan at step 3", True),
            (6, "out-of-memory", "CUDA out of memory", True),
            (7, "export", "export failed: a scripted graph break", True),
        ],
    )
    def test_a_failure_is_a_record(
        self, executor: Executor, make_job: MakeJob, iteration: int, kind: str, text: str, trained: bool
    ) -> None:
        handle = executor.submit(self.job(make_job, iteration))
        wait(executor, handle)
        record = executor.collect(handle)
        assert (record.status, record.exit_code, record.failure.kind) == ("failed", 1, kind)
        assert text in record.failure.message
        assert record.training_started is trained

    def test_scoring_is_a_job_too(self, executor: Executor, make_job: MakeJob) -> None:
        code = f"import sys; print('{json.dumps(SCORE)}'); print('a warning', file=sys.stderr)"
        job = make_job(code, name="score", job_id="s:001:1:score", answer="score.json")
        handle = executor.submit(job)
        wait(executor, handle)
        assert executor.collect(handle).status == "completed"
        score = read_record(Path(job.folder) / "score.json", Score)
        assert (score.val_bpb, score.holdout_bpb) == (1.25, 1.5)

    def test_collecting_a_running_job_is_refused(self, executor: Executor, make_job: MakeJob) -> None:
        handle = executor.submit(self.job(make_job, 3))
        with pytest.raises(ExecutorError, match="still running"):
            executor.collect(handle)

    def test_a_folder_belongs_to_one_job(self, executor: Executor, make_job: MakeJob) -> None:
        executor.submit(self.job(make_job, 1))
        with pytest.raises(ExecutorError, match="belongs to s:001:1, not to s:002:1"):
            executor.submit(self.job(make_job, 2))

    @pytest.mark.parametrize("name", ["../model.pt2", "a/b", "/etc/passwd", "exit.json", "..", ""])
    def test_names_cannot_leave_the_folder(self, executor: Executor, make_job: MakeJob, name: str) -> None:
        with pytest.raises(ValueError, match="no plain file name"):
            executor.submit(make_job("pass", outputs=[name]))
