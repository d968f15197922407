"""The smoke profile's rules, honest hand-overs under them, and the scorer as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import prepare
from tests.forging import Bigram, hand_over

Process = subprocess.CompletedProcess[str]
Scorer = Callable[[Path], Process]


@pytest.fixture
def smoke(smoke_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a smoke run; the answer is the data folder."""
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    monkeypatch.setenv("DIALECTIC_PROFILE", "smoke")
    (data,) = (path.parent for path in smoke_cache.glob("*/tokenizer"))
    return data


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-over of the smoke profile that nothing is wrong with. Only to be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALECTIC_PROFILE", "smoke")
        path = tmp_path_factory.mktemp("honest") / "model.pt2"
        return hand_over(Bigram(prepare.PROFILES["smoke"].vocab_size), path)


@pytest.fixture
def score(smoke: Path) -> Scorer:
    """Runs the scorer's process on a file."""

    def run(model: Path) -> Process:
        command = [sys.executable, "-m", "dialectic.scorer", str(model), "--prepare", prepare.__file__]
        command += ["--cache", str(smoke), "--profile", "smoke"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=120)

    return run
