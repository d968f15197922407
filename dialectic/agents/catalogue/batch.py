"""Tensions over batches and the order of the data, and the one for constants of which nothing is known."""

from __future__ import annotations

from dialectic.agents.catalogue.opposition import Opposition
from dialectic.agents.levers import Lever

STEPS = Opposition(
    kind="steps-vs-gradient-quality",
    label="many steps against clean gradients",
    thesis="Clean gradients: each step of a large batch goes where it should.",
    antithesis="Many steps: the same tokens teach more in many rough steps than in few clean ones.",
    thesis_expects="val_bpb falls although there are fewer steps",
    antithesis_expects="val_bpb falls because there are more steps",
    levers=(
        Lever(
            "TOTAL_BATCH_SIZE", "double", "thesis", "a larger batch", "a smaller batch",
            "each step follows a cleaner gradient", "the same tokens make more optimizer steps",
            field="total_batch_size", low=0.125, high=4, on_cpu=-1.6, on_gpu=-1.2,
        ),
    ),
    syntheses=(
        {"TOTAL_BATCH_SIZE": -1, "MATRIX_LR": -1}, {"TOTAL_BATCH_SIZE": -1, "AVERAGED_STEPS": 2},
        {"TOTAL_BATCH_SIZE": -1, "DEPTH": 1}, {"TOTAL_BATCH_SIZE": 1, "GROWING_BATCH": 2},
    ),
    favoured="antithesis",
    roles={"batch": "thesis"},
)  # fmt: skip

GROWTH = Opposition(
    kind="steady-vs-growing-batch",
    label="a growing batch against a steady one",
    thesis="Growing: rough steps are enough early, clean ones pay late.",
    antithesis="Steady: one batch size fits the whole run, and its rates were chosen for it.",
    thesis_expects="val_bpb falls because the early phase makes more steps",
    antithesis_expects="val_bpb falls or stays with a plainer loop",
    levers=(
        Lever(
            "GROWING_BATCH", "ladder", "thesis", "half the batch for longer", "half the batch for a shorter time",
            "the early loss falls as fast with half the tokens a step", "a steady batch suits its learning rates",
            options=(0.0, 0.25, 0.5, 0.75), on_cpu=0.3, on_gpu=0.1,
        ),
    ),
    syntheses=({"GROWING_BATCH": 1, "WARMDOWN_RATIO": -1}, {"GROWING_BATCH": 2, "TOTAL_BATCH_SIZE": 1}),
    favoured="thesis",
)  # fmt: skip

ORDER = Opposition(
    kind="order-vs-shuffle",
    label="the corpus's order against a shuffle",
    thesis="Shuffle: documents in another order keep a batch from holding one topic.",
    antithesis="Order: documents that lie together belong together.",
    thesis_expects="val_bpb falls because gradients are less correlated",
    antithesis_expects="val_bpb falls because related documents teach each other",
    levers=(
        Lever(
            "DATA_ORDER", "ladder", "thesis", "shuffled documents", "documents in the corpus's order",
            "a batch holds more different text", "neighbouring documents share their words",
            options=(0, 1), on_cpu=0.1,
        ),
    ),
    favoured="thesis",
)  # fmt: skip

UNNAMED = Opposition(
    kind="larger-vs-smaller",
    label="larger constants against smaller ones",
    thesis="Larger: a constant that nobody tuned is as likely too small as too large.",
    antithesis="Smaller: what works with less is the simpler file.",
    thesis_expects="val_bpb tells which way the constant is off",
    antithesis_expects="val_bpb stays or falls with less",
    levers=(),
    favoured="thesis",
    roles={"other": "thesis"},
)
