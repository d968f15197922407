# mypy: disable-error-code="no-untyped-call,no-any-return"
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import prepare
import train
from tests.train.tiny import tiny_model, tiny_tokens

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = [
    "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent", "total_tokens_M", "num_steps", "num_params_M",
    "depth",
]  # fmt: skip
STEP_FIELDS = {
    "type", "timestamp", "seq", "step", "epoch", "progress_pct", "training_seconds_elapsed", "remaining_seconds",
    "train_loss_raw", "train_loss_ema", "lr_multiplier", "muon_momentum", "muon_weight_decay", "step_dt_ms",
    "tokens_per_second", "mfu_percent_instant", "total_tokens_seen", "cuda",
}  # fmt: skip


def run(folder: Path, cache: Path, script: Path = ROOT / "train.py", **environment: str) -> tuple[int, str, list[Any]]:
    """train.py as the runner starts it: exit code, output and live events."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error::UserWarning:__main__",
        "DIALECTIC_CACHE": str(cache),
        "DIALECTIC_PROFILE": "smoke",
        "DIALECTIC_BUDGET": "1",
        "DIALECTIC_RUN_DIR": str(folder),
        "DIALECTIC_LIVE_EVENTS": str(folder / "events.ndjson"),
        "DIALECTIC_RUN_SEED": "5",
        "OMP_WAIT_POLICY": "PASSIVE",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, timeout=120, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    return done.returncode, done.stdout, events


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, smoke_cache: Path) -> tuple[Path, str, list[Any]]:
    folder = tmp_path_factory.mktemp("run")
    code, output, events = run(folder, smoke_cache)
    assert code == 0, output
    return folder, output, events


def test_summary_lines(finished: tuple[Path, str, list[Any]]) -> None:
    _, output, events = finished
    lines = output.split("---\n")[1].splitlines()
    summary = {name: float(value) for name, value in (line.split(":") for line in lines)}
    assert list(summary) == SUMMARY
    assert summary["depth"] == prepare.PROFILES["smoke"].depth
    assert summary["num_steps"] > 1
    assert 1 <= summary["training_seconds"] < summary["total_seconds"]
    assert summary["peak_vram_mb"] == summary["mfu_percent"] == 0
    assert events[-1]["type"] == "run_summary"
    assert {name: round(events[-1][name], 1) for name in SUMMARY} == {name: round(summary[name], 1) for name in SUMMARY}


def test_events_tell_the_whole_run(finished: tuple[Path, str, list[Any]]) -> None:
    _, _, events = finished
    kinds = [event["type"] for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-3:] == ["eval_started", "handed_over", "run_summary"]
    steps = [event for event in events if event["type"] == "train_step"]
    assert steps
    assert set(steps[0]) == STEP_FIELDS
    assert events[0]["attention_backend"] == "sdpa"
    assert events[0]["grad_accum_steps"] == 1
    assert events[0]["param_counts"]["total"] > 0
    assert events[0]["time_budget_s"] == 1


def test_it_learns_and_says_what_it_runs_on(finished: tuple[Path, str, list[Any]]) -> None:
    _, output, _ = finished
    losses = [float(value) for value in re.findall(r"loss ([\d.]+)", output)]
    assert losses[-1] < losses[0] - 0.5
    assert "profile smoke, device cpu, attention sdpa, seed 5" in output
    assert "\r" not in output


def test_the_model_is_handed_over(finished: tuple[Path, str, list[Any]]) -> None:
    folder, _, _ = finished
    profile = prepare.PROFILES["smoke"]
    program = torch.export.load(folder / "model.pt2").module()
    logits = program(torch.zeros(profile.eval_batch, profile.sequence_length, dtype=torch.int64))
    assert logits.shape[:2] == (profile.eval_batch, profile.sequence_length)
    assert torch.isfinite(logits).all()


def changed_train(folder: Path, old: str, new: str) -> Path:
    text = (ROOT / "train.py").read_text()
    assert old in text
    path = folder / "train.py"
    path.write_text(text.replace(old, new))
    return path


def test_a_loss_that_is_not_a_number_ends_the_run(tmp_path: Path, smoke_cache: Path) -> None:
    script = changed_train(tmp_path, "MATRIX_LR = 0.04", "MATRIX_LR = 1e38")
    code, output, events = run(tmp_path, smoke_cache, script)
    assert code == 1
    failure = re.search(r"^FAIL: loss is nan at step (\d+)$", output, re.MULTILINE)
    assert failure, output
    assert "---" not in output
    assert events[-1]["type"] == "run_failed"
    assert events[-1]["step"] == int(failure[1])
    assert events[-1]["reason"] == f"loss is nan at step {failure[1]}"
    assert not (tmp_path / "model.pt2").exists()


def test_out_of_memory_keeps_its_traceback(tmp_path: Path, smoke_cache: Path) -> None:
    raising = "raise torch.OutOfMemoryError('no memory left')"
    script = changed_train(tmp_path, "    batch = next(batches)\n    warm_up", f"    {raising}\n    warm_up")
    code, output, events = run(tmp_path, smoke_cache, script)
    assert code == 1
    assert "Traceback" in output
    assert "no memory left" in output
    assert events[-1]["type"] == "run_failed"


def test_batch_sizes_that_do_not_fit_are_refused(tmp_path: Path, smoke_cache: Path) -> None:
    script = changed_train(tmp_path, "TOTAL_BATCH_SIZE = PROFILE.total_batch_size", "TOTAL_BATCH_SIZE = 1000")
    (tmp_path / "events.ndjson").touch()
    code, output, _ = run(tmp_path, smoke_cache, script)
    assert code == 1
    assert output.splitlines()[-1].startswith("ValueError: TOTAL_BATCH_SIZE 1000 is not a multiple of")


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No output, no file, no data needed, no random number drawn, no setting changed."""
    code = (
        "import torch; torch.manual_seed(3); s = torch.get_rng_state(); p = torch.get_float32_matmul_precision();"
        "import train; assert torch.equal(s, torch.get_rng_state()); assert p == torch.get_float32_matmul_precision()"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DIALECTIC_PROFILE": "h100",
        "HOME": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []


def batches(model: train.GPT, rows: int) -> Iterator[train.Batch]:
    tokens = tiny_tokens(model, batch=4)
    parts = list(zip(tokens.split(rows), tokens.roll(-1, 1).split(rows), strict=True))
    while True:
        for inputs, targets in parts:
            yield inputs, targets, 1


def weights_after_a_step(rows: int) -> tuple[Tensor, float]:
    model = tiny_model()
    optimizers = train.build_optimizers(model, compiled=False)
    source = batches(model, rows)
    loss, following = train.train_step(model, optimizers, next(source), source, accumulation=4 // rows)
    assert torch.equal(following[0], tiny_tokens(model, batch=4)[:rows])  # the batch to begin the next step with
    assert all(parameter.grad is None for parameter in model.parameters())
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]), loss.item()


