"""The whole process on one exported graph, and what becomes of its answer."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import prepare
from dialectic.scorer.job import REFUSED, read_answer, readable, scoring_job
from dialectic.state.run import Failure, Job, Limits, RunRecord, Score
from tests.scorer.conftest import Scorer


def test_the_process_scores_an_exported_graph(honest: Path, score: Scorer) -> None:
    done = score(honest)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    told = Score.model_validate(json.loads(done.stdout))
    # Equal logits cost ln V nats a token, whatever the text; the few special tokens among the targets cost nothing.
    every_token = told.tokens * math.log2(prepare.PROFILES["smoke"].vocab_size) / told.bytes
    assert 0.99 * every_token < told.val_bpb < every_token
    assert told.failed_checks == []
    assert told.checks.keys() == {"finite", "rows", "causal", "leak", "deterministic"}
    assert told.holdout_bpb != told.val_bpb


def test_what_libraries_print_is_no_answer() -> None:
    program = (
        "import os\nfrom dialectic.scorer.__main__ import only_channel\n"
        "answer = only_channel()\nprint('chatter', flush=True)\nos.write(1, b'more')\n"
        "with answer:\n    answer.write('the answer')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "the answer"
    assert done.stderr == "chatter\nmore"


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"not an archive")
    command = [sys.executable, "-m", "dialectic.scorer", str(tmp_path / "model.pt2")]
    flags = ["--prepare", "prepare.py", "--cache", str(tmp_path), "--profile", "smoke"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].startswith("scoring failed: ")


RUN = Job(job_id="s:002:1", folder="/runs/002", command=["{python}", "train.py"], limits=Limits(wall_seconds=1))


def scored(tmp_path: Path, answer: str | None, status: str = "completed", **more: object) -> Score | Failure:
    job = scoring_job(RUN, Path("m"), Path("p"), Path("d"), "smoke", {}, Limits(wall_seconds=1))
    job = job.model_copy(update={"folder": str(tmp_path)})
    if answer is not None:
        (tmp_path / job.answer).write_text(answer, "utf-8")
    record = RunRecord.model_validate(
        {
            "execution_id": job.job_id,
            "status": status,
            "exit_code": 0,
            "started_at": "t",
            "ended_at": "t",
            "wall_seconds": 1.0,
            "cpu_seconds": 1.0,
            "max_rss_mb": 1.0,
        }
        | more
    )
    return read_answer(job, record)


def test_the_pinned_prepare_leaves_no_cache_beside_itself(tmp_path: Path) -> None:
    pinned = shutil.copy(prepare.__file__, tmp_path)
    program = (
        "import pathlib, sys\nfrom dialectic.scorer.measure import load_module\nload_module(pathlib.Path(sys.argv[1]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", program, pinned], env=environment, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["prepare.py"]


def test_the_scoring_is_a_job_of_its_own() -> None:
    job = scoring_job(RUN, Path("m"), Path("p"), Path("d"), "smoke", {"LANG": "C"}, Limits(wall_seconds=1))
    assert job.job_id == "s:002:1:score"
    assert job.folder == "/runs/002/score"
    assert job.environment == {"LANG": "C"}
    assert readable(job) == ["m", "p", "d"]


def test_a_refused_file_is_a_failed_check(tmp_path: Path) -> None:
    said = {"kind": "crash", "message": "model refused: symbol: 's0' stands there (exit code 4)"}
    failure = scored(tmp_path, None, status="failed", exit_code=REFUSED, failure=said)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == ("check", "model refused: symbol: 's0' stands there")


def test_answers_that_are_no_scores_are_failures(tmp_path: Path) -> None:
    nothing = '{"val_bpb": NaN, "holdout_bpb": 1.0, "tokens": 1, "bytes": 1}'
    assert isinstance(scored(tmp_path, nothing), Failure)
    checks = '"checks": {"causal": {"passed": false, "value": 3, "limit": 1e-3}}'
    failure = scored(tmp_path, f'{{"val_bpb": 1.0, "holdout_bpb": 1.0, "tokens": 1, "bytes": 1, {checks}}}')
    assert isinstance(failure, Failure)
    assert failure.message == "the model failed the scorer's checks: causal 3 (at most 0.001)"
    assert isinstance(scored(tmp_path, None, status="timed_out"), Failure)
    good = scored(tmp_path, '{"val_bpb": 1.0, "holdout_bpb": 1.1, "tokens": 1, "bytes": 1}')
    assert isinstance(good, Score)
