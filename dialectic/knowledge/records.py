"""The knowledge base's records, computed from the tension graph."""

from __future__ import annotations

from collections.abc import Iterable

from dialectic.knowledge.effect import FAILED, contradiction
from dialectic.knowledge.fold import TensionGraph
from dialectic.knowledge.history import Experiment, comparison
from dialectic.knowledge.poles import SIDES
from dialectic.state.base import iteration_label
from dialectic.state.knowledge import (
    Confidence,
    ExperimentKnowledge,
    Incumbents,
    IncumbentSummary,
    Role,
    SessionKnowledge,
    TensionSummary,
)
from dialectic.state.plan import TensionRecord, TranscendentRecord
from dialectic.state.text import clean

MAX_MESSAGE = 160
"""Characters of a failure's message that a takeaway quotes."""

STRONG, MODERATE = 0.9, 0.6
"""Evidence strengths from which an effect counts as strong and as moderate."""


def knowledge_ref(experiment: Experiment) -> str:
    """Where the experiment's own file lies, from the research folder."""
    return f"knowledge_base/experiments/{experiment.session_id}/{iteration_label(experiment.iteration)}.json"


def printable(text: str, limit: int = MAX_MESSAGE) -> str:
    """The first line of a run's text, cleaned and cut: it is data (design, rule 8)."""
    visible = clean(text[: 10 * limit], 10 * limit).strip()
    return clean(next(iter(visible.splitlines()), ""), limit)


def confidence(experiment: Experiment, strength: float) -> Confidence:
    """One word for how far it can be relied on.

    Runs on both sides of the incumbent are ``seed-sensitive``; a change that embodied poles of several axes is
    ``confounded``; a proven keep is ``strong``; the rest follows the evidence strength.
    """
    effect, result = experiment.effect, experiment.result
    if result is None or effect.status == "planned":
        return "pending"
    if effect.val_bpb is None:
        return "failed"
    if result.verdict.claim == "proven":
        return "strong"
    if effect.seed_sensitive:
        return "seed-sensitive"
    if len(experiment.polarity) > 1:
        return "confounded"
    if strength >= STRONG:
        return "strong"
    return "moderate" if strength >= MODERATE else "weak"


def role(experiment: Experiment) -> Role:
    """What it was on its main axis."""
    if experiment.primary_axis in experiment.syntheses:
        return "synthesis"
    return experiment.polarity.get(experiment.primary_axis, "none")


def describe_change(experiment: Experiment) -> str:
    """The move, the pole and the knobs in a few words."""
    plan = experiment.plan
    if plan.rejected:
        return "A refused proposal"
    if experiment.baseline:
        return "The baseline" if experiment.iteration == 1 else "A change that was not recorded"
    knobs = ", ".join(
        f"{name} {old or 'absent'} → {new or 'absent'}" for name, (old, new) in experiment.changed_knobs.items()
    )
    what = role(experiment)
    where = f" ({what} of {experiment.primary_axis})" if what != "none" else ""
    return f"{plan.move_type.capitalize()}{where}" + (f" with {knobs}" if knobs else "")


def takeaway(experiment: Experiment) -> str:
    """One sentence about what came of it, from the numbers."""
    effect, result = experiment.effect, experiment.result
    start = describe_change(experiment)
    if result is None or effect.status == "planned":
        return f"{start} is planned and has no result yet."
    if effect.val_bpb is None:
        message = printable(result.failure.message)
        kind = result.status if result.failure.kind == "none" else result.failure.kind
        return f"{start} ended without a score ({kind}{': ' + message if message else ''})."
    if effect.delta is None:
        return f"{start} measured val_bpb {effect.val_bpb:.6f}."
    end = "kept" if experiment.kept else "discarded"
    change = effect.delta if effect.change is None else effect.change
    estimated = "" if effect.delta_sd is None else f" (estimated effect {effect.delta:+.4f} ± {effect.delta_sd:.4f})"
    return f"{start} measured val_bpb {effect.val_bpb:.6f}, {change:+.4f} bpb{estimated}, {end}."


