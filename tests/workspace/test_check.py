from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.state.program import Steering
from dialectic.state.proposal import (
    CommitSource,
    Edit,
    EditsSource,
    FileEdit,
    InlineSource,
    IterationSource,
    KnobEdit,
    PathSource,
    ReplaceEdit,
    Source,
)
from dialectic.workspace import apply, check
from tests.workspace.sample import TRAIN, bounds, proposal


def rate(value: str) -> list[Edit]:
    return [KnobEdit(knob="MATRIX_LR", value=value)]


def rule(edits: list[Edit], root: Path, steering: Steering | None = None) -> str:
    refusal = check(proposal(edits), bounds(root, steering))
    return "" if refusal is None else refusal.rule


def test_a_sound_proposal_passes(tmp_path: Path) -> None:
    assert check(proposal(rate("0.05")), bounds(tmp_path)) is None


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (KnobEdit(knob="NOTHING", value="1"), "does-not-apply"),
        (ReplaceEdit(search="nowhere", replace=""), "does-not-apply"),
        (ReplaceEdit(search="lower = 3", replace="lower = (3"), "does-not-parse"),
        (ReplaceEdit(search="lower = 3", replace="return 3"), "does-not-parse"),
        (FileEdit(text="A = 1\0"), "does-not-parse"),
        (FileEdit(text="if 0: pass\n" + "".join(f"elif {n}: pass\n" for n in range(1, 2000))), "does-not-parse"),
        (KnobEdit(knob="MATRIX_LR", value="0.040"), "changes-nothing"),
        (ReplaceEdit(search="# Muon", replace="# other words"), "changes-nothing"),
        (ReplaceEdit(search='"""Train."""', replace='"""Other words."""'), "changes-nothing"),
    ],
)
def test_refusals_of_one_edit(edit: Edit, expected: str, tmp_path: Path) -> None:
    assert rule([edit], tmp_path) == expected


def test_no_edits_change_nothing(tmp_path: Path) -> None:
    assert rule([], tmp_path) == "changes-nothing"


def test_a_repeat_names_the_experiment(tmp_path: Path) -> None:
    ran = apply(TRAIN, rate("0.05"))
    around = bounds(tmp_path)
    known = bounds(tmp_path, known={around.fingerprint(ran): "s:002"})
    refusal = check(proposal([ReplaceEdit(search="0.04  # Muon", replace="5e-2")]), known)
    assert refusal is not None
    assert refusal.rule == "repeats"
    assert "s:002" in refusal.reason
    assert check(proposal(rate("0.06")), known) is None


@pytest.mark.parametrize(
    "edit",
    [
        KnobEdit(knob="DEPTH", value="5"),
        KnobEdit(knob="DEPTH", value="4"),
        ReplaceEdit(search="    LOCAL = 3", replace="    global DEPTH\n    DEPTH = 9\n    LOCAL = 3"),
        ReplaceEdit(search="lower = 3", replace="lower = 3\nif lower:\n    DEPTH = 9"),
        ReplaceEdit(search="lower = 3", replace="DEPTH += 1"),
        ReplaceEdit(search="DEPTH = PROFILE.depth  # number of blocks", replace="from sizes import DEPTH"),
    ],
)
def test_a_frozen_knob_stays(edit: Edit, tmp_path: Path) -> None:
    assert rule([edit], tmp_path, Steering(freeze=["DEPTH"])) == "frozen"
    assert rule([edit], tmp_path) == ""


def test_a_frozen_knob_may_not_move_through_another(tmp_path: Path) -> None:
    assert rule([KnobEdit(knob="DEPTH", value="5")], tmp_path, Steering(freeze=["WIDTH"])) == "frozen"
    assert rule(rate("0.05"), tmp_path, Steering(freeze=["WIDTH", "NOT_THERE", "TABLE"])) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.05", ""),
        ("0.02", ""),
        ("0.1", ""),
        ("0.11", "out-of-range"),
        ("DEPTH / 1000", "out-of-range"),
        ("PROFILE.depth / 100 + 0.01", ""),
        ("True", "out-of-range"),
        ('"0.05"', "out-of-range"),
        ("float('0.05')", "out-of-range"),
        ("(0.05, 0.05)", "out-of-range"),
    ],
)
def test_ranges(value: str, expected: str, tmp_path: Path) -> None:
    assert rule(rate(value), tmp_path, Steering(ranges={"MATRIX_LR": (0.02, 0.1)})) == expected


def test_a_ranged_knob_has_one_place(tmp_path: Path) -> None:
    edit = ReplaceEdit(search="lower = 3", replace="if lower := 3:\n    MATRIX_LR = 0.9")
    assert rule([edit], tmp_path, Steering(ranges={"MATRIX_LR": (0.02, 0.1)})) == "out-of-range"


def test_a_ranged_knob_may_not_vanish_or_move_through_another(tmp_path: Path) -> None:
    gone = ReplaceEdit(search="MATRIX_LR = 0.04", replace="matrix_lr = 0.04")
    assert rule([gone], tmp_path, Steering(ranges={"MATRIX_LR": (0.02, 0.1)})) == "out-of-range"
    steering = Steering(ranges={"WIDTH": (100, 150)})
    assert rule([KnobEdit(knob="DEPTH", value="5")], tmp_path, steering) == "out-of-range"


def test_an_incumbent_outside_of_a_later_range_does_not_block_the_rest(tmp_path: Path) -> None:
    steering = Steering(ranges={"MATRIX_LR": (0.1, 0.2)})
    assert rule([KnobEdit(knob="DEPTH", value="5")], tmp_path, steering) == ""
    assert rule(rate("0.05"), tmp_path, steering) == "out-of-range"
    assert rule(rate("0.15"), tmp_path, steering) == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (EditsSource(edits=[KnobEdit(knob="NOTHING", value="1")]), "has no knob NOTHING"),
        (EditsSource(base="s:009", edits=[]), "no such experiment"),
        (IterationSource(experiment_id="s:009"), "no such experiment"),
        (InlineSource(text="def f(:\n"), "does not parse"),
        (InlineSource(), "holds no text"),
        (PathSource(path="../secret.py"), "outside"),
        (CommitSource(commit="main"), "no git repository"),
    ],
)
def test_a_pole_must_resolve(source: Source, words: str, tmp_path: Path) -> None:
    refusal = check(proposal(rate("0.05"), thesis=source), bounds(tmp_path))
    assert refusal is not None
    assert refusal.rule == "bad-tension"
    assert refusal.reason.startswith("the thesis of one: ")
    assert words in refusal.reason
    refusal = check(proposal(rate("0.05"), synthesis=source), bounds(tmp_path))
    assert refusal is not None
    assert refusal.reason.startswith("the synthesis: ")


def test_poles_of_other_origins_resolve(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("A = 1\n", "utf-8")
    sources: list[Source] = [
        PathSource(path="other.py"),
        IterationSource(experiment_id="s:002"),
        EditsSource(base="s:002", edits=rate("0.01")),
        InlineSource(text="A = 2\n"),
    ]
    for source in sources:
        assert check(proposal(rate("0.05"), thesis=source, synthesis=source), bounds(tmp_path)) is None
