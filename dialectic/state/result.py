"""``result.json``: what an iteration came to. The runner decides, the agent interprets (design, rule 2)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dialectic.state.base import (
    Claim,
    Compared,
    Decision,
    FilledBy,
    FilledText,
    JsonObject,
    KeepStatus,
    Metrics,
    MoveType,
    Outcome,
    Record,
    Status,
    SynthesisStatus,
    Text,
    Value,
    numeric_metrics,
    without_nulls,
)
from dialectic.state.plan import NOT_RECORDED, SecondChance, TranscendentRecord
from dialectic.state.run import NO_EXIT_CODE, Failure, Score
from dialectic.state.signs import Sign


class ScoredRun(Value):
    """One scored run that took part in a verdict."""

    of: Compared
    seed: int
    val_bpb: float
    k: int = 0
    """Number of the run within its iteration; 0 in older files."""


class FailedRun(Value):
    """A repeat that was bought and has no score: the iteration is decided without it."""

    of: Compared
    k: int
    failure: Failure


class Estimate(Value):
    """What is known of an experiment's true ``val_bpb``: mean and standard deviation of the posterior, in bpb."""

    experiment_id: str
    estimate: float
    sd: float = Field(ge=0)


class Verdict(Value):
    """Keep or discard, with every number it came from (design, section 7). Deltas are candidate minus incumbent."""

    decision: Decision
    claim: Claim | None
    """``proven`` or ``provisional`` for a keep, null for a discard."""
    rule: str
    delta: float | None
    """Posterior mean of the candidate's effect in bpb; null for the baseline and for a run without a score."""
    delta_sd: float | None
    expected_improvement: float
    """E[max(0, -effect)] in bpb."""
    probability_better: float
    noise_sigma: float
    """SD of ``val_bpb`` between runs of one file, as estimated when this was decided."""
    p_value: float
    """One-sided, that the candidate is not better; 1 where nothing was compared."""
    level: float
    """What the p-value had to stay below for the claim ``proven``."""
    deletes: int = 0
    """Statements fewer than the incumbent has, by the syntax tree; negative where code was added, 0 in older files."""
    runs: list[ScoredRun]
    incumbent: Estimate | None
    """What the candidate was judged against; the baseline stands against itself. Null only in the reference's files."""
    successor: Estimate | None
    """The incumbent after the verdict, with what this iteration's runs told about it."""


class PredictionScore(Value):
    """How the prediction fared: ``error`` in bpb, ``z`` that over the spread that its interval grants (the noise at
    least), ``surprise`` in nats, the negative log of the density relative to its peak."""

    error: float
    z: float
    surprise: float


class Cost(Value):
    """``usd`` is null when a price is unknown: unknown is not zero."""

    train_seconds: float = 0.0
    wall_seconds: float = 0.0
    llm_tokens_in: int = 0
    llm_tokens_out: int = 0
    usd: float | None = 0.0
    beside_seconds: float = 0.0
    """What a run used beside its training (start, warm-up, export) on the budget's clock: in all, as measured from
    outside, less what it says it trained. Of several runs the largest; 0 where nobody knows (and in older files)."""


class Reflection(Value):
    """What reflect makes of an iteration. Keep or discard is not in it: that is the verdict's."""

    outcome: Outcome
    contradicted_assumption: Text | None
    framing_diagnosis: FilledText
    next_move_type: MoveType
    summary_text: FilledText
    synthesis_status: SynthesisStatus
    emergent_thought: FilledText


class Result(Record):
    """One iteration's result, written once at its end (formats, result.json)."""

    nullable: ClassVar[frozenset[str]] = frozenset({"contradicted_assumption", "score", "prediction_score"})

    session_id: str
    iteration: int
    iteration_label: str
    created_at: str
    completed_at: str
    status: Status
    exit_code: int
    execution_id: str
    execution_dir: str
    summary: Metrics
    outcome: Outcome
    contradicted_assumption: Text | None
    keep_discard_status: KeepStatus
    framing_diagnosis: Text
    next_move_type: MoveType
    summary_text: Text
    active_tension_ids: list[str] = []
    active_tension_count: int = 0
    actual_train_py: str
    actual_train_diff_patch: str
    tensions_path: str
    transcendent_result: TranscendentRecord
    transcendent_result_path: str
    reflect_phase_path: str
    reflect_summary: Text
    reflect_modified_files: list[str] = []
    failure: Failure = Failure()
    score: Score | None = None
    verdict: Verdict
    prediction_score: PredictionScore | None = None
    cost: Cost = Cost()
    failed_repeats: list[FailedRun] = []
    signs: list[Sign] = []
    """Claims of its runs that do not agree with what was seen of them; empty in older files."""
    second_chance: SecondChance = SecondChance()
    """The plan's: of kind ``none`` where the first attempt stands (and in older files)."""
    filled_by: dict[str, FilledBy] = {}

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: metrics are strings, interpretations are null, there is no score and no verdict."""
        metrics = numeric_metrics(data.get("summary"))
        scored = "val_bpb" in metrics and data.get("status") == "completed"
        status = data.get("keep_discard_status") or ("discard" if scored else "crash")
        verdict: JsonObject = {
            "decision": "keep" if status == "keep" else "discard",
            "claim": "provisional" if status == "keep" else None,
            "rule": "recorded by the reference system",
            "delta": None,
            "delta_sd": None,
            "expected_improvement": 0.0,
            "probability_better": 0.5 if scored else 0.0,
            "noise_sigma": 0.0,
            "p_value": 1.0,
            "level": 0.0,
            "runs": [],
            "incumbent": None,
            "successor": None,
        }
        root = f"iterations/{data.get('iteration_label', '')}"
        # The reference system writes results ahead of their runs, and leaves them so when a run never ends.
        waiting = {"status": "planned"} if data.get("status") in (None, "pending") else {}
        defaults: JsonObject = {
            "completed_at": data.get("created_at", ""),
            "exit_code": NO_EXIT_CODE,
            "execution_id": "",
            "execution_dir": "",
            "outcome": "inconclusive",
            "contradicted_assumption": None,
            "keep_discard_status": status,
            "framing_diagnosis": NOT_RECORDED,
            "next_move_type": "exploit",
            "summary_text": NOT_RECORDED,
            "actual_train_py": f"{root}/actual/train.py",
            "actual_train_diff_patch": f"{root}/actual/train.diff.patch",
            "tensions_path": f"{root}/tensions",
            "transcendent_result_path": f"{root}/transcendent/result.json",
            "reflect_phase_path": f"{root}/codex/reflect",
            "reflect_summary": NOT_RECORDED,
            "verdict": verdict,
            "filled_by": {
                name: "computed"
                for name in ("outcome", "keep_discard_status", "framing_diagnosis", "next_move_type", "summary_text")
                if data.get(name) is None
            },
        }
        third = TranscendentRecord.upgrade(data.get("transcendent_result") or {})
        return defaults | without_nulls(data) | waiting | {"summary": metrics, "transcendent_result": third}
