"""A proposal out of an option: the prediction and its reasons in sentences, and the tensions that are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialectic.agents.catalogue import CATALOGUE, LEVERS, SIDES, Opposition, edits_of, held, other
from dialectic.agents.options import Option, Search
from dialectic.state.base import Side
from dialectic.state.briefing import PoleEvidence
from dialectic.state.proposal import EditsSource, Prediction, Proposal, Tension, Transcendent

CONFIDENCE = 0.8
WITHIN = 1.2816
"""SDs around the mean that hold a normal variable with probability :data:`CONFIDENCE`."""
MOST_TENSIONS = 4


def compose(search: Search, option: Option, synthesis: Option | None) -> Proposal:
    """The proposal that tests ``option``; ``synthesis`` is the third form that it leaves for later."""
    one, scored = CATALOGUE[option.kind], predicted(search, option)
    side = _side(option)
    third = option if option.move == "synthesize" else synthesis
    return Proposal(
        prediction=_sentence(search, option, scored),
        prediction_scored=scored,
        move_type=option.move,
        why_now=_why_now(search, option, side),
        thesis=f"{one.thesis} It expects: {one.thesis_expects}. {_measured(search, one, 'thesis')}",
        antithesis=f"{one.antithesis} It expects: {one.antithesis_expects}. {_measured(search, one, 'antithesis')}",
        synthesis_candidate=_third(search, third) if third else "None yet: no two levers of this axis can be combined.",
        knowledge_transcendent_prediction=search.context.briefing.knowledge_transcendent_prediction
        or "No opposition was measured yet, so no third form can be foreseen.",
        active_tensions=_tensions(search, option),
        transcendent=_transcendent(search, option, third),
        edits=edits_of(option.changes),
    )


def predicted(search: Search, option: Option) -> Prediction:
    """The prediction as numbers: the surrogate's effect, and an interval that grants the noise of the run."""
    noise = search.context.briefing.noise_sigma
    spread = WITHIN * (option.sd**2 + noise**2) ** 0.5
    return Prediction(
        direction="decrease" if option.mean < 0 else "increase",
        expected_delta=option.mean,
        interval=(option.mean - spread, option.mean + spread),
        confidence=CONFIDENCE,
        mechanism=_mechanism(search, option),
    )


def described(search: Search, changes: Mapping[str, str]) -> str:
    """``DEPTH from PROFILE.depth to PROFILE.depth + 1 and …``."""
    parts = [f"{knob} from {search.knobs.sources[knob]} to {changes[knob]}" for knob in sorted(changes)]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def _sentence(search: Search, option: Option, scored: Prediction) -> str:
    verb = "improve" if scored.direction == "decrease" else "worsen"
    numbers = f"{scored.expected_delta:+.4f} bpb, {CONFIDENCE:.0%} between {scored.interval[0]:+.4f} and "
    return (
        f"Prediction: changing {described(search, option.changes)} will {verb} val_bpb because {scored.mechanism} "
        f"({numbers}{scored.interval[1]:+.4f})."
    )


def _mechanism(search: Search, option: Option) -> str:
    reasons = []
    for knob in sorted(option.steps):
        lever, up = LEVERS[knob], option.steps[knob] > 0
        form, because = (lever.more, lever.because_more) if up else (lever.less, lever.because_less)
        reasons.append(f"{because} ({form})")
    tries = sum(search.evidence.tries(LEVERS[knob]) for knob in option.steps)
    basis = f"{tries} earlier moves of the same knobs" if tries > 1 else "1 earlier move of the same knobs"
    effect = "gains" if option.mean < 0 else "costs"
    known = f"judging by {basis} it {effect}" if tries else f"without any measurement the guess is that it {effect}"
    return f"{', and '.join(reasons)}; {known} {abs(option.mean):.4f} bpb"


