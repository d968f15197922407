"""The tensions that the builtin agent knows, as data, and the baseline's plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialectic.agents.levers import Knobs, Lever, fits
from dialectic.state.base import Side
from dialectic.state.contracts import PrepareContext
from dialectic.state.proposal import (
    Edit,
    EditsSource,
    KnobEdit,
    Pole,
    Prediction,
    Proposal,
    Tension,
    Transcendent,
)

SIDES: tuple[Side, Side] = ("thesis", "antithesis")

Pull = tuple[str, Side]
"""A knob, and the pole towards which it is pulled."""


@dataclass(frozen=True)
class Opposition:
    """One tension as it is declared."""

    kind: str
    label: str
    thesis: str
    antithesis: str
    thesis_expects: str
    antithesis_expects: str
    levers: tuple[Lever, ...]
    """The first of each side are the clearest embodiments of a pole."""
    syntheses: tuple[tuple[Pull, ...], ...]
    """Third forms: knobs pulled to opposite poles at once."""
    favoured: Side
    """The pole to begin with."""

    def holds(self, side: Side) -> str:
        """What ``side`` holds."""
        return self.thesis if side == "thesis" else self.antithesis

    def expects(self, side: Side) -> str:
        """What ``side`` expects to be measured."""
        return self.thesis_expects if side == "thesis" else self.antithesis_expects

    def lever(self, knob: str) -> Lever:
        """The lever of that knob."""
        return next(lever for lever in self.levers if lever.knob == knob)

    def applicable(self, knobs: Knobs) -> list[Lever]:
        """The levers that the present ``train.py`` has."""
        return [lever for lever in self.levers if lever.applies(knobs)]


def head_step(knobs: Knobs) -> float:
    """How far ASPECT_RATIO moves for the width to change by one head at the profile's depth."""
    head = knobs.suggested("head_dim") or knobs.number("HEAD_DIM") or 1
    return max(1.0, math.ceil(head / (knobs.suggested("depth") or knobs.number("DEPTH") or 1)))


CAPACITY = Opposition(
    kind="capacity-vs-throughput",
    label="capacity against throughput",
    thesis="More capacity: each token teaches a larger model more.",
    antithesis="More throughput: more optimizer steps in the same budget teach more than a larger model does.",
    thesis_expects="val_bpb falls although fewer tokens are seen",
    antithesis_expects="val_bpb falls because there are more steps",
    levers=(
        Lever(
            "TOTAL_BATCH_SIZE", "double", "thesis", "a larger batch", "a smaller batch",
            "each step follows a cleaner gradient", "the same tokens make twice as many optimizer steps",
            field="total_batch_size", low=0.25, high=4, promise=-0.6,
        ),
        Lever(
            "DEPTH", "count", "thesis", "a deeper model", "a shallower model",
            "more blocks use each token better", "cheaper steps let it see more tokens",
            field="depth", low=0.75, high=1.5, promise=0.2,
        ),
        Lever(
            "ASPECT_RATIO", "count", "thesis", "a wider model", "a narrower model",
            "a wider residual stream stores more", "cheaper steps let it see more tokens",
            field="aspect_ratio", low=0.65, high=1.6, stride=head_step,
        ),
        Lever(
            "MLP_RATIO", "count", "thesis", "a wider MLP", "a narrower MLP",
            "more hidden channels store more", "cheaper steps let it see more tokens",
            low=2, high=8,
        ),
    ),
    syntheses=(
        (("DEPTH", "thesis"), ("ASPECT_RATIO", "antithesis")),
        (("DEPTH", "antithesis"), ("ASPECT_RATIO", "thesis")),
        (("DEPTH", "thesis"), ("TOTAL_BATCH_SIZE", "antithesis")),
        (("ASPECT_RATIO", "thesis"), ("MLP_RATIO", "antithesis")),
        (("ASPECT_RATIO", "thesis"), ("TOTAL_BATCH_SIZE", "antithesis")),
    ),
    favoured="antithesis",
)  # fmt: skip

