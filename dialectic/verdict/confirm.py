"""The session's total improvement, with an interval that its choices cannot bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dialectic.state.confirmation import Confirmation, Pair
from dialectic.verdict.belief import Belief, Runs

COVERAGE = 0.95


def confirm(pairs: Sequence[Pair], belief: Belief | None = None) -> Confirmation:
    """Mean difference of fresh pairs and its 95 % interval; ``belief`` names the two files.

    ``pairs`` (at least one) are new runs of baseline and final incumbent that no choice has seen, so their mean is
    unbiased. The width is Student's for two samples of one variance, 2 (n - 1) degrees of freedom for n pairs: the
    differences alone would have half as many and an interval half as wide again. What the two runs of a pair share, a
    slow hour of the machine or a seed, cancels in the mean and can only make the interval too wide. The session's
    repeats have no say: they were bought where a first run looked promising, so their spread errs to the high side.
    """
    from scipy.special import stdtrit  # a fifth of a second that readers of a verdict need not wait for

    count = len(pairs)
    baseline, above = Runs().add([pair.baseline for pair in pairs])
    incumbent, below = Runs().add([pair.incumbent for pair in pairs])
    improvement, freedom, half = baseline.mean - incumbent.mean, 2 * (count - 1), None
    if freedom > 0:
        quantile = float(stdtrit(freedom, (1 + COVERAGE) / 2))
        half = quantile * math.sqrt((above + below) / freedom * 2 / count)
    return Confirmation(
        baseline_id=belief.baseline_id if belief else "",
        incumbent_id=belief.experiment_id if belief else "",
        pairs=list(pairs),
        improvement=improvement,
        low=None if half is None else improvement - half,
        high=None if half is None else improvement + half,
        degrees_of_freedom=freedom,
        method=_method(count, freedom),
    )


def informed(belief: Belief, pairs: Sequence[Pair]) -> Belief:
    """The belief with the runs of the pairs as further evidence about baseline and incumbent, for the adoption.

    The session's own verdicts go on without it: the pairs stay fresh.
    """
    if belief.mean is None or not pairs:
        return belief
    files = [Runs().add([pair.baseline for pair in pairs]), Runs().add([pair.incumbent for pair in pairs])]
    belief = replace(
        belief,
        sum_squares=belief.sum_squares + sum(squares for _, squares in files),
        freedom=belief.freedom + 2 * (len(pairs) - 1),
    )
    mean, covariance = np.array(belief.mean), np.array(belief.covariance)
    for index, (runs, _) in enumerate(files):
        gain = covariance[:, index] / (covariance[index, index] + belief.noise**2 / runs.count)
        mean = mean + gain * (runs.mean - mean[index])
        covariance = covariance - np.outer(gain, covariance[index, :])
    (base, shared), (_, own) = covariance
    return replace(
        belief,
        mean=(float(mean[0]), float(mean[1])),
        covariance=((float(base), float(shared)), (float(shared), float(own))),
    )


def _method(count: int, freedom: int) -> str:
    if not freedom:
        return "difference of one fresh pair; a single pair does not tell the noise, so there is no interval"
    return (
        f"mean of {count} fresh interleaved pairs; 95 % interval by Student's t for two samples of one variance, "
        f"{freedom} degrees of freedom"
    )
