"""Numbers and verdicts in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.cli import words
from tests.state.test_measured import verdict


def test_a_verdict_names_what_was_measured_and_what_of_it_is_believed() -> None:
    told = "\n".join(words.explained(verdict([2.02]), is_baseline=False))
    assert "measured +0.0200 ± 0.0500 bpb against the incumbent's estimate, by 1 run" in told
    assert "estimated effect -0.0010 ± 0.0100 bpb: a noisy measurement is believed only in part" in told
    twice = "\n".join(words.explained(verdict([2.02, 2.04]), is_baseline=False))
    assert "measured +0.0300 ± 0.0412 bpb against the incumbent's estimate, by the mean of 2 runs" in twice


def test_a_baseline_is_compared_with_nothing() -> None:
    (line,) = words.explained(verdict([2.02], delta=None), is_baseline=True)
    assert "measured" not in line


def test_a_hint_names_the_research_folder_unless_the_command_finds_it_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    research = tmp_path / "my research"
    research.mkdir()
    monkeypatch.delenv("DIALECTIC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert words.command(research, "adopt --session one") == "dialectic adopt --session one --root 'my research'"
    assert words.command(tmp_path, "adopt") == "dialectic adopt"
    monkeypatch.setenv("DIALECTIC_ROOT", str(research))
    assert words.command(research, "adopt") == "dialectic adopt"
    assert words.command(tmp_path, "adopt") == "dialectic adopt --root ."


def test_a_keep_whose_own_run_was_no_better_says_why() -> None:
    worse = "\n".join(words.explained(verdict([2.02]).model_copy(update={"decision": "keep"}), False))
    better = "\n".join(words.explained(verdict([1.9]).model_copy(update={"decision": "keep"}), False))
    assert "kept although its own run was no better" in worse
    assert "kept although" not in better
