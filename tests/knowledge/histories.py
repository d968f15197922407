"""Hand-made histories: plans, results and tensions as the loop would record them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dialectic.knowledge import Iteration
from dialectic.knowledge.poles import SIDES
from dialectic.state.base import MoveType, Side, Status, experiment_id, iteration_label
from dialectic.state.plan import Plan, TensionRecord, TranscendentRecord
from dialectic.state.proposal import Edit, EditsSource, KnobEdit, Prediction
from dialectic.state.result import Estimate, Result, ScoredRun, Verdict
from dialectic.state.run import Failure, FailureKind, Score
from dialectic.state.session import DataFacts, ProfileFacts, SessionRecord

CAPACITY, STABILITY, LOCALITY = "capacity-vs-throughput", "aggression-vs-stability", "locality-vs-global-context"
AXES = (CAPACITY, STABILITY, LOCALITY)
KNOB = {CAPACITY: "DEPTH", STABILITY: "MATRIX_LR", LOCALITY: "WINDOW_PATTERN"}
VALUES: dict[str, dict[Side, str]] = {
    CAPACITY: {"thesis": "PROFILE.depth + 1", "antithesis": "PROFILE.depth - 1"},
    STABILITY: {"thesis": "0.08", "antithesis": "0.02"},
    LOCALITY: {"thesis": '"SSSS"', "antithesis": '"LLLL"'},
}
KNOBS = {"DEPTH": "PROFILE.depth", "MATRIX_LR": "0.04", "WINDOW_PATTERN": '"SSSL"'}
SIGMA = 0.002
START = 2.0


def at(minute: int) -> str:
    """A time of the log, ``minute`` minutes after the first."""
    return f"2026-11-21T{minute // 60:02d}:{minute % 60:02d}:00.000Z"


def session(name: str = "s", profile: str | None = "cpu", minute: int = 0) -> SessionRecord:
    """A session; ``profile`` null makes it one of the reference system's."""
    facts = profile and ProfileFacts(
        name=profile,
        device="cpu",
        sequence_length=256,
        vocab_size=2048,
        time_budget=60.0,
        clock="cpu",
        eval_tokens=4096,
        noise_sigma=SIGMA,
        values={"depth": 4},
        reason="asked for",
    )
    return SessionRecord(
        session_id=name,
        branch=f"dialectic/{name}",
        created_at=at(minute),
        updated_at=at(minute),
        profile=facts or None,
        data=DataFacts(corpus="stdlib", fingerprint="f1", folder="cache") if profile else None,
    )


def edit(axis: str, side: Side) -> KnobEdit:
    """The change that embodies a pole."""
    return KnobEdit(knob=KNOB[axis], value=VALUES[axis][side])


def tension(axis: str, iteration: int = 1, favoured: Side = "thesis") -> TensionRecord:
    """A tension whose poles are edits of one knob."""
    root = f"iterations/{iteration_label(iteration)}/tensions/{axis}"
    return TensionRecord(
        id=axis,
        label=axis.replace("-", " "),
        kind=axis,
        why_active="It decides how the budget is spent.",
        favored_side=favoured,
        created_in_iteration=iteration,
        updated_in_iteration=iteration,
        thesis_summary="more of it",
        thesis_source=EditsSource(edits=[edit(axis, "thesis")]),
        thesis_train_py=f"{root}/thesis/train.py",
        antithesis_summary="less of it",
        antithesis_source=EditsSource(edits=[edit(axis, "antithesis")]),
        antithesis_train_py=f"{root}/antithesis/train.py",
    )


def plan(
    iteration: int,
    *,
    name: str = "s",
    edits: Sequence[Edit] = (),
    base: int = 1,
    move: MoveType = "exploit",
    active: Sequence[str] = AXES[:2],
    minute: int | None = None,
    predicted: tuple[float, float] = (-0.01, 0.0),
) -> Plan:
    """A plan; with no edits it is a baseline."""
    label = iteration_label(iteration)
    knobs = KNOBS | {one.knob: one.value for one in edits if isinstance(one, KnobEdit)}
    return Plan(
        session_id=name,
        iteration=iteration,
        iteration_label=label,
        experiment_index=iteration,
        created_at=at(iteration * 2 if minute is None else minute),
        runner_mode="local",
        execution_id=f"{name}:{label}:1",
        execution_dir=f"iterations/{label}/execution",
        prediction="Prediction: changing it will improve val_bpb because of the budget.",
        prediction_scored=Prediction(
            direction="decrease" if edits else "unchanged",
            expected_delta=sum(predicted) / 2,
            interval=predicted,
            confidence=0.8,
            mechanism="more capacity for each token",
        ),
        move_type=move,
        why_now="It is its turn.",
        knowledge_selection_reason="It was asked for.",
        knowledge_transcendent_prediction="Both together help.",
        thesis="more",
        antithesis="less",
        synthesis_candidate="both",
        active_tension_ids=list(active),
        active_tension_count=len(active),
        tensions_path=f"iterations/{label}/tensions",
        actual_train_py=f"iterations/{label}/actual/train.py",
        actual_train_diff_patch=f"iterations/{label}/actual/train.diff.patch",
        transcendent_result_path=f"iterations/{label}/transcendent/result.json",
        prepare_phase_path=f"iterations/{label}/agent/prepare",
        prepare_summary="Prepared.",
        edits=list(edits),
        knobs=knobs,
        base_experiment_id=experiment_id(name, base) if edits else "",
    )


