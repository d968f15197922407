"""``dialectic best``: a session's incumbent, and where its files are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import STYLES, path_line, print_json, show, text
from dialectic.cli.reading import current_confirmation, entries, knobs_of, session_belief
from dialectic.cli.rows import is_baseline, scored
from dialectic.errors import SessionError
from dialectic.session import MODEL, Session, open_session
from dialectic.state.confirmation import Confirmation
from dialectic.state.files import as_json
from dialectic.state.plan import Plan
from dialectic.state.result import Result


def best(root: Path, session_id: str | None, weights: bool, as_json: bool) -> None:
    """Print the incumbent, or with ``weights`` only the path of its model.

    Raises:
        SessionError: nothing was kept yet, or its model is not there.
    """
    session = open_session(root, session_id)
    told = incumbent(session)
    if weights and not told["model"]:
        raise SessionError(
            f"iteration {told['iteration']} of session {session.id} has no {MODEL}; "
            f"train it again from {told['train_py']}"
        )
    if as_json:
        print_json(told)
    elif weights:
        print(told["model"])
    else:
        show(*_screen(root, told))


def incumbent(session: Session) -> dict[str, Any]:
    """The last iteration that was kept, as a flat object; numbers in bpb, null in sessions of the reference system.

    Raises:
        SessionError: none was kept.
    """
    found = entries(session)
    kept: list[tuple[Plan, Result]] = []
    results = []
    for entry in found:
        if entry.iteration is not None and (result := entry.iteration[1]) is not None:
            results.append(result)
            if result.keep_discard_status == "keep":
                kept.append((entry.iteration[0], result))
    if not kept:
        raise SessionError(f"session {session.id} has no scored baseline yet; `dialectic status` says where it stands")
    plan, result = kept[-1]
    record = session.record()
    belief = session_belief(record, results)
    confirmation = current_confirmation(session, belief)
    folder = session.iteration(plan.iteration)
    model = folder.run(1) / MODEL
    return {
        "session_id": session.id,
        "iteration": plan.iteration,
        "experiment_id": f"{session.id}:{plan.iteration_label}",
        "is_baseline": is_baseline(plan),
        "verdict": words.decision(result),
        "change": words.changes(plan, knobs_of(found).get(plan.base_experiment_id, {}), words.profile_values(record)),
        "val_bpb": scored(result),
        "holdout_bpb": result.score.holdout_bpb if result.score else None,
        "estimate": belief.incumbent.estimate if belief else None,
        "sd": belief.incumbent.sd if belief else None,
        "baseline": belief.baseline.estimate if belief else None,
        "standing": words.difference(belief.baseline, belief.incumbent, belief.probability_better_than_baseline())
        if belief
        else "",
        "confirmation": as_json(confirmation) if confirmation else None,
        "train_py": str(folder.train_py),
        "model": str(model) if model.is_file() else "",
    }


def _screen(root: Path, told: dict[str, Any]) -> Iterator[RenderableType]:
    head = f"{told['experiment_id']} · {'the baseline' if told['is_baseline'] else told['change']} ·"
    colour = STYLES.get(told["verdict"].partition(" ")[0], "")
    yield Text.assemble(text(head, "bold"), " ", text(told["verdict"], colour))
    hold_out = f" · hold-out {words.bpb(told['holdout_bpb'])}" if told["holdout_bpb"] is not None else ""
    yield text(f"measured val_bpb {words.bpb(told['val_bpb'])}{hold_out}")
    if told["standing"]:
        yield text(told["standing"])
    if told["confirmation"]:
        yield text(words.confirmed(Confirmation.model_validate(told["confirmation"])))
    yield path_line("train.py", told["train_py"])
    yield path_line(MODEL, told["model"] or "not kept")
    if told["is_baseline"]:
        yield text("no candidate was kept, so there is nothing to adopt", "dim")
    else:
        if not told["confirmation"]:
            yield text(
                f"check it by fresh pairs: {words.command(root, 'confirm --session ' + told['session_id'])}", "dim"
            )
        yield text(f"take it: {words.command(root, 'adopt --session ' + told['session_id'])}", "dim")
