"""Tensions over the architecture.

Priors come from the published runs of the baseline on one H100 (halved batch, one more block, shorter short windows,
longer rotary wavelengths, smaller first weights all helped) and from measurements of the ``cpu`` profile.
"""

from __future__ import annotations

import math

from dialectic.agents.catalogue.opposition import Opposition
from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs


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
    antithesis_expects="val_bpb falls because more tokens are seen",
    levers=(
        Lever(
            "DEPTH", "count", "thesis", "a deeper model", "a shallower model",
            "more blocks make more of each token", "cheaper steps let it see more tokens",
            field="depth", low=0.6, high=1.5, on_cpu=-0.2, on_gpu=0.3,
        ),
        Lever(
            "ASPECT_RATIO", "count", "thesis", "a wider model", "a narrower model",
            "a wider residual stream stores more", "narrower matrices leave time for more steps",
            field="aspect_ratio", low=0.65, high=1.75, stride=head_step, on_cpu=0.2, on_gpu=0.0,
        ),
        Lever(
            "MLP_RATIO", "count", "thesis", "a wider MLP", "a narrower MLP",
            "more hidden channels store more facts", "the MLP is the largest cost, and cheaper steps see more tokens",
            low=2, high=8, on_cpu=-0.1,
        ),
    ),
    syntheses=({"ASPECT_RATIO": 1, "MLP_RATIO": -1}, {"DEPTH": 1, "MLP_RATIO": -1}, {"DEPTH": -1, "MLP_RATIO": 1}),
    favoured="antithesis",
    roles={"depth": "thesis", "width": "thesis"},
)  # fmt: skip

SHAPE = Opposition(
    kind="depth-vs-width",
    label="depth against width",
    thesis="Depth: composing simple steps reaches further than one broad step.",
    antithesis="Width: a short run trains broad layers sooner than long chains of them.",
    thesis_expects="val_bpb falls with more blocks of fewer channels",
    antithesis_expects="val_bpb falls with fewer blocks of more channels",
    levers=(),
    thesis_moves=({"DEPTH": 1, "ASPECT_RATIO": -1},),
    antithesis_moves=({"DEPTH": -1, "ASPECT_RATIO": 1}, {"DEPTH": -1, "ASPECT_RATIO": 2}),
    syntheses=({"DEPTH": 1, "ASPECT_RATIO": -1, "MLP_RATIO": 1}, {"DEPTH": -1, "ASPECT_RATIO": 2, "MLP_RATIO": -1}),
    favoured="antithesis",
)

LOCALITY = Opposition(
    kind="locality-vs-global-context",
    label="locality against global context",
    thesis="Local attention: most of what predicts the next token is near, and short windows are cheap.",
    antithesis="Global context: every block should see everything.",
    thesis_expects="val_bpb falls or stays while steps get cheaper",
    antithesis_expects="val_bpb falls because distant tokens are used",
    levers=(
        Lever(
            "ROPE_BASE", "factor", "antithesis", "longer rotary wavelengths", "shorter rotary wavelengths",
            "slow rotations tell distant positions apart", "fast rotations tell near positions apart",
            step=4.0, low=100.0, high=2e6, on_cpu=-0.2, on_gpu=0.4,
        ),
        Lever(
            "WINDOW_PATTERN", "ladder", "thesis", "more short windows", "fewer short windows",
            "near tokens carry most of what there is to learn", "distant tokens carry names and topics",
            options=("L", "SL", "SSL", "SSSL", "SSSSL"), on_gpu=0.2,
        ),
        Lever(
            "WINDOW_DIVISOR", "ladder", "thesis", "shorter short windows", "longer short windows",
            "a short window of a few hundred tokens already holds the sentence", "a paragraph needs a longer window",
            options=(2, 4, 8), on_gpu=0.4,
        ),
    ),
    syntheses=(
        {"WINDOW_PATTERN": 1, "ROPE_BASE": 1}, {"WINDOW_PATTERN": -1, "ROPE_BASE": -1},
        {"WINDOW_DIVISOR": 1, "ROPE_BASE": 1},
    ),
    favoured="thesis",
)  # fmt: skip

BIAS = Opposition(
    kind="inductive-bias-vs-coverage",
    label="built-in bias against learnt coverage",
    thesis="Built-in bias: tell the model what every text has, such as that the token before matters.",
    antithesis="Coverage: attention finds such things by itself and is free to find others.",
    thesis_expects="val_bpb falls because the first steps need not learn it",
    antithesis_expects="val_bpb falls or stays because nothing is forced on it",
    levers=(
        Lever(
            "PREVIOUS_TOKEN", "shift", "thesis", "more of the token before in each embedding",
            "less of the token before in each embedding", "pairs of tokens are known from the first step on",
            "each token keeps its own place in the embedding", step=0.3, low=0.0, high=1.2, on_cpu=1.2, on_gpu=0.3,
        ),
    ),
    favoured="thesis",
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
            options=(False, True), on_cpu=0.4, on_gpu=0.8,
        ),
        Lever(
            "GATE_CHANNELS", "ladder", "thesis", "a gate that sees more channels", "a gate that sees fewer channels",
            "the gate knows better when a value embedding helps", "a small gate is learnt sooner",
            options=(8, 16, 32, 64),
        ),
    ),
    favoured="thesis",
)  # fmt: skip

