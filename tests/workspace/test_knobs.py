from __future__ import annotations

import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialectic.errors import EditError
from dialectic.workspace.knobs import bindings, evaluate, number, read_constants, read_knobs, set_knob, set_knobs
from tests.workspace.sample import TRAIN, VALUES


def test_read_knobs_finds_constants_with_their_source_and_leaves_tables_out() -> None:
    assert read_knobs(TRAIN) == {
        "DEPTH": "PROFILE.depth",
        "WIDTH": "DEPTH * 32",
        "PATTERN": '"SSSL"',
        "FLAG": "True",
        "BATCH": "2 ** 4 * 4",
        "BETAS": "(0.8, 0.95)",
        "MATRIX_LR": "0.04",
    }
    assert set(read_constants(TRAIN)) - set(read_knobs(TRAIN)) == {"TABLE", "POLYNOMIALS"}


def test_the_last_assignment_counts() -> None:
    text = "DEPTH = 4\nDEPTH = 6  # again\n"
    assert read_knobs(text) == {"DEPTH": "6"}
    assert set_knob(text, "DEPTH", "8") == "DEPTH = 4\nDEPTH = 8  # again\n"
    assert len(bindings(text, "DEPTH")) == 2


def test_source_text_after_characters_of_several_bytes() -> None:
    assert read_knobs('A = "é"; BETA = 0.5  # ü\r\nC = 1\r\n') == {"A": '"é"', "BETA": "0.5", "C": "1"}


@pytest.mark.parametrize(
    ("text", "line"), [("A = 1\nB = (\n", "line 2"), ("def f(:\n", "line 1"), ("A = 1\nreturn\n", "line 2")]
)
def test_a_text_that_is_not_python_names_the_line(text: str, line: str) -> None:
    with pytest.raises(EditError, match=f"train.py does not parse: {line}: "):
        read_knobs(text)


@pytest.mark.parametrize("text", ["A = 1\0", "A = " + "(" * 3000 + ")" * 3000, "A = " + "-" * 200_000 + "1"])
def test_hostile_texts_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(EditError) as error:
        read_knobs(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("PROFILE.depth + 1", 5),
        ("2**19", 524288),
        ("-(3 - 5) * 0.5", 1.0),
        ("7 // 2 % 2", 1),
        ("max(DEPTH // 3, 1)", 1),
        ("round(2.6)", 3),
        ("int(DEPTH * 1.3)", 5),
        ("WIDTH", 128),
        ('"S" * 3 + "L"', "SSSL"),
        ("True", True),
        ("(0.8, DEPTH)", (0.8, 4)),
        ("PROFILE.name", "cpu"),
        ("1_000.5e-3", 1.0005),
    ],
)
def test_evaluate(source: str, value: object) -> None:
    found = evaluate(source, VALUES, read_knobs(TRAIN))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os')",
        "PROFILE.nothing",
        "DEPTH.real",
        "[1, 2]",
        "{1: 2}",
        "UNKNOWN + 1",
        "A",
        "10**10**10",
        "2**64",
        "1 / 0",
        "(-8)**0.5",
        "1e308 * 10",
        '"S" * 10**9',
        '"S" - 1',
        "1 if DEPTH else 2",
        "1j",
        "None",
        "b'x'",
        "((1, 2), 3)",
        "max()",
        "int('5')",
        "round(1, ndigits=2)",
        "DEPTH; 1",
        "1 +",
        "",
        "f'{DEPTH}'",
        "(" * 60 + "1" + ")" * 60 + " + 1" * 60,
    ],
)
def test_what_is_not_arithmetic_has_no_value(source: str) -> None:
    with pytest.raises(EditError) as error:
        evaluate(source, VALUES, read_knobs(TRAIN) | {"A": "B", "B": "A"})
    assert "\n" not in str(error.value)


def test_number_passes_over_what_is_none() -> None:
    assert number("PROFILE.depth", VALUES, {}) == 4.0
    assert [number(source, VALUES, {}) for source in ("True", '"L"', "(1, 2)", "x", "")] == [None] * 5


expressions = st.recursive(
    st.integers(0, 50).map(str) | st.floats(0.01, 50).map(repr),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
        lambda part: f"({part[0]} {part[1]} {part[2]})"
    ),
    max_leaves=12,
)


@given(expressions)
def test_evaluate_agrees_with_python(source: str) -> None:
    try:
        expected = eval(source)
    except ZeroDivisionError:
        with pytest.raises(EditError):
            evaluate(source, {}, {})
        return
    found = evaluate(source, {}, {})
    assert found == expected
    assert math.isfinite(float(expected))


def test_set_knob_keeps_everything_else() -> None:
    changed = set_knobs(TRAIN, {"DEPTH": "PROFILE.depth + 1", "FLAG": "False", "BATCH": "32"})
    assert "DEPTH = PROFILE.depth + 1  # number of blocks\n" in changed
    assert "FLAG: bool = False\n" in changed
    assert changed.splitlines()[0] == TRAIN.splitlines()[0]
    untouched = [
        line for line in TRAIN.splitlines() if "#" in line and "DEPTH" not in line and line != ")  # sequences"
    ]
    assert all(line in changed.splitlines() for line in untouched)
    assert read_knobs(changed) == read_knobs(TRAIN) | {"DEPTH": "PROFILE.depth + 1", "FLAG": "False", "BATCH": "32"}


@pytest.mark.parametrize("text", ["A = 1", "A = 1\r\nB = 2\r\n", "A=1;B = 2\n", "A: int=1\n"])
def test_setting_the_same_value_changes_no_byte(text: str) -> None:
    assert set_knob(text, "A", "1") == text


def test_an_unknown_knob_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(EditError, match=r"train\.py has no knob MATRIX_RL; the nearest are MATRIX_LR"):
        set_knob(TRAIN, "MATRIX_RL", "1")
    with pytest.raises(EditError, match="no knob LOCAL"):
        set_knob(TRAIN, "LOCAL", "1")
    with pytest.raises(EditError, match="it has no knobs"):
        set_knob("x = 1\n", "LOCAL", "1")


@pytest.mark.parametrize("source", ["1 +", "1\nimport os", "1; x = 2", "x = 2", "1  # c\n2", "yield", ")"])
def test_a_value_that_is_no_expression_is_refused(source: str) -> None:
    with pytest.raises(EditError, match="DEPTH cannot become"):
        set_knob(TRAIN, "DEPTH", source)


@given(st.text(max_size=30))
def test_no_value_can_add_a_statement(source: str) -> None:
    try:
        changed = set_knob(TRAIN, "DEPTH", source)
        tree = ast.parse(changed)
    except (EditError, SyntaxError, ValueError):
        return
    assert len(tree.body) == len(ast.parse(TRAIN).body)
