"""Profiles, how one is chosen, and what `--describe` says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import prepare

PREPARE = Path(prepare.__file__)


@pytest.mark.parametrize("profile", prepare.PROFILES.values(), ids=lambda profile: str(profile.name))
def test_sizes_fit_together(profile: prepare.Profile) -> None:
    logits = profile.eval_batch * profile.sequence_length * profile.vocab_size * 4
    assert 4 * logits <= 2e9
    assert profile.total_batch_size % (profile.device_batch_size * profile.sequence_length) == 0
    assert profile.depth * profile.aspect_ratio % profile.head_dim == 0
    assert profile.vocab_size <= 2**16  # token shards are uint16
    assert profile.corpus in prepare.CORPORA
    assert profile.clock in ("wall", "cpu")
    assert set(profile.window_pattern) <= {"S", "L"}


def test_h100_is_what_was_published() -> None:
    profile = prepare.PROFILES["h100"]
    assert (profile.sequence_length, profile.vocab_size, profile.time_budget, profile.clock) == (
        2048,
        8192,
        300,
        "wall",
    )
    assert (profile.eval_tokens, profile.train_shards, profile.corpus) == (40 * 524288, 10, "climbmix")
    assert (profile.depth, profile.aspect_ratio, profile.head_dim) == (8, 64, 128)
    assert (profile.device_batch_size, profile.total_batch_size, profile.window_pattern) == (128, 2**19, "SSSL")
    assert (prepare.PACKING_BUFFER, prepare.PACKING_REFILL) == (1000, 128)
    assert (prepare.TOKENIZER_CHARS, prepare.TOKENIZER_CHARS_PER_DOCUMENT) == (10**9, 10_000)
    assert len(prepare.SPECIAL_TOKENS) == 4


def test_the_profile_is_looked_up_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_PROFILE", "gpu-12gb")
    assert prepare.PROFILE.name == "gpu-12gb"
    monkeypatch.setenv("DIALECTIC_PROFILE", "cpu")
    monkeypatch.setenv("DIALECTIC_BUDGET", "7.5")
    assert prepare.PROFILE.time_budget == 7.5
    monkeypatch.delenv("DIALECTIC_PROFILE")
    assert prepare.PROFILE.name == prepare.detect_profile()[0]
    with pytest.raises(AttributeError):
        prepare.NO_SUCH_NAME  # noqa: B018


def test_a_name_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_PROFILE", "mps")
    assert prepare.select_profile("smoke")[0].name == "smoke"
    assert prepare.select_profile() == (prepare.PROFILES["mps"], "named by DIALECTIC_PROFILE")


@pytest.mark.parametrize("budget", ["0", "-3", "nan", "inf", "soon"])
def test_a_senseless_budget_is_refused(monkeypatch: pytest.MonkeyPatch, budget: str) -> None:
    monkeypatch.setenv("DIALECTIC_BUDGET", budget)
    with pytest.raises(prepare.UsageError, match="not a positive number of seconds"):
        prepare.select_profile("smoke")


def test_run_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALECTIC_RUN_SEED", raising=False)
    assert prepare.run_seed() == 0
    monkeypatch.setenv("DIALECTIC_RUN_SEED", "12345678901234567890")
    assert prepare.run_seed() == 12345678901234567890
    monkeypatch.setenv("DIALECTIC_RUN_SEED", "-1")
    with pytest.raises(prepare.UsageError):
        prepare.run_seed()


def test_importing_is_cheap_and_silent() -> None:
    heavy = "{'torch', 'pyarrow', 'rustbpe', 'tiktoken', 'httpx', 'scipy'}"
    code = f"import sys, prepare; assert not {heavy} & set(sys.modules), sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=PREPARE.parent, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_describe_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(tmp_path / "none yet"))
    monkeypatch.setenv("DIALECTIC_BUDGET", "5")
    code = "import sys, prepare; prepare.main(sys.argv[1:]); assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, "--describe", "--profile", "cpu"]
    done = subprocess.run(command, cwd=PREPARE.parent, capture_output=True, text=True, check=True)
    described = json.loads(done.stdout)
    assert described["profile"] == asdict(prepare.PROFILES["cpu"]) | {"time_budget": 5.0}
    assert described["corpus"] == "stdlib"
    assert described["ready"] is False
    assert described["data_folder"] == str(tmp_path / "none yet" / described["fingerprint"])
    assert described["reason"] == "asked for by name"
    assert not (tmp_path / "none yet").exists()


def test_describe_knows_ready_data(smoke: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["--describe"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["ready"] is True
    assert Path(described["data_folder"]).parent == smoke
    # The runner hands the data folder itself to a run.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALECTIC_CACHE", described["data_folder"])
        assert prepare.main(["--describe"]) == 0
    assert json.loads(capsys.readouterr().out) == described


def test_the_fingerprint_changes_with_the_data_only() -> None:
    profiles = prepare.PROFILES
    assert prepare.fingerprint(profiles["h100"], "climbmix", 10) != prepare.fingerprint(profiles["h100"], "climbmix", 4)
    assert prepare.fingerprint(profiles["h100"], "climbmix", 4) == prepare.fingerprint(
        profiles["gpu-24gb"], "climbmix", 4
    )
    assert prepare.fingerprint(profiles["cpu"], "stdlib", 1) != prepare.fingerprint(profiles["smoke"], "stdlib", 1)
    assert prepare.fingerprint(profiles["cpu"], "stdlib", 1) == prepare.fingerprint(profiles["cpu"], "stdlib", 9)
    assert prepare.fingerprint(profiles["cpu"], "tinystories", 1) != prepare.fingerprint(profiles["cpu"], "stdlib", 1)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--profile", "h200"], "h100, gpu-24gb, gpu-12gb, mps, cpu, smoke"),
        (["--profile", "cpu", "--corpus", "wiki"], "climbmix, tinystories, stdlib"),
        (["--profile", "cpu", "--num-shards", "0"], "between 1 and 6541"),
        (["--profile", "cpu", "--num-shards", "6542"], "between 1 and 6541"),
    ],
)
def test_unknown_names_are_one_line(arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert names in output.err
