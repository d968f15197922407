"""Tensions over the optimizers."""

from __future__ import annotations

from dialectic.agents.catalogue.opposition import Opposition
from dialectic.agents.levers import Lever

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
            step=1.5, low=0.004, high=0.4,
        ),
        Lever(
            "EMBEDDING_LR", "factor", "thesis", "a higher rate of the embeddings", "a lower rate of the embeddings",
            "rare tokens get few updates, so each must count", "frequent tokens stop jumping about",
            step=1.6, low=0.03, high=6.0, on_gpu=0.4,
        ),
        Lever(
            "UNEMBEDDING_LR", "factor", "thesis", "a higher rate of the head", "a lower rate of the head",
            "the head follows the features sooner", "the head stops chasing features that still move",
            step=1.7, low=0.0004, high=0.05, on_cpu=0.8, on_gpu=0.5,
        ),
        Lever(
            "SCALAR_LR", "factor", "thesis", "a higher rate of the scalars", "a lower rate of the scalars",
            "the residual mix adapts within the budget", "the residual mix stays calm",
            step=1.8, low=0.03, high=4.0,
        ),
    ),
    syntheses=(
        {"EMBEDDING_LR": 1, "MATRIX_LR": -1}, {"MATRIX_LR": 1, "WARMDOWN_RATIO": 1},
        {"MATRIX_LR": 1, "WARMUP_RATIO": 1}, {"UNEMBEDDING_LR": 1, "EMBEDDING_LR": -1},
    ),
    favoured="thesis",
    roles={"rate": "thesis"},
)  # fmt: skip

INERTIA = Opposition(
    kind="inertia-vs-agility",
    label="inertia against agility",
    thesis="Inertia: long averages of the gradient are less noisy.",
    antithesis="Agility: a run of few steps must turn at once.",
    thesis_expects="val_bpb falls because steps agree with each other",
    antithesis_expects="val_bpb falls because old gradients are forgotten",
    levers=(
        Lever(
            "MUON_MOMENTUM_STEPS", "factor", "antithesis", "a longer rise of Muon's momentum",
            "a shorter rise of Muon's momentum", "early gradients are forgotten sooner",
            "a short run spends most of its steps at full momentum", step=2.5, low=10, high=2000, on_cpu=-0.3,
        ),
        Lever(
            "MUON_MOMENTUM", "ladder", "thesis", "more momentum in Muon", "less momentum in Muon",
            "longer averages of the gradient are less noisy", "shorter averages of the gradient turn sooner",
            options=(0.85, 0.9, 0.93, 0.95, 0.97),
        ),
        Lever(
            "ADAM_BETAS", "ladder", "thesis", "longer averages in AdamW", "shorter averages in AdamW",
            "the rare tokens' rows are averaged over more of their updates", "the tables turn sooner",
            options=((0.7, 0.9), (0.8, 0.95), (0.9, 0.95), (0.9, 0.99)),
        ),
    ),
    syntheses=({"MUON_MOMENTUM": 1, "ADAM_BETAS": -1}, {"MUON_MOMENTUM": -1, "ADAM_BETAS": 1}),
    favoured="antithesis",
    roles={"inertia": "thesis"},
)  # fmt: skip

RESTRAINT = Opposition(
    kind="restraint-vs-fit",
    label="restraint against fit",
    thesis="Restraint: weights kept small stay ready to be moved.",
    antithesis="Fit: a short run has no time to overfit, so nothing should be pulled back.",
    thesis_expects="val_bpb falls because every update stays effective",
    antithesis_expects="val_bpb falls because nothing that was learnt is taken away",
    levers=(
        Lever(
            "WEIGHT_DECAY", "factor", "thesis", "more weight decay", "less weight decay",
            "smaller weights keep every update effective", "a short run has no time to overfit",
            step=2.0, low=0.01, high=1.5, on_cpu=-0.1,
        ),
        Lever(
            "TABLE_DECAY", "ladder", "thesis", "weight decay of the tables too", "less weight decay of the tables",
            "rows that were once large stop dominating", "rare tokens keep the little they were taught",
            options=(0.0, 0.001, 0.003, 0.01, 0.03), on_gpu=0.4,
        ),
        Lever(
            "CAUTIOUS_DECAY", "ladder", "antithesis", "decay only where the update agrees", "decay of every weight",
            "decay never works against a gradient", "plain decay bounds all weights alike",
            options=(False, True), on_cpu=0.1, on_gpu=0.2,
        ),
    ),
    syntheses=({"WEIGHT_DECAY": -1, "TABLE_DECAY": 1}, {"WEIGHT_DECAY": 1, "CAUTIOUS_DECAY": 1}),
    favoured="thesis",
    roles={"restraint": "thesis"},
)  # fmt: skip

POLISH = Opposition(
    kind="polish-vs-throughput",
    label="polished updates against cheap ones",
    thesis="Polish: an update that costs more is worth more.",
    antithesis="Throughput: rough updates leave time for more of them.",
    thesis_expects="val_bpb falls with the same number of steps or fewer",
    antithesis_expects="val_bpb falls because there are more steps",
    levers=(
        Lever(
            "POLAR_STEPS", "count", "thesis", "more iterations of Polar Express", "fewer iterations of Polar Express",
            "every direction of an update gets its full size",
            "a rough orthogonal update is cheaper and nearly as good",
            low=2, high=5, on_cpu=-0.2,
        ),
        Lever(
            "EVEN_ROWS", "ladder", "thesis", "rows of updates evened out", "rows of updates left as they are",
            "neurons that seldom get a gradient still move", "plain Muon is cheaper and keeps the proportions",
            options=(False, True), on_cpu=0.2, on_gpu=0.3,
        ),
    ),
    syntheses=({"POLAR_STEPS": -1, "MATRIX_LR": 1},),
    favoured="antithesis",
)  # fmt: skip
