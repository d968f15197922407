"""Numbers, times and verdicts as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialectic.state.observer import Announcement, Ending
from dialectic.state.plan import Plan
from dialectic.state.proposal import KnobEdit
from dialectic.state.result import Estimate, Result, Verdict


def bpb(value: float | None) -> str:
    """A ``val_bpb`` with four decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """A difference in bpb with its sign; a dash where there is none."""
    return "-" if value is None else f"{value:+.4f}"


def duration(seconds: float) -> str:
    """``47 s``, ``12 min 05 s``, ``3 h 20 min``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


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


def estimate(value: Estimate) -> str:
    """An estimate with its standard deviation."""
    return f"{value.estimate:.4f} ± {value.sd:.4f}"


def opening(told: Announcement) -> str:
    """The first line: who prepares, on which profile, how many runs, how long at most."""
    agent = f"agent {told.agent}" + (f" ({told.agent_reason})" if told.agent_reason else "")
    profile = f"profile {told.profile}" + (f" ({told.profile_reason})" if told.profile_reason else "")
    if told.iterations == 0:
        amount = f"goes on until stopped, {duration(told.budget_seconds)} of training a run"
    else:
        runs = "1 run" if told.runs == 1 else f"{told.runs} runs"
        likely = f"about {duration(told.likely_seconds)}, " if told.likely_seconds else ""
        most = f"at most {duration(told.longest_seconds)}"
        amount = f"{runs} of {duration(told.budget_seconds)} training, {likely}{most}"
    return f"session {told.session_id} · {agent} · {profile} · corpus {told.corpus} · {amount}"


def resumed(finished: int) -> str:
    """What a resumed session says before it goes on."""
    count = "1 iteration is" if finished == 1 else f"{finished} iterations are"
    return f"resumed: {count} finished, it goes on with iteration {finished + 1}"


def ending(told: Ending) -> list[str]:
    """The last lines: where the session ended, and what became of the top-level train.py."""
    counts = f"{told.keeps} kept, {told.discards} discarded, {told.crashes} crashed"
    return [
        f"session {told.session_id}: {counts}",
        difference(told.baseline, told.incumbent, told.probability_better),
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


def decision(result: Result) -> str:
    """``keep proven``, ``discard``, ``crash (out-of-memory)``."""
    status = result.keep_discard_status
    if status == "crash":
        return f"crash ({result.failure.kind})" if result.failure.kind != "none" else "crash"
    return f"{status} {result.verdict.claim}" if result.verdict.claim else status


def changes(plan: Plan, before: Mapping[str, str]) -> str:
    """What a plan changes, short: ``DEPTH PROFILE.depth → PROFILE.depth + 1``; knobs first, other edits counted."""
    if not plan.edits:
        return "unchanged"
    parts = []
    others = 0
    for edit in plan.edits:
        if not isinstance(edit, KnobEdit):
            others += 1
        elif edit.knob in before:
            parts.append(f"{edit.knob} {before[edit.knob]} → {edit.value}")
        else:
            parts.append(f"{edit.knob} = {edit.value}")
    if others:
        parts.append("1 edit of the code" if others == 1 else f"{others} edits of the code")
    return ", ".join(parts)


def explained(verdict: Verdict, is_baseline: bool) -> Sequence[str]:
    """A verdict in words with the numbers it came from."""
    if is_baseline:
        return [f"keep: {verdict.rule}; noise between runs of one file {verdict.noise_sigma:.4f} bpb"]
    claim = f", claim {verdict.claim}" if verdict.claim else ""
    lines = [f"{verdict.decision}{claim}: {verdict.rule}"]
    if verdict.delta is not None and verdict.delta_sd is not None:
        lines.append(
            f"effect {signed(verdict.delta)} ± {verdict.delta_sd:.4f} bpb, better with probability "
            f"{verdict.probability_better:.2f}, expected improvement {verdict.expected_improvement:.4f} bpb"
        )
        lines.append(
            f"p-value {verdict.p_value:.3f} against level {verdict.level:.4f}; noise {verdict.noise_sigma:.4f} bpb; "
            f"{len(verdict.runs)} run{'s' if len(verdict.runs) != 1 else ''}"
        )
    if verdict.incumbent is not None:
        lines.append(f"judged against {verdict.incumbent.experiment_id}: {estimate(verdict.incumbent)}")
    return lines
