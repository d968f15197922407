"""One reflect phase, and the iteration's result."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from dialectic import knowledge
from dialectic.agents import computed
from dialectic.errors import AgentError
from dialectic.loop.house import House
from dialectic.loop.losses import loss_curve
from dialectic.loop.measure import Measurement
from dialectic.loop.propose import PHASE_SECONDS, hear
from dialectic.loop.staged import STAGED
from dialectic.session import relative, write_run_files
from dialectic.state.base import FilledBy, KeepStatus, Metrics, utc_now
from dialectic.state.contracts import ReflectContext
from dialectic.state.files import make_folder, read_record, to_json, write_record, write_text
from dialectic.state.measured import Change, change_of
from dialectic.state.plan import Plan
from dialectic.state.proposal import StagedResult, StagedState
from dialectic.state.result import Cost, PredictionScore, Reflection, Result, Verdict
from dialectic.state.text import tail
from dialectic.verdict import score_prediction

LOG_CHARACTERS = 4_000
REFLECTED = ("outcome", "contradicted_assumption", "framing_diagnosis", "next_move_type", "summary_text")


def reflect(house: House, plan: Plan, measurement: Measurement, verdict: Verdict) -> tuple[Reflection, FilledBy]:
    """Interpret an iteration; what the agent cannot say is computed from the numbers."""
    house.leave(plan.iteration, "verdict", decision=verdict.decision, delta=verdict.delta)
    house.enter(plan.iteration, "reflect")
    context = reflect_context(house, plan, measurement, verdict)
    author: FilledBy = "agent"
    try:
        # The baseline has nothing to interpret that the numbers do not say.
        reflection = hear(house.agent.reflect, context) if plan.iteration > 1 else computed.reflect(context)
        # What the builtin agent hands in is computed as well: it asks for no move of its own.
        author = "computed" if reflection == computed.reflect(context) else "agent"
    except AgentError as error:
        house.observer.note(f"{house.agent.name} could not reflect ({error}); computed from the numbers instead")
        reflection, author = computed.reflect(context), "computed"
    house.leave(plan.iteration, "reflect", outcome=reflection.outcome)
    return reflection, author


def reflect_context(house: House, plan: Plan, measurement: Measurement, verdict: Verdict) -> ReflectContext:
    """What reflect is told."""
    folder = house.session.iteration(plan.iteration)
    log = folder.run(1) / "run.log"
    context = ReflectContext(
        plan=plan,
        failure=measurement.failure,
        score=measurement.score.shown if measurement.score else None,
        verdict=verdict,
        metrics=measurement.summary,
        incumbent_metrics=_incumbent_metrics(house),
        log_tail=tail(log, LOG_CHARACTERS) if log.exists() else "",
        folder=make_folder(folder.phase("reflect")),
        deadline=time.monotonic() + PHASE_SECONDS,
        losses=loss_curve(folder.run(1)),
        incumbent_losses=loss_curve(house.session.iteration(house.incumbent_iteration).run(1)),
    )
    # What the tension graph would do next depends on the numbers alone: words that nobody reads stand in for now.
    unread = compose(house, plan, measurement, verdict, (computed.reflect(context), "computed"))
    tensions = house.session.read(plan.iteration)[2]
    foreseen = knowledge.foresee(house.graph, plan, unread, tensions, house.steering.prefer)
    return replace(context, foresight=foreseen)


def _incumbent_metrics(house: House) -> Metrics:
    for plan, result, _ in reversed(house.history):
        if plan.iteration == house.incumbent_iteration and result is not None:
            return result.summary
    return {}


def write_result(
    house: House,
    plan: Plan,
    measurement: Measurement,
    verdict: Verdict,
    reflected: tuple[Reflection, FilledBy],
    left: Collection[str] = (),
) -> Result:
    """Write the iteration's result down; ``left`` are fields that its author left to the numbers."""
    result = compose(house, plan, measurement, verdict, reflected, left)
    write_run_files(house.session, plan, result, measurement.record.cage if measurement.record else None)
    _write_phase(house, plan, result, reflected[1])
    house.session.write_result(result)
    return result


