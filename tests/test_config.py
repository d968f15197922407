"""Settings come in four layers, and a wrong key is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.config import SettingValue, load, resumed, unknown_variables
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


def test_a_resumed_session_keeps_its_own_settings_but_for_how_long_it_goes_on(tmp_path: Path) -> None:
    recorded: dict[str, SettingValue] = {
        "profile": "smoke",
        "seed": 3,
        "adopt": False,
        "iterations": 3,
        "max_hours": 1.0,
        "of_an_older_day": 1,
    }
    (tmp_path / "dialectic.toml").write_text('profile = "cpu"\nseed = 5\nagent = "other"\n', "utf-8")
    settings = resumed(load(tmp_path, {"iterations": 9}), ["iterations"], recorded)
    assert (settings.profile, settings.seed, settings.adopt) == ("smoke", 3, False)
    assert (settings.iterations, settings.max_hours) == (9, None)
    assert resumed(load(tmp_path, {"adopt": True, "seed": 3}), ["adopt", "seed"], recorded).adopt
    with pytest.raises(UsageError, match=r"^--profile cpu: the session was started with profile smoke; leave the flag"):
        resumed(load(tmp_path, {"profile": "cpu"}), ["profile"], recorded)
