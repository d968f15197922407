"""The parts of the page that tell how the session ended and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dialectic.report.material import Material, Turn
from dialectic.report.telling import effect, headline, tally
from dialectic.report.writing import counted, markdown, one_line, probability, table
from dialectic.state.words import bpb, confirmed, decision, duration, estimate

SPREAD = 1.96
"""SDs on each side that make an interval of 95 %."""
SURE = 0.95
"""Probability of the whole from which a reader wonders why nothing is proven."""
TESTS = ("smoke",)
"""Profiles whose numbers say nothing about others, so that their incumbents are not for use."""
CHANGE = 160
"""Characters of a change in a table."""
MOST_ROWS = 200
"""Iterations that the page lists; results.tsv has all."""


def opening(material: Material) -> list[str]:
    """The first three lines: what came of it, how sure that is, and what to do with it."""
    return [
        f"# Session {markdown(material.record.session_id)}: {headline(material)}",
        _difference(material),
        f"{tally(material)}{_took(material)}. {_to_do(material)}",
    ]


def _difference(material: Material) -> str:
    standing = material.standing
    if standing is None:
        known = [turn for turn in material.turns if turn.val_bpb is not None]
        if not known:
            return "No run has a score, so nothing can be compared."
        best = min(known, key=lambda turn: turn.val_bpb or 0.0)
        return (
            f"The lowest val_bpb of {counted(len(known), 'score')} is {bpb(best.val_bpb)}, in iteration {best.label}. "
            "Nothing was judged: these records tell neither the noise nor an estimate."
        )
    if not standing.improved:
        return f"The baseline stands at val_bpb {estimate(standing.baseline)} and is still the incumbent."
    low, high = (standing.gain + side * SPREAD * standing.gain_sd for side in (-1, 1))
    label = standing.incumbent.experiment_id.rpartition(":")[2]
    return (
        f"val_bpb went from {bpb(standing.baseline.estimate)} (baseline) to {bpb(standing.incumbent.estimate)} "
        f"(iteration {label}); by the session's runs of all its kept candidates it is lower by between {low:.4f} and "
        f"{high:.4f} bpb (95 %).{_both_hold(material)}{_by_pairs(material)}"
    )


def _by_pairs(material: Material) -> str:
    """What fresh pairs said of the whole, as one more sentence; empty where there were none."""
    if material.confirmation is None:
        return ""
    return f" Run fresh and side by side, with seeds that took part in no choice: {confirmed(material.confirmation)}."


def _both_hold(material: Material) -> str:
    """Why the whole can be nearly certain while no part of it is proven; empty where it is not so."""
    standing = material.standing
    proven = any(turn.claim == "proven" for turn in material.of("keep"))
    if standing is None or proven or standing.probability_better < SURE:
        return ""
    return (
        " The whole improvement is estimated from all runs jointly; a single keep is proven only by a stricter test "
        "that bounds false claims, so both can hold."
    )


def _took(material: Material) -> str:
    """How long it lasted from its beginning to its last result; empty where that is not recorded."""
    ends = [turn.result.completed_at for turn in material.turns if turn.result is not None]
    try:
        begun = datetime.fromisoformat(material.record.created_at)
        return f", in {duration((max(map(datetime.fromisoformat, ends)) - begun).total_seconds())}"
    except (TypeError, ValueError):
        return ""


def _to_do(material: Material) -> str:
    if material.standing is None or not material.standing.improved:
        return "train.py is unchanged."
    if material.in_use:
        return "train.py is the incumbent already."
    profile = material.record.profile
    if profile is not None and profile.name in TESTS:
        return f"train.py is unchanged: profile {profile.name} is for tests."
    return f"Take the incumbent with `dialectic adopt --session {one_line(material.record.session_id)}`."


def glance(material: Material) -> Iterator[str]:
    """The session in one table."""
    record, standing = material.record, material.standing
    rows: list[tuple[str, str]] = []
    if standing is not None:
        rows.append(("baseline", f"{estimate(standing.baseline)} bpb"))
        label = standing.incumbent.experiment_id.rpartition(":")[2]
        rows.append(("incumbent", f"{estimate(standing.incumbent)} bpb (iteration {label})"))
        if standing.improved:
            rows.append(
                (
                    "improvement",
                    f"lower by {standing.gain:.4f} ± {standing.gain_sd:.4f} bpb, better with probability "
                    f"{probability(standing.probability_better)}",
                )
            )
    if material.confirmation is not None:
        rows.append(("fresh pairs", confirmed(material.confirmation)))
    if material.noise > 0:
        rows.append(("noise", f"runs of one file differ by {material.noise:.4f} bpb (SD)"))
    rows += [(name, markdown(words)) for name, words in _circumstances(material) if words]
    if rows:
        yield from ("", *table(("", ""), rows))
    if record.profile is not None and record.profile.overridden:
        yield from ("", "The budget was not the profile's own: other sessions' numbers do not compare with these.")


def _circumstances(material: Material) -> Iterator[tuple[str, str]]:
    record = material.record
    if record.profile is not None:
        yield "profile", f"{record.profile.name}, {duration(record.budget_seconds)} of training a run"
    if record.data is not None:
        yield "text", f"corpus {record.data.corpus} ({record.data.fingerprint})"
    if record.machine is not None:
        machine = record.machine
        accelerator = "" if machine.gpu in ("", "none") else f", {machine.gpu}"
        yield "machine", f"{machine.cpu}, {counted(machine.cores, 'core')}{accelerator}, torch {machine.torch}"
    if record.config.get("rule") == "greedy":
        yield "rule", "greedy: any lower number is kept, for comparison"
    yield "agent", " ".join(part for part in (record.agent.name, record.agent.model) if part != "unknown")
    yield "seed", str(record.seed) if record.profile is not None else ""


def kept(material: Material) -> Iterator[str]:
    """Every kept candidate, with what may be said of it."""
    turns = material.of("keep")
    yield from ("", "## What was kept", "")
    if not turns:
        yield "Nothing but the baseline."
        return
    rows = [
        (
            turn.label,
            markdown(turn.change, CHANGE),
            bpb(turn.val_bpb),
            effect(turn),
            probability(turn.result.verdict.probability_better) if turn.delta_sd is not None else "-",
            turn.claim or "-",
        )
        for turn in turns
        if turn.result is not None
    ]
    yield from table(
        ("N", "change", "val_bpb", "effect", "better with probability", "claim"), rows, ("val_bpb", "effect")
    )
    yield from (
        "",
        "*Effect*: estimated change against the incumbent of its time, in bpb; a lucky run is shrunk towards what is "
        "usual, so it is less than the difference of the scores. *Proven*: passed a test that keeps the false ones "
        "among all proven keeps of the session at 5 % or less. *Provisional*: more likely better than not, and built "
        "upon.",
    )


def cost(material: Material) -> Iterator[str]:
    """Time, tokens and money."""
    results = [turn.result for turn in material.turns if turn.result is not None]
    if material.record.profile is None or not results:
        return
    costs = [result.cost for result in results]
    training, wall = sum(one.train_seconds for one in costs), sum(one.wall_seconds for one in costs)
    runs = sum(max(len(result.verdict.runs) + len(result.failed_repeats), 1) for result in results)
    if material.confirmation is not None:
        runs += 2 * len(material.confirmation.pairs)
        wall += material.confirmation.wall_seconds
    share = f" ({100 * training / wall:.0f} % of it)" if wall > 0 and training <= wall else ""
    yield from ("", "## What it cost", "")
    yield (
        f"{counted(runs, 'run')}; {duration(wall)} in all, {duration(training)} of training{share}. "
        f"{_tokens(sum(one.llm_tokens_in for one in costs), sum(one.llm_tokens_out for one in costs))} "
        f"{_money([one.usd for one in costs])}"
    )


def _tokens(read: int, written: int) -> str:
    if read + written == 0:
        return "No language model was asked."
    return f"A language model read {read:,} tokens and wrote {written:,}."


def _money(prices: list[float | None]) -> str:
    known = sum(price for price in prices if price is not None)
    if any(price is None for price in prices):
        return f"Price: {known:.2f} dollars that are known; not every price is."
    return f"Price: {known:.2f} dollars." if known else "Nothing was paid for tokens or machines."


def every(material: Material) -> Iterator[str]:
    """The iterations, as ``dialectic log`` lists them."""
    yield from ("", "## Every iteration", "")
    shown = material.turns[-MOST_ROWS:]
    if len(shown) < len(material.turns):
        yield from (f"The last {MOST_ROWS} of {len(material.turns)}; results.tsv has them all.", "")
    rows = [_row(turn) for turn in shown]
    head = ("N", "move", "tension", "change", "val_bpb", "effect", "verdict", "outcome")
    yield from table(head, rows, ("val_bpb", "effect"))
    for line in material.unreadable:
        yield from ("", f"Cannot be read: {markdown(line)}")


def _row(turn: Turn) -> tuple[str, ...]:
    base = turn.fate == "baseline"
    return (
        turn.label,
        "baseline" if base else turn.plan.move_type,
        "" if base else markdown(turn.axis),
        markdown(turn.change, CHANGE),
        bpb(turn.val_bpb),
        _bare_effect(turn),
        decision(turn.result) if turn.result else "not finished",
        turn.result.outcome if turn.result and not base else "",
    )


def _bare_effect(turn: Turn) -> str:
    """The effect without its standard deviation: a long table has no room for it."""
    return effect(turn).split(" ", 1)[0]
