"""Numbers and verdicts in words."""

from __future__ import annotations

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
