"""Everything a report is made of, as values, and the turns of the session as a reader counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from dialectic.state.arithmetic import Scalar
from dialectic.state.base import Claim, experiment_id
from dialectic.state.briefing import Briefing
from dialectic.state.confirmation import Confirmation
from dialectic.state.knowledge import ExperimentKnowledge
from dialectic.state.plan import NOT_RECORDED, Plan, TensionRecord
from dialectic.state.result import Estimate, Result
from dialectic.state.session import SessionRecord
from dialectic.state.words import axis, changes, is_baseline, profile_values, scored

Fate = Literal["baseline", "keep", "discard", "crash", "open"]
"""What became of an iteration; ``open`` has no result, and in the reference system's files never will."""


@dataclass(frozen=True)
class Standing:
    """What a session knows of baseline and incumbent, in bpb; the verdict's own numbers."""

    baseline: Estimate
    incumbent: Estimate
    gain_sd: float
    """SD of baseline minus incumbent: less than both of them together, for they share runs."""
    probability_better: float

    @property
    def gain(self) -> float:
        """Baseline minus incumbent."""
        return self.baseline.estimate - self.incumbent.estimate

    @property
    def improved(self) -> bool:
        """Whether a candidate was kept."""
        return self.baseline.experiment_id != self.incumbent.experiment_id


@dataclass(frozen=True)
class Turn:
    """One iteration as a reader counts it. Deltas are candidate minus incumbent of its time, in bpb."""

    plan: Plan
    result: Result | None
    """None while it is open."""
    tensions: tuple[TensionRecord, ...]
    fate: Fate
    claim: Claim | None
    val_bpb: float | None
    delta: float | None
    delta_sd: float | None
    """None where nobody knows the noise, as in the reference system's files."""
    change: str
    """What changed, against what stood there before; foreign text."""
    short: str
    """The same without what stood there before."""
    axis: str

    @property
    def number(self) -> int:
        """The iteration's number."""
        return self.plan.iteration

    @property
    def label(self) -> str:
        """The iteration's number as three digits."""
        return self.plan.iteration_label

    @property
    def id(self) -> str:
        """The experiment id."""
        return experiment_id(self.plan.session_id, self.plan.iteration)


@dataclass(frozen=True)
class Material:
    """Everything a report is made of."""

    record: SessionRecord
    iterations: Sequence[tuple[Plan, Result | None, Sequence[TensionRecord]]]
    """In order; what cannot be read is not among them."""
    knowledge: Mapping[str, ExperimentKnowledge]
    """Experiment id → what the session's own tension graph says of it."""
    briefing: Briefing
    """What the graph would tell prepare next: the evidence on every tension, dead ends, the next move."""
    standing: Standing | None
    """None before a baseline was scored, and in the reference system's sessions."""
    confirmation: Confirmation | None = None
    """What fresh pairs of baseline and incumbent said; None where there were none."""
    in_use: bool = False
    """Whether the top-level ``train.py`` is the incumbent's."""
    unreadable: Sequence[str] = ()
    """One line for each iteration that cannot be read."""

    @cached_property
    def turns(self) -> list[Turn]:
        """The iterations, in order."""
        knobs = {experiment_id(plan.session_id, plan.iteration): plan.knobs for plan, _, _ in self.iterations}
        return [
            self._turn(plan, result, tensions, knobs.get(plan.base_experiment_id, {}))
            for plan, result, tensions in self.iterations
        ]

    @cached_property
    def candidates(self) -> list[Turn]:
        """Every finished iteration but the baseline."""
        return [turn for turn in self.turns if turn.fate != "open" and not is_baseline(turn.plan)]

    @cached_property
    def noise(self) -> float:
        """SD of ``val_bpb`` between runs of one file, as known last, in bpb; 0 where nobody knows it."""
        judged = [turn.result.verdict.noise_sigma for turn in self.turns if turn.result is not None]
        return judged[-1] if judged else 0.0

    def of(self, fate: Fate) -> list[Turn]:
        """The candidates that ended so."""
        return [turn for turn in self.candidates if turn.fate == fate]

    def turn(self, experiment: str) -> Turn | None:
        """The turn with this experiment id, when it is one of this session's."""
        return self._by_id.get(experiment)

    @cached_property
    def _by_id(self) -> dict[str, Turn]:
        return {turn.id: turn for turn in self.turns}

    def _turn(
        self, plan: Plan, result: Result | None, tensions: Sequence[TensionRecord], before: Mapping[str, str]
    ) -> Turn:
        known = self.knowledge.get(experiment_id(plan.session_id, plan.iteration))
        ended = result if result is not None and result.status != "planned" else None
        return Turn(
            plan=plan,
            result=ended,
            tensions=tuple(tensions),
            fate=_fate(plan, ended),
            claim=ended.verdict.claim if ended else None,
            val_bpb=scored(ended),
            delta=known.delta_vs_incumbent if known else None,
            delta_sd=ended.verdict.delta_sd if ended else None,
            change=described(plan, before, profile_values(self.record)),
            short=described(plan, {}, profile_values(self.record)),
            axis=axis(plan, result, tensions),
        )


def _fate(plan: Plan, result: Result | None) -> Fate:
    if result is None:
        return "open"
    if is_baseline(plan) and result.keep_discard_status != "crash":
        return "baseline"
    return result.keep_discard_status


def described(plan: Plan, before: Mapping[str, str], values: Mapping[str, Scalar]) -> str:
    """What a plan changes, as ``dialectic log`` says it; what was expected where the edits were not recorded."""
    if is_baseline(plan):
        return "baseline"
    told = plan.prediction.removeprefix("Prediction:").strip()
    return changes(plan, before, values) if plan.edits or told in ("", NOT_RECORDED) else told
