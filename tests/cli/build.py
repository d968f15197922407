"""Small sessions written through dialectic.session, with numbers that tests can check by hand."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

from dialectic.session import Session
from dialectic.state.base import Claim, Decision, KeepStatus, MoveType, RunOf, experiment_id, iteration_label
from dialectic.state.plan import Plan, TensionRecord, TranscendentRecord
from dialectic.state.proposal import EditsSource, KnobEdit, Prediction
from dialectic.state.result import Cost, Estimate, PredictionScore, Result, ScoredRun, Verdict
from dialectic.state.run import Failure, FailureKind, Score
from dialectic.state.session import AgentFacts, DataFacts, LiveState, Machine, ProfileFacts, SessionRecord
from dialectic.verdict import Belief, retrace

BASE = 'DEPTH = PROFILE.depth\nMATRIX_LR = 0.04\nWINDOW_PATTERN = "SSSL"\n'
KNOBS = {"DEPTH": "PROFILE.depth", "MATRIX_LR": "0.04", "WINDOW_PATTERN": '"SSSL"'}
SD = 0.004


def profile() -> ProfileFacts:
    """A small one."""
    return ProfileFacts(
        name="cpu",
        device="cpu",
        sequence_length=256,
        vocab_size=2048,
        time_budget=60.0,
        clock="cpu",
        eval_tokens=65_536,
        noise_sigma=SD,
        values={"depth": 4},
        reason="no accelerator was found",
    )


def session_record(session_id: str, created: str = "2026-11-21T05:00:00.000Z") -> SessionRecord:
    """A session of the builtin agent."""
    return SessionRecord(
        session_id=session_id,
        created_at=created,
        updated_at=created,
        profile=profile(),
        budget_seconds=60.0,
        agent=AgentFacts(name="builtin"),
        machine=Machine(cpu="two cores", cores=2, gpu="none", memory=8000, torch="2", python="3.11", platform="linux"),
        base_train_sha256=hashlib.sha256(BASE.encode()).hexdigest(),
        data=DataFacts(corpus="stdlib", fingerprint="f" * 16, folder="cache"),
    )


class Builder:
    """Writes one session; :meth:`baseline` comes first."""

    def __init__(self, root: Path, session_id: str = "night", created: str = "2026-11-21T05:00:00.000Z") -> None:
        self.session = Session.create(root, session_record(session_id, created), b"# prepare\n")
        self.root = root
        self.incumbent = Estimate(experiment_id=self.id(1), estimate=2.0, sd=SD)
        self.knobs = {self.id(1): dict(KNOBS)}

    def at(self, root: Path) -> Builder:
        """The builder of a copy of the session."""
        other = copy.copy(self)
        other.session, other.root, other.knobs = Session(root, self.session.id), root, dict(self.knobs)
        return other

    def id(self, iteration: int) -> str:
        """Experiment id."""
        return experiment_id(self.session.id, iteration)

    def tension(self, iteration: int, kind: str = "capacity-vs-throughput") -> TensionRecord:
        """Deeper against faster."""
        source = EditsSource(edits=[KnobEdit(knob="DEPTH", value="PROFILE.depth + 1")])
        opposite = EditsSource(edits=[KnobEdit(knob="DEPTH", value="PROFILE.depth - 1")])
        return TensionRecord(
            id=f"t-{kind}",
            label="Capacity against throughput",
            kind=kind,
            why_active="the budget is short",
            favored_side="thesis",
            created_in_iteration=iteration,
            updated_in_iteration=iteration,
            thesis_summary="a deeper model learns more from each token",
            thesis_source=source,
            thesis_train_py="thesis/train.py",
            antithesis_summary="a shallower model sees more tokens",
            antithesis_source=opposite,
            antithesis_train_py="antithesis/train.py",
        )

    def plan(self, iteration: int, move: MoveType = "exploit", prediction: str = "", **knobs: str) -> Plan:
        """Write the plan of one iteration that sets ``knobs`` of the incumbent."""
        root = f"iterations/{iteration_label(iteration)}"
        base = self.incumbent.experiment_id if iteration > 1 else ""
        before = self.knobs[self.incumbent.experiment_id]
        self.knobs[self.id(iteration)] = before | knobs
        tensions = [self.tension(iteration), self.tension(iteration, "aggression-vs-stability")]
        plan = Plan(
            session_id=self.session.id,
            iteration=iteration,
            iteration_label=iteration_label(iteration),
            experiment_index=iteration,
            created_at=f"2026-11-21T05:{iteration:02d}:00.000Z",
            runner_mode="local",
            execution_id=self.id(iteration) + ":1",
            execution_dir=f"{root}/execution",
            prediction=prediction or f"Prediction: changing {', '.join(knobs) or 'nothing'} will improve val_bpb.",
            prediction_scored=Prediction(
                direction="decrease", expected_delta=-0.01, interval=(-0.02, 0.0), confidence=0.8, mechanism="depth"
            ),
            move_type=move,
            why_now="nothing was tried on this axis",
            knowledge_selection_reason="no history",
            knowledge_transcendent_prediction="a middle way",
            thesis="deeper",
            antithesis="faster",
            synthesis_candidate="deeper and narrower",
            active_tension_ids=[tension.id for tension in tensions],
            active_tension_count=2,
            tensions_path=f"{root}/tensions",
            actual_train_py=f"{root}/actual/train.py",
            actual_train_diff_patch=f"{root}/actual/train.diff.patch",
            transcendent_result_path=f"{root}/transcendent/result.json",
            prepare_phase_path=f"{root}/agent/prepare",
            prepare_summary="done",
            edits=[KnobEdit(knob=name, value=value) for name, value in knobs.items()],
            knobs=self.knobs[self.id(iteration)],
            base_experiment_id=base,
        )
        text = "".join(f"{name} = {value}\n" for name, value in plan.knobs.items())
        old = "".join(f"{name} = {value}\n" for name, value in before.items())
        patch = _patch(old, text)
        snapshots = [(tension, BASE + "# thesis\n", BASE + "# antithesis\n") for tension in tensions]
        self.session.write_plan(plan, text, patch, snapshots, self.transcendent(), None)
        return plan

    def transcendent(self) -> TranscendentRecord:
        """Out of the first tension."""
        return TranscendentRecord(
            source_tension_ids=["t-capacity-vs-throughput"],
            thesis_ref="t-capacity-vs-throughput:thesis",
            antithesis_ref="t-capacity-vs-throughput:antithesis",
            emergent_thought="depth pays while the width shrinks",
            concrete_change="deeper and narrower",
        )

    def result(
        self, plan: Plan, val_bpb: float | None, decision: Decision, failure: FailureKind = "none", message: str = ""
    ) -> Result:
        """Write the result of a planned iteration."""
        claim: Claim | None = "provisional" if decision == "keep" else None
        status: KeepStatus = "crash" if val_bpb is None else decision
        own = self.id(plan.iteration)
        delta = None if val_bpb is None or plan.iteration == 1 else val_bpb - self.incumbent.estimate
        before = self.incumbent
        if decision == "keep" and val_bpb is not None:
            self.incumbent = Estimate(experiment_id=own, estimate=val_bpb, sd=SD)
        seed = 7 * plan.iteration
        result = Result(
            session_id=plan.session_id,
            iteration=plan.iteration,
            iteration_label=plan.iteration_label,
            created_at=plan.created_at,
            completed_at=plan.created_at,
            status="failed" if val_bpb is None else "completed",
            exit_code=1 if val_bpb is None else 0,
            execution_id=plan.execution_id,
            execution_dir=plan.execution_dir,
            summary={} if val_bpb is None else {"val_bpb": val_bpb, "num_steps": 120.0, "total_tokens_M": 0.49},
            outcome="inconclusive" if delta is None else "confirmed" if delta < 0 else "contradicted",
            contradicted_assumption="deeper is better" if delta and delta > 0 else None,
            keep_discard_status=status,
            framing_diagnosis="the comparison was fair",
            next_move_type="negate",
            summary_text=f"iteration {plan.iteration} was measured",
            active_tension_ids=plan.active_tension_ids,
            active_tension_count=2,
            actual_train_py=plan.actual_train_py,
            actual_train_diff_patch=plan.actual_train_diff_patch,
            tensions_path=plan.tensions_path,
            transcendent_result=self.transcendent(),
            transcendent_result_path=plan.transcendent_result_path,
            reflect_phase_path="agent/reflect",
            reflect_summary="done",
            failure=Failure(kind=failure, message=message),
            score=None if val_bpb is None else Score(val_bpb=val_bpb, holdout_bpb=val_bpb + 0.1, tokens=9, bytes=27),
            verdict=Verdict(
                decision=decision,
                claim=claim,
                rule="adopt when the posterior effect is an improvement",
                delta=delta,
                delta_sd=None if delta is None else SD,
                expected_improvement=max(0.0, -(delta or 0.0)),
                probability_better=0.0 if val_bpb is None else 0.9,
                noise_sigma=SD,
                p_value=0.02,
                level=0.01,
                runs=[] if val_bpb is None else [ScoredRun(of="candidate", seed=seed, val_bpb=val_bpb)],
                incumbent=before,
                successor=self.incumbent,
            ),
            prediction_score=None if delta is None else PredictionScore(error=delta + 0.01, z=0.5, surprise=0.125),
            cost=Cost(train_seconds=60.0, wall_seconds=70.0),
            filled_by={"outcome": "computed", "summary_text": "agent"},
        )
        self.session.write_result(result)
        return result

    def belief(self) -> Belief:
        """What the verdict makes of the results."""
        return retrace(
            Belief(prior_noise=SD), [result for _, result, _ in self.session.history() if result is not None]
        )

    def live(
        self, phase: str, is_active: bool, iteration: int = 1, count: int = 4, k: int = 1, of: RunOf = "candidate"
    ) -> None:
        """Write ``live/state.json``."""
        state = {"session_id": self.session.id, "phase": phase, "is_active": is_active, "updated_at": "now"}
        label = iteration_label(iteration)
        more = {
            "k": k,
            "of": of,
            "current_iteration_label": label,
            "experiment_index": iteration,
            "experiment_count": count,
        }
        self.session.write_live(LiveState.model_validate(state | more))


def _patch(old: str, new: str) -> str:
    if old == new:
        return ""
    before, after = old.splitlines(), new.splitlines()
    lines = ["--- a/train.py", "+++ b/train.py", f"@@ -1,{len(before)} +1,{len(after)} @@"]
    for one, other in zip(before, after, strict=True):
        lines += [f" {one}"] if one == other else [f"-{one}", f"+{other}"]
    return "\n".join(lines) + "\n"


def build(root: Path, session_id: str = "night", created: str = "2026-11-21T05:00:00.000Z") -> Builder:
    """A session of four: the baseline at 2.0, a keep at 1.98, a discard at 2.01, a crash."""
    builder = Builder(root, session_id, created)
    builder.result(builder.plan(1), 2.0, "keep")
    builder.result(builder.plan(2, DEPTH="PROFILE.depth + 1"), 1.98, "keep")
    builder.result(builder.plan(3, "negate", DEPTH="PROFILE.depth - 1"), 2.01, "discard")
    builder.result(builder.plan(4, MATRIX_LR="9.0"), None, "discard", "nan", "FAIL: the loss is nan")
    builder.live("completed", is_active=False)
    return builder