AGGRESSION = Opposition(
    kind="aggression-vs-stability",
    label="aggression against stability",
    thesis="Larger updates: a short budget rewards speed.",
    antithesis="Calmer updates: what a short run gains by speed it loses in noise at its end.",
    thesis_expects="val_bpb falls because the loss falls faster",
    antithesis_expects="val_bpb falls because the end of the run is calmer",
    levers=(
        Lever(
            "MATRIX_LR", "factor", "thesis", "a higher rate of the matrices", "a lower rate of the matrices",
            "larger Muon steps go further in the budget", "smaller Muon steps settle deeper",
            step=1.4, low=0.004, high=0.4,
        ),
        Lever(
            "WARMDOWN_RATIO", "shift", "antithesis", "a longer warm-down", "a shorter warm-down",
            "a longer decay averages the noise of the updates away", "the peak rate lasts longer",
            step=0.15, low=0.05, high=1.0, promise=0.3,
        ),
        Lever(
            "EMBEDDING_LR", "factor", "thesis", "a higher rate of the embeddings", "a lower rate of the embeddings",
            "rare tokens get few updates, so each must count", "frequent tokens stop jumping about",
            step=1.5, low=0.03, high=6.0,
        ),
        Lever(
            "UNEMBEDDING_LR", "factor", "thesis", "a higher rate of the head", "a lower rate of the head",
            "the head follows the features sooner", "the head stops chasing features that still move",
            step=1.6, low=0.0004, high=0.05, promise=0.2,
        ),
        Lever(
            "WEIGHT_DECAY", "factor", "antithesis", "more weight decay", "less weight decay",
            "smaller weights keep every update effective", "a short run has no time to overfit",
            step=1.6, low=0.01, high=1.0,
        ),
        Lever(
            "SCALAR_LR", "factor", "thesis", "a higher rate of the scalars", "a lower rate of the scalars",
            "the residual mix adapts within the budget", "the residual mix stays calm",
            step=1.6, low=0.03, high=4.0,
        ),
        Lever(
            "MUON_MOMENTUM_STEPS", "factor", "antithesis", "a longer rise of Muon's momentum",
            "a shorter rise of Muon's momentum", "early gradients are forgotten sooner",
            "a short run reaches its full momentum", step=2.0, low=10, high=2000,
        ),
        Lever(
            "MUON_MOMENTUM", "ladder", "antithesis", "more momentum in Muon", "less momentum in Muon",
            "longer averages of the gradient are less noisy", "shorter averages of the gradient turn sooner",
            options=(0.85, 0.9, 0.93, 0.95, 0.97),
        ),
        Lever(
            "ADAM_BETAS", "ladder", "antithesis", "longer averages in AdamW", "shorter averages in AdamW",
            "longer averages are less noisy", "shorter averages turn sooner",
            options=((0.7, 0.9), (0.8, 0.95), (0.9, 0.95), (0.9, 0.99)),
        ),
        Lever(
            "WARMUP_RATIO", "shift", "antithesis", "a longer warm-up", "a shorter warm-up",
            "the first gradients are the least reliable", "no step is spent below the peak rate",
            step=0.04, low=0.0, high=0.3,
        ),
        Lever(
            "FINAL_LR_FRACTION", "shift", "thesis", "a higher final rate", "a lower final rate",
            "the last steps still learn", "the last steps only settle",
            step=0.05, low=0.0, high=0.4,
        ),
        Lever(
            "LOGIT_SOFTCAP", "factor", "thesis", "a looser cap of the logits", "a tighter cap of the logits",
            "sure predictions can be made surer", "gradients of the head stay alive",
            step=1.4, low=4.0, high=80.0,
        ),
    ),
    syntheses=(
        (("MATRIX_LR", "thesis"), ("WARMDOWN_RATIO", "antithesis")),
        (("EMBEDDING_LR", "thesis"), ("MATRIX_LR", "antithesis")),
        (("MATRIX_LR", "thesis"), ("WARMUP_RATIO", "antithesis")),
        (("UNEMBEDDING_LR", "thesis"), ("WEIGHT_DECAY", "antithesis")),
    ),
    favoured="antithesis",
)  # fmt: skip

LOCALITY = Opposition(
    kind="locality-vs-global-context",
    label="locality against global context",
    thesis="Local attention: most of what predicts the next token is near, and short windows are cheap.",
    antithesis="Global context: every block should see everything.",
    thesis_expects="val_bpb falls or stays while steps get cheaper",
    antithesis_expects="val_bpb falls because distant tokens are used",
    levers=(
        Lever(
            "WINDOW_PATTERN", "ladder", "thesis", "more short windows", "fewer short windows",
            "near tokens carry most of what there is to learn", "distant tokens carry names and topics",
            options=("L", "SL", "SSL", "SSSL"),
        ),
        Lever(
            "ROPE_BASE", "factor", "antithesis", "longer rotary wavelengths", "shorter rotary wavelengths",
            "slow rotations tell distant positions apart", "fast rotations tell near positions apart",
            step=2.5, low=300.0, high=2e6,
        ),
    ),
    syntheses=(
        (("WINDOW_PATTERN", "thesis"), ("ROPE_BASE", "antithesis")),
        (("WINDOW_PATTERN", "antithesis"), ("ROPE_BASE", "thesis")),
    ),
    favoured="antithesis",
)  # fmt: skip

