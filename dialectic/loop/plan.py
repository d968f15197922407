"""The plan: a proposal that was checked, completed and recorded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dialectic import workspace
from dialectic.loop.house import House
from dialectic.loop.propose import Prepared
from dialectic.loop.staged import STAGED
from dialectic.session import relative
from dialectic.state.base import utc_now
from dialectic.state.briefing import Briefing
from dialectic.state.files import to_json, write_record, write_text
from dialectic.state.plan import Plan, SecondChance, TensionRecord, TranscendentRecord
from dialectic.state.proposal import Proposal, StagedState

PROPOSED = (
    "prediction",
    "prediction_scored",
    "move_type",
    "why_now",
    "thesis",
    "antithesis",
    "synthesis_candidate",
    "knowledge_transcendent_prediction",
    "active_tension_ids",
    "edits",
)
FIRST = SecondChance()
AGAIN = " again"
"""Tells an iteration's second commit from its first, which stays in the branch's history."""
BRIEFED = ("knowledge_anchor_experiment_id", "knowledge_opposing_experiment_id", "knowledge_selection_reason")


def write_plan(
    house: House, iteration: int, briefing: Briefing, prepared: Prepared, chance: SecondChance = FIRST
) -> Plan:
    """Record the plan with everything it names: candidate, diff, both poles of every tension, the synthesis.

    ``chance`` says why it is the iteration's second plan; it takes the first one's place in one step, at its end.
    """
    proposal, session = prepared.proposal, house.session
    folder = session.iteration(iteration)
    parent = first_parent(house, iteration)
    message = f"{proposal.move_type}\n\n{proposal.prediction}\n"
    house.commits[iteration] = commit_candidate(house, iteration, prepared.train_py, message, chance)

    def place(path: Path) -> str:
        return relative(path, session.folder)

    plan = Plan(
        session_id=session.id,
        iteration=iteration,
        iteration_label=folder.label,
        experiment_index=iteration,
        created_at=utc_now(),
        runner_mode=house.record.runner_mode,
        parent_commit=parent,
        candidate_commit=house.commits[iteration],
        execution_id=f"{house.experiment_id(iteration)}:{chance.runs + 1}",
        execution_dir=relative(folder.execution, house.root),
        **{name: getattr(proposal, name) for name in PROPOSED if name != "active_tension_ids"},
        **{name: getattr(briefing, name) for name in BRIEFED},
        active_tension_ids=[tension.id for tension in proposal.active_tensions],
        active_tension_count=len(proposal.active_tensions),
        tensions_path=place(folder.tensions),
        actual_train_py=place(folder.train_py),
        actual_train_diff_patch=place(folder.patch),
        transcendent_result_path=place(folder.transcendent / "result.json"),
        prepare_phase_path=place(folder.phase("prepare")),
        prepare_summary=prepared.summary,
        prepare_modified_files=["train.py", STAGED.as_posix()] if proposal.edits else [STAGED.as_posix()],
        knobs=workspace.read_knobs(prepared.train_py),
        base_experiment_id=house.experiment_id(house.incumbent_iteration) if iteration > 1 else "",
        fingerprint=prepared.bounds.fingerprint(prepared.train_py),
        signs=workspace.signs(prepared.train_py) if iteration == 1 else prepared.bounds.signs(prepared.train_py),
        second_chance=chance,
        rejected=prepared.rejected.message,
        author=prepared.agent,
        filled_by=dict.fromkeys(PROPOSED, prepared.author) | dict.fromkeys((*BRIEFED, *prepared.computed), "computed"),
    )
    _write_staged(house, plan, proposal)
    third = proposal.transcendent
    synthesis = _synthesis(prepared)
    if synthesis is None:
        (folder.transcendent / "train.py").unlink(missing_ok=True)
    patch = workspace.diff(house.incumbent_text, prepared.train_py)
    session.write_plan(
        plan, prepared.train_py, patch, _tensions(house, plan, prepared), TranscendentRecord.of(third), synthesis
    )
    if chance.kind == "none":
        house.leave(iteration, "prepare", move_type=plan.move_type, author=prepared.author)
    house.plan_ahead(plan)
    return plan


def _synthesis(prepared: Prepared) -> str | None:
    """The text of the third form; None where it has no code."""
    source = prepared.proposal.transcendent.train_py_source
    return workspace.resolve(source, prepared.bounds.origins) if source is not None else None


def _tensions(house: House, plan: Plan, prepared: Prepared) -> list[tuple[TensionRecord, str, str]]:
    """Every active tension's record, with the text of thesis and antithesis."""
    first = {tension.id: tension.created_in_iteration for _, _, past in house.history for tension in past}
    folder = house.session.iteration(plan.iteration)
    records = []
    for tension in prepared.proposal.active_tensions:
        record = TensionRecord(
            id=tension.id,
            label=tension.label,
            kind=tension.kind,
            why_active=tension.why_active,
            favored_side=tension.favored_side,
            created_in_iteration=first.get(tension.id, plan.iteration),
            updated_in_iteration=plan.iteration,
            thesis_summary=tension.thesis.summary,
            thesis_source=tension.thesis.source,
            thesis_train_py=relative(folder.snapshot(tension.id, "thesis"), house.session.folder),
            antithesis_summary=tension.antithesis.summary,
            antithesis_source=tension.antithesis.source,
            antithesis_train_py=relative(folder.snapshot(tension.id, "antithesis"), house.session.folder),
        )
        texts = [
            workspace.resolve(pole.source, prepared.bounds.origins) for pole in (tension.thesis, tension.antithesis)
        ]
        records.append((record, texts[0], texts[1]))
    return records


def first_parent(house: House, iteration: int) -> str | None:
    """The commit that a candidate is built on."""
    return house.commits.get(house.incumbent_iteration) if iteration > 1 else house.record.git.commit or None


def commit_candidate(house: House, iteration: int, train_py: str, message: str, chance: SecondChance) -> str | None:
    """The commit of a candidate on the session's branch; None without git. ``message`` begins with the move."""
    if house.record.branch is None:
        return None
    subject = house.experiment_id(iteration)
    if chance.kind != "none":
        subject += AGAIN
        # A runner that was killed before it had written the plan may have left one.
        workspace.take_back(house.root, house.record.branch, subject)
    parent = first_parent(house, iteration)
    return workspace.commit(house.root, house.record.branch, train_py, f"{subject} {message}", parent)


def _write_staged(house: House, plan: Plan, proposal: Proposal) -> None:
    """The staged state, for people and command agents, in the research folder and beside the phase's transcript."""
    staged = StagedState(
        **{name: getattr(proposal, name) for name in StagedState.model_fields if hasattr(proposal, name)},
        **{name: getattr(plan, name) for name in BRIEFED},
    )
    folder = house.session.iteration(plan.iteration).phase("prepare")
    program = hashlib.sha256(house.program.encode("utf-8")).hexdigest()
    manifest = {
        "schema_version": staged.schema_version,
        "agent": house.record.agent.model_dump(),
        "summary": plan.prepare_summary,
        "program_sha256": program,
        "completed_at": plan.created_at,
    }
    write_record(house.root / STAGED, staged)
    write_record(folder / STAGED.name, staged)
    write_text(folder / "manifest.json", to_json(manifest))
