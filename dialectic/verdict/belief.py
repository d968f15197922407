"""What a session knows about baseline and incumbent, and how a run changes it.

Noise is the profile's prior width, worth :data:`PRIOR_NOISE_RUNS` degrees of freedom, pooled with every repeat of one
file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from dialectic.state.result import Estimate, ScoredRun

PRIOR_NOISE_RUNS = 8
"""Degrees of freedom that the profile's prior noise is worth: about as many runs as it was measured with."""
PRIOR_EFFECTS = 4
"""Candidates that the prior on effects is worth."""
PRIOR_EFFECT_SIGMAS = 2.0
"""Prior SD of a candidate's effect, in units of the prior noise."""


@dataclass(frozen=True)
class Belief:
    """What a session knows about baseline and incumbent; immutable, so a verdict never changes what it came from.

    ``mean`` and ``covariance`` are over the true values of (baseline, incumbent) in bpb; both are empty before the
    baseline was scored. ``sum_squares`` and ``freedom`` pool the repeats; ``effects`` are the measured differences to
    the incumbent of the time; ``discoveries`` are the 1-based numbers of the tests that proved something.
    """

    prior_noise: float
    baseline_id: str = ""
    experiment_id: str = ""
    recorded: float = 0.0
    """The incumbent's first ``val_bpb``, which the plain rule compares with."""
    conceded: float = 0.0
    """Expected harm of the simplifications kept so far, in bpb."""
    mean: tuple[float, float] | None = None
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    sum_squares: float = 0.0
    freedom: int = 0
    effects: tuple[float, ...] = field(default=())
    tests: int = 0
    discoveries: tuple[int, ...] = field(default=())

    @property
    def noise(self) -> float:
        """SD of ``val_bpb`` between runs of one file."""
        pooled = PRIOR_NOISE_RUNS * self.prior_noise**2 + self.sum_squares
        return math.sqrt(pooled / (PRIOR_NOISE_RUNS + self.freedom))

    @property
    def incumbent(self) -> Estimate:
        """The incumbent's true value as it is known now; the baseline must have been scored."""
        assert self.mean is not None
        return Estimate(
            experiment_id=self.experiment_id, estimate=self.mean[1], sd=math.sqrt(max(self.covariance[1][1], 0.0))
        )

    @property
    def baseline(self) -> Estimate:
        """The baseline's true value as it is known now; it must have been scored."""
        assert self.mean is not None
        sd = math.sqrt(max(self.covariance[0][0], 0.0))
        return Estimate(experiment_id=self.baseline_id, estimate=self.mean[0], sd=sd)

    @property
    def gain_sd(self) -> float:
        """Posterior SD of baseline minus incumbent; 0 while they are one."""
        (base, shared), (_, own) = self.covariance
        return math.sqrt(max(base + own - 2 * shared, 0.0))

    def probability_better_than_baseline(self) -> float:
        """Posterior probability that the incumbent's true value is below the baseline's; 0 while they are one."""
        if self.mean is None:
            return 0.0
        gain, spread = self.mean[0] - self.mean[1], self.gain_sd
        return NormalDist().cdf(gain / spread) if spread > 1e-12 else 0.0

    def effect_prior(self) -> tuple[float, float]:
        """Mean and SD of a new candidate's effect: the prior, moved by the session's own effects."""
        prior = (PRIOR_EFFECT_SIGMAS * self.prior_noise) ** 2
        weight = PRIOR_EFFECTS + len(self.effects)
        mean = sum(self.effects) / weight
        # Measured effects spread wider than true ones by the noise of the two runs they compare.
        spread = sum((effect - mean) ** 2 - 2 * self.noise**2 for effect in self.effects)
        variance = (PRIOR_EFFECTS * prior + spread) / weight
        return mean, math.sqrt(max(variance, 0.25 * prior))


@dataclass(frozen=True)
class Posterior:
    """(baseline, incumbent, candidate) after this iteration's runs."""

    mean: np.ndarray
    covariance: np.ndarray
    sum_squares: float
    freedom: int
    effect: float
    """Measured: mean of the candidate's runs minus the incumbent's estimate before them."""
    first: float
    """The candidate's first ``val_bpb``."""

    def delta(self) -> tuple[float, float]:
        """Posterior mean and SD of candidate minus incumbent."""
        contrast = np.array([0.0, -1.0, 1.0])
        return float(contrast @ self.mean), math.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0))


def observe(belief: Belief, candidate: Sequence[ScoredRun], incumbent: Sequence[ScoredRun]) -> Posterior:
    """Gaussian update of the three true values by this iteration's runs."""
    assert belief.mean is not None
    extra, freedom = pooled([run.val_bpb for run in candidate])
    informed = replace(belief, sum_squares=belief.sum_squares + extra, freedom=belief.freedom + freedom)
    measured = float(np.mean([run.val_bpb for run in candidate])) - belief.mean[1]
    effect_mean, effect_sd = belief.effect_prior()
    # Effects have heavy tails: a candidate far outside of what is usual is itself unusual, and says next to nothing of
    # the incumbent. With a Gaussian prior it would drag the incumbent's estimate along.
    effect_sd = max(effect_sd, abs(measured - effect_mean))
    lift = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    mean = lift @ np.array(belief.mean) + np.array([0.0, 0.0, effect_mean])
    covariance = lift @ np.array(belief.covariance) @ lift.T
    covariance[2, 2] += effect_sd**2
    for runs, index in ((candidate, 2), (incumbent, 1)):
        if runs:
            value = float(np.mean([run.val_bpb for run in runs]))
            gain = covariance[:, index] / (covariance[index, index] + informed.noise**2 / len(runs))
            mean = mean + gain * (value - mean[index])
            covariance = covariance - np.outer(gain, covariance[index, :])
    return Posterior(mean, covariance, informed.sum_squares, informed.freedom, measured, candidate[0].val_bpb)


def pooled(values: Sequence[float]) -> tuple[float, int]:
    """Sum of squares around their mean and the degrees of freedom of repeats of one file."""
    centre = float(np.mean(values))
    return sum((value - centre) ** 2 for value in values), len(values) - 1
