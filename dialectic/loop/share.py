"""How many runs a session spends on repeats and on its final pairs (design, section 8, counting).

Together they are at most :data:`SHARE` of all its runs. The pairs come first: what they leave may be bought as repeats.
Pairs that the user asked for are run whatever the share says, and then leave less to the repeats, or none.
"""

from __future__ import annotations

from collections.abc import Sequence

from dialectic.config import Settings
from dialectic.session import Iteration
from dialectic.verdict import REPEATS_FROM, baseline_runs

SHARE = 0.3
PAIRS = 3
"""Pairs at the end of a session that nobody asked for another number."""
LEAST_PAIRS = 2
"""A single pair does not tell the noise, so it has no interval; with five to seven candidates two are a run more than
the share."""


def extras(others: int) -> int:
    """How many repeats and runs of pairs may come on top of ``others``."""
    return int(others * SHARE / (1 - SHARE) + 1e-9)


def pairs_at_end(settings: Settings, noise: float, candidates: int) -> int:
    """Pairs that a session of so many candidates ends with, if it keeps one of them; ``noise`` is the profile's."""
    if settings.confirm is False:
        return 0
    if settings.pairs is not None:
        return settings.pairs
    if settings.confirm:
        return PAIRS
    if candidates < REPEATS_FROM:
        return 0
    return min(PAIRS, max(LEAST_PAIRS, extras(planned_runs(candidates, noise)) // 2))


def planned_runs(candidates: int, noise: float) -> int:
    """Runs of baseline and candidates, repeats not counted."""
    return candidates + baseline_runs(candidates, noise)


def repeats_left(settings: Settings, noise: float, finished: Sequence[Iteration], made: int = 0) -> int:
    """Repeats that may still be bought after these iterations and ``made`` of the present one's own.

    Without end the share is that of the runs so far, and room for pairs is kept where they will come.
    """
    if settings.rule == "greedy" or settings.max_repeats == 0:
        return 0
    candidates = settings.iterations or 0
    others = planned_runs(candidates, noise) if candidates else 1 + sum(_base(one) for one in finished)
    ends = candidates or settings.max_hours or settings.confirm or settings.pairs
    pairs = pairs_at_end(settings, noise, candidates or len(finished)) if ends else 0
    return max(extras(others) - 2 * pairs - sum(_repeats(one) for one in finished) - made, 0)


def _runs(one: Iteration) -> int:
    """Runs of a finished iteration that counts; a first attempt that got a second chance is not among them."""
    _, result, _ = one
    return len(result.verdict.runs) + len(result.failed_repeats) if result else 0


def _base(one: Iteration) -> int:
    """Of an iteration's runs those that are no repeats: all of the baseline's, one of any other that ran."""
    plan, _, _ = one
    return _runs(one) if plan.iteration == 1 else 0 if plan.rejected else 1


def _repeats(one: Iteration) -> int:
    plan, _, _ = one
    return 0 if plan.iteration == 1 else max(_runs(one) - 1, 0)
