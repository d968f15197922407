"""Settings come in four layers, and a wrong key is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.config import load, unknown_variables
from dialectic.errors import UsageError


def test_each_layer_covers_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, {}).iterations is None
    (tmp_path / "dialectic.toml").write_text('iterations = 7\nprofile = "smoke"\nseed = 3\n', "utf-8")
    assert load(tmp_path, {}).iterations == 7
    monkeypatch.setenv("DIALECTIC_ITERATIONS", "8")
    assert load(tmp_path, {}).iterations == 8
    settings = load(tmp_path, {"iterations": 9, "profile": None})
    assert (settings.iterations, settings.profile, settings.seed) == (9, "smoke", 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iteration = 3\n", "dialectic.toml: iteration: there is no such setting; known are"),
        ('iterations = "many"\n', "dialectic.toml: iterations:"),
        ("iterations = \n", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "dialectic.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, {})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_flag_is_named_as_a_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--iterations: .*greater than or equal to 1, got 0$"):
        load(tmp_path, {"iterations": 0})
    with pytest.raises(UsageError, match=r"^--colour: there is no such setting"):
        load(tmp_path, {"colour": "red"})


def test_a_wrong_variable_is_named_as_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_BUDGET", "-5")
    with pytest.raises(UsageError, match=r"^DIALECTIC_BUDGET: "):
        load(tmp_path, {})


def test_unknown_variables_are_told_not_refused() -> None:
    environment = {"DIALECTIC_ITERATONS": "3", "DIALECTIC_SEED": "1", "DIALECTIC_CACHE": "/c", "PATH": "/bin"}
    assert unknown_variables(environment) == ["DIALECTIC_ITERATONS"]
