"""The scripted executor's own promises: the script's format, its numbers and its faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialectic.errors import ExecutorError, UsageError
from dialectic.executors.script import read_script
from dialectic.executors.scripted import ScriptedExecutor
from dialectic.state.files import read_record
from dialectic.state.run import Score
from tests.executors.conftest import MakeJob, write_script


def executor(tmp_path: Path, part: object) -> ScriptedExecutor:
    """An executor of this script."""
    return ScriptedExecutor(write_script(tmp_path / "script.json", part))


def score(scripted: ScriptedExecutor, make_job: MakeJob, job_id: str) -> Score:
    """What scoring the run ``job_id`` gives."""
    job = make_job("", name=f"score of {job_id}".replace(":", "-"), job_id=f"{job_id}:score", answer="score.json")
    assert scripted.collect(scripted.submit(job)).status == "completed"
    return read_record(Path(job.folder) / "score.json", Score)


def test_entries_by_iteration_and_run(tmp_path: Path, make_job: MakeJob) -> None:
    part = {
        "default": {"val_bpb": 2.0, "tokens": 99},
        "iterations": {
            "2": [{"val_bpb": 1.9}, {"val_bpb": 1.8}],
            "003": {"holdout_bpb": 1.7},
            "confirm": {"val_bpb": 1.6},
        },
    }
    scripted = executor(tmp_path, part)
    found = {
        job_id: score(scripted, make_job, job_id)
        for job_id in ("s:001:1", "s:002:1", "s:002:2", "s:002:9", "s:003:1", "s:confirm:4")
    }
    assert [each.val_bpb for each in found.values()] == [2.0, 1.9, 1.8, 1.8, 2.0, 1.6]
    assert found["s:003:1"].holdout_bpb == 1.7
    assert found["s:002:2"].tokens == 99


def test_noise_is_the_same_for_the_same_run_only(tmp_path: Path, make_job: MakeJob) -> None:
    scripted = executor(tmp_path, {"default": {"noise": 0.01}})
    scores = [score(scripted, make_job, f"s:{number:03d}:1").val_bpb for number in range(1, 200)]
    assert score(executor(tmp_path, {"default": {"noise": 0.01}}), make_job, "s:001:1").val_bpb == scores[0]
    mean = sum(scores) / len(scores)
    spread = (sum((each - mean) ** 2 for each in scores) / (len(scores) - 1)) ** 0.5
    assert abs(mean - 2.0) < 0.003
    assert 0.008 < spread < 0.012


def test_a_model_and_a_log_are_left(tmp_path: Path, make_job: MakeJob) -> None:
    part = {
        "default": {"log": "hello", "seconds": 30, "metrics": {"depth": 6}, "events": [{"type": "train_step", "x": 1}]}
    }
    job = make_job("", outputs=["model.pt2", "live-events.ndjson"])
    scripted = executor(tmp_path, part)
    handle = scripted.submit(job)
    record = scripted.collect(handle)
    assert (record.wall_seconds, record.metrics["depth"], record.metrics["training_seconds"]) == (30, 6, 30)
    assert "val_bpb" not in record.metrics
    assert (Path(job.folder) / "run.log").read_text().startswith("hello\n---\n")
    assert (Path(job.folder) / "model.pt2").exists()
    assert [event.fields for event in scripted.events(handle, 0)[0]] == [{"x": 1}]


@pytest.mark.parametrize(
    ("entry", "status", "kind", "code"),
    [
        ({"failure": "timeout", "exit_code": 137}, "timed_out", "timeout", 137),
        ({"failure": "hang"}, "timed_out", "hang", 143),
        ({"failure": "disk", "message": "wrote 9 MB"}, "failed", "disk", 137),
        ({"failure": "interrupted"}, "interrupted", "interrupted", 143),
        ({"failure": "lost"}, "failed", "lost", -1),
        ({"failure": "crash", "message": "ValueError: mine", "exit_code": 2}, "failed", "crash", 2),
        ({"failure": "score"}, "completed", "none", 0),
        ({"exit_code": 137}, "failed", "out-of-memory", 137),
    ],
)
def test_every_failure(
    tmp_path: Path, make_job: MakeJob, entry: dict[str, object], status: str, kind: str, code: int
) -> None:
    scripted = executor(tmp_path, {"iterations": {"1": entry}})
    job = make_job("", outputs=["model.pt2"])
    record = scripted.collect(scripted.submit(job))
    assert (record.status, record.failure.kind, record.exit_code) == (status, kind, code)
    assert str(entry.get("message", "")) in record.failure.message


def test_scoring_can_fail(tmp_path: Path, make_job: MakeJob) -> None:
    scripted = executor(tmp_path, {"default": {"failure": "score", "message": "RuntimeError: not causal"}})
    job = make_job("", job_id="s:001:1:score", answer="score.json")
    record = scripted.collect(scripted.submit(job))
    assert record.failure.message == "RuntimeError: not causal (exit code 1)"
    assert (Path(job.folder) / "score.json").read_text() == ""


def test_the_machine_can_fail(tmp_path: Path, make_job: MakeJob) -> None:
    scripted = executor(tmp_path, {"iterations": {"1": {"fault": "machine"}, "2": {"fault": "score-machine"}}})
    with pytest.raises(ExecutorError, match="the scripted machine cannot be reached"):
        scripted.submit(make_job("", name="first"))
    scripted.submit(make_job("", name="second", job_id="s:002:1"))
    with pytest.raises(ExecutorError, match="the scripted machine cannot be reached"):
        scripted.submit(make_job("", name="third", job_id="s:002:1:score"))


def test_the_machine_can_recover(tmp_path: Path, make_job: MakeJob) -> None:
    scripted = executor(tmp_path, {"default": {"fault": "machine", "faults": 2}})
    job = make_job("")
    for _ in range(2):
        with pytest.raises(ExecutorError, match="cannot be reached"):
            scripted.submit(job)
    assert scripted.collect(scripted.submit(job)).status == "completed"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ([], "executor: must be an object"),
        ({"defaults": {}}, "executor: must be an object with default and iterations"),
        ({"default": {"val_bpb": "low"}}, "executor.default.val_bpb: Input should be a valid number"),
        ({"default": {"valbpb": 2}}, "executor.default.valbpb: Extra inputs are not permitted"),
        ({"iterations": []}, "executor.iterations: must be an object"),
        ({"iterations": {"2": []}}, "executor.iterations.2: an empty list"),
        ({"iterations": {"2": [{}, 7]}}, "executor.iterations.2: must be an object"),
        ({"iterations": {"2": {"failure": "boom"}}}, "executor.iterations.2.failure: Input should be"),
        ({"iterations": {"2": {"events": [{"step": 1}]}}}, "every event needs a type"),
    ],
)
def test_a_wrong_script_is_one_line_that_names_the_place(tmp_path: Path, part: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        executor(tmp_path, part)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "script.json") in str(caught.value)


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        read_script(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match="is not valid JSON"):
        read_script(tmp_path / "broken.json")
    with pytest.raises(UsageError, match="add --script FILE"):
        ScriptedExecutor()


def test_a_run_that_a_killed_runner_left_half_staged_is_staged_again(tmp_path: Path, make_job: MakeJob) -> None:
    scripted = executor(tmp_path, {"default": {"wait": 60}})
    job = make_job("")
    handle = scripted.submit(job)
    (Path(job.folder) / "work" / "scripted-exit.json").unlink()
    assert scripted.poll(handle).state == "lost"
    assert scripted.poll(scripted.submit(job)).state == "running"
    assert json.loads((Path(job.folder) / "job.json").read_text())["executor"] == "scripted"