MEMORY = Opposition(
    kind="memory-vs-quality",
    label="shared keys and values against heads of their own",
    thesis="Memory: heads that share keys and values cost less and lose little.",
    antithesis="Quality: heads of their own look at different things.",
    thesis_expects="val_bpb stays while steps get cheaper",
    antithesis_expects="val_bpb falls because more patterns are attended to",
    levers=(
        Lever(
            "KV_HEAD_RATIO", "ladder", "thesis", "fewer key-value heads", "more key-value heads",
            "shared heads make steps cheaper", "heads of their own look at different things", options=(1, 2, 3, 4),
        ),
        Lever(
            "HEAD_DIM", "double", "thesis", "fewer and larger heads", "more and smaller heads",
            "a larger head tells more tokens apart", "more heads attend to more patterns at once", low=16, high=256,
        ),
    ),
    syntheses=({"KV_HEAD_RATIO": 1, "HEAD_DIM": -1},),
    favoured="antithesis",
    roles={"heads": "antithesis"},
)  # fmt: skip

GATING = Opposition(
    kind="novelty-vs-simplicity",
    label="a gated MLP against a plain one",
    thesis="Novelty: channels that multiply each other express more than channels that only add up.",
    antithesis="Simplicity: one matrix up, one nonlinearity, one matrix down is quick and hard to beat.",
    thesis_expects="val_bpb falls at the same cost",
    antithesis_expects="val_bpb falls or stays with a wider, simpler MLP",
    levers=(
        Lever(
            "MLP_GATED", "ladder", "thesis", "a gated MLP", "an MLP without a gate",
            "products of channels express more per parameter", "one wide matrix is learnt sooner and runs faster",
            options=(False, True), on_gpu=0.2,
        ),
        Lever(
            "MLP_ACTIVATION", "ladder", "thesis", "a smooth nonlinearity", "a squared ReLU",
            "no channel is ever dead", "sparse channels interfere less",
            options=("squared_relu", "gelu", "silu"), on_cpu=-0.3, on_gpu=-0.3,
        ),
    ),
    syntheses=({"MLP_GATED": 1, "MLP_ACTIVATION": 1},),
    favoured="thesis",
    roles={"switch": "thesis"},
)  # fmt: skip

SHARPNESS = Opposition(
    kind="sharpness-vs-spread",
    label="sharp choices against spread ones",
    thesis="Sharpness: attention and output should be able to decide for one token.",
    antithesis="Spread: what never decides fully keeps its gradients alive.",
    thesis_expects="val_bpb falls because sure predictions are made surer",
    antithesis_expects="val_bpb falls because errors cost less",
    levers=(
        Lever(
            "QK_SCALE", "factor", "thesis", "sharper attention", "softer attention",
            "normalised queries and keys limit how sharply a head can choose", "soft attention averages the noise out",
            step=1.2, low=0.6, high=2.5, on_cpu=0.2, on_gpu=0.4,
        ),
        Lever(
            "LOGIT_SOFTCAP", "factor", "thesis", "a looser cap of the logits", "a tighter cap of the logits",
            "sure predictions can be made surer", "gradients of the head stay alive",
            step=1.5, low=4.0, high=120.0,
        ),
    ),
    syntheses=({"QK_SCALE": 1, "LOGIT_SOFTCAP": -1}, {"QK_SCALE": -1, "LOGIT_SOFTCAP": 1}),
    favoured="thesis",
)  # fmt: skip

IDENTITY = Opposition(
    kind="identity-vs-mixing",
    label="starting as the identity against mixing from the start",
    thesis="Identity: blocks that begin small let the embedding through and grow where they help.",
    antithesis="Mixing: a short run has no time to wait until its blocks wake up.",
    thesis_expects="val_bpb falls because the first steps are not wasted on noise",
    antithesis_expects="val_bpb falls because the blocks take part sooner",
    levers=(
        Lever(
            "INIT_SCALE", "factor", "antithesis", "larger first weights", "smaller first weights",
            "blocks take part from the first steps on", "small weights turn quickly towards what helps",
            step=1.4, low=0.2, high=3.0, on_gpu=-0.4,
        ),
        Lever(
            "X0_INIT", "factor", "thesis", "more of the embedding in every block",
            "less of the embedding in every block", "no block can lose the token it is about",
            "the stream has room for what blocks add", step=2.0, low=0.01, high=0.8, on_gpu=-0.2,
        ),
        Lever(
            "PARALLEL_BLOCK", "ladder", "antithesis", "attention and MLP side by side", "the MLP after attention",
            "paths are shorter, so gradients arrive sooner", "the MLP can work on what attention fetched",
            options=(False, True), on_cpu=-0.2, on_gpu=-0.4,
        ),
    ),
    syntheses=({"INIT_SCALE": 1, "X0_INIT": 1}, {"INIT_SCALE": -1, "X0_INIT": -1}),
    favoured="thesis",
)  # fmt: skip
