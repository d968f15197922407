"""The briefing: what the tension graph tells prepare."""

from __future__ import annotations

from collections.abc import Sequence

from dialectic.knowledge.fold import TensionGraph
from dialectic.knowledge.history import Comparison, Experiment, History, comparison
from dialectic.knowledge.moves import suggest, tension_evidence
from dialectic.knowledge.opposition import Viewpoint, pair, strongest
from dialectic.knowledge.records import printable, role, takeaway
from dialectic.state.base import MoveType, experiment_id
from dialectic.state.briefing import Briefing, DeadEnd, ExperimentBrief, Foresight
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Estimate, Result

RECENT = 32
"""Experiments of the session that a briefing tells."""

DEAD_ENDS = 32
"""Dead ends that a briefing tells, the latest ones: enough for those of an earlier night too."""

WORSE_SIGMAS = 2.0
"""Noise sigmas above the incumbent from which a change is a dead end."""


def briefing(
    graph: TensionGraph,
    session_id: str,
    iteration: int,
    incumbent: Estimate | None,
    noise_sigma: float,
    prefer: Sequence[str] = (),
) -> Briefing:
    """What prepare is told before ``iteration``; nothing in it depends on the clock.

    The anchor is the incumbent's experiment, or without one the best experiment that compares. The opponent is the
    strongest one (:mod:`dialectic.knowledge.opposition`) on the suggested axis, or else on any.

    Args:
        incumbent: the session's incumbent; null before its baseline was scored.
        noise_sigma: SD of ``val_bpb`` between runs of one file, in bpb.
        prefer: axes that the human wants taken up first.
    """
    history = graph.history
    compared = comparison(graph.sessions.get(session_id))
    anchor = history.get(incumbent.experiment_id) if incumbent else history.best(compared)
    if incumbent:
        anchor_id: str | None = incumbent.experiment_id
        estimate: float | None = incumbent.estimate
    else:
        anchor_id, estimate = (anchor.id, anchor.effect.val_bpb) if anchor else (None, None)
    view = Viewpoint(session_id, iteration, compared, anchor_id, estimate)
    own = [one for one in history.at("session", session_id) if one.iteration < iteration]
    tensions = tension_evidence(history, session_id, compared)
    turns = [one for one in own if one.turn]
    suggestion = suggest(turns, tensions, prefer, asked_by(turns))
    chosen = pair(history, view, strongest(history, view, suggestion.axis))
    return Briefing(
        session_id=session_id,
        iteration=iteration,
        incumbent_experiment_id=incumbent.experiment_id if incumbent else "",
        incumbent_estimate=incumbent.estimate if incumbent else None,
        incumbent_sd=incumbent.sd if incumbent else None,
        noise_sigma=noise_sigma,
        knowledge_anchor_experiment_id=chosen.anchor_experiment_id,
        knowledge_opposing_experiment_id=chosen.opposing_experiment_id,
        knowledge_selection_reason=f"{chosen.selection_reason} {suggestion.reason}",
        knowledge_transcendent_prediction=chosen.transcendent_prediction,
        suggested_move=suggestion.move,
        suggested_axis=suggestion.axis,
        tensions=tensions,
        dead_ends=dead_ends(history, compared, noise_sigma),
        recent=[brief(one) for one in own if one.effect.status != "planned"][-RECENT:],
        earlier=earlier(history, session_id, compared),
    )


def asked_by(turns: Sequence[Experiment]) -> MoveType | None:
    """The move that the last reflection asked for; None where no agent asked: what code writes is the graph's own."""
    result = turns[-1].result if turns else None
    return None if result is None or result.filled_by.get("next_move_type") == "computed" else result.next_move_type


def foresee(
    graph: TensionGraph, plan: Plan, result: Result, tensions: Sequence[TensionRecord], prefer: Sequence[str] = ()
) -> Foresight:
    """What the graph makes of a finished iteration that nobody has reflected on yet.

    ``result`` is complete but for its reflection. It is folded and stays so until the final one takes its place
    (:meth:`TensionGraph.add`). What it says of the next move is the suggestion of the next briefing, unless something
    else happens in between.
    """
    graph.add(plan, result, tensions)
    history, session_id = graph.history, plan.session_id
    this = history.get(experiment_id(session_id, plan.iteration))
    assert this is not None
    evidence = tension_evidence(history, session_id, this.comparison)
    own = [one for one in history.at("session", session_id) if one.iteration <= plan.iteration]
    suggestion = suggest([one for one in own if one.turn], evidence, prefer)
    return Foresight(
        tested=role(this),
        evidence=next((one for one in evidence if one.kind == this.primary_axis), None),
        next_move=suggestion.move,
        next_axis=suggestion.axis,
        reason=suggestion.reason,
    )


def earlier(history: History, session_id: str, compared: Comparison) -> list[ExperimentBrief]:
    """The latest moves of other sessions whose numbers compare, oldest first."""
    found: list[ExperimentBrief] = []
    for one in reversed(history.experiments):
        if len(found) == RECENT:
            break
        if one.turn and one.session_id != session_id and one.comparison == compared:
            found.append(brief(one))
    return found[::-1]


def brief(experiment: Experiment) -> ExperimentBrief:
    """An experiment as short as a prompt needs it; one without a result counts as not kept."""
    result = experiment.result
    return ExperimentBrief(
        experiment_id=experiment.id,
        status=experiment.effect.status,
        val_bpb=experiment.effect.val_bpb,
        delta=experiment.effect.delta,
        move_type=experiment.plan.move_type,
        decision=result.verdict.decision if result else "discard",
        outcome=result.outcome if result else "inconclusive",
        tension_ids=experiment.plan.active_tension_ids,
        polarity=dict(sorted(experiment.polarity.items())),
        changed_knobs=experiment.changed_knobs,
        takeaway=takeaway(experiment),
        change=experiment.effect.change,
    )


def dead_ends(history: History, compared: Comparison, noise_sigma: float) -> list[DeadEnd]:
    """The latest changes that failed or measured worse than their incumbent by more than two noise sigmas."""
    found: list[DeadEnd] = []
    for one in reversed(history.experiments):
        if len(found) == DEAD_ENDS:
            break
        reason = _dead(one, noise_sigma)
        if one.turn and one.comparison == compared and reason:
            found.append(DeadEnd(experiment_id=one.id, changed_knobs=one.changed_knobs, reason=reason))
    return found[::-1]


def _dead(experiment: Experiment, noise_sigma: float) -> str:
    effect, result = experiment.effect, experiment.result
    if effect.failed and result is not None:
        kind = effect.status if result.failure.kind == "none" else result.failure.kind
        message = printable(result.failure.message)
        return f"It ended without a score ({kind}{': ' + message if message else ''})."
    if effect.change is not None and effect.change > WORSE_SIGMAS * noise_sigma and not experiment.kept:
        return f"It measured {effect.change:.4f} bpb worse than its incumbent, against a noise of {noise_sigma:.4f}."
    return ""
