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
    """Mean difference of fresh pairs and its 95 % interval.

    ``pairs`` (at least one) are new runs of baseline and final incumbent that no choice has seen, so their mean is
    unbiased. The width comes from the spread of the pairs and, with ``belief``, of the session's repeats of one file;
    the profile's prior width has no say.
    """
    from scipy.special import stdtrit  # a fifth of a second that readers of a verdict need not wait for

    differences = [pair.baseline - pair.incumbent for pair in pairs]
    mean = sum(differences) / len(differences)
    squares = sum((difference - mean) ** 2 for difference in differences)
    freedom = len(differences) - 1
    if belief is not None:
        # A difference of two runs has twice the variance of one.
        squares, freedom = squares + 2 * belief.sum_squares, freedom + belief.freedom
    half = None
    if freedom > 0:
        quantile = float(stdtrit(freedom, (1 + COVERAGE) / 2))
        half = quantile * math.sqrt(squares / freedom / len(differences))
    return Confirmation(
        baseline_id=belief.baseline_id if belief else "",
        incumbent_id=belief.experiment_id if belief else "",
        pairs=list(pairs),
        improvement=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        degrees_of_freedom=freedom,
        method=_method(len(differences), freedom),
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


def _method(pairs: int, freedom: int) -> str:
    repeats = freedom - pairs + 1
    pooled = f", pooled with {repeats} from the session's repeats" if repeats else ""
    return (
        f"mean of {pairs} fresh interleaved {'pair' if pairs == 1 else 'pairs'}; 95 % interval by Student's t with "
        f"{freedom} degrees of freedom: {pairs - 1} from the pairs{pooled}"
    )
