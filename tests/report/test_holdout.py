"""The gap between hold-out and validation, along the incumbents of a session."""

from __future__ import annotations

from collections.abc import Sequence

from dialectic.knowledge import Iteration
from dialectic.report.holdout import gap
from tests.knowledge.histories import START
from tests.report.nights import judged, material


def with_gaps(night: Sequence[Iteration], gaps: Sequence[float]) -> list[Iteration]:
    changed: list[Iteration] = []
    for (plan, result, tensions), more in zip(night, gaps, strict=True):
        assert result is not None
        score = result.score
        if score is not None:
            score = score.model_copy(update={"holdout_bpb": score.val_bpb + more})
        changed.append((plan, result.model_copy(update={"score": score}), tensions))
    return changed


def test_the_gap_is_told_for_the_baseline_and_each_keep() -> None:
    lines = list(gap(material(with_gaps(judged([-0.2, 0.3, None, -0.2]), [0.01, 0.015, 0.9, 0.0, 0.0325]))))
    rows = [line for line in lines if line.startswith("| 00")]
    assert [row.split(" | ")[0] for row in rows] == ["| 001", "| 002", "| 005"]
    assert rows[0] == f"| 001 | {START:.4f} | {START + 0.01:.4f} | +0.0100 |"
    assert "The gap went from +0.0100 to +0.0325 bpb, by +0.0225." in lines


def test_without_a_score_there_is_nothing_to_tell() -> None:
    (plan, result, tensions), *_ = judged([])
    assert result is not None
    bare = (plan, result.model_copy(update={"score": None}), tensions)
    assert list(gap(material([bare]))) == []
