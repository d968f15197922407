"""The scorer's checks on plain functions, and the whole process on one exported graph."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch
from torch import Tensor, nn

import prepare
from dialectic.scorer.job import read_answer, scoring_job
from dialectic.scorer.measure import run_checks
from dialectic.state.run import Failure, Job, Limits, RunRecord, Score

if TYPE_CHECKING:
    from dialectic.scorer.measure import LogitsFn

VOCABULARY = 16
PROFILE = SimpleNamespace(device="cpu", eval_batch=2, sequence_length=8, vocab_size=VOCABULARY)
MODULE = cast("ModuleType", SimpleNamespace(PROFILE=PROFILE))


def table(tokens: Tensor) -> Tensor:
    """A bigram model: causal, deterministic, finite."""
    return torch.sin(torch.arange(VOCABULARY) * (tokens.unsqueeze(-1) + 1.0))


def peeking(tokens: Tensor) -> Tensor:
    """Every position sees the last token."""
    return table(tokens) + tokens[:, -1:].unsqueeze(-1)


def failed(logits_fn: LogitsFn) -> list[str]:
    checks = run_checks(logits_fn, MODULE)
    return [name for name, check in checks.items() if not check.passed]


def test_an_honest_model_passes_every_check() -> None:
    assert failed(table) == []


def test_a_model_that_sees_the_future_is_caught() -> None:
    assert failed(peeking) == ["causal"]


def test_a_model_with_state_or_noise_is_caught() -> None:
    assert "deterministic" in failed(lambda tokens: table(tokens) + torch.rand(1))


def test_logits_that_are_no_numbers_are_caught() -> None:
    assert "finite" in failed(lambda tokens: table(tokens) * math.nan)


def test_a_wrong_shape_is_caught() -> None:
    assert failed(lambda tokens: table(tokens)[..., :-1]) == ["shape"]


class Bigram(nn.Module):
    """A module that exports to a few operators."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, vocabulary)
        nn.init.zeros_(self.table.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        return cast("Tensor", self.table(tokens))


def test_the_process_scores_an_exported_graph(
    tmp_path: Path, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = prepare.PROFILES["smoke"]
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    monkeypatch.setenv("DIALECTIC_PROFILE", "smoke")
    monkeypatch.setenv("DIALECTIC_RUN_DIR", str(tmp_path))
    prepare.hand_over(Bigram(profile.vocab_size))
    (data,) = (path.parent for path in smoke_cache.glob("*/tokenizer"))
    command = [sys.executable, "-m", "dialectic.scorer", str(tmp_path / "model.pt2")]
    flags = ["--prepare", "prepare.py", "--cache", str(data), "--profile", "smoke"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    score = Score.model_validate(json.loads(done.stdout))
    # Equal logits cost ln V nats a token, whatever the text; the few special tokens among the targets cost nothing.
    every_token = score.tokens * math.log2(profile.vocab_size) / score.bytes
    assert 0.99 * every_token < score.val_bpb < every_token
    assert score.failed_checks == []
    assert score.holdout_bpb != score.val_bpb


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"not an archive")
    command = [sys.executable, "-m", "dialectic.scorer", str(tmp_path / "model.pt2")]
    flags = ["--prepare", "prepare.py", "--cache", str(tmp_path), "--profile", "smoke"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip().splitlines()[-1].startswith("scoring failed: ")


RUN = Job(job_id="s:002:1", folder="/runs/002", command=["{python}", "train.py"], limits=Limits(wall_seconds=1))


def scored(tmp_path: Path, answer: str | None, status: str = "completed") -> Score | Failure:
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


def test_answers_that_are_no_scores_are_failures(tmp_path: Path) -> None:
    nothing = '{"val_bpb": NaN, "holdout_bpb": 1.0, "tokens": 1, "bytes": 1}'
    assert isinstance(scored(tmp_path, nothing), Failure)
    checks = '"checks": {"causal": {"passed": false, "value": 3}}'
    failure = scored(tmp_path, f'{{"val_bpb": 1.0, "holdout_bpb": 1.0, "tokens": 1, "bytes": 1, {checks}}}')
    assert isinstance(failure, Failure)
    assert failure.message == "the model failed the scorer's checks: causal 3"
    assert isinstance(scored(tmp_path, None, status="timed_out"), Failure)
    good = scored(tmp_path, '{"val_bpb": 1.0, "holdout_bpb": 1.1, "tokens": 1, "bytes": 1}')
    assert isinstance(good, Score)