EMBEDDINGS = Opposition(
    kind="value-embeddings-vs-simplicity",
    label="value embeddings against simplicity",
    thesis="Value embeddings: parameters that cost no computation are free capacity.",
    antithesis="Simplicity: what a short run cannot train well is better left out.",
    thesis_expects="val_bpb falls because tokens carry more into attention",
    antithesis_expects="val_bpb falls or stays with fewer parameters and cheaper steps",
    levers=(
        Lever(
            "VALUE_EMBEDDINGS", "ladder", "thesis", "value embeddings", "no value embeddings",
            "they add capacity without computation", "a short run trains fewer parameters better",
            options=(False, True), promise=0.5,
        ),
        Lever(
            "KV_HEAD_RATIO", "ladder", "antithesis", "fewer key-value heads", "more key-value heads",
            "shared heads make steps cheaper", "heads of their own look at different things",
            options=(1, 2, 4),
        ),
        Lever(
            "GATE_CHANNELS", "ladder", "thesis", "a gate that sees more channels", "a gate that sees fewer channels",
            "the gate knows better when a value embedding helps", "a small gate is learnt sooner",
            options=(8, 16, 32, 64),
        ),
    ),
    syntheses=(
        (("VALUE_EMBEDDINGS", "thesis"), ("KV_HEAD_RATIO", "antithesis")),
        (("GATE_CHANNELS", "thesis"), ("KV_HEAD_RATIO", "antithesis")),
    ),
    favoured="thesis",
)  # fmt: skip

CATALOGUE: Mapping[str, Opposition] = {one.kind: one for one in (CAPACITY, AGGRESSION, LOCALITY, EMBEDDINGS)}
LEVERS: Mapping[str, Lever] = {lever.knob: lever for one in CATALOGUE.values() for lever in one.levers}


def edits_of(changes: Mapping[str, str]) -> list[Edit]:
    """One edit a knob, in the order of their names."""
    return [KnobEdit(knob=knob, value=changes[knob]) for knob in sorted(changes)]


def held(one: Opposition, poles: Mapping[Side, Mapping[str, str]], favoured: Side, why: str) -> Tension:
    """A tension of which both poles are edits to the incumbent."""
    thesis, antithesis = (
        Pole(summary=_summary(one, side, poles[side]), source=EditsSource(edits=edits_of(poles[side])))
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


def other(side: Side) -> Side:
    """The opposite pole."""
    return "antithesis" if side == "thesis" else "thesis"


def plain_poles(one: Opposition, knobs: Knobs) -> dict[Side, dict[str, str]]:
    """Each pole as one step of the first lever that can go there; empty where the incumbent stands there already."""
    poles: dict[Side, dict[str, str]] = {}
    for side in SIDES:
        moves = (lever.move(knobs, lever.sign(side)) for lever in one.levers)
        poles[side] = next((changes for changes in moves if changes and fits(knobs, knobs.changed(changes))), {})
    return poles


def baseline(context: PrepareContext) -> Proposal:
    """The plan of ``train.py`` as it was found: it changes nothing and holds the first two tensions that apply.

    A foreign file without any of the catalogue's knobs gets two tensions whose poles are still the file itself.
    """
    knobs = Knobs(context.knobs, context.profile.values | {"sequence_length": context.profile.sequence_length})
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
            emergent_thought="A baseline holds its tensions open.",
            concrete_change="None: train.py as it was found.",
            tested_in_iteration=False,
            result_status="deferred",
        ),
        edits=[],
    )


def baseline_tensions(knobs: Knobs, prefer: Sequence[str] = ()) -> list[Tension]:
    """Two tensions for the baseline: preferred ones first, then those that apply, in the catalogue's order."""
    rank = {kind: place for place, kind in enumerate(dict.fromkeys(prefer))}
    order = sorted(CATALOGUE.values(), key=lambda one: (not one.applicable(knobs), rank.get(one.kind, len(rank))))
    why = "It is open: neither pole was measured against this baseline."
    return [held(one, plain_poles(one, knobs), one.favoured, why) for one in order[:2]]


def _summary(one: Opposition, side: Side, changes: Mapping[str, str]) -> str:
    embodied = ", ".join(f"{knob} = {changes[knob]}" for knob in sorted(changes)) or "the incumbent as it is"
    return f"{one.holds(side)} Embodied by {embodied}."