def tension_summary(tension: TensionRecord) -> TensionSummary:
    """A tension without its snapshots."""
    return TensionSummary.model_validate(tension.model_dump(include=set(TensionSummary.model_fields)))


def corroborators(graph: TensionGraph, experiment: Experiment) -> list[str]:
    """The later experiments that agree with it: the one thing in its record that changes when others end."""
    edges = graph.network.in_edges(f"experiment:{experiment.id}", data=True)
    agreeing = {str(source) for source, _, data in edges if data["relation"] == "corroborates"}
    return sorted(name.removeprefix("experiment:") for name in agreeing)


def experiment_knowledge(graph: TensionGraph, experiment: Experiment) -> ExperimentKnowledge:
    """Everything that is known of ``experiment``."""
    return ExperimentKnowledge.model_validate(
        _identity(graph, experiment)
        | _measurements(experiment)
        | _interpretation(experiment)
        | _evidence(graph, experiment)
        | _dialectic(graph, experiment)
    )


def _identity(graph: TensionGraph, experiment: Experiment) -> dict[str, object]:
    plan, result = experiment.plan, experiment.result
    label = iteration_label(experiment.iteration)
    return {
        "experiment_id": experiment.id,
        "session_id": experiment.session_id,
        "iteration": experiment.iteration,
        "iteration_label": label,
        "branch": graph.sessions[experiment.session_id].branch,
        "created_at": plan.created_at,
        "completed_at": result.completed_at if result else "",
        "knowledge_ref": knowledge_ref(experiment),
        "source_iteration_path": f"experiment_logs/{experiment.session_id}/iterations/{label}",
        "parent_commit": plan.parent_commit,
        "candidate_commit": plan.candidate_commit,
        "runner_mode": plan.runner_mode,
    }


def _measurements(experiment: Experiment) -> dict[str, object]:
    effect, result = experiment.effect, experiment.result
    return {
        "status": effect.status,
        "val_bpb": effect.val_bpb,
        "metrics": result.summary if result else {},
        "delta_vs_parent": effect.change,
        "delta_vs_incumbent": effect.delta,
        "incumbent_rank": experiment.rank,
        "is_incumbent_candidate": effect.val_bpb is not None,
    }


def _interpretation(experiment: Experiment) -> dict[str, object]:
    plan, result = experiment.plan, experiment.result
    return {
        "move_type": plan.move_type,
        "prediction": plan.prediction,
        "outcome": result.outcome if result else "inconclusive",
        "keep_discard_status": result.keep_discard_status if result else "discard",
        "framing_diagnosis": result.framing_diagnosis if result else "",
        "contradicted_assumption": result.contradicted_assumption if result else None,
        "contradiction_class": contradiction(plan, experiment.effect),
        "mechanism_hypothesis": plan.prediction_scored.mechanism,
        "mechanism_tags": [f"move:{plan.move_type}", *(f"knob:{name}" for name in experiment.changed_knobs)],
        "takeaway": takeaway(experiment),
        "summary_text": result.summary_text if result else "",
    }


def _evidence(graph: TensionGraph, experiment: Experiment) -> dict[str, object]:
    linked: dict[str, list[str]] = {"corroborates": [], "supports": [], "opposes": []}
    for link in experiment.relations:
        linked[link.kind].append(link.target)
    strength = graph.history.strength(experiment)
    return {
        "confidence": confidence(experiment, strength),
        "evidence_strength": strength,
        "corroborated_by_experiment_ids": corroborators(graph, experiment),
        "corroborates_experiment_ids": sorted(set(linked["corroborates"])),
        "corroboration_count": graph.history.corroborations(experiment.id),
        "supports_experiment_ids": sorted(set(linked["supports"])),
        "opposes_experiment_ids": sorted(set(linked["opposes"])),
    }


