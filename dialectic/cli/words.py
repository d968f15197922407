"""Numbers, times and verdicts as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from dialectic.state.measured import change_of
from dialectic.state.observer import Announcement, Ending
from dialectic.state.result import Estimate, Verdict
from dialectic.state.words import bpb as bpb
from dialectic.state.words import changes as changes
from dialectic.state.words import command as command
from dialectic.state.words import confirmed as confirmed
from dialectic.state.words import decision as decision
from dialectic.state.words import duration as duration
from dialectic.state.words import estimate as estimate
from dialectic.state.words import profile_values as profile_values
from dialectic.state.words import run_name as run_name
from dialectic.state.words import signed as signed


def progress(share: float, loss: float | None, tokens_per_second: float | None, remaining: float | None) -> list[str]:
    """What a run tells of its training; ``share`` of the budget from 0 to 1, ``remaining`` in seconds."""
    facts = [f"{100 * share:3.0f} %"]
    if loss is not None:
        facts.append(f"loss {loss:.3f}")
    if tokens_per_second is not None:
        facts.append(f"{tokens_per_second:,.0f} tokens/s")
    if remaining is not None:
        facts.append(f"{duration(remaining)} left")
    return facts


def opening(told: Announcement) -> str:
    """The first line: who prepares, on which profile, how many runs, how long at most."""
    agent = f"agent {told.agent}" + (f" ({told.agent_reason})" if told.agent_reason else "")
    profile = f"profile {told.profile}" + (f" ({told.profile_reason})" if told.profile_reason else "")
    if told.iterations == 0:
        amount = f"goes on until stopped, {duration(told.budget_seconds)} of training a run"
    else:
        runs = "1 run" if told.runs == 1 else f"{told.runs} runs"
        parts = [f"{runs} of {duration(told.budget_seconds)} training"]
        if told.repeats:
            parts.append("up to 1 repeat" if told.repeats == 1 else f"up to {told.repeats} repeats")
        if told.pairs:
            parts.append("1 fresh pair at the end" if told.pairs == 1 else f"{told.pairs} fresh pairs at the end")
        if told.likely_seconds:
            parts.append(f"about {duration(told.likely_seconds)}")
        amount = ", ".join([*parts, f"at most {duration(told.longest_seconds)}"])
    plain = " · rule greedy: any lower number is kept" if told.rule == "greedy" else ""
    return f"session {told.session_id}{plain} · {agent} · {profile} · corpus {told.corpus} · {amount}"


def resumed(finished: int) -> str:
    """What a resumed session says before it goes on; whether anything is left to do is in its first line."""
    count = "1 iteration is" if finished == 1 else f"{finished} iterations are"
    return f"resumed: {count} finished"


def ending(told: Ending) -> list[str]:
    """The last lines: where the session ended, what fresh pairs said, and what became of the top-level train.py."""
    counts = f"{told.keeps} kept, {told.discards} discarded, {told.crashes} crashed"
    return [
        f"session {told.session_id}: {counts}",
        difference(told.baseline, told.incumbent, told.probability_better),
        *([confirmed(told.confirmation)] if told.confirmation else []),
        told.adoption,
    ]


def difference(baseline: Estimate, incumbent: Estimate, probability: float) -> str:
    """Baseline, incumbent and what lies between them."""
    if baseline.experiment_id == incumbent.experiment_id:
        return f"baseline {estimate(baseline)} · still the incumbent"
    gain = baseline.estimate - incumbent.estimate
    percent = 100 * gain / baseline.estimate if baseline.estimate else 0.0
    label = incumbent.experiment_id.rpartition(":")[2]
    return (
        f"baseline {estimate(baseline)} · incumbent {estimate(incumbent)} ({label}) · "
        f"improvement {gain:+.4f} bpb ({percent:+.2f} %), probability {probability:.2f}"
    )


def explained(verdict: Verdict, is_baseline: bool) -> Sequence[str]:
    """A verdict in words with the numbers it came from."""
    if is_baseline:
        return [f"keep: {verdict.rule}; noise between runs of one file {verdict.noise_sigma:.4f} bpb"]
    claim = f", claim {verdict.claim}" if verdict.claim else ""
    lines = [f"{verdict.decision}{claim}: {verdict.rule}"]
    change = change_of(verdict)
    if change is not None:
        runs = "1 run" if change.runs == 1 else f"the mean of {change.runs} runs"
        lines.append(
            f"measured {signed(change.value)} ± {change.sd:.4f} bpb against the incumbent's estimate, by {runs}"
        )
    if verdict.decision == "keep" and change is not None and change.value >= 0:
        lines.append(
            "kept although its own run was no better: the estimate believes the run only in part, and what changes of "
            "this session usually bring speaks for the candidate"
        )
    if verdict.delta is not None and verdict.delta_sd is not None:
        lines.append(
            f"estimated effect {signed(verdict.delta)} ± {verdict.delta_sd:.4f} bpb: a noisy measurement is believed "
            "only in part, the rest is what changes of this session usually bring"
        )
        lines.append(
            f"better with probability {verdict.probability_better:.2f}, expected improvement "
            f"{verdict.expected_improvement:.4f} bpb"
        )
        lines.append(
            f"p-value {verdict.p_value:.3f} against level {verdict.level:.4f}; noise {verdict.noise_sigma:.4f} bpb; "
            f"{len(verdict.runs)} run{'s' if len(verdict.runs) != 1 else ''}"
        )
    if verdict.deletes > 0:
        lines.append(
            f"it has {verdict.deletes} statement{'s' if verdict.deletes != 1 else ''} fewer than the incumbent"
        )
    if verdict.incumbent is not None:
        lines.append(f"judged against {verdict.incumbent.experiment_id}: {estimate(verdict.incumbent)}")
    return lines
