"""What was measured against what was predicted: one rule for every room that speaks of it.

A prediction is about the **measured change**: the mean of a candidate's runs minus the estimate of the incumbent that
it was judged against. Its interval grants the noise of the run (:class:`~dialectic.state.proposal.Prediction`), so it
is taken as it stands. The verdict's ``delta`` is another number: the *estimated effect*, shrunk by what else is known.
It decides what to build on, never how a prediction fared.

A prediction of a direction says two things, and both are looked at:

====================================  =======================  ==========================================
the measured change                   inside the interval      outside
====================================  =======================  ==========================================
has the predicted direction, clearly  confirmed                mixed: the direction held, the size did not
cannot be told from none              inconclusive             contradicted where it misses the interval by
                                                               more than its SD, else inconclusive
has the other direction, clearly      mixed: the interval      contradicted
                                      allowed for it, the
                                      direction did not hold
====================================  =======================  ==========================================

A prediction of no change says one thing: inside it is confirmed; outside it is contradicted where the change is clear,
else inconclusive. *Clearly* is by more than one SD of the measured change (:data:`CLEAR_SDS`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dialectic.state.base import Outcome
from dialectic.state.proposal import Prediction
from dialectic.state.result import Verdict

CLEAR_SDS = 1.0
"""SDs that a measured change must exceed for its direction to count: it is then right in about 84 of 100 cases."""

TELLING_SDS = 2.0
"""SDs by which :func:`runs_to_tell` wants a change to stand out: right in about 98 of 100 cases."""


@dataclass(frozen=True)
class Change:
    """A measured change, candidate minus incumbent, in bpb; negative is better."""

    value: float
    sd: float
    """Noise of the candidate's runs and uncertainty of the incumbent's estimate together."""
    runs: int
    """How many runs of the candidate were averaged."""

    @property
    def clear(self) -> bool:
        """Whether its direction can be told from noise."""
        return abs(self.value) > CLEAR_SDS * self.sd

    @property
    def gain(self) -> bool:
        """Whether it is clearly better."""
        return self.clear and self.value < 0

    @property
    def loss(self) -> bool:
        """Whether it is clearly worse."""
        return self.clear and self.value > 0


def change_of(verdict: Verdict) -> Change | None:
    """The measured change behind a verdict; None for a baseline, for a run without a score, and in older files."""
    values = [run.val_bpb for run in verdict.runs if run.of == "candidate"]
    if not values or verdict.delta is None or verdict.incumbent is None:
        return None
    noise = verdict.noise_sigma / math.sqrt(len(values))
    value = sum(values) / len(values) - verdict.incumbent.estimate
    return Change(value, math.hypot(noise, verdict.incumbent.sd), len(values))


def missed_by(prediction: Prediction, change: Change) -> float:
    """How far the change lies outside of the predicted interval, in bpb; 0 inside."""
    low, high = prediction.interval
    return max(low - change.value, change.value - high, 0.0)


def same_direction(prediction: Prediction, change: Change) -> bool:
    """Whether the sign of the change is the predicted one; never for a prediction of no change."""
    foretold = {"decrease": -1, "increase": 1, "unchanged": 0}[prediction.direction]
    return foretold * change.value > 0


def outcome_of(prediction: Prediction, change: Change) -> Outcome:
    """How the prediction fared: the table above."""
    missed = missed_by(prediction, change)
    if prediction.direction == "unchanged":
        if not missed:
            return "confirmed"
        return "contradicted" if change.clear else "inconclusive"
    if not change.clear:
        return "contradicted" if missed > change.sd else "inconclusive"
    held = same_direction(prediction, change)
    if held and not missed:
        return "confirmed"
    return "mixed" if held or not missed else "contradicted"


def runs_to_tell(difference: float, noise: float) -> int:
    """Runs of each of two files after which ``difference`` stands out from the noise of a run; at least 2, both in bpb.

    The difference of two means of m runs has the variance 2 noise^2 / m.
    """
    if not difference:
        raise ValueError("no number of runs tells nothing from nothing")
    return max(2, math.ceil(2 * (TELLING_SDS * noise / difference) ** 2))
