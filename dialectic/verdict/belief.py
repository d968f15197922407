"""What a session knows about baseline and incumbent, and how a run changes it.

Noise is the profile's prior width, worth :data:`PRIOR_NOISE_RUNS` degrees of freedom, pooled with every repeat of one
file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from dialectic.state.result import Estimate, ScoredRun
from dialectic.state.session import ProfileFacts
from dialectic.verdict.effects import FIELD, Effect, Prior, expected, posterior

PRIOR_NOISE_RUNS = 3
"""Degrees of freedom that the profile's prior noise is worth: it may be off by a factor of two or three."""


@dataclass(frozen=True)
class Runs:
    """The raw runs of one file: how many, their mean in bpb."""

    count: int = 0
    mean: float = 0.0

    def add(self, values: Sequence[float]) -> tuple[Runs, float]:
        """With further runs; also what these add to the sum of squares around the mean."""
        if not values:
            return self, 0.0
        count = self.count + len(values)
        mean = (self.count * self.mean + sum(values)) / count
        squares = self.count * (self.mean - mean) ** 2 + sum((value - mean) ** 2 for value in values)
        return Runs(count, mean), squares


@dataclass(frozen=True)
class Belief:
    """What a session knows about baseline and incumbent; immutable, so a verdict never changes what it came from.

    ``mean`` and ``covariance`` are over the true values of (baseline, incumbent) in bpb; both are empty before the
    baseline was scored. ``sum_squares`` and ``freedom`` pool the repeats; ``effects`` is what is believed of all
    candidates' effects (:mod:`dialectic.verdict.effects`); ``candidates`` and ``discoveries`` are the 1-based numbers
    of the tests that might have proved something and that did (:mod:`dialectic.verdict.claims`).
    """

    prior_noise: float
    baseline_id: str = ""
    experiment_id: str = ""
    own: Runs = Runs()
    """The incumbent's raw runs."""
    recorded: float = 0.0
    """The incumbent's first ``val_bpb``, which the plain rule compares with."""
    conceded: float = 0.0
    """Expected harm of the simplifications kept so far, in bpb."""
    mean: tuple[float, float] | None = None
    covariance: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    sum_squares: float = 0.0
    freedom: int = 0
    effects: Prior = FIELD
    tests: int = 0
    candidates: tuple[int, ...] = ()
    discoveries: tuple[int, ...] = ()

    @classmethod
    def under(cls, profile: ProfileFacts) -> Belief:
        """What is believed before the baseline has run."""
        return cls(prior_noise=profile.noise_sigma, effects=expected(profile.effect_scale))

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


@dataclass(frozen=True)
class Posterior:
    """Baseline, incumbent and candidate after this iteration's runs."""

    informed: Belief
    """With what the runs told of noise, baseline and incumbent: what is believed when the candidate is discarded."""
    candidate: Runs
    first: float
    """The candidate's first ``val_bpb``."""
    effect: Effect
    """Candidate minus incumbent."""
    measured: float
    """The candidate's mean minus the incumbent's estimate, before the prior on effects has its say."""
    variance: float
    """Of the error of ``measured``: the candidate's noise and what is not known of the incumbent."""
    spread: tuple[float, float]
    """Posterior variance of the candidate's true value, and its covariance with the incumbent's."""

    def adopted(self) -> Belief:
        """What is believed when the candidate takes the incumbent's place; its name is still to be set."""
        assert self.informed.mean is not None
        (base, known), ((base_var, shared), (_, known_var)) = self.informed.mean, self.informed.covariance
        variance, cross = self.spread
        shared = shared / known_var * cross if known_var > 0 else 0.0
        return replace(
            self.informed,
            own=self.candidate,
            recorded=self.first,
            mean=(base, known + self.effect.mean),
            covariance=((base_var, shared), (shared, variance)),
        )


def observe(belief: Belief, candidate: Sequence[ScoredRun], incumbent: Sequence[ScoredRun]) -> Posterior:
    """The three true values after this iteration's runs, by closed forms; a mixture's moments are matched."""
    assert belief.mean is not None
    own, more = belief.own.add([run.val_bpb for run in incumbent])
    values = [run.val_bpb for run in candidate]
    new, again = Runs().add(values)
    squares = belief.sum_squares + more + again
    freedom = belief.freedom + len(incumbent) + len(candidate) - 1
    noise2 = (PRIOR_NOISE_RUNS * belief.prior_noise**2 + squares) / (PRIOR_NOISE_RUNS + freedom)
    (base, known), ((base_var, shared), (_, known_var)) = belief.mean, belief.covariance
    slope = shared / known_var if known_var > 0 else 0.0
    rest = base_var - slope * shared
    start = known
    if incumbent:
        value = sum(run.val_bpb for run in incumbent) / len(incumbent)
        gain = known_var / (known_var + noise2 / len(incumbent))
        known += gain * (value - known)
        known_var *= 1 - gain
    measured = new.mean - known
    variance = known_var + noise2 / len(values)
    effect = posterior(belief.effects, measured, variance)
    # The part of what is measured that is not the effect is shared out between incumbent and noise.
    part = known_var / variance
    old, left = known + part * (measured - effect.mean), known_var * (1 - part)
    old_var = left + part**2 * effect.variance
    cross = left - part * (1 - part) * effect.variance
    informed = replace(
        belief,
        own=own,
        mean=(base + slope * (old - start), old),
        covariance=((rest + slope**2 * old_var, slope * old_var), (slope * old_var, old_var)),
        sum_squares=squares,
        freedom=freedom,
    )
    spread = (left + (1 - part) ** 2 * effect.variance, cross)
    return Posterior(informed, new, values[0], effect, measured, variance, spread)
