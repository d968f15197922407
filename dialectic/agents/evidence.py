"""What was measured, as a surrogate: how a move of any lever would change ``val_bpb``.

Each lever adds ``b x + c x^2`` to the effect, x its displacement from the incumbent in steps, so a move from p to q
adds ``b (q - p) + c (q^2 - p^2)`` and combined moves add up. The coefficients have a normal prior and are updated by
every measured change, one after the other: Bayesian linear regression (Bishop 2006, section 3.3). The prior is a belief
and has no right to outvote a measurement: a change that lies far outside of what was foreseen widens the SDs of the
levers that it moved to what explains it (empirical Bayes), and is then believed as far as its noise allows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs
from dialectic.state.briefing import Briefing, ExperimentBrief

Vector = NDArray[np.float64]

SLOPE_SD, BEND, BEND_SD = 0.5, 0.2, 0.12
"""Prior of b and c in units of :func:`effect_scale` a step: moves matter, and too far is bad."""
FAILURE = 3.0
"""What a failed run counts as, in effect scales worse."""
DEAD_SIGMAS = 3.0
"""A dead end whose number the briefing does not tell counts as so many noise sigmas worse."""
COMPARED = 1.25
"""SD of a measured change in noise sigmas: the incumbent's own estimate is not exact either."""
SURPRISE = 1.5
"""SDs of a foreseen change, noise included, beyond which its levers are known less well than was believed."""
BOLD = 1.0
"""Noise in effect scales from which first moves go two steps: smaller ones would drown. A doubling, a whole block and
the next rung of a ladder are bold as they are."""


def effect_scale(accelerated: bool, incumbent: float | None) -> float:
    """How large the effect of one step usually is, in bpb.

    0.4 % of the score on an accelerator, where the published file is well tuned; 1 % where a run makes a few hundred
    steps and the same file is far from its best.
    """
    return (0.004 if accelerated else 0.01) * (incumbent if incumbent is not None else 1.5)


@dataclass(frozen=True)
class Trial:
    """One earlier experiment as displacements."""

    moves: Mapping[str, tuple[float, float]]
    """Knob → where it stood and where it went, in steps from the present incumbent."""
    effect: float
    sd: float
    """SD of the noise of ``effect``, in bpb."""
    good: bool
    """Whether it was kept."""

    def towards(self, knob: str) -> float:
        """By how many steps it moved ``knob``."""
        start, end = self.moves.get(knob, (0.0, 0.0))
        return end - start


