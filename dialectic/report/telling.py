"""Sentences that the page and the pictures share."""

from __future__ import annotations

from dialectic.report.material import Material, Turn
from dialectic.report.writing import counted, one_line, probability
from dialectic.state.words import bpb, duration, signed


def headline(material: Material) -> str:
    """What the session came to, in half a sentence."""
    standing = material.standing
    if standing is not None and standing.improved:
        base = standing.baseline.estimate
        percent = f" ({100 * standing.gain / base:.2f} %)" if base else ""
        better = probability(standing.probability_better)
        if standing.gain <= 0:
            return f"what was kept did not hold up, better with probability {better}"
        return f"val_bpb lower by {bpb(standing.gain)}{percent} with probability {better}"
    if standing is not None:
        return "no candidate was kept" if material.candidates else "the baseline, and nothing else yet"
    known = [turn.val_bpb for turn in material.turns if turn.val_bpb is not None]
    if known:
        return f"lowest val_bpb {bpb(min(known))}, not judged" if len(known) > 1 else f"one score, {bpb(known[0])}"
    return "nothing has a score"


def effect(turn: Turn) -> str:
    """A candidate's effect with its standard deviation."""
    spread = f" ± {turn.delta_sd:.4f}" if turn.delta_sd is not None else ""
    return signed(turn.delta) + spread


def tally(material: Material) -> str:
    """How many candidates there were and what became of them."""
    if not material.candidates:
        return "no candidate yet"
    kept, proven = material.of("keep"), sum(turn.claim == "proven" for turn in material.of("keep"))
    claims = f" ({proven} proven, {len(kept) - proven} provisional)" if kept else ""
    failed = f", {len(material.of('crash'))} crashed" if material.of("crash") else ""
    return (
        f"{counted(len(material.candidates), 'candidate')}: {len(kept)} kept{claims}, "
        f"{len(material.of('discard'))} discarded{failed}"
    )


def setting(material: Material) -> str:
    """On what, with what and for how long a run trained; foreign text, on one line."""
    record = material.record
    if record.profile is None:
        return "recorded by the reference system"
    parts = [f"profile {record.profile.name}", f"{duration(record.budget_seconds)} of training a run"]
    if record.data is not None:
        parts.append(f"corpus {record.data.corpus}")
    parts.append(f"agent {' '.join(part for part in (record.agent.name, record.agent.model) if part)}")
    return one_line(" · ".join(parts))
