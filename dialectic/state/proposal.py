"""What an agent hands over in prepare, and the staged state in which a person or a command agent writes it down."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dialectic.state.base import (
    FilledText,
    Identifier,
    KeepStatus,
    MoveType,
    Outcome,
    Record,
    Side,
    SynthesisStatus,
    Text,
    Value,
)
from dialectic.state.signs import RefusedRule


class KnobEdit(Value):
    """Set one knob, an upper-case constant of ``train.py``, to a new source text such as ``PROFILE.depth + 1``."""

    type: Literal["knob"] = "knob"
    knob: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    value: str = Field(min_length=1, max_length=200)


class ReplaceEdit(Value):
    """Replace the one place where ``search`` stands; no match and several matches are refused."""

    type: Literal["replace"] = "replace"
    search: str = Field(min_length=1)
    replace: str


class FileEdit(Value):
    """The whole new text of ``train.py``."""

    type: Literal["file"] = "file"
    text: str = Field(min_length=1)


Edit = Annotated[KnobEdit | ReplaceEdit | FileEdit, Field(discriminator="type")]


class CurrentSource(Value):
    """The incumbent's ``train.py``."""

    type: Literal["current"] = "current"


class PathSource(Value):
    """A file of the research folder."""

    type: Literal["path"] = "path"
    path: str


class CommitSource(Value):
    """``train.py`` as it was at a commit of the user's repository."""

    type: Literal["commit"] = "commit"
    commit: str


class InlineSource(Value):
    """The text itself; empty in files of the reference system, which kept only the snapshot."""

    type: Literal["inline"] = "inline"
    text: str = ""


class IterationSource(Value):
    """The ``train.py`` that an earlier iteration ran."""

    type: Literal["iteration"] = "iteration"
    experiment_id: str


class EditsSource(Value):
    """Edits to the incumbent (``base`` "current") or to an experiment's ``train.py`` (its id)."""

    type: Literal["edits"] = "edits"
    base: str = "current"
    edits: list[Edit]


Source = Annotated[
    CurrentSource | PathSource | CommitSource | InlineSource | IterationSource | EditsSource,
    Field(discriminator="type"),
]
"""Where the ``train.py`` of a pole or a synthesis comes from."""


class Prediction(Value):
    """A falsifiable prediction about one metric, scored after the run.

    ``expected_delta`` and ``interval`` are differences to the incumbent's estimate in the metric's own unit, so for
    ``val_bpb`` a negative number is an improvement. ``confidence`` is the probability that the measured change falls
    into the interval.
    """

    metric: Literal["val_bpb"] = "val_bpb"
    direction: Literal["decrease", "increase", "unchanged"]
    expected_delta: float
    interval: tuple[float, float]
    confidence: float = Field(ge=0.0, le=1.0)
    mechanism: FilledText

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Prediction:
        if self.interval[0] > self.interval[1]:
            raise ValueError("interval must be [low, high]")
        return self


class Pole(Value):
    """One side of a tension: what it holds, and the ``train.py`` that embodies it."""

    summary: FilledText
    source: Source


class Tension(Value):
    """A named opposition held open during one iteration; ``kind`` is its axis, such as ``capacity-vs-throughput``."""

    id: Identifier
    label: FilledText
    kind: Identifier
    why_active: FilledText
    favored_side: Side
    thesis: Pole
    antithesis: Pole

    def pole(self, side: Side) -> Pole:
        """The pole on ``side``."""
        return self.thesis if side == "thesis" else self.antithesis


class Transcendent(Value):
    """The third form that prepare proposes out of an opposition."""

    source_tension_ids: list[Identifier]
    thesis_ref: str
    antithesis_ref: str
    emergent_thought: FilledText
    concrete_change: FilledText
    tested_in_iteration: bool
    result_status: SynthesisStatus = "proposed"
    train_py_source: Source | None = None


class Proposal(Value):
    """What an agent hands over in prepare; the edits apply to the incumbent's ``train.py``."""

    prediction: FilledText
    prediction_scored: Prediction
    move_type: MoveType
    why_now: FilledText
    thesis: FilledText
    antithesis: FilledText
    synthesis_candidate: FilledText
    knowledge_transcendent_prediction: FilledText
    active_tensions: list[Tension] = Field(min_length=2, max_length=4)
    transcendent: Transcendent
    edits: list[Edit]

    @model_validator(mode="after")
    def _names_agree(self) -> Proposal:
        ids = [tension.id for tension in self.active_tensions]
        if len(set(ids)) != len(ids):
            raise ValueError("active_tensions holds one id twice")
        strangers = set(self.transcendent.source_tension_ids) - set(ids)
        if strangers:
            raise ValueError(f"transcendent names tensions that are not active: {', '.join(sorted(strangers))}")
        return self


class Refusal(Value):
    """Why a proposal cannot become a candidate; ``rule`` is a short name, ``reason`` goes back to the agent."""

    rule: (
        Literal[
            "does-not-apply", "does-not-parse", "changes-nothing", "repeats", "frozen", "out-of-range", "bad-tension"
        ]
        | RefusedRule
    )
    reason: str


class StagedResult(Value):
    """What reflect writes into the staged state."""

    outcome: Outcome
    contradicted_assumption: Text | None
    keep_discard_status: KeepStatus
    framing_diagnosis: FilledText
    next_move_type: MoveType
    summary_text: FilledText


class StagedState(Record):
    """``research_state/current_iteration.json``: a proposal, and later its reflection, as a file that a person or a
    command agent edits. It is cleared at the start of every iteration."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {"knowledge_anchor_experiment_id", "knowledge_opposing_experiment_id", "result", "prediction_scored"}
    )

    prediction: FilledText
    prediction_scored: Prediction | None = None
    move_type: MoveType
    why_now: FilledText
    knowledge_anchor_experiment_id: str | None
    knowledge_opposing_experiment_id: str | None
    knowledge_selection_reason: FilledText
    knowledge_transcendent_prediction: FilledText
    thesis: FilledText
    antithesis: FilledText
    synthesis_candidate: FilledText
    active_tensions: list[Tension] = Field(min_length=2, max_length=4)
    transcendent: Transcendent
    result: StagedResult | None = None
