"""``dialectic log``: the iterations of a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import columns, complain, console, print_json, show, text
from dialectic.cli.reading import Entry, current_confirmation, entries, knobs_of, rows, session_belief
from dialectic.cli.rows import axis, scored, table
from dialectic.session import Session, open_session
from dialectic.state.arithmetic import Scalar
from dialectic.state.base import experiment_id
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result


def log(root: Path, session_id: str | None, as_json: bool) -> int:
    """Print the iterations; returns 1 when one of them cannot be read, else 0."""
    session = open_session(root, session_id)
    found = entries(session)
    if as_json:
        print_json(records(found, words.profile_values(session.record())))
    else:
        _print(session, found)
    for entry in found:
        if entry.trouble:
            complain(f"iteration {entry.number} cannot be read: {entry.trouble}")
    return int(any(entry.trouble for entry in found))


def _print(session: Session, found: list[Entry]) -> None:
    if not found:
        show(text(f"session {session.id} has no iteration yet"))
        return
    show(text(f"session {session.id}", "bold"))
    show(table(rows(found, words.profile_values(session.record())), columns(console())), Text(""), wide=True)
    show(text("delta: estimated effect against the incumbent of its time, not the difference of two val_bpb", "dim"))
    results = [entry.iteration[1] for entry in found if entry.iteration is not None]
    belief = session_belief(session.record(), [result for result in results if result is not None])
    if belief is None:
        show(text("no scored baseline yet", "dim"))
    else:
        probability = belief.probability_better_than_baseline()
        show(text(words.difference(belief.baseline, belief.incumbent, probability)), wide=True)
        confirmation = current_confirmation(session, belief)
        if confirmation is not None:
            show(text(words.confirmed(confirmation)))


def records(found: list[Entry], values: Mapping[str, Scalar]) -> list[dict[str, Any]]:
    """One flat object for each readable iteration."""
    knobs = knobs_of(found)
    return [
        _record(*entry.iteration, knobs.get(entry.iteration[0].base_experiment_id), values)
        for entry in found
        if entry.iteration is not None
    ]


def _record(
    plan: Plan,
    result: Result | None,
    tensions: list[TensionRecord],
    before: dict[str, str] | None,
    values: Mapping[str, Scalar],
) -> dict[str, Any]:
    """``val_bpb`` and ``delta`` are null where nothing was scored or compared, ``claim`` where nothing was kept."""
    return {
        "iteration": plan.iteration,
        "iteration_label": plan.iteration_label,
        "experiment_id": experiment_id(plan.session_id, plan.iteration),
        "session_id": plan.session_id,
        "created_at": plan.created_at,
        "completed_at": result.completed_at if result else "",
        "status": result.status if result else plan.status,
        "move_type": plan.move_type,
        "prediction": plan.prediction,
        "prediction_scored": plan.prediction_scored.model_dump(mode="json"),
        "base_experiment_id": plan.base_experiment_id,
        "candidate_commit": plan.candidate_commit,
        "tension": axis(plan, result, tensions),
        "active_tension_ids": plan.active_tension_ids,
        "changed_knobs": changed_knobs(plan.knobs, before),
        "change": words.changes(plan, before or {}, values),
        "val_bpb": scored(result),
        "delta": result.verdict.delta if result else None,
        "decision": result.verdict.decision if result else "",
        "claim": result.verdict.claim if result else None,
        "keep_discard_status": result.keep_discard_status if result else "",
        "probability_better": result.verdict.probability_better if result else 0.0,
        "outcome": result.outcome if result else "",
        "failure": result.failure.model_dump(mode="json") if result else {"kind": "none", "message": ""},
        "summary": result.summary if result else {},
        "summary_text": result.summary_text if result else "",
    }


def changed_knobs(knobs: dict[str, str], before: dict[str, str] | None) -> dict[str, list[str]]:
    """Knob → source text before and after; a knob that came or went has an empty text on one side."""
    if before is None:
        return {}
    return {
        name: [before.get(name, ""), knobs.get(name, "")]
        for name in sorted(before.keys() | knobs.keys())
        if before.get(name, "") != knobs.get(name, "")
    }
