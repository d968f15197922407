"""The clock of a run as the runner sees it: what it used in all, whether that can be, and whether its claims agree.

What a run says of its own time decides nothing. A run's whole process tree is measured from outside, from its start to
its end: CPU seconds a core on the CPU clock, wall seconds on the wall clock. That holds start, warm-up, training,
export and whatever comes after the hand-over, so it makes no difference where, in which process or behind which clock
somebody trains. From it go the budget and what the baseline of the same session needed on the same machine beside its
training; the rest must fit into an allowance.

A candidate that needs nothing of the allowance for itself could train in it: on the ``cpu`` profile with two cores
about 3.7 s of a budget of 60 s. Where the profile compiles, the allowance must bear a longer compilation, which a watch
does not tell from training: there it is half of what the baseline needed, and 30 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialectic.executors import collect
from dialectic.loop.house import House
from dialectic.state.run import Failure, LiveEvent, RunRecord
from dialectic.state.session import ProfileFacts
from dialectic.state.signs import Sign

BUDGET_SHARE = 0.03
"""Of the budget: the last step may overshoot, and a larger batch warms up for longer."""
BESIDE_SHARE = 0.5
"""Of what the baseline needed beside its training: a deeper model warms up and is exported for longer (twice the depth,
and with it the width, took 4.7 s of one core more), and a busy machine needs more CPU time for the same (a fifth)."""
SPARE_SECONDS = {"cpu": 1.0, "mps": 5.0, "cuda": 5.0}
"""On top: on a CPU of one core, for start and export use one; elsewhere of the whole machine."""
COMPILE_SECONDS = 30.0
"""Instead of that where the profile compiles: a model with more blocks compiles for longer."""
UNKNOWN_SHARE = 0.25
UNKNOWN_SECONDS = {"cpu": 60.0, "mps": 300.0, "cuda": 600.0}
"""Without a baseline to go by: the baseline itself, and sessions of older versions."""
RATE_LIMIT = 25.0
"""A candidate that tells of so many times the baseline's tokens a second is not believed."""
CLAIM_SHARE, CLAIM_SECONDS = 0.05, 2.0
"""By how much two times of one run may differ before it is told."""


@dataclass(frozen=True)
class Yardstick:
    """What the session's baseline needed; zeros where nobody knows."""

    beside_seconds: float = 0.0
    """Beside its training, on the budget's clock, measured from outside."""
    tokens_per_second: float = 0.0
    """As it told itself."""


@dataclass(frozen=True)
class Spent:
    """A run measured from outside on the budget's clock, and what it may come to."""

    what: str
    """The clock in words."""
    seconds: float
    beside: float
    allowance: float


def used(profile: ProfileFacts, record: RunRecord) -> float:
    """Seconds of the budget's clock that a run used in all, measured from outside."""
    return record.cpu_seconds / _cores(profile) if profile.clock == "cpu" else record.wall_seconds


def beside(profile: ProfileFacts, record: RunRecord) -> float:
    """Seconds that a run used beside its training, as far as its own word for the training goes; 0 where it gave none.

    It is the baseline's word that counts: the user's file is the yardstick.
    """
    trained = record.handed_over.get("training_seconds_elapsed", record.metrics.get("training_seconds"))
    return max(used(profile, record) - max(trained, 0.0), 0.0) if trained is not None else 0.0


def yardstick(house: House) -> Yardstick:
    """The baseline's, once it has a result."""
    result = house.history[0][1] if house.history else None
    if result is None:
        return Yardstick()
    seconds = result.summary.get("training_seconds", 0.0)
    tokens = 1e6 * result.summary.get("total_tokens_M", 0.0)
    return Yardstick(result.cost.beside_seconds, tokens / seconds if seconds > 0 else 0.0)


def overspent(profile: ProfileFacts, record: RunRecord, base: Yardstick) -> Failure | None:
    """Why a run took more than the budget allows, whatever it says of its clock; None when it did not."""
    spent, budget = _spent(profile, record, base), profile.time_budget
    allowed = budget + spent.beside + spent.allowance
    if spent.seconds <= allowed:
        return None
    told = (
        f"it used {spent.seconds:.1f} s of {spent.what}, measured from outside; {budget:g} s of training, "
        f"{spent.beside:.1f} s beside it as the baseline needs, and {spent.allowance:.1f} s to spare allow "
        f"{allowed:.1f} s (it trains outside of its clock, or its steps are too long)"
    )
    return Failure(kind="timeout", message=told)


