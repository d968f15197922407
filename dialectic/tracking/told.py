"""What of an iteration is told to a tracker: params, metrics, tags and files, out of its records."""

from __future__ import annotations

from pathlib import Path

from dialectic.state.base import Metrics
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord
from dialectic.tracking.backend import Begun, Ended

STEP_PREFIX = "train/"
"""Before the names of what training tells at each step, so that they do not meet the summary's."""


def begun(record: SessionRecord | None, plan: Plan) -> Begun:
    """Params are the conditions and every knob's source text; tags are words to filter by."""
    params = dict(plan.knobs)
    if record is not None:
        conditions = {
            "agent": record.agent.name,
            "budget_seconds": f"{record.budget_seconds:g}",
            "corpus": record.data.corpus if record.data else "",
            "profile": record.profile.name if record.profile else "",
            "seed": str(record.seed),
        }
        params = conditions | params
    tags = {
        "session_id": plan.session_id,
        "iteration": plan.iteration_label,
        "move_type": plan.move_type,
        "tensions": ", ".join(plan.active_tension_ids),
        "base_experiment_id": plan.base_experiment_id,
        "prediction": plan.prediction,
    }
    return Begun(plan.session_id, plan.iteration, plan.iteration_label, params, tags)


def step(event: LiveEvent) -> tuple[int, Metrics] | None:
    """The step and its numbers; None for an event that is no training step."""
    number = event.fields.get("step")
    if event.type != "train_step" or not isinstance(number, int | float):
        return None
    metrics = {
        STEP_PREFIX + name: float(value)
        for name, value in event.fields.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "step"
    }
    return int(number), metrics


def ended(plan: Plan, result: Result, session_folder: Path) -> Ended:
    """The verdict's numbers beside the summary's; what was not measured is left out. ``estimate`` is the incumbent's
    after the verdict."""
    verdict, score, fared = result.verdict, result.score, result.prediction_score
    numbers: dict[str, float | None] = {
        **result.summary,
        "val_bpb": score.val_bpb if score else None,
        "delta": verdict.delta,
        "delta_sd": verdict.delta_sd,
        "probability_better": verdict.probability_better if verdict.delta is not None else None,
        "noise_sigma": verdict.noise_sigma,
        "estimate": verdict.successor.estimate if verdict.successor else None,
        "estimate_sd": verdict.successor.sd if verdict.successor else None,
        "predicted_delta": plan.prediction_scored.expected_delta,
        "prediction_error": fared.error if fared else None,
        "prediction_surprise": fared.surprise if fared else None,
        "train_seconds": result.cost.train_seconds,
        "wall_seconds": result.cost.wall_seconds,
    }
    tags = {
        "status": result.status,
        "keep_discard_status": result.keep_discard_status,
        "claim": verdict.claim or "",
        "outcome": result.outcome,
        "failure": "" if result.failure.kind == "none" else f"{result.failure.kind}: {result.failure.message}",
        "summary": result.summary_text,
    }
    patch = session_folder / plan.actual_train_diff_patch
    folder = patch.parent.parent
    files = [session_folder / plan.actual_train_py, patch, folder / "plan.json", folder / "result.json"]
    return Ended(
        iteration=plan.iteration,
        completed=result.status == "completed",
        metrics={name: value for name, value in numbers.items() if value is not None},
        tags=tags,
        files=[path for path in files if path.is_file()],
    )
