"""Whole sessions in memory, judged by the real verdict: no run, no file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from dialectic.knowledge import Iteration, briefing, rebuild
from dialectic.knowledge.records import experiment_knowledge
from dialectic.report import Material, Standing
from dialectic.state.base import experiment_id
from dialectic.state.measured import change_of
from dialectic.state.proposal import KnobEdit
from dialectic.state.result import ScoredRun
from dialectic.state.session import SessionRecord
from dialectic.verdict import Belief, judge, retrace, score_prediction
from tests.knowledge.histories import AXES, KNOB, SIGMA, START, baseline, plan, result, session, tension

Outcome = float | None
"""The change that a candidate measures against the present incumbent, in bpb; None crashes."""


def judged(changes: Sequence[Outcome], sigma: float = SIGMA) -> list[Iteration]:
    """A baseline and a candidate for each entry of ``changes``, kept or discarded by the verdict."""
    first = baseline()
    verdict, belief = judge(
        Belief(prior_noise=sigma), "s:001", [ScoredRun(of="candidate", seed=k, val_bpb=START) for k in (1, 2)]
    )
    assert first[1] is not None
    iterations: list[Iteration] = [(first[0], first[1].model_copy(update={"verdict": verdict}), first[2])]
    for number, change in enumerate(changes, start=2):
        iteration, belief = _turn(number, change, belief)
        iterations.append(iteration)
    return iterations


def _turn(number: int, change: Outcome, belief: Belief) -> tuple[Iteration, Belief]:
    axis, move = AXES[number % len(AXES)], ("exploit", "negate", "synthesize")[number // len(AXES) % 3]
    held = [tension(axis, number), tension(AXES[(number + 1) % len(AXES)], number)]
    value = f"{0.01 * number:.2f}"
    edits = [KnobEdit(knob=KNOB[axis], value=value)]
    mine = plan(
        number,
        edits=edits,
        base=int(belief.experiment_id[-3:]),
        move=move,  # type: ignore[arg-type]
        active=[one.id for one in held],
    )
    at = belief.incumbent.estimate
    score = None if change is None else at + change
    runs = [] if score is None else [ScoredRun(of="candidate", seed=number, val_bpb=score)]
    verdict, after = judge(belief, experiment_id("s", number), runs)
    keep = verdict.decision == "keep"
    ended = result(mine, change, keep=keep, failure="nan" if change is None else "none", sources=[axis], incumbent=at)
    measured = change_of(verdict)
    fared = None if measured is None else score_prediction(mine.prediction_scored, measured)
    told = {"verdict": verdict, "prediction_score": fared, "outcome": "contradicted" if change else "inconclusive"}
    refuted = {"contradicted_assumption": f"It was assumed that {value} is better."} if change and change > 0 else {}
    return (mine, ended.model_copy(update=told | refuted), held), after


def material(iterations: Sequence[Iteration], record: SessionRecord | None = None) -> Material:
    """What the command would gather of such a session."""
    record = record or session()
    graph = rebuild([(record, iterations)])
    results = [result for _, result, _ in iterations if result is not None]
    belief = retrace(Belief.under(record.profile) if record.profile else Belief(prior_noise=0.0), results)
    known = belief.mean is not None
    incumbent = belief.incumbent if known else None
    return Material(
        record=record,
        iterations=iterations,
        knowledge={one.id: experiment_knowledge(graph, one) for one in graph.history.experiments},
        briefing=briefing(graph, record.session_id, len(iterations) + 1, incumbent, belief.noise),
        standing=Standing(belief.baseline, belief.incumbent, belief.gain_sd, belief.probability_better_than_baseline())
        if known
        else None,
    )


@cache
def long_night(length: int, seed: int = 1, sigma: float = SIGMA) -> Material:
    """A session with gains that become rarer, far outliers and crashes."""
    draw = random.Random(seed)
    changes: list[Outcome] = []
    for number in range(length):
        lot = draw.random()
        if lot < 0.05:
            changes.append(None)
        elif lot < 0.08:
            changes.append(1.0)
        elif lot < 0.08 + 3.0 / (10 + number):
            changes.append(-abs(draw.gauss(0, 6 * sigma)))
        else:
            changes.append(abs(draw.gauss(0, 3 * sigma)))
    return material(judged(changes, sigma), session())
