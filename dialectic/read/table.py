"""An iteration as one flat row."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from dialectic.state.base import experiment_id
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import Failure

Cell = str | int | float | None
"""What a table holds; None where nothing was measured."""

COLUMNS = (
    "iteration",
    "experiment_id",
    "session_id",
    "created_at",
    "completed_at",
    "status",
    "failure",
    "move_type",
    "tension",
    "base_experiment_id",
    "predicted_delta",
    "predicted_low",
    "predicted_high",
    "confidence",
    "val_bpb",
    "holdout_bpb",
    "change",
    "delta",
    "delta_sd",
    "probability_better",
    "keep_discard_status",
    "claim",
    "outcome",
    "prediction_error",
    "prediction_z",
    "surprise",
    "incumbent",
    "estimate",
    "estimate_sd",
    "noise_sigma",
    "train_seconds",
    "wall_seconds",
    "num_steps",
    "total_tokens_M",
    "num_params_M",
    "peak_vram_mb",
)
"""The keys of a row, in order."""

WORDS = {
    "experiment_id",
    "session_id",
    "created_at",
    "completed_at",
    "status",
    "failure",
    "move_type",
    "tension",
    "base_experiment_id",
    "keep_discard_status",
    "claim",
    "outcome",
    "incumbent",
}
"""Those of them that are texts."""


def row(plan: Plan, result: Result | None, axis: str) -> dict[str, Cell]:
    """The row of an iteration; ``axis`` is the tension that it moved on. What is not there is None."""
    predicted = plan.prediction_scored
    found: dict[str, Cell] = {
        "iteration": plan.iteration,
        "experiment_id": experiment_id(plan.session_id, plan.iteration),
        "session_id": plan.session_id,
        "created_at": plan.created_at,
        "status": plan.status,
        "move_type": plan.move_type,
        "tension": axis,
        "base_experiment_id": plan.base_experiment_id,
        "predicted_delta": predicted.expected_delta,
        "predicted_low": predicted.interval[0],
        "predicted_high": predicted.interval[1],
        "confidence": predicted.confidence,
    }
    if result is not None:
        found |= dict(_measured(result))
    return {name: found.get(name) for name in COLUMNS}


def _measured(result: Result) -> Iterator[tuple[str, Cell]]:
    verdict, score = result.verdict, result.score
    for name in ("completed_at", "status", "keep_discard_status", "outcome"):
        yield name, getattr(result, name)
    for name in ("delta", "delta_sd", "claim", "probability_better", "noise_sigma"):
        yield name, getattr(verdict, name)
    yield "failure", "" if result.failure == Failure() else result.failure.kind
    if score is not None:
        yield from (("val_bpb", score.val_bpb), ("holdout_bpb", score.holdout_bpb))
    elif result.status == "completed":  # the reference system printed its score
        yield "val_bpb", result.summary.get("val_bpb")
    runs = [run.val_bpb for run in verdict.runs if run.of == "candidate"]
    if runs and verdict.incumbent is not None and verdict.delta is not None:
        yield "change", fmean(runs) - verdict.incumbent.estimate
    if verdict.successor is not None:
        kept = verdict.successor
        yield from (("incumbent", kept.experiment_id), ("estimate", kept.estimate), ("estimate_sd", kept.sd))
    if result.prediction_score is not None:
        fared = result.prediction_score
        yield from (("prediction_error", fared.error), ("prediction_z", fared.z), ("surprise", fared.surprise))
    yield from (("train_seconds", result.cost.train_seconds), ("wall_seconds", result.cost.wall_seconds))
    for name in ("num_steps", "total_tokens_M", "num_params_M", "peak_vram_mb"):
        yield name, result.summary.get(name)
