"""A proposal out of an option: the prediction and its reasons in sentences, and the tensions that are held."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

from dialectic.agents.catalogue import CATALOGUE, SIDES, Opposition, other
from dialectic.agents.evidence import COMPARED
from dialectic.agents.found import held
from dialectic.agents.grafts import edits_of
from dialectic.agents.options import WIDTHS, Option, Search
from dialectic.state.base import Side
from dialectic.state.briefing import PoleEvidence
from dialectic.state.proposal import Edit, EditsSource, Prediction, Proposal, Tension, Transcendent

CONFIDENCE = 0.8
WITHIN = 1.2816
"""SDs around the mean that hold a normal variable with probability :data:`CONFIDENCE`."""
MOST_TENSIONS = 4
NOTHING = 0.1
"""Share of the noise of a run below which an expected effect is none that a run could show."""
LEAST = 1e-4
"""Smaller differences, in bpb, are not told apart: no profile could measure them."""


def compose(search: Search, option: Option, synthesis: Option | None) -> Proposal:
    """The proposal that tests ``option``; ``synthesis`` is the third form that it leaves for later."""
    one, scored = search.tensions[option.kind], predicted(search, option)
    third = option if option.move == "synthesize" else synthesis
    return Proposal(
        prediction=_sentence(search, option, scored),
        prediction_scored=scored,
        move_type=option.move,
        why_now=_why_now(search, option),
        thesis=f"{one.thesis} It expects that {one.thesis_expects}. {_measured(search, one, 'thesis')}",
        antithesis=f"{one.antithesis} It expects that {one.antithesis_expects}. {_measured(search, one, 'antithesis')}",
        synthesis_candidate=_third(search, third) if third else "None yet: nothing on this axis can be combined.",
        knowledge_transcendent_prediction=search.context.briefing.knowledge_transcendent_prediction
        or "No opposition was measured yet, so no third form can be foreseen.",
        active_tensions=_tensions(search, option),
        transcendent=_transcendent(search, option, third),
        edits=_edits(search, option),
    )


def predicted(search: Search, option: Option) -> Prediction:
    """The prediction as numbers: the surrogate's effect, and an interval that grants the noise of the run."""
    spread = WITHIN * math.hypot(option.sd, search.evidence.noise)
    return Prediction(
        direction="unchanged" if _nothing(search, option) else "decrease" if option.mean < 0 else "increase",
        expected_delta=round(option.mean, 6) or math.copysign(1e-6, option.mean),
        interval=(round(option.mean - spread, 6), round(option.mean + spread, 6)),
        confidence=CONFIDENCE,
        mechanism=_mechanism(search, option),
    )


def _nothing(search: Search, option: Option) -> bool:
    return abs(option.mean) < NOTHING * search.evidence.noise


def described(search: Search, option: Option) -> str:
    """``DEPTH from 3 to 4 and …``: what is moved, then what must change along with it."""
    after = search.knobs.changed(option.changes)
    companions = sorted(option.changes.keys() - option.steps.keys())
    parts = []
    for knob in (*option.steps, *companions):
        before = search.levers[knob].value(search.knobs) if knob in search.levers else search.knobs.value(knob)
        new = "" if knob in search.knobs.sources else " (new in the file)"
        parts.append(f"{knob}{new} from {_shown(before)} to {_shown(after.value(knob))}")
    return _listed(parts)


def bpb(value: float) -> str:
    """A difference with its sign and at least two digits that say something."""
    if abs(value) < LEAST:
        return f"less than {LEAST:.4f}"
    return f"{value:+.{max(4, 1 - math.floor(math.log10(abs(value))))}f}"


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else str(value)


def _listed(parts: Iterable[str]) -> str:
    items = list(parts)
    return ", ".join(items[:-1]) + (" and " if len(items) > 1 else "") + items[-1]


def _edits(search: Search, option: Option) -> list[Edit]:
    return edits_of(search.knobs.text, search.knobs.sources, option.changes)


def _forms(search: Search, option: Option) -> list[str]:
    """What the option is, in words: ``a smaller batch``."""
    return [_form(search, knob, steps > 0) for knob, steps in option.steps.items()]


def _form(search: Search, knob: str, up: bool) -> str:
    return search.levers[knob].more if up else search.levers[knob].less


def _reason(search: Search, knob: str, up: bool) -> str:
    return search.levers[knob].because_more if up else search.levers[knob].because_less