class Evidence:
    """The surrogate, and how each lever fared."""

    def __init__(self, knobs: Knobs, briefing: Briefing, levers: Mapping[str, Lever], accelerated: bool) -> None:
        self.knobs = knobs
        self.noise = briefing.noise_sigma
        self.accelerated = accelerated
        self.scale = effect_scale(accelerated, briefing.incumbent_estimate)
        self.levers = levers
        self.present = {knob: lever.position(knobs) or 0.0 for knob, lever in levers.items()}
        self.place = {knob: place for place, knob in enumerate(levers)}
        self.trials = self._trials(briefing)
        self.mean, self.covariance = self._posterior()

    def predict(self, changes: Mapping[str, str]) -> tuple[float, float]:
        """Mean and SD of the true effect of ``changes``, in bpb."""
        row = self._row(self._moves({knob: (self.knobs.sources.get(knob, ""), new) for knob, new in changes.items()}))
        return float(row @ self.mean), (max(float(row @ self.covariance @ row), 0.0) ** 0.5)

    def gain(self, mean: float, sd: float) -> float:
        """Expected improvement of the incumbent by one run of a candidate, in bpb (0 or more).

        The run tells the effect only up to its noise, and the candidate is kept when the updated mean is negative, so
        this is the knowledge gradient (Frazier, Powell and Dayanik 2009): with much noise a bold step is worth more.
        """
        noise = COMPARED * self.noise
        told = sd**2 / math.hypot(sd, noise) if sd > 0 else 0.0
        if told <= 0:
            return max(-mean, 0.0)
        z = -mean / told
        return told * (math.exp(-z * z / 2) / math.sqrt(2 * math.pi) + z * (1 + math.erf(z / math.sqrt(2))) / 2)

    def stride(self, knob: str, sign: float) -> float:
        """How many steps to go: half as far again after each keep in that direction, half as far after each discard.

        Only what moved this lever alone counts against it: of a combination nobody knows which part failed. Half a step
        is the least, because a smaller one drowns in the noise. What moves in whole steps goes one at a time.
        """
        if self.levers[knob].kind not in ("factor", "shift"):
            return 1.0
        stride = 2.0 if self.noise > BOLD * self.scale else 1.0
        for trial in self.trials:
            towards = trial.towards(knob) * sign
            if towards > 0 and trial.good:
                stride = min(towards * 1.5, 3.0)
            elif towards > 0 and len(trial.moves) == 1:
                stride = max(min(stride, towards) / 2, 0.5)
        return stride

    def tries(self, knob: str) -> int:
        """How many experiments moved this lever."""
        return sum(knob in trial.moves for trial in self.trials)

    def between(self, knob: str) -> float:
        """Where the lever's parabola is lowest, in steps from the incumbent.

        0 where it was not moved both ways, or where the lowest point does not lie between the settings that were
        measured: what lies beyond them is no synthesis of them.
        """
        towards = [trial.towards(knob) for trial in self.trials]
        slope, bend = self.mean[2 * self.place[knob] : 2 * self.place[knob] + 2]
        if not min(towards, default=0.0) < 0 < max(towards, default=0.0) or bend <= 0:
            return 0.0
        seen = [place for trial in self.trials for place in trial.moves.get(knob, ())]
        bottom = float(-slope / (2 * bend))
        return bottom if min(seen) < bottom < max(seen) else 0.0

    def _trials(self, briefing: Briefing) -> list[Trial]:
        told = [*briefing.earlier, *briefing.recent]
        seen = {one.experiment_id for one in told}
        trials = [
            Trial(moves, DEAD_SIGMAS * self.noise, 2 * self.noise, good=False)
            for dead in briefing.dead_ends
            if dead.experiment_id not in seen and (moves := self._moves(dead.changed_knobs))
        ]
        return trials + [trial for one in told if (trial := self._trial(one))]

    def _trial(self, one: ExperimentBrief) -> Trial | None:
        moves = self._moves(one.changed_knobs)
        if not moves or one.status in ("planned", "interrupted", "rejected"):
            return None
        measured = one.delta if one.change is None else one.change
        # What else was changed may have had an effect of its own.
        strange = self.scale if set(one.changed_knobs) - set(moves) - {"DEVICE_BATCH_SIZE"} else 0.0
        effect = FAILURE * self.scale if measured is None else measured
        return Trial(moves, effect, math.hypot(COMPARED * self.noise, strange), one.decision == "keep")

    def _moves(self, changed: Mapping[str, tuple[str, str]]) -> dict[str, tuple[float, float]]:
        moves = {}
        for knob, sources in changed.items():
            lever = self.levers.get(knob)
            if lever is None:
                continue
            ends = [lever.position(self.knobs.changed({knob: source})) for source in sources]
            if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
                moves[knob] = (ends[0] - self.present[knob], ends[1] - self.present[knob])
        return moves

    def _row(self, moves: Mapping[str, tuple[float, float]]) -> Vector:
        row = np.zeros(2 * len(self.levers))
        for knob, (start, end) in moves.items():
            row[2 * self.place[knob] : 2 * self.place[knob] + 2] = end - start, end**2 - start**2
        return row

    def _posterior(self) -> tuple[Vector, Vector]:
        mean, prior = self._prior()
        covariance = np.diag(prior)
        # Changes of one lever first: what they tell decides whom a combination surprises.
        for trial in sorted(self.trials, key=lambda one: len(one.moves)):
            row, noise = self._row(trial.moves), (trial.sd or self.scale) ** 2
            surprise, foreseen = trial.effect - float(row @ mean), float(row @ covariance @ row)
            if surprise**2 > SURPRISE**2 * (foreseen + noise):
                share = prior * (row != 0)
                missing = surprise**2 - noise - foreseen
                covariance += np.diag(share * missing / float(row**2 @ share))
                foreseen += missing
            told = covariance @ row
            mean = mean + told * surprise / (foreseen + noise)
            covariance = covariance - np.outer(told, told) / (foreseen + noise)
        return mean, covariance

    def _prior(self) -> tuple[Vector, Vector]:
        """Means and variances of the coefficients before anything was measured."""
        mean, variance = np.zeros(2 * len(self.levers)), np.zeros(2 * len(self.levers))
        for knob, place in self.place.items():
            lever = self.levers[knob]
            promise = lever.on_gpu if self.accelerated else lever.on_cpu
            mean[2 * place : 2 * place + 2] = -promise * self.scale, BEND * self.scale
            variance[2 * place : 2 * place + 2] = (SLOPE_SD * self.scale) ** 2, (BEND_SD * self.scale) ** 2
        return mean, variance
