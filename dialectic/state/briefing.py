"""The briefing: what the tension graph tells prepare."""

from __future__ import annotations

from dialectic.state.base import Decision, MoveType, Outcome, Side, Status, Value
from dialectic.state.knowledge import Role


class ExperimentBrief(Value):
    """One earlier experiment, as short as a prompt needs it."""

    experiment_id: str
    status: Status
    val_bpb: float | None
    delta: float | None
    """Posterior mean of its effect against the incumbent of its time, in bpb; null for baselines and failed runs."""
    move_type: MoveType
    decision: Decision
    outcome: Outcome
    tension_ids: list[str]
    polarity: dict[str, Side]
    """Axis → the pole that its change embodied."""
    changed_knobs: dict[str, tuple[str, str]]
    """Knob → source text before and after."""
    takeaway: str
    change: float | None = None
    """As measured: the mean of its runs minus the incumbent's estimate at the time, in bpb."""


class PoleEvidence(Value):
    """What was measured on one side of an axis, under the same profile, budget and data.

    Deltas are estimated effects against the incumbent of the time, in bpb.
    """

    experiments: list[str]
    """Those that have a score; a run that failed says nothing of the pole."""
    mean_delta: float | None
    best_delta: float | None
    failures: int = 0
    """How many tries of this side ended without a score."""


class TensionEvidence(Value):
    """An axis with what each side measured."""

    kind: str
    label: str
    thesis: PoleEvidence
    antithesis: PoleEvidence
    syntheses: list[str]
    """Experiments that tested a third form out of this axis."""
    last_iteration: int
    """The last iteration in which it was active; 0 for never."""

    def pole(self, side: Side) -> PoleEvidence:
        """The evidence on ``side``."""
        return self.thesis if side == "thesis" else self.antithesis


class Foresight(Value):
    """What the tension graph makes of an iteration before anybody reflects on it."""

    tested: Role = "none"
    """What the candidate was on its main axis."""
    evidence: TensionEvidence | None = None
    """Everything measured on that axis, this iteration included; null for a baseline."""
    next_move: MoveType = "exploit"
    next_axis: str = ""
    reason: str = ""
    """Why the graph would make that move, as a sentence."""


class DeadEnd(Value):
    """A change that measured clearly worse or failed; not to be repeated."""

    experiment_id: str
    changed_knobs: dict[str, tuple[str, str]]
    reason: str


class Briefing(Value):
    """What prepare is told: anchor, opponent and why, the evidence on every axis, dead ends, the recent past."""

    session_id: str
    iteration: int
    incumbent_experiment_id: str
    incumbent_estimate: float | None
    incumbent_sd: float | None
    noise_sigma: float
    knowledge_anchor_experiment_id: str | None
    knowledge_opposing_experiment_id: str | None
    knowledge_selection_reason: str
    knowledge_transcendent_prediction: str
    suggested_move: MoveType
    suggested_axis: str
    """The axis on which anchor and opponent stand against each other; empty without history."""
    tensions: list[TensionEvidence]
    dead_ends: list[DeadEnd]
    recent: list[ExperimentBrief]
    """The latest experiments of this session, newest last."""
    earlier: list[ExperimentBrief] = []
    """The latest ones of other sessions with the same profile, budget and data, newest last."""