def _sentence(search: Search, option: Option, scored: Prediction) -> str:
    effect = {"decrease": "improve", "increase": "worsen", "unchanged": "not noticeably change"}[scored.direction]
    low, high = scored.interval
    numbers = f"{bpb(scored.expected_delta)} bpb, with {CONFIDENCE:.0%} confidence between {bpb(low)} and {bpb(high)}"
    return (
        f"Prediction: changing {described(search, option)} will {effect} val_bpb because {scored.mechanism} "
        f"({numbers})."
    )


def _mechanism(search: Search, option: Option) -> str:
    """Why the effect has the predicted direction: the case for what is tried, or the case against it."""
    knobs = list(option.steps.items())
    if _nothing(search, option):
        return "no difference beyond the noise is expected of it"
    if option.mean < 0:
        return _listed(_reason(search, knob, steps > 0) for knob, steps in knobs)
    return _listed(
        f"{_form(search, knob, steps > 0)} means giving up that {_reason(search, knob, steps < 0)}"
        for knob, steps in knobs
    )


def _tries(search: Search, option: Option) -> int:
    """How many runs moved one of its levers, at most."""
    return max((search.evidence.tries(knob) for knob in option.steps), default=0)


def _why_now(search: Search, option: Option) -> str:
    """The move with what was measured, what the run is worth, and why the suggested axis was left, if it was."""
    tries = _tries(search, option)
    basis = (
        f"rests on {_times(tries, 'earlier run')} of the same knobs" if tries else "is a prior, nothing was measured"
    )
    within = bpb(WITHIN * option.sd).lstrip("+")
    if _nothing(search, option):
        why = f"it was only in {_times(tries, 'run')} yet" if tries else "it never was"
        worth = f"It is expected to make no difference beyond the noise; it is tested because {why}."
    elif option.mean < 0:
        worth = f"One run of it should improve the incumbent by {bpb(option.gain).lstrip('+')} bpb on average."
    else:
        worth = "A loss is expected, so the run is there to be wrong."
    # A prior is a belief: only where the runs alone tell as much is anything known.
    word = "known" if tries and option.sd >= COMPARED * search.evidence.noise / math.sqrt(tries) else "believed"
    known = f"The estimate {basis}; the true effect is {word} to within {within} bpb."
    return f"{_move(search, option)} {worth} {known}{_departure(search, option)}"


def _move(search: Search, option: Option) -> str:
    one = search.tensions[option.kind]
    if option.move == "synthesize":
        partner = search.tensions.get(option.partner)
        where = f"{one.label}, and on {partner.label}" if partner else one.label
        return f"Synthesize on {where}. {_measured(search, one, 'thesis')} {_measured(search, one, 'antithesis')}"
    found, side, across = search.measured.get(one.kind), option.side, other(option.side)
    tested = {pole: bool(found and found.pole(pole).experiments) for pole in SIDES}
    if option.move == "negate":
        belief = _measured(search, one, across) if tested[across] else f"That the {across} is better is only believed."
        return f"Negate on {one.label}: the {side} is the neglected side. {belief}"
    if not tested[side]:
        return f"Exploit the {side} of {one.label}: it was not tested yet and promises more than the {across}."
    return f"Exploit the {side} of {one.label}. {_measured(search, one, side)}"


def _departure(search: Search, option: Option) -> str:
    """Why the suggested move was not made, or its axis was left."""
    suggested, move = search.context.briefing.suggested_axis, search.context.briefing.suggested_move
    if move != option.move:
        left = any(search.options(move, kind, WIDTHS[0]) for kind in search.tensions)
        gone = (
            "everything that is left to negate is as good as certain to lose, or cannot be moved"
            if move == "negate"
            else "nothing of that move is left"
        )
        why = "every candidate of that move was refused" if left else gone
        return f" The move was changed: the tension graph suggested to {move}, but {why}."
    if not suggested or suggested in (option.kind, option.partner):
        return ""
    if option.kind in search.context.steering.prefer:
        return f" program.md prefers {option.kind} to {suggested}, which the tension graph suggested."
    best = next(iter(search.options(option.move, suggested, WIDTHS[0])), None)
    effect = "gain" if best and best.mean < 0 else "cost"
    there = (
        f"the best such move should {effect} {bpb(abs(best.mean)).lstrip('+')} bpb"
        if best
        else "nothing of that move is left"
    )
    return f" The tension graph suggested {suggested}, where {there}."


