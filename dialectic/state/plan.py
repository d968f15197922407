"""``plan.json`` and ``tensions/<id>/meta.json``: a proposal that was checked, completed and recorded."""

from __future__ import annotations

from typing import ClassVar, Literal

from dialectic.state.base import FilledBy, JsonObject, MoveType, Record, Side, Text, Value, without_nulls
from dialectic.state.proposal import Edit, Prediction, Source, Transcendent
from dialectic.state.run import NO_EXIT_CODE, Failure
from dialectic.state.signs import Sign

NOT_RECORDED = "not recorded"
"""Stands in an upgraded file where an older writer left text out."""


class SecondChance(Value):
    """Why this plan is its iteration's second; what belongs to the first lies in ``attempts/1/`` of the iteration.

    ``out-of-memory``: the same candidate with half the device batch; ``crash``: the agent mended its proposal.
    """

    kind: Literal["none", "out-of-memory", "crash"] = "none"
    message: Text = ""
    """How the first attempt failed."""
    exit_code: int = NO_EXIT_CODE
    """Of the first attempt's run."""
    runs: int = 0
    """Runs of the first attempt: their numbers, and so their seeds, are not used again."""
    wall_seconds: float = 0.0
    """What the first attempt took, with its scoring; the iteration's cost holds it."""
    train_seconds: float = 0.0
    fingerprint: str = ""
    """The first candidate's, so that nobody proposes it again."""
    edits: list[Edit] = []
    """What is applied after the plan's own edits, to fit the machine; empty where the agent proposed anew."""


class Plan(Record):
    """One iteration's plan, written once before its run (formats, plan.json)."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {"parent_commit", "candidate_commit", "knowledge_anchor_experiment_id", "knowledge_opposing_experiment_id"}
    )

    session_id: str
    iteration: int
    iteration_label: str
    experiment_index: int
    created_at: str
    status: str = "planned"
    runner_mode: str
    parent_commit: str | None = None
    candidate_commit: str | None = None
    execution_id: str
    execution_dir: str
    prediction: Text
    prediction_scored: Prediction
    move_type: MoveType
    why_now: Text
    knowledge_anchor_experiment_id: str | None = None
    knowledge_opposing_experiment_id: str | None = None
    knowledge_selection_reason: Text
    knowledge_transcendent_prediction: Text
    thesis: Text
    antithesis: Text
    synthesis_candidate: Text
    active_tension_ids: list[str] = []
    active_tension_count: int = 0
    tensions_path: str
    actual_train_py: str
    actual_train_diff_patch: str
    transcendent_result_path: str
    prepare_phase_path: str
    prepare_summary: Text
    prepare_modified_files: list[str] = []
    edits: list[Edit] = []
    knobs: dict[str, str] = {}
    """Every knob's source text in this candidate."""
    base_experiment_id: str = ""
    """The incumbent that the edits applied to; empty for the baseline."""
    fingerprint: str = ""
    """SHA-256 of the candidate's normalised syntax tree with profile, budget and data."""
    rejected: str = ""
    """Why nothing was run: every proposal was refused. Empty in every other plan (and in older files)."""
    signs: list[Sign] = []
    """Signs of cheating that were flagged: what the candidate uses beyond baseline and incumbent. Of the baseline all
    that it uses itself, which it may. Empty in older files."""
    second_chance: SecondChance = SecondChance()
    """Of kind ``none`` in a first plan (and in older files)."""
    filled_by: dict[str, FilledBy] = {}
    author: str = ""
    """Name of the agent that proposed it; ``person`` when it was done by hand. Empty for the baseline, for a rejected
    plan, and in older files."""

    @property
    def refusal(self) -> Failure:
        """``rejected`` as the failure that it is; of kind ``none`` where there is something to run."""
        return Failure(kind="rejected", message=self.rejected) if self.rejected else Failure()

    @property
    def fingerprints(self) -> list[str]:
        """Of every candidate that this iteration ran: its own, and that of a first attempt."""
        return [found for found in (self.second_chance.fingerprint, self.fingerprint) if found]

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: any field may be null; nothing was predicted as a number."""
        text = dict.fromkeys(
            (
                "prediction",
                "why_now",
                "knowledge_selection_reason",
                "knowledge_transcendent_prediction",
                "thesis",
                "antithesis",
                "synthesis_candidate",
                "prepare_summary",
            ),
            NOT_RECORDED,
        )
        root = f"iterations/{data.get('iteration_label', '')}"
        paths = {
            "tensions_path": f"{root}/tensions",
            "actual_train_py": f"{root}/actual/train.py",
            "actual_train_diff_patch": f"{root}/actual/train.diff.patch",
            "transcendent_result_path": f"{root}/transcendent/result.json",
            "prepare_phase_path": f"{root}/codex/prepare",
        }
        guess = {
            "direction": "unchanged",
            "expected_delta": 0.0,
            "interval": (0.0, 0.0),
            "confidence": 0.0,
            "mechanism": NOT_RECORDED,
        }
        defaults: JsonObject = {
            "experiment_index": data.get("iteration", 0),
            "runner_mode": "local",
            "execution_id": "",
            "execution_dir": "",
            "move_type": "exploit",
            "prediction_scored": guess,
            "filled_by": {
                name: "computed" for name in (*text, "move_type", "prediction_scored") if data.get(name) is None
            },
        }
        return text | paths | defaults | without_nulls(data)


class TensionRecord(Record):
    """``tensions/<id>/meta.json``; both poles' snapshots lie beside it."""

    id: str
    label: str
    kind: str
    why_active: Text
    favored_side: Side
    created_in_iteration: int
    updated_in_iteration: int
    thesis_summary: Text
    thesis_source: Source
    thesis_train_py: str
    antithesis_summary: Text
    antithesis_source: Source
    antithesis_train_py: str

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: any field may be null."""
        name = data.get("id") or "tension"
        root = f"iterations/{data.get('created_in_iteration') or 0:03d}/tensions/{name}"
        defaults: JsonObject = {
            "id": name,
            "label": name,
            "kind": name,
            "why_active": NOT_RECORDED,
            "favored_side": "thesis",
            "created_in_iteration": 0,
            "updated_in_iteration": 0,
            "thesis_summary": NOT_RECORDED,
            "antithesis_summary": NOT_RECORDED,
            "thesis_source": {"type": "inline"},
            "antithesis_source": {"type": "inline"},
            "thesis_train_py": f"{root}/thesis/train.py",
            "antithesis_train_py": f"{root}/antithesis/train.py",
        }
        sources = {side: _known_source(data.get(side)) for side in ("thesis_source", "antithesis_source")}
        return defaults | without_nulls(data) | sources


def _known_source(source: object) -> JsonObject:
    """A source of version 1 with the fields that belong to its type; it may carry those of others as well."""
    given = source if isinstance(source, dict) else {}
    kind = given.get("type", "inline")
    field = {"path": "path", "commit": "commit", "inline": "text"}.get(kind, "")
    return {"type": kind} | ({field: given[field]} if given.get(field) else {})


class TranscendentRecord(Record):
    """``transcendent/result.json``: the third form, and what the run said about it."""

    source_tension_ids: list[str] = []
    thesis_ref: str = ""
    antithesis_ref: str = ""
    emergent_thought: Text = ""
    concrete_change: Text = ""
    tested_in_iteration: bool = False
    result_status: str = "proposed"

    @classmethod
    def of(cls, proposed: Transcendent) -> TranscendentRecord:
        """The record of what prepare proposed."""
        return cls.model_validate(proposed.model_dump(exclude={"train_py_source"}))

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: any field may be null."""
        return without_nulls(data)
