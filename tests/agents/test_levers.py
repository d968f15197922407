from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.agents.catalogue import CATALOGUE, LEVERS
from dialectic.agents.grafts import GRAFTS
from dialectic.agents.sizes import Knobs, fits, rounded, written
from dialectic.workspace import read_knobs
from tests.agents.world import SIZES, TRAIN

CPU = Knobs(read_knobs(TRAIN), SIZES["cpu"])
OURS = (Path(__file__).resolve().parent.parent.parent / "train.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("knob", "steps", "expected"),
    [
        ("DEPTH", 1, {"DEPTH": "PROFILE.depth + 1"}),
        ("DEPTH", 0.5, {"DEPTH": "PROFILE.depth + 1"}),
        ("DEPTH", 9, {"DEPTH": "PROFILE.depth + 2"}),
        ("ASPECT_RATIO", 1, {"ASPECT_RATIO": "PROFILE.aspect_ratio + 8"}),
        ("MLP_RATIO", -1, {"MLP_RATIO": "3"}),
        ("MATRIX_LR", 1, {"MATRIX_LR": "0.06"}),
        ("MATRIX_LR", -2, {"MATRIX_LR": "0.018"}),
        ("ROPE_BASE", 1, {"ROPE_BASE": "40000.0"}),
        ("WARMDOWN_RATIO", 1, {"WARMDOWN_RATIO": "0.65"}),
        ("WARMUP_RATIO", -1, {}),
        ("WINDOW_PATTERN", 1, {"WINDOW_PATTERN": '"SL"'}),
        ("WINDOW_PATTERN", -1, {}),
        ("VALUE_EMBEDDINGS", -1, {"VALUE_EMBEDDINGS": "False"}),
        ("ADAM_BETAS", 1, {"ADAM_BETAS": "(0.9, 0.95)"}),
        (
            "TOTAL_BATCH_SIZE",
            -1,
            {
                "TOTAL_BATCH_SIZE": "PROFILE.total_batch_size // 2",
                "DEVICE_BATCH_SIZE": "PROFILE.device_batch_size // 2",
            },
        ),
        ("TOTAL_BATCH_SIZE", 1, {"TOTAL_BATCH_SIZE": "PROFILE.total_batch_size * 2"}),
    ],
)
def test_moves_are_readable_and_portable(knob: str, steps: float, expected: dict[str, str]) -> None:
    assert LEVERS[knob].move(CPU, steps) == expected


def test_repeated_steps_stay_readable_and_lead_back() -> None:
    lever = LEVERS["DEPTH"]
    one = CPU.changed(lever.move(CPU, 1))
    two = one.changed(lever.move(one, 1))
    assert two.sources["DEPTH"] == "PROFILE.depth + 2"
    assert two.changed(lever.move(two, -2)).sources["DEPTH"] == "PROFILE.depth"
    assert CPU.changed(lever.move(CPU, -1)).sources["DEPTH"] == "PROFILE.depth - 1"


def test_a_plain_number_stays_one() -> None:
    assert LEVERS["DEPTH"].move(CPU.changed({"DEPTH": "5"}), 1) == {"DEPTH": "6"}
    assert written(6, "PROFILE.depth + PROFILE.other", {"depth": 4, "other": 1}) == "6"
    assert written("L", "PROFILE.window_pattern", {"window_pattern": "L"}) == "PROFILE.window_pattern"


def test_a_knob_that_is_missing_or_has_no_value_cannot_move() -> None:
    for knobs in (CPU.changed({"DEPTH": "choose()"}), Knobs({}, SIZES["cpu"]), CPU.changed({"DEPTH": '"4"'})):
        assert not LEVERS["DEPTH"].applies(knobs)
        assert LEVERS["DEPTH"].move(knobs, 1) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DEPTH": "5"}, True),
        ({"ASPECT_RATIO": "33"}, True),
        ({"ASPECT_RATIO": "31"}, False),
        ({"KV_HEAD_RATIO": "2"}, True),
        ({"KV_HEAD_RATIO": "2", "DEPTH": "5"}, False),
        ({"TOTAL_BATCH_SIZE": "2048"}, False),
        ({"WINDOW_PATTERN": '"LLL"'}, False),
        ({"DEPTH": "12", "ASPECT_RATIO": "64"}, False),
    ],
)
def test_sizes_must_fit(changes: dict[str, str], expected: bool) -> None:
    assert fits(CPU, CPU.changed(changes)) is expected


def test_rates_are_rounded_and_still_differ() -> None:
    assert rounded(0.0561, 0.04) == 0.056
    assert rounded(0.0401, 0.04) == 0.0401


def test_a_batch_that_shrinks_and_grows_again_leaves_nothing_behind() -> None:
    lever = LEVERS["TOTAL_BATCH_SIZE"]
    smaller = CPU.changed(lever.move(CPU, -1))
    assert smaller.changed(lever.move(smaller, 1)).sources == CPU.sources


def test_a_gated_mlp_keeps_its_cost() -> None:
    knobs = Knobs(CPU.sources, CPU.profile, OURS)
    gated = LEVERS["MLP_GATED"].move(knobs, 1)
    assert gated == {"MLP_GATED": "True", "MLP_RATIO": "3"}
    assert LEVERS["MLP_GATED"].move(knobs.changed(gated), -1) == {"MLP_GATED": "False", "MLP_RATIO": "4"}


def test_a_growing_batch_takes_two_passes() -> None:
    growing = LEVERS["GROWING_BATCH"].move(Knobs(CPU.sources, CPU.profile, OURS), 1)
    assert growing == {"GROWING_BATCH": "0.25", "DEVICE_BATCH_SIZE": "PROFILE.device_batch_size // 2"}


def test_every_lever_of_the_catalogue_moves_one_way_at_least() -> None:
    ours = Knobs(read_knobs(OURS), SIZES["cpu"] | {"device_batch_size": 16}, OURS)
    for lever in LEVERS.values():
        assert any(lever.move(ours, steps) for steps in (-1, 1)), lever.knob


def test_the_catalogue_is_sound() -> None:
    assert len([one for one in CATALOGUE.values() if one.kind != "larger-vs-smaller"]) >= 12
    assert sum(len(one.levers) for one in CATALOGUE.values()) == len(LEVERS)
    for one in CATALOGUE.values():
        assert one.levers or one.thesis_moves or one.roles, one.kind
        for steps in (*one.syntheses, *one.thesis_moves, *one.antithesis_moves):
            assert steps.keys() <= LEVERS.keys(), one.kind
            assert len(steps) > 1, one.kind
    assert set(GRAFTS) <= LEVERS.keys()
    assert all(one.near in read_knobs(OURS) for one in GRAFTS.values())
