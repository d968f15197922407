"""The rules of the field that ours is compared with, each as its users have it, and ours: dialectic's own functions.

A rule is handed a bench and spends its runs; a run is a true value plus Gaussian noise.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtr

from benchmarks.landscapes import Landscape
from dialectic import verdict
from dialectic.state.base import Compared
from dialectic.state.result import ScoredRun
from dialectic.verdict.claims import CANDIDATE, claim_level

REPEAT_SHARE, MAX_REPEATS = 0.3, 4
PAIRS = 3


@dataclass
class Bench:
    """One session: its landscape, its luck and its account of what was kept."""

    landscape: Landscape
    luck: np.random.Generator
    noise: float
    left: int
    """Training runs that may still be spent."""
    first_luck: float | None = None
    """Of the very first run in noise SDs, where it is fixed."""
    true: float = 0.0
    """The incumbent's value; the baseline's is 0."""
    keeps: int = 0
    false_keeps: int = 0
    claims: int = 0
    false_claims: int = 0
    repeats: int = 0
    belief: verdict.Belief | None = None
    """Of ours."""
    effect: float = field(default=0.0, init=False)

    def propose(self) -> None:
        """The next candidate."""
        self.effect = self.landscape.propose()

    def run(self, *, candidate: bool = True) -> float:
        """A training run of the candidate or of the incumbent; its ``val_bpb``."""
        self.left -= 1
        luck = float(self.luck.standard_normal())
        if self.first_luck is not None:
            luck, self.first_luck = self.first_luck, None
        return self.true + (self.effect if candidate else 0.0) + self.noise * luck

    def keep(self, *, claimed: bool) -> None:
        """The candidate replaces the incumbent; it is a false keep when it is not better."""
        false = self.effect >= 0
        self.keeps, self.false_keeps = self.keeps + 1, self.false_keeps + false
        self.claims, self.false_claims = self.claims + claimed, self.false_claims + (claimed and false)
        self.true += self.effect
        self.landscape.keep()


Play = Callable[[Bench, float], None]
"""Spends the bench's runs; the number is the profile's prior noise in bpb."""


def greedy(bench: Bench, _: float) -> None:
    """Any lower number is kept. It claims nothing beyond keeping."""
    best = bench.run(candidate=False)
    while bench.left:
        bench.propose()
        value = bench.run()
        if value < best:
            best = value
            bench.keep(claimed=False)


def bootstrap(bench: Bench, _: float) -> None:
    """Three runs each, kept and claimed when P(better than the stored best) by the bootstrap of both means is 0.95."""
    picks = np.array(list(itertools.product(range(3), repeat=3)))
    best = np.array([bench.run(candidate=False) for _ in range(3)])
    while bench.left >= 3:
        bench.propose()
        values = np.array([bench.run() for _ in range(3)])
        bench.repeats += 2
        better = values[picks].mean(1)[:, None] < best[picks].mean(1)[None, :]
        if better.mean() >= 0.95:
            best = values
            bench.keep(claimed=True)


def deviation(bench: Bench, _: float) -> None:
    """One run each; the improvement on the best number over the median absolute deviation of all numbers so far is
    the confidence: kept from 1 on (below is within the noise), claimed from 2 on (likely real)."""
    numbers = [bench.run(candidate=False)]
    best = numbers[0]
    while bench.left:
        bench.propose()
        value = bench.run()
        numbers.append(value)
        centre = statistics.median(numbers)
        width = statistics.median(abs(number - centre) for number in numbers)
        confidence = (best - value) / width if len(numbers) >= 3 and width > 0 else 0.0
        if confidence >= 1:
            best = value
            bench.keep(claimed=confidence >= 2)


def pairs(bench: Bench, _: float) -> None:
    """Three interleaved pairs each, kept and claimed by a t-test under SAFFRON at 5 %, the noise pooled over all."""
    squares, freedom, number = 0.0, 0, 0
    candidates, discoveries = list[int](), list[int]()
    while bench.left >= 2 * PAIRS:
        bench.propose()
        differences = [bench.run() - bench.run(candidate=False) for _ in range(PAIRS)]
        bench.repeats += 2 * PAIRS - 1
        mean = statistics.fmean(differences)
        squares += sum((difference - mean) ** 2 for difference in differences)
        freedom, number = freedom + PAIRS - 1, number + 1
        tail = stdtr(freedom, mean / math.sqrt(squares / freedom / PAIRS))
        level = claim_level(number, candidates, discoveries)
        if tail <= CANDIDATE:
            candidates.append(number)
        if tail <= level:
            discoveries.append(number)
            bench.keep(claimed=True)


def ours(bench: Bench, prior_noise: float) -> None:
    """The shipped functions, called as the loop calls them."""
    belief = verdict.Belief(prior_noise=prior_noise)
    allowance = int(REPEAT_SHARE * bench.left)
    opening = [bench.run(candidate=False) for _ in range(verdict.baseline_runs(bench.left, prior_noise))]
    bench.repeats += len(opening) - 1
    _, belief = verdict.judge(belief, "000", [_scored("candidate", value) for value in opening])
    for number in itertools.count(1):
        if not bench.left:
            break
        bench.propose()
        candidate, incumbent = [_scored("candidate", bench.run())], list[ScoredRun]()
        while True:
            may = min(bench.left, allowance - bench.repeats)
            more = verdict.next_run(
                belief, candidate, incumbent, remaining=bench.left, max_repeats=MAX_REPEATS, allowance=may
            )
            if more is None:
                break
            run = _scored(more, bench.run(candidate=more == "candidate"))
            (candidate if more == "candidate" else incumbent).append(run)
            bench.repeats += 1
        judged, belief = verdict.judge(belief, str(number), candidate, incumbent)
        if judged.decision == "keep":
            bench.keep(claimed=judged.claim == "proven")
    bench.belief = belief


def _scored(of: Compared, value: float) -> ScoredRun:
    return ScoredRun.model_construct(of=of, seed=0, val_bpb=value)


RULES: dict[str, Play] = {
    "ours": ours,
    "greedy": greedy,
    "bootstrap": bootstrap,
    "deviation": deviation,
    "pairs": pairs,
}
