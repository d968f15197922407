"""How a tension is held over ``train.py``, and the plan of the file as it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialectic.agents.catalogue import CATALOGUE, LEVERS, SIDES, Opposition, tensions_of
from dialectic.agents.grafts import edits_of
from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs, fits
from dialectic.state.base import Side
from dialectic.state.contracts import PrepareContext
from dialectic.state.proposal import EditsSource, Pole, Prediction, Proposal, Tension, Transcendent

Poles = Mapping[Side, Mapping[str, str]]


def knobs_of(context: PrepareContext) -> Knobs:
    """The incumbent's knobs with their values under the session's profile."""
    values = context.profile.values | {"sequence_length": context.profile.sequence_length}
    return Knobs(context.knobs, values, context.train_py)


def levers_of(tensions: Mapping[str, Opposition], knobs: Knobs) -> dict[str, Lever]:
    """Every lever that can be moved now."""
    own = {lever.knob: lever for one in tensions.values() for lever in one.levers}
    return {knob: lever for knob, lever in {**LEVERS, **own}.items() if lever.applies(knobs)}


def held(one: Opposition, poles: Poles, favoured: Side, why: str, knobs: Knobs) -> Tension:
    """A tension of which both poles are edits to the incumbent."""
    thesis, antithesis = (
        Pole(
            summary=_summary(one, side, poles[side]),
            source=EditsSource(edits=edits_of(knobs.text, knobs.sources, poles[side])),
        )
        for side in SIDES
    )
    return Tension(
        id=one.kind,
        label=one.label,
        kind=one.kind,
        why_active=why,
        favored_side=favoured,
        thesis=thesis,
        antithesis=antithesis,
    )


def baseline(context: PrepareContext) -> Proposal:
    """The plan of ``train.py`` as it was found: it changes nothing and holds the first two tensions that apply.

    A foreign file without any constant gets two tensions whose poles are still the file itself.
    """
    knobs = knobs_of(context)
    tensions = baseline_tensions(knobs, context.steering.prefer)
    first, noise = CATALOGUE[tensions[0].kind], context.profile.noise_sigma
    because = "nothing is changed, so only the seed and the machine differ"
    return Proposal(
        prediction="Prediction: changing nothing will neither improve nor worsen val_bpb: it repeats its own value "
        f"within the noise, because {because}.",
        prediction_scored=Prediction(
            direction="unchanged",
            expected_delta=0.0,
            interval=(-2 * noise, 2 * noise),
            confidence=0.95,
            mechanism=because,
        ),
        move_type="exploit",
        why_now="Every later candidate is measured against this file, so it is measured first.",
        thesis=first.thesis,
        antithesis=first.antithesis,
        synthesis_candidate="The file as it was found is the first answer to both; what it gives up is not known yet.",
        knowledge_transcendent_prediction="Nothing was measured yet, so no third form can be foreseen.",
        active_tensions=tensions,
        transcendent=Transcendent(
            source_tension_ids=[first.kind],
            thesis_ref=f"{first.kind}:thesis",
            antithesis_ref=f"{first.kind}:antithesis",
            emergent_thought="The file as it was found already answers its oppositions in some way; nobody has asked "
            "yet whether by choice or by habit.",
            concrete_change="None: train.py as it was found.",
            tested_in_iteration=False,
            result_status="deferred",
        ),
        edits=[],
    )


def baseline_tensions(knobs: Knobs, prefer: Sequence[str] = ()) -> list[Tension]:
    """Two tensions for the baseline: preferred ones first, then those that apply, in the catalogue's order."""
    rank = {kind: place for place, kind in enumerate(dict.fromkeys(prefer))}
    present = tensions_of(knobs)
    every = [present.get(kind, one) for kind, one in CATALOGUE.items()]
    order = sorted(every, key=lambda one: (one.kind not in present, rank.get(one.kind, len(rank))))
    why = "It is open: neither pole was measured against this baseline."
    return [held(one, plain_poles(one, knobs), one.favoured, why, knobs) for one in order[:2]]


def plain_poles(one: Opposition, knobs: Knobs) -> Poles:
    """Each pole as one step of the first lever that can go there; empty where the incumbent stands there already."""
    poles: dict[Side, Mapping[str, str]] = {}
    for side in SIDES:
        moves = (lever.move(knobs, lever.sign(side)) for lever in one.applicable(knobs))
        poles[side] = next((changes for changes in moves if changes and fits(knobs, knobs.changed(changes))), {})
    return poles


def _summary(one: Opposition, side: Side, changes: Mapping[str, str]) -> str:
    embodied = ", ".join(f"{knob} = {changes[knob]}" for knob in sorted(changes))
    return f"{one.holds(side)} Embodied by {embodied or 'the incumbent as it is'}."