def _times(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _measured(search: Search, one: Opposition, side: Side) -> str:
    found = search.measured.get(one.kind)
    pole = found.pole(side) if found else PoleEvidence(experiments=[], mean_delta=None, best_delta=None)
    failed = f"{_times(pole.failures, 'run')} of the {side} failed" if pole.failures else ""
    if pole.mean_delta is None or pole.best_delta is None:
        return f"{failed} and none was scored." if failed else f"No run has tested the {side} yet."
    best = f" on average, {bpb(pole.best_delta)} at best" if len(pole.experiments) > 1 else ""
    return (
        f"The {side} was tested {_often(len(pole.experiments))}: {bpb(pole.mean_delta)} bpb{best}"
        f"{'; ' + failed if failed else ''}."
    )


def _third(search: Search, third: Option) -> str:
    forms = " with ".join(_forms(search, third))
    return f"{_capital(forms)}: {described(search, third)}, expected {bpb(third.mean)} bpb."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _transcendent(search: Search, option: Option, third: Option | None) -> Transcendent:
    partner = [option.partner] if option.partner and third is option else []
    return Transcendent(
        source_tension_ids=[option.kind, *partner],
        thesis_ref=f"{option.kind}:thesis",
        antithesis_ref=f"{option.kind}:antithesis",
        emergent_thought=_thought(search, option, third),
        concrete_change=described(search, third) if third else "None yet.",
        tested_in_iteration=third is option,
        result_status="proposed",
        train_py_source=EditsSource(edits=_edits(search, third)) if third else None,
    )


def _thought(search: Search, option: Option, third: Option | None) -> str:
    """What the opposition comes to, as far as anyone can say before the run."""
    one = search.tensions[option.kind]
    if third is None:
        return f"{_capital(one.label)} stays open: {one.thesis} {one.antithesis} Nothing known here serves both."
    steps = list(third.steps.items())
    if len(steps) == 1:
        knob, _ = steps[0]
        return (
            f"Both poles were measured, and the curve through them says that neither is right: {knob} does best "
            f"between them, near {third.changes[knob]}."
        )
    forms, reasons = _forms(search, third), [_reason(search, knob, up > 0) for knob, up in steps]
    if third.partner:
        return (
            f"{_capital(_listed(forms))} answer two oppositions at once: {_listed(reasons)}. If both hold, their gains "
            "add up; if the sum falls short, they draw on the same thing, and the two oppositions are one."
        )
    costs = [_reason(search, knob, up < 0) for knob, up in steps]
    return (
        f"{_capital(_listed(forms))} need not exclude each other: {_listed(reasons)}. Either alone gives something up "
        f"({costs[0]}); together the one may pay for the other."
    )


def _tensions(search: Search, option: Option) -> list[Tension]:
    """The option's own tension first, then its partner, preferred ones, and those left alone longest."""
    own = search.tensions[option.kind]
    favoured = search.favoured(own)
    if option.move != "synthesize":
        # What the move does decides: exploit tests the favoured side, negate the other one.
        favoured = option.side if option.move == "exploit" else other(option.side)
    why = (
        f"This iteration's move is about it. {_measured(search, own, 'thesis')} {_measured(search, own, 'antithesis')}"
    )
    tensions = [held(own, option.poles or {side: {} for side in SIDES}, favoured, why, search.knobs)]
    spare: list[Tension] = []
    for one in _others(search, option):
        if len(tensions) == MOST_TENSIONS:
            break
        poles = {pole: search.pole(one, pole) for pole in SIDES}
        side = search.favoured(one)
        found = held(one, poles, side, f"It stays open. {_measured(search, one, side)}", search.knobs)
        (tensions if poles["thesis"] != poles["antithesis"] else spare).append(found)
    # A foreign file may know too few of the knobs; two tensions are held all the same.
    return tensions + spare[: max(0, 2 - len(tensions))]


def _others(search: Search, option: Option) -> Sequence[Opposition]:
    prefer = search.context.steering.prefer
    every = [search.tensions.get(kind, one) for kind, one in CATALOGUE.items() if kind != option.kind]
    return sorted(
        every,
        key=lambda one: (
            one.kind != option.partner,
            one.kind not in search.tensions,
            prefer.index(one.kind) if one.kind in prefer else len(prefer),
            search.measured[one.kind].last_iteration if one.kind in search.measured else 0,
        ),
    )