def compose(
    house: House,
    plan: Plan,
    measurement: Measurement,
    verdict: Verdict,
    reflected: tuple[Reflection, FilledBy],
    left: Collection[str] = (),
) -> Result:
    """The iteration's result; nothing is written."""
    reflection, author = reflected
    folder = house.session.iteration(plan.iteration)
    status: KeepStatus = verdict.decision if measurement.runs else "crash"
    third = house.session.transcendent(plan.iteration)
    return Result(
        session_id=plan.session_id,
        iteration=plan.iteration,
        iteration_label=plan.iteration_label,
        created_at=plan.created_at,
        completed_at=utc_now(),
        status=measurement.status,
        exit_code=measurement.exit_code,
        execution_id=plan.execution_id,
        execution_dir=plan.execution_dir,
        summary=measurement.summary,
        outcome=reflection.outcome,
        contradicted_assumption=reflection.contradicted_assumption,
        keep_discard_status=status,
        framing_diagnosis=reflection.framing_diagnosis,
        next_move_type=reflection.next_move_type,
        summary_text=reflection.summary_text,
        active_tension_ids=plan.active_tension_ids,
        active_tension_count=plan.active_tension_count,
        actual_train_py=plan.actual_train_py,
        actual_train_diff_patch=plan.actual_train_diff_patch,
        tensions_path=plan.tensions_path,
        transcendent_result=third.model_copy(
            update={"result_status": reflection.synthesis_status, "emergent_thought": reflection.emergent_thought}
        ),
        transcendent_result_path=plan.transcendent_result_path,
        reflect_phase_path=relative(folder.phase("reflect"), house.session.folder),
        reflect_summary=reflection.summary_text,
        failure=measurement.failure,
        score=measurement.score,
        verdict=verdict,
        failed_repeats=measurement.failed_repeats,
        prediction_score=_fared(plan, verdict),
        second_chance=plan.second_chance,
        signs=measurement.signs,
        cost=Cost(
            train_seconds=measurement.train_seconds,
            wall_seconds=measurement.wall_seconds,
            beside_seconds=measurement.beside_seconds,
        ),
        filled_by=dict.fromkeys(REFLECTED, author)
        | dict.fromkeys((*left, "keep_discard_status", "verdict"), "computed"),
    )


def _write_phase(house: House, plan: Plan, result: Result, author: FilledBy) -> None:
    """The staged state with its result, and the phase's manifest."""
    iteration = house.session.iteration(plan.iteration)
    # The iteration's own copy: what lies in the research folder others may have written meanwhile.
    own, folder = iteration.phase("prepare") / STAGED.name, iteration.phase("reflect")
    staged = read_record(own, StagedState) if own.exists() else None
    if staged is not None:
        told = StagedResult.model_validate({name: getattr(result, name) for name in StagedResult.model_fields})
        staged = staged.model_copy(update={"result": told})
        write_record(house.root / STAGED, staged)
        write_record(folder / STAGED.name, staged)
    manifest = {
        "schema_version": result.schema_version,
        "agent": house.record.agent.model_dump(),
        "author": author,
        "summary": result.reflect_summary,
        "completed_at": result.completed_at,
    }
    write_text(folder / "manifest.json", to_json(manifest))


def _fared(plan: Plan, verdict: Verdict) -> PredictionScore | None:
    """How the prediction fared against what was measured; the baseline against its own repeats."""
    values = [run.val_bpb for run in verdict.runs if run.of == "candidate"]
    if not values:
        return None
    change = change_of(verdict) or Change(sum(values) / len(values) - values[0], verdict.noise_sigma, len(values))
    return score_prediction(plan.prediction_scored, change)
