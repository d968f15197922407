"""``knowledge_base/``: one record an experiment, the pair of poles it met, the incumbents, the sessions (formats)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from pydantic import Field

from dialectic.state.base import (
    JsonObject,
    KeepStatus,
    Metrics,
    MoveType,
    Outcome,
    Record,
    Side,
    Status,
    Text,
    Value,
    numeric_metrics,
    without_nulls,
)
from dialectic.state.plan import TranscendentRecord

Confidence = Literal["strong", "moderate", "weak", "confounded", "seed-sensitive", "failed", "pending"]
"""How far an experiment can be relied on, in one word."""

ContradictionClass = Literal["direction", "magnitude", "failure"]
"""What of the prediction failed: the sign, the size, or the run itself."""

Role = Literal["thesis", "antithesis", "synthesis", "none"]
"""What an experiment was on its main axis; ``none`` for a baseline."""


class TensionSummary(Value):
    """One tension as an experiment held it, without its snapshots."""

    id: str
    label: Text
    kind: str
    favored_side: Side
    why_active: Text
    thesis_summary: Text
    antithesis_summary: Text


class DefaultTensionPair(Record):
    """The anchor and the opponent that the graph named when an experiment began; a line of ``tensions.jsonl``.

    The scores lie in 0..1; ``total_score`` is relevance times opposition, 0 without an opponent.
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"anchor_experiment_id", "opposing_experiment_id"})

    experiment_id: str
    session_id: str
    iteration: int
    iteration_label: str
    anchor_experiment_id: str | None
    opposing_experiment_id: str | None
    selection_reason: Text
    shared_axes: list[str]
    """Axes that both took up."""
    opposed_axes: list[str]
    """Axes on which the opponent embodies the pole that the anchor does not stand on."""
    relevance_score: float = Field(ge=0, le=1)
    opposition_score: float = Field(ge=0, le=1)
    total_score: float = Field(ge=0, le=1)
    transcendent_prediction: Text

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: the prediction may be null."""
        nulls = dict.fromkeys(cls.nullable)
        return nulls | {"transcendent_prediction": ""} | without_nulls(data)


class ExperimentKnowledge(Record):
    """What is known of one experiment: a line of ``experiments.jsonl`` and ``experiments/<id>/<NNN>.json``.

    Everything here follows from the logs. Effects are in bpb, candidate minus incumbent.
    """

    nullable: ClassVar[frozenset[str]] = frozenset(
        {
            "branch",
            "val_bpb",
            "delta_vs_parent",
            "delta_vs_incumbent",
            "incumbent_rank",
            "contradicted_assumption",
            "contradiction_class",
            "knowledge_anchor_experiment_id",
            "knowledge_opposing_experiment_id",
            "parent_commit",
            "candidate_commit",
        }
    )

    experiment_id: str
    session_id: str
    iteration: int
    iteration_label: str
    branch: str | None
    created_at: str
    completed_at: str
    """Empty while planned."""
    status: Status
    val_bpb: float | None
    metrics: Metrics
    delta_vs_parent: float | None
    """As measured: the mean of its runs minus the estimate of the incumbent it was built on."""
    delta_vs_incumbent: float | None
    """Posterior mean of its effect against the incumbent of its time."""
    incumbent_rank: int | None
    """Its place among all comparable scores up to then, 1 for the lowest; null without a score. It is the place of
    its time, so that a new best does not rewrite every older file."""
    is_incumbent_candidate: bool
    """Whether it has a score, so that it could become the incumbent."""
    move_type: MoveType
    prediction: Text
    outcome: Outcome
    keep_discard_status: KeepStatus
    framing_diagnosis: Text
    contradicted_assumption: Text | None
    contradiction_class: ContradictionClass | None
    mechanism_hypothesis: Text
    mechanism_tags: list[str]
    """``move:<move>`` and ``knob:<name>`` for every knob that its change touched."""
    axis_tags: list[str]
    """Kinds of the tensions it held."""
    polarity: dict[str, Side]
    """Axis → the pole that its change embodied."""
    synthesis_axes: list[str]
    """Axes out of which it tested a third form."""
    confidence: Confidence
    evidence_strength: float = Field(ge=0, le=1)
    corroborated_by_experiment_ids: list[str]
    corroborates_experiment_ids: list[str]
    corroboration_count: int
    """How many of both there are."""
    supports_experiment_ids: list[str]
    opposes_experiment_ids: list[str]
    takeaway: Text
    summary_text: Text
    active_tension_ids: list[str]
    tension_count: int
    tensions: list[TensionSummary]
    transcendent: TranscendentRecord
    transcendent_role: Role
    default_tension_pair: DefaultTensionPair
    knowledge_anchor_experiment_id: str | None
    knowledge_opposing_experiment_id: str | None
    knowledge_selection_reason: Text
    knowledge_transcendent_prediction: Text
    knowledge_ref: str
    source_iteration_path: str
    parent_commit: str | None
    candidate_commit: str | None
    runner_mode: str

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: metrics are strings, any field may be null, and ``pending`` was a status."""
        identity = {name: data.get(name) for name in ("experiment_id", "session_id", "iteration", "iteration_label")}
        pair = DefaultTensionPair.upgrade(identity | (data.get("default_tension_pair") or {}))
        texts = (
            "completed_at",
            "prediction",
            "framing_diagnosis",
            "mechanism_hypothesis",
            "summary_text",
            "knowledge_selection_reason",
            "knowledge_transcendent_prediction",
        )
        missing: JsonObject = dict.fromkeys(texts, "") | {
            "created_at": "",
            "runner_mode": "local",
            "move_type": "exploit",
            "outcome": "inconclusive",
            "keep_discard_status": "discard",
            "synthesis_axes": [],
        }
        third = TranscendentRecord.upgrade(data.get("transcendent") or {})
        classes = get_args(ContradictionClass)
        changed: JsonObject = {
            "contradiction_class": data.get("contradiction_class")
            if data.get("contradiction_class") in classes
            else None,
            "status": "planned" if data.get("status") in (None, "pending") else data["status"],
            "metrics": numeric_metrics(data.get("metrics")),
            "tensions": [
                {"thesis_summary": "", "antithesis_summary": ""} | item for item in data.get("tensions") or []
            ],
            "transcendent": third,
            "transcendent_role": "none" if not data.get("axis_tags") else data.get("transcendent_role"),
            "default_tension_pair": pair,
        }
        return dict.fromkeys(cls.nullable) | missing | without_nulls(data) | changed


