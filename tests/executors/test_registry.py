"""Executors by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.errors import UsageError
from dialectic.executors import REGISTRY, load
from tests.executors.conftest import write_script


def test_every_name_loads(tmp_path: Path) -> None:
    options: dict[str, dict[str, object]] = {"scripted": {"script": write_script(tmp_path / "script.json", {})}}
    for name in REGISTRY:
        assert load(name, **options.get(name, {})).name == name


def test_an_unknown_name_prints_the_table() -> None:
    with pytest.raises(UsageError, match=r"^there is no executor 'slrum'; choose --executor from: local, scripted$"):
        load("slrum")


def test_a_missing_dependency_prints_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "far_away.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(REGISTRY, "far", "far_away:Far")
    with pytest.raises(UsageError, match=r"needs the package a_package_that_nobody_has; .* 'dialectic\[far\]'"):
        load("far")


def test_a_mistake_of_ours_is_no_missing_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "far", "dialectic.executors.no_such_module:Far")
    with pytest.raises(ModuleNotFoundError):
        load("far")