def test_accumulation_changes_nothing_but_memory() -> None:
    (whole, loss), (split, split_loss) = weights_after_a_step(4), weights_after_a_step(1)
    assert loss == pytest.approx(split_loss, rel=1e-5)
    # AdamW's first step is the sign of the gradient, so that a gradient of nearly zero may land on either side.
    assert (whole - split).abs().gt(1e-3).float().mean() < 0.01


def test_warm_up_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "PROFILE", prepare.PROFILES["h100"])  # three steps of warm-up
    model = tiny_model()
    optimizers = train.build_optimizers(model, compiled=False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    seen = []

    def loss_of(tokens: Tensor, targets: Tensor) -> Tensor:
        seen.append(model.head.weight.detach().clone())
        loss: Tensor = model(tokens, targets)
        return loss

    batch = next(batches(model, 4))
    train.warm_up(model, loss_of, optimizers, batch, accumulation=1)
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1])  # real steps, as slow as those that count
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert not any(optimizer.state for optimizer in optimizers)
    train.train_step(model, optimizers, batch, repeat(batch), accumulation=1)


def test_sizes_follow_the_profile() -> None:
    profile = prepare.PROFILE
    config = train.build_config(100)
    assert (config.depth, config.sequence_length) == (profile.depth, profile.sequence_length)
    assert config.width >= profile.depth * profile.aspect_ratio
    assert config.width - profile.depth * profile.aspect_ratio < profile.head_dim


def test_plain_progress_comes_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    display = train.Progress()
    for percent in range(101):
        display.show(f"at {percent}", percent / 100)
    assert capsys.readouterr().out.split() == [word for n in range(0, 101, 10) for word in ("at", str(n))]


def test_progress_on_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    display = train.Progress()
    display.terminal = True
    display.show("half", 0.5)
    display.show("whole", 1.0)
    assert capsys.readouterr().out == "\rhalf\x1b[K\rwhole\x1b[K\n"


def test_peak_flops_of_a_cpu_is_unknown() -> None:
    assert train.peak_flops(torch.device("cpu")) == 0
    assert train.memory_mb(torch.device("cpu")) == {}
