"""What effects candidates have: a prior that the session learns (empirical Bayes).

An effect is exactly none, or worse, or better by a half-normal amount of one of several scales, in the manner of
adaptive shrinkage (Stephens 2017, "False discovery rates: a new deal", Biostatistics 18). How the scales are weighted
is learned on two levels. The field's candidates give a shape; how large the effects of this session are in proportion
is one of several sizes, each believed by what it foretold (Bayesian model averaging). Under each size the weights are
expected counts: every candidate adds the probabilities with which it belongs to each component (the quasi-Bayes rule
of Smith and Makov 1978, JRSS B 40).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul

SCALES = tuple(2e-4 * 3.0**power for power in range(7))
"""Scales of the half-normals in bpb: 0.0002 to 0.15."""
SIZES = (0.3, 1.0, 3.0, 10.0)
"""How large a session's effects may be, in the field's."""
SIZE_SHARES = (0.25, 0.45, 0.2, 0.1)
"""How likely each size is before the session has shown its own."""
FIELD_SHARES = (0.25, 0.6, 0.15)
"""Of the field's candidates without effect, worse and better."""
FIELD_MEANS = (5e-3, 2e-3)
"""Mean effect of the field's worse and better candidates in bpb, sign aside."""
FIELD_WIDTH = math.log(2.5)
"""SD of the scales' logarithm around those means: a mixture of such half-normals has an exponential's tail and more."""
PRIOR_EFFECTS = 20.0
"""Candidates that the field's shape is worth."""

_PEAK = 1.0 / math.sqrt(2.0 * math.pi)

Counts = tuple[float, ...]


def _shape(mean: float) -> list[float]:
    # A half-normal of scale s has the mean 0.8 s.
    weights = [math.exp(-0.5 * (math.log(0.8 * scale / mean) / FIELD_WIDTH) ** 2) for scale in SCALES]
    return [weight / sum(weights) for weight in weights]


def _field(size: float) -> Counts:
    none, worse, better = (share * PRIOR_EFFECTS for share in FIELD_SHARES)
    worst, best = (_shape(size * mean) for mean in FIELD_MEANS)
    return (none, *(worse * share for share in worst), *(better * share for share in best))


@dataclass(frozen=True)
class Prior:
    """What a session believes of its candidates' effects."""

    sizes: tuple[float, ...]
    """Probability of each of :data:`SIZES`, times the session's scale."""
    counts: tuple[Counts, ...]
    """Under each size: expected counts of (none, worse by scale, better by scale)."""
    weights: Counts
    """Averaged over the sizes: probability of each component."""


def _prior(sizes: tuple[float, ...], counts: tuple[Counts, ...]) -> Prior:
    parts = [size / sum(count) for size, count in zip(sizes, counts, strict=True)]
    weights = tuple([sum(map(mul, parts, column)) for column in zip(*counts, strict=True)])
    return Prior(sizes, counts, weights)


def expected(scale: float = 1.0) -> Prior:
    """What is believed before the first candidate, where effects are ``scale`` times as large as the field's.

    The field's are those of five minutes on an accelerator; a minute on a processor ends high on the learning curve,
    where the same changes are worth many times as much.
    """
    return _prior(SIZE_SHARES, tuple(_field(size * scale) for size in SIZES))


FIELD = expected()
"""What is believed of the field's own candidates."""


@dataclass(frozen=True)
class Effect:
    """What is known of one candidate's effect, in bpb, negative is better."""

    mean: float
    variance: float
    gain: float
    """E[max(0, -effect)]."""
    better: float
    """Probability that it is below zero."""
    densities: tuple[float, ...]
    """Of what was measured, under each component."""


def posterior(prior: Prior, measured: float, variance: float) -> Effect:
    """The effect after it was measured with a Gaussian error of that variance."""
    scales, weights, number = SCALES, prior.weights, len(SCALES)
    # A candidate far outside of what is usual is itself unusual: it widens the last scale, or it would drag the
    # incumbent's estimate along.
    if abs(measured) > scales[-1]:
        scales = (*scales[:-1], abs(measured))
    half = 0.5 * measured * measured
    none = _PEAK / math.sqrt(variance) * math.exp(-half / variance)
    worse, better = [], []
    total, mean, square, gain, below = weights[0] * none, 0.0, 0.0, 0.0, 0.0
    for index, scale in enumerate(scales):
        both = scale * scale + variance
        share = scale * scale / both
        centre, width2 = measured * share, variance * share
        density = 2.0 * _PEAK / math.sqrt(both) * math.exp(-half / both)
        above = density * 0.5 * math.erfc(-centre / math.sqrt(2.0 * width2))
        under = density - above
        # Where the halves meet, at zero, both end with the same density.
        edge = 2.0 * _PEAK * none * scale * variance / both
        worse.append(above)
        better.append(under)
        up, down = weights[1 + index], weights[1 + number + index]
        loss, win = up * (centre * above + edge), down * (edge - centre * under)
        total += up * above + down * under
        mean += loss - win
        square += width2 * (up * above + down * under) + centre * (loss - win)
        gain += win
        below += down * under
    mean /= total
    variance = max(square / total - mean * mean, 0.0)
    return Effect(mean, variance, max(gain / total, 0.0), below / total, (none, *worse, *better))


def learn(prior: Prior, effect: Effect) -> Prior:
    """The prior after one more candidate."""
    sizes, counts = [], []
    for size, count in zip(prior.sizes, prior.counts, strict=True):
        belongs = list(map(mul, count, effect.densities))
        total = sum(belongs)
        sizes.append(size * total / sum(count))
        counts.append(tuple([value + part / total for value, part in zip(count, belongs, strict=True)]))
    foretold = sum(sizes)
    return _prior(tuple([max(size / foretold, 1e-6) for size in sizes]), tuple(counts))