class IncumbentSummary(Value):
    """One of the best experiments, as ``incumbents.json`` names it."""

    experiment_id: str
    val_bpb: float
    confidence: Confidence
    corroboration_count: int
    knowledge_ref: str


class Incumbents(Record):
    """``incumbents.json``: the lowest scores.

    They compare only within one profile, budget and set of data: across sessions read ``best_per_conditions`` (+).
    """

    nullable: ClassVar[frozenset[str]] = frozenset({"global_best", "best_kept"})

    global_best: IncumbentSummary | None
    """Null until something was scored."""
    best_kept: IncumbentSummary | None
    """Null until something was kept."""
    best_per_session: dict[str, IncumbentSummary]
    best_per_axis: dict[str, IncumbentSummary]
    """Among the experiments that tested a pole of the axis or a third form out of it."""
    best_per_conditions: dict[str, IncumbentSummary] = {}
    """(+) Among all that compare, by ``<profile>, <budget> s, <data fingerprint>``; empty names where none is known."""


class SessionKnowledge(Record):
    """``sessions/<id>.json``: a session in counts. Its times are those of its iterations."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {
            "branch",
            "best_experiment_id",
            "best_val_bpb",
            "latest_anchor_experiment_id",
            "latest_opposing_experiment_id",
        }
    )

    session_id: str
    branch: str | None
    created_at: str
    updated_at: str
    source_session_path: str
    experiment_ids: list[str]
    iteration_count: int
    completed_count: int
    failed_count: int
    pending_count: int
    kept_count: int
    best_experiment_id: str | None
    best_val_bpb: float | None
    default_tension_pair_count: int
    default_tension_pairs_with_opposition: int
    latest_anchor_experiment_id: str | None
    latest_opposing_experiment_id: str | None