def verdict(of: Plan, delta: float | None, keep: bool, better: float, incumbent: float) -> Verdict:
    """A verdict with the numbers it would have; ``delta`` null for a baseline."""
    own = Estimate(
        experiment_id=experiment_id(of.session_id, of.iteration), estimate=incumbent + (delta or 0.0), sd=1e-3
    )
    base = Estimate(experiment_id=of.base_experiment_id or own.experiment_id, estimate=incumbent, sd=1e-3)
    return Verdict(
        decision="keep" if keep else "discard",
        claim="provisional" if keep else None,
        rule="expected improvement",
        delta=delta,
        delta_sd=None if delta is None else SIGMA / 2,
        expected_improvement=max(0.0, -(delta or 0.0)),
        probability_better=better,
        noise_sigma=SIGMA,
        p_value=1.0 - better,
        level=0.05,
        runs=[ScoredRun(of="candidate", seed=1, val_bpb=incumbent + (delta or 0.0))],
        incumbent=base,
        successor=own if keep else base,
    )


def result(
    of: Plan,
    delta: float | None = None,
    *,
    keep: bool | None = None,
    better: float | None = None,
    failure: FailureKind = "none",
    status: Status | None = None,
    sources: Sequence[str] = (),
    incumbent: float = START,
    asks: MoveType | None = None,
) -> Result:
    """A result that measured ``delta`` against ``incumbent``, or failed."""
    failed = failure != "none"
    kept = (delta is None or delta < 0) and not failed if keep is None else keep
    sure = better if better is not None else 0.5 if delta is None else 0.95 if delta < 0 else 0.05
    score = incumbent + (delta or 0.0)
    judged = verdict(of, None if failed else delta, kept, 0.0 if failed else sure, incumbent)
    label = iteration_label(of.iteration)
    return Result(
        session_id=of.session_id,
        iteration=of.iteration,
        iteration_label=label,
        created_at=of.created_at,
        completed_at=of.created_at.replace(":00.000Z", ":50.000Z"),
        status=status or ("failed" if failed else "completed"),
        exit_code=1 if failed else 0,
        execution_id=of.execution_id,
        execution_dir=of.execution_dir,
        summary={} if failed else {"val_bpb": score},
        outcome="inconclusive",
        contradicted_assumption=None,
        keep_discard_status="crash" if failed else "keep" if kept else "discard",
        framing_diagnosis="the idea was poor",
        next_move_type=asks or "exploit",
        summary_text="It ran.",
        active_tension_ids=of.active_tension_ids,
        active_tension_count=of.active_tension_count,
        actual_train_py=of.actual_train_py,
        actual_train_diff_patch=of.actual_train_diff_patch,
        tensions_path=of.tensions_path,
        transcendent_result=TranscendentRecord(
            source_tension_ids=list(sources),
            emergent_thought="A narrower and deeper network keeps both.",
            concrete_change="Deeper, narrower.",
            tested_in_iteration=of.move_type == "synthesize",
        ),
        transcendent_result_path=of.transcendent_result_path,
        reflect_phase_path=f"iterations/{label}/agent/reflect",
        reflect_summary="Reflected.",
        failure=Failure(kind=failure, message="the run ended" if failed else ""),
        score=None if failed else Score(val_bpb=score, holdout_bpb=score, tokens=4096, bytes=12000),
        verdict=judged,
        filled_by={"next_move_type": "agent" if asks else "computed"},
    )


def baseline(name: str = "s", minute: int | None = None) -> Iteration:
    """Iteration 1: nothing changed."""
    first = plan(1, name=name, minute=minute)
    return first, result(first, better=0.5), [tension(axis) for axis in AXES[:2]]


def turn(
    iteration: int,
    axis: str,
    side: Side,
    delta: float | None,
    *,
    name: str = "s",
    base: int = 1,
    failure: FailureKind = "none",
    better: float | None = None,
    minute: int | None = None,
    asks: MoveType | None = None,
) -> Iteration:
    """An iteration that embodied ``side`` of ``axis``: exploit for the favoured thesis, negate for the antithesis."""
    move: MoveType = "exploit" if side == "thesis" else "negate"
    active = [axis, *(one for one in AXES[:2] if one != axis)]
    mine = plan(iteration, name=name, edits=[edit(axis, side)], base=base, move=move, active=active, minute=minute)
    ended = result(mine, delta, failure=failure, better=better, sources=[axis], asks=asks)
    return mine, ended, [tension(one, iteration) for one in active]


def synthesis(iteration: int, axis: str, delta: float | None, *, name: str = "s", base: int = 1) -> Iteration:
    """An iteration that tested a third form out of ``axis``."""
    value = KnobEdit(knob=KNOB[axis], value=f"max({VALUES[axis]['thesis']}, {VALUES[axis]['antithesis']})")
    mine = plan(iteration, name=name, edits=[value], base=base, move="synthesize", active=[axis])
    return mine, result(mine, delta, sources=[axis]), [tension(axis, iteration)]


def random_session(seed: int, length: int, name: str = "s") -> list[Iteration]:
    """A session in which everything happens: keeps, discards, failures, syntheses."""
    draw = random.Random(seed)
    iterations, incumbent = [baseline(name)], 1
    for number in range(2, length + 1):
        axis, side = draw.choice(AXES), draw.choice(SIDES)
        delta = draw.gauss(0.001, 0.004)
        if draw.random() < 0.1:
            one = turn(number, axis, side, None, name=name, base=incumbent, failure="out-of-memory")
        elif draw.random() < 0.2:
            one = synthesis(number, axis, delta, name=name, base=incumbent)
        else:
            one = turn(number, axis, side, delta, name=name, base=incumbent, better=draw.random())
        iterations.append(one)
        if one[1] is not None and one[1].verdict.decision == "keep":
            incumbent = number
    return iterations
