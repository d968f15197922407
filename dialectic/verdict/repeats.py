"""Whether one more run of a file already measured is worth more than a new candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

from dialectic.state.result import ScoredRun
from dialectic.verdict.belief import Belief, observe


def next_run(
    belief: Belief,
    candidate: Sequence[ScoredRun],
    incumbent: Sequence[ScoredRun],
    *,
    remaining: int | None,
    max_repeats: int,
    allowance: int,
) -> Literal["candidate", "incumbent"] | None:
    """The further run of this comparison that is worth buying now; None: decide.

    ``candidate`` and ``incumbent`` are the runs made for this comparison so far, in their order. ``remaining`` are the
    candidates still planned after this one (None: without end), ``max_repeats`` the further runs that one comparison
    may buy, ``allowance`` those that the session may still buy.
    """
    bought = len(candidate) + len(incumbent) - 1
    if belief.mean is None or not candidate or bought >= max_repeats or allowance <= 0:
        return None
    after = observe(belief, candidate, incumbent)
    delta, delta_sd = after.delta()
    if delta_sd <= 0 or abs(delta) > delta_sd:
        return None
    noise = belief.noise
    move = delta_sd**2 / math.hypot(delta_sd, noise)
    z = -abs(delta) / move
    gain = move * (NormalDist().pdf(z) + z * NormalDist().cdf(z))
    if gain < (0.0 if remaining == 0 else 0.2) * noise:
        return None
    own = belief.incumbent.sd**2 / (1 + len(incumbent))
    return "incumbent" if own > noise**2 / len(candidate) else "candidate"
