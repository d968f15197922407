"""Tensions over the schedule."""

from __future__ import annotations

from dialectic.agents.catalogue.opposition import Opposition
from dialectic.agents.levers import Lever

SETTLING = Opposition(
    kind="optimization-speed-vs-stability",
    label="time at the peak rate against time to settle",
    thesis="Speed: the peak rate is where a run learns, so it should last.",
    antithesis="Stability: a long fall of the rate settles what was learnt.",
    thesis_expects="val_bpb falls because the fast phase is longer",
    antithesis_expects="val_bpb falls because the last phase averages the noise of the updates away",
    levers=(
        Lever(
            "WARMDOWN_RATIO", "shift", "antithesis", "a longer warm-down", "a shorter warm-down",
            "a longer decay averages the noise of the updates away", "the peak rate lasts longer",
            step=0.15, low=0.05, high=1.0, on_gpu=0.6,
        ),
        Lever(
            "WARMDOWN_POWER", "factor", "antithesis", "a warm-down that falls early", "a warm-down that falls late",
            "more of the run is spent at small rates", "the rate stays high for longer and then drops",
            step=1.4, low=0.4, high=3.0,
        ),
        Lever(
            "WARMUP_RATIO", "shift", "antithesis", "a longer warm-up", "a shorter warm-up",
            "the first gradients are the least reliable", "no step is spent below the peak rate",
            step=0.05, low=0.0, high=0.3, on_cpu=-0.1, on_gpu=-0.2,
        ),
        Lever(
            "FINAL_LR_FRACTION", "shift", "thesis", "a higher final rate", "a lower final rate",
            "the last steps still learn", "the last steps only settle",
            step=0.06, low=0.0, high=0.4, on_gpu=0.2,
        ),
    ),
    syntheses=(
        {"WARMDOWN_RATIO": 1, "FINAL_LR_FRACTION": 1}, {"WARMDOWN_RATIO": 1, "WARMDOWN_POWER": -1},
        {"WARMUP_RATIO": 1, "WARMDOWN_RATIO": -1},
    ),
    favoured="antithesis",
    roles={"schedule": "antithesis"},
)  # fmt: skip

AVERAGING = Opposition(
    kind="decay-vs-averaging",
    label="decaying the rate against averaging the weights",
    thesis="Averaging: the mean of the last weights is as calm as a decayed run and keeps the rate high.",
    antithesis="Decay: let the rate bring the weights to rest, and hand over the very last ones.",
    thesis_expects="val_bpb falls because the average cancels the last steps' noise",
    antithesis_expects="val_bpb falls because old weights only hold the last ones back",
    levers=(
        Lever(
            "AVERAGED_STEPS", "ladder", "thesis", "an average over more of the last steps",
            "an average over fewer of the last steps", "the mean of the last weights cancels their noise",
            "the last weights know the most", options=(0, 6, 12, 25, 50, 100), on_cpu=0.1,
        ),
    ),
    thesis_moves=({"AVERAGED_STEPS": 2, "WARMDOWN_RATIO": -1},),
    antithesis_moves=({"WARMDOWN_RATIO": 1, "FINAL_LR_FRACTION": -1},),
    syntheses=({"AVERAGED_STEPS": 1, "WARMDOWN_RATIO": 1}, {"AVERAGED_STEPS": 2, "FINAL_LR_FRACTION": 1}),
    favoured="thesis",
)  # fmt: skip