def _why_now(search: Search, option: Option, side: Side) -> str:
    one, found = CATALOGUE[option.kind], search.measured.get(option.kind)
    if option.move == "synthesize":
        where = f" and {CATALOGUE[option.partner].label}" if option.partner else ""
        both = " ".join(_measured(search, one, pole) for pole in SIDES)
        return f"Synthesize on {one.label}{where}: {both}"
    count = len(found.pole(side).experiments) if found else 0
    tested = f"it was tested {count} time{'' if count == 1 else 's'} before" if count else "it was never tested"
    if option.move == "exploit":
        return f"Exploit the {side} of {one.label}: {tested}. {_measured(search, one, side)}"
    return f"Negate: the {side} of {one.label} is the neglected one; {tested}. {_measured(search, one, other(side))}"


def _measured(search: Search, one: Opposition, side: Side) -> str:
    found = search.measured.get(one.kind)
    pole = found.pole(side) if found else PoleEvidence(experiments=[], mean_delta=None, best_delta=None)
    if pole.mean_delta is None or pole.best_delta is None:
        failed = f" and failed {pole.failures} times" if pole.failures else ""
        return f"The {side} has no measured effect{failed}."
    return f"The {side} measured {pole.mean_delta:+.4f} bpb on average and {pole.best_delta:+.4f} at best."


def _third(search: Search, third: Option) -> str:
    forms = [LEVERS[knob].more if steps > 0 else LEVERS[knob].less for knob, steps in sorted(third.steps.items())]
    return f"{' with '.join(forms).capitalize()}: {described(search, third.changes)}, expected {third.mean:+.4f} bpb."


def _transcendent(search: Search, option: Option, third: Option | None) -> Transcendent:
    one = CATALOGUE[option.kind]
    text = _third(search, third) if third else "No two levers of this axis can be combined yet."
    partner = [option.partner] if option.partner and third is option else []
    return Transcendent(
        source_tension_ids=[one.kind, *partner],
        thesis_ref=f"{one.kind}:thesis",
        antithesis_ref=f"{one.kind}:antithesis",
        emergent_thought=f"{one.label.capitalize()} need not exclude each other. {text}",
        concrete_change=described(search, third.changes) if third else "None yet.",
        tested_in_iteration=third is option,
        result_status="proposed",
        train_py_source=EditsSource(edits=edits_of(third.changes)) if third else None,
    )


def _tensions(search: Search, option: Option) -> list[Tension]:
    """The option's own tension first, then its partner, preferred ones, and those left alone longest."""
    own = CATALOGUE[option.kind]
    favoured = search.favoured(own)
    side = _side(option)
    if option.move != "synthesize":
        # What the move does decides: exploit tests the favoured side, negate the other one.
        favoured = side if option.move == "exploit" else other(side)
    why = (
        f"This iteration's move is about it: {_measured(search, own, 'thesis')} {_measured(search, own, 'antithesis')}"
    )
    tensions = [held(own, option.poles, favoured, why)]
    spare: list[Tension] = []
    for one in _others(search, option):
        poles = {pole: search.pole(one, pole) for pole in SIDES}
        found = held(one, poles, search.favoured(one), f"It stays open: {_measured(search, one, search.favoured(one))}")
        (tensions if poles["thesis"] != poles["antithesis"] else spare).append(found)
    # A foreign file may know too few of the knobs; two tensions are held all the same.
    return (tensions + spare[: max(0, 2 - len(tensions))])[:MOST_TENSIONS]


def _others(search: Search, option: Option) -> Sequence[Opposition]:
    prefer = search.context.steering.prefer
    return sorted(
        (one for one in CATALOGUE.values() if one.kind != option.kind),
        key=lambda one: (
            one.kind != option.partner,
            prefer.index(one.kind) if one.kind in prefer else len(prefer),
            search.measured[one.kind].last_iteration if one.kind in search.measured else 0,
        ),
    )


def _side(option: Option) -> Side:
    """The pole that a move of one lever embodies."""
    knob, steps = next(iter(option.steps.items()))
    return LEVERS[knob].side(steps)
