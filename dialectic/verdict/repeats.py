"""Whether one more run of a file already measured is worth more than a new candidate.

A run is an investment, and its price is what a new candidate would bring: the improvement that the session may expect
of its next one, under the effects that it has seen so far and with the incumbent known as well as it is. A further run
of this comparison brings something only where it may turn the decision: the expected value of deciding with it, minus
that of deciding now (the knowledge gradient: Frazier, Powell and Dayanik 2008, SIAM J. Control Optim. 47). It is
looked at over one run to as many as are left, because a single one is often too few to turn anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dialectic.state.result import ScoredRun
from dialectic.verdict.belief import Belief, observe
from dialectic.verdict.effects import SCALES, Prior

Floats = NDArray[np.float64]
Whose = Literal["candidate", "incumbent"]

PRICE = 0.6

_SCALES = np.array(SCALES)
_ROOT = 1.0 / math.sqrt(2.0 * math.pi)


def _trapezoid(grid: Floats) -> Floats:
    """Weights of the trapezoidal rule on that grid."""
    steps = np.diff(grid)
    return 0.5 * (np.append(steps, 0.0) + np.insert(steps, 0, 0.0))


_BELOW = np.sinh(np.linspace(0.0, math.asinh(300.0), 28))
"""Measured improvements in SDs of their error, from none to far beyond the largest scale."""
_BELOW_WEIGHTS = _trapezoid(_BELOW)
_AROUND = np.linspace(-4.0, 4.0, 25)
"""Where a measured effect may move to, in SDs."""
_AROUND_WEIGHTS = _trapezoid(_AROUND) * np.exp(-0.5 * _AROUND**2) * _ROOT


def next_run(
    belief: Belief,
    candidate: Sequence[ScoredRun],
    incumbent: Sequence[ScoredRun],
    *,
    remaining: int | None,
    max_repeats: int,
    allowance: int,
) -> Whose | None:
    """The further run of this comparison that is worth buying now; None: decide.

    ``candidate`` and ``incumbent`` are the runs made for this comparison so far, in their order. ``remaining`` are the
    candidates still planned after this one (None: without end), ``max_repeats`` the further runs that one comparison
    may buy, ``allowance`` those that the session may still buy.
    """
    left = min(max_repeats + 1 - len(candidate) - len(incumbent), allowance)
    if belief.mean is None or not candidate or left <= 0:
        return None
    after = observe(belief, candidate, incumbent)
    noise2 = after.informed.noise**2
    now = max(0.0, -after.effect.mean)
    perfect = after.effect.gain - now
    if perfect <= 0.01 * after.informed.noise:
        return None
    standing = after.informed.covariance[1][1]
    # After the last candidate there is no new one that the run could be spent on.
    price = 0.0 if remaining == 0 else PRICE * _fresh(belief.effects, standing + noise2)
    if perfect <= price:
        return None
    plan = _plan(after.variance - noise2 / len(candidate), noise2, len(candidate), left)
    variances = np.array([variance for _, variance in plan])
    worth = _decided(belief.effects, after.measured, after.variance, variances) - now
    return plan[0][0] if bool(np.any(worth > price * np.arange(1, left + 1))) else None


def _plan(known: float, noise2: float, count: int, left: int) -> list[tuple[Whose, float]]:
    """The runs that shrink the error of the measured effect fastest, and the variance that each leaves of it.

    ``known`` is the variance of what is known of the incumbent, ``count`` how often the candidate has run.
    """
    plan: list[tuple[Whose, float]] = []
    for _ in range(left):
        sharper = known * noise2 / (known + noise2)
        fresh = noise2 / (count + 1)
        if known - sharper > noise2 / count - fresh:
            known = sharper
            plan.append(("incumbent", known + noise2 / count))
        else:
            count += 1
            plan.append(("candidate", known + fresh))
    return plan


def _fresh(prior: Prior, variance: float) -> float:
    """Improvement expected of a candidate yet to come, when its effect is measured with an error of that variance."""
    spread = math.sqrt(variance)
    _, moment = _curves(prior, -_BELOW[None, :] * spread, np.array([variance]))
    return spread * float(np.maximum(-moment[0], 0.0) @ _BELOW_WEIGHTS)


def _decided(prior: Prior, measured: float, variance: float, later: Floats) -> Floats:
    """Improvement expected of this candidate, if decided when the error's variance has shrunk to ``later`` [V]."""
    moved = measured + _AROUND[None, :] * np.sqrt(variance - later)[:, None]
    _, moment = _curves(prior, moved, later)
    density, _ = _curves(prior, np.array([[measured]]), np.array([variance]))
    value: Floats = np.maximum(-moment, 0.0) @ _AROUND_WEIGHTS / density[0, 0]
    return value


def _curves(prior: Prior, measured: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Density of measured effects [V, G], and the same times the effect's posterior mean, for error variances [V]."""
    from scipy.special import ndtr  # a fifth of a second that readers of a verdict need not wait for

    number = len(SCALES)
    weights = np.array(prior.weights)
    error = variance[:, None]
    none = weights[0] * _ROOT / np.sqrt(error) * np.exp(-0.5 * measured**2 / error)
    total = _SCALES**2 + error
    pull = (_SCALES**2 / total)[:, None, :]
    width = (_SCALES * np.sqrt(error / total))[:, None, :]
    centre = measured[:, :, None] * pull
    ratio = centre / width
    inside = ndtr(ratio)
    bump = width * _ROOT * np.exp(-0.5 * ratio * ratio)
    base = np.exp((-0.5 / total)[:, None, :] * (measured * measured)[:, :, None])
    base *= (2.0 * _ROOT / np.sqrt(total))[:, None, :]
    worse, better = base * weights[1 : 1 + number], base * weights[1 + number :]
    density = none + (worse * inside + better * (1.0 - inside)).sum(-1)
    moment = (worse * (centre * inside + bump) - better * (bump - centre * (1.0 - inside))).sum(-1)
    return density, moment