def _dialectic(graph: TensionGraph, experiment: Experiment) -> dict[str, object]:
    plan, result = experiment.plan, experiment.result
    return {
        "axis_tags": sorted(experiment.axes),
        "polarity": dict(sorted(experiment.polarity.items())),
        "synthesis_axes": sorted(experiment.syntheses),
        "active_tension_ids": plan.active_tension_ids,
        "tension_count": len(experiment.tensions),
        "tensions": [tension_summary(tension) for tension in experiment.tensions],
        "transcendent": result.transcendent_result if result else TranscendentRecord(),
        "transcendent_role": role(experiment),
        "default_tension_pair": graph.pairs[experiment.id],
        "knowledge_anchor_experiment_id": plan.knowledge_anchor_experiment_id,
        "knowledge_opposing_experiment_id": plan.knowledge_opposing_experiment_id,
        "knowledge_selection_reason": plan.knowledge_selection_reason,
        "knowledge_transcendent_prediction": plan.knowledge_transcendent_prediction,
    }


def _lowest(experiments: Iterable[Experiment]) -> Experiment | None:
    scored = ((one.effect.val_bpb, one) for one in experiments)
    known = [(score, one) for score, one in scored if score is not None]
    return min(known, key=lambda pair: (pair[0], pair[1].key), default=(0.0, None))[1]


def _summary(graph: TensionGraph, best: Experiment | None) -> IncumbentSummary | None:
    if best is None or best.effect.val_bpb is None:
        return None
    return IncumbentSummary(
        experiment_id=best.id,
        val_bpb=best.effect.val_bpb,
        confidence=confidence(best, graph.history.strength(best)),
        corroboration_count=graph.history.corroborations(best.id),
        knowledge_ref=knowledge_ref(best),
    )


def incumbents(graph: TensionGraph) -> Incumbents:
    """The lowest scores: of all, of the kept, of each session and on each axis; the earlier one wins a tie."""
    history = graph.history
    sessions = {name: _summary(graph, _lowest(history.at("session", name))) for name in sorted(graph.sessions)}
    axes = {
        axis: _summary(
            graph,
            _lowest(
                [*history.at("synthesis", axis), *(one for side in SIDES for one in history.at("tested", axis, side))]
            ),
        )
        for axis in history.axes()
    }
    conditions = sorted({comparison(session) for session in graph.sessions.values()})
    groups = {
        f"{profile}, {budget:g} s, {data}": _summary(graph, _lowest(history.at("scored", (profile, budget, data))))
        for profile, budget, data in conditions
    }
    return Incumbents(
        global_best=_summary(graph, _lowest(history.experiments)),
        best_kept=_summary(graph, _lowest(one for one in history.experiments if one.kept)),
        best_per_session={name: best for name, best in sessions.items() if best},
        best_per_axis={axis: best for axis, best in axes.items() if best},
        best_per_conditions={name: best for name, best in groups.items() if best},
    )


def session_knowledge(graph: TensionGraph, session_id: str) -> SessionKnowledge:
    """A session in counts."""
    session, own = graph.sessions[session_id], graph.history.at("session", session_id)
    pairs = [graph.pairs[one.id] for one in own]
    best = _lowest(own)
    times = [session.created_at, *(one.plan.created_at for one in own)]
    times += [one.result.completed_at for one in own if one.result]
    return SessionKnowledge(
        session_id=session_id,
        branch=session.branch,
        created_at=session.created_at,
        updated_at=max(times),
        source_session_path=f"experiment_logs/{session_id}",
        experiment_ids=[one.id for one in own],
        iteration_count=len(own),
        completed_count=sum(one.effect.val_bpb is not None for one in own),
        failed_count=sum(one.effect.status in FAILED for one in own),
        pending_count=sum(one.effect.status == "planned" for one in own),
        kept_count=sum(one.kept for one in own),
        best_experiment_id=best.id if best else None,
        best_val_bpb=best.effect.val_bpb if best else None,
        default_tension_pair_count=len(pairs),
        default_tension_pairs_with_opposition=sum(one.opposing_experiment_id is not None for one in pairs),
        latest_anchor_experiment_id=pairs[-1].anchor_experiment_id if pairs else None,
        latest_opposing_experiment_id=pairs[-1].opposing_experiment_id if pairs else None,
    )
