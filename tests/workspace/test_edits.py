from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialectic.errors import EditError
from dialectic.state.proposal import Edit, FileEdit, KnobEdit, ReplaceEdit
from dialectic.workspace.edits import MAX_CHARACTERS, apply, fingerprint, removed_statements
from dialectic.workspace.knobs import read_knobs
from tests.workspace.sample import TRAIN


def mark(text: str) -> str:
    return fingerprint(text, "cpu", 60.0, "data")


def test_edits_apply_in_their_order() -> None:
    edits: list[Edit] = [
        KnobEdit(knob="DEPTH", value="6"),
        KnobEdit(knob="DEPTH", value="7"),
        ReplaceEdit(search="print(DEPTH, LOCAL)", replace="print(DEPTH)"),
        KnobEdit(knob="MATRIX_LR", value="0.05"),
    ]
    changed = apply(TRAIN, edits)
    assert "print(DEPTH)\n" in changed
    assert read_knobs(changed)["DEPTH"] == "7"
    assert read_knobs(changed)["MATRIX_LR"] == "0.05"


def test_a_file_edit_is_the_whole_text() -> None:
    assert apply(TRAIN, [KnobEdit(knob="DEPTH", value="6"), FileEdit(text="A = 1\n")]) == "A = 1\n"


def test_no_edits_change_nothing() -> None:
    assert apply(TRAIN, []) == TRAIN


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ("print(WIDTH)", r"nowhere in train.py \(it begins 'print\(WIDTH\)'\)"),
        ("PROFILE", r"stands 2 times \(lines 4, 7\)"),
        ("  ", "stands"),
        ("\n\n\n\n\n", "nowhere"),
    ],
)
def test_a_text_to_replace_must_stand_in_one_place(search: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        apply(TRAIN, [ReplaceEdit(search=search, replace="x")])


def test_overlapping_places_are_counted() -> None:
    with pytest.raises(EditError, match="stands 2 times"):
        apply("x = 'aaa'\n", [ReplaceEdit(search="aa", replace="b")])


def test_the_failing_edit_is_named() -> None:
    with pytest.raises(EditError, match=r"^edit 2: train.py has no knob NOTHING"):
        apply(TRAIN, [ReplaceEdit(search="lower = 3", replace="lower = 4"), KnobEdit(knob="NOTHING", value="1")])


def test_a_file_beyond_all_measure_is_refused() -> None:
    with pytest.raises(EditError, match="characters; keep it under"):
        apply(TRAIN, [FileEdit(text="#" * (MAX_CHARACTERS + 1))])


def test_comments_formatting_and_docstrings_do_not_matter() -> None:
    other = '"""Other words."""\n' + TRAIN.split("\n", 1)[1]
    other = other.replace("  # Muon", "").replace('"""Train."""', "'''Really\n    train.'''").replace("2**4", "2 ** 4")
    assert other != TRAIN
    assert mark(other) == mark(TRAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.04", "0.05"), ("LOCAL = 3", "LOCAL = 4"), ('"SSSL"', '"SSLL"'), ("True", "1"), ("print(", "print(1, ")],
)
def test_a_change_of_what_it_does_matters(old: str, new: str) -> None:
    assert mark(TRAIN.replace(old, new, 1)) != mark(TRAIN)


def test_profile_budget_and_data_matter() -> None:
    marks = {
        fingerprint(TRAIN, profile, budget, data)
        for profile in ("cpu", "h100")
        for budget in (5, 60)
        for data in ("a", "b")
    }
    assert len(marks) == 8
    assert fingerprint(TRAIN, "cpu", 60, "data") == mark(TRAIN)
    assert all(len(found) == 64 for found in marks)


def test_the_fingerprint_is_the_same_on_every_version_of_python() -> None:
    # Recorded with 3.11: a session may be resumed by another interpreter.
    text = (
        '"""Doc."""\nA = 1.5\n\n\ndef f(x: int = 2, *y, **z) -> str:\n    """Doc."""\n    return u"a" + f"{x!r:>{A}}"\n'
    )
    assert mark(text) == "8d32d64c9b284ccc7a6f1260716997f6f33104de03bbfae507577bb97f67b06a"


@given(st.integers(1, 99), st.sampled_from(["  # note", "", "   "]))
def test_fingerprints_differ_exactly_when_the_value_does(depth: int, comment: str) -> None:
    text = TRAIN.replace("PROFILE.depth  # number of blocks", f"{depth}{comment}")
    assert (mark(text) == mark(TRAIN.replace("PROFILE.depth", "50"))) == (depth == 50)


def test_statements_are_counted_by_the_syntax_tree() -> None:
    one = 'import os\n\n\ndef f():\n    """Doc."""\n    a = 1  # note\n    if a:\n        pass\n    return a\n'
    # import, def, assignment, if, return; docstrings and pass are none.
    assert removed_statements(one, "") == 5
    assert removed_statements(one, one.replace("# note", "").replace('    """Doc."""\n', "")) == 0
    assert removed_statements(one, one + "b = 2\n") == -1
    with pytest.raises(EditError):
        removed_statements(one, "def")