def false_claim(profile: ProfileFacts, record: RunRecord, base: Yardstick) -> Failure | None:
    """Why the time that a run says it trained is less than what was seen of it; None when it agrees, or is not told."""
    told = record.metrics.get("training_seconds")
    if told is None or not base.beside_seconds:
        return None
    spent = _spent(profile, record, base)
    least = spent.seconds - spent.beside - spent.allowance
    if told >= least:
        return None
    message = (
        f"it says that it trained for {told:.1f} s, and used {spent.seconds:.1f} s of {spent.what}, measured from "
        f"outside: at least {least:.1f} s of that are neither start nor export"
    )
    return Failure(kind="claims", message=message)


def doubts(profile: ProfileFacts, record: RunRecord, folder: Path, base: Yardstick) -> list[Sign]:
    """Claims of a run that do not agree with each other, or with what was seen; they decide nothing."""
    return [Sign(rule="claims", text=text) for text in _doubts(profile, record, folder, base)]


def _doubts(profile: ProfileFacts, record: RunRecord, folder: Path, base: Yardstick) -> list[str]:
    claims, found = record.metrics, []
    trained, tokens = claims.get("training_seconds", 0.0), 1e6 * claims.get("total_tokens_M", 0.0)
    seconds = used(profile, record)
    if _more(trained, seconds):
        found.append(f"it says that it trained for {trained:.1f} s, and used {seconds:.1f} s in all")
    delivered = record.handed_over.get("tokens_delivered")
    if delivered is not None and tokens > 1.01 * delivered:
        found.append(f"it says that it saw {tokens:,.0f} tokens, and the dataloader gave out {delivered:,.0f}")
    rate = tokens / trained if trained > 0 else 0.0
    if base.tokens_per_second and rate > RATE_LIMIT * base.tokens_per_second:
        times = rate / base.tokens_per_second
        found.append(f"it says that it saw {rate:,.0f} tokens a second, {times:.0f} times as many as the baseline")
    steps = [event for event in collect.all_events(folder) if event.type == "train_step"]
    if len(steps) > 1:
        first, last = steps[0], steps[-1]
        counted = _elapsed(last) - _elapsed(first)
        passed = (collect.moment(last.timestamp) - collect.moment(first.timestamp)).total_seconds()
        # CPU seconds may pass more slowly than a watch, where others use the machine, but not more quickly.
        if _more(counted, passed) or (profile.clock == "wall" and _more(passed, counted)):
            found.append(f"its clock counted {counted:.1f} s between two steps that are {passed:.1f} s apart")
        if _more(_elapsed(last), trained) and "training_seconds" in claims:
            found.append(f"it says that it trained for {trained:.1f} s, and told of {_elapsed(last):.1f} s before")
    return found


def _spent(profile: ProfileFacts, record: RunRecord, base: Yardstick) -> Spent:
    seconds, on_cpu = used(profile, record), profile.clock == "cpu"
    what = "CPU time a core" if on_cpu else "wall time"
    if not base.beside_seconds:
        return Spent(what, seconds, UNKNOWN_SECONDS[profile.device], UNKNOWN_SHARE * profile.time_budget)
    spare = SPARE_SECONDS[profile.device] / (_cores(profile) if on_cpu else 1)
    if profile.values.get("compile") and not on_cpu:
        spare = COMPILE_SECONDS
    allowance = BUDGET_SHARE * profile.time_budget + BESIDE_SHARE * base.beside_seconds + spare
    return Spent(what, seconds, base.beside_seconds, allowance)


def _cores(profile: ProfileFacts) -> int:
    return max(1, int(profile.cores))


def _more(first: float, second: float) -> bool:
    return first > (1 + CLAIM_SHARE) * second + CLAIM_SECONDS


def _elapsed(event: LiveEvent) -> float:
    value = event.fields.get("training_seconds_elapsed")
    return float(value) if isinstance(value, int | float) else 0.0
