"""What the tests of the commands share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dialectic.cli.border import call
from tests.cli.build import Builder, build


class Called(NamedTuple):
    """How one command line ended."""

    code: int
    out: str
    err: str


Dialectic = Callable[..., Called]


@pytest.fixture
def dialectic(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Dialectic:
    """Runs a command line in this process, through the same border as the real one."""
    monkeypatch.setenv("COLUMNS", "100")

    def invoke(*arguments: str | Path) -> Called:
        capsys.readouterr()
        code = call([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Called(code, told.out, told.err)

    return invoke


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """The session of :func:`tests.cli.build.build`, written once: every durable file costs time. Only to be read."""
    return build(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def night(recorded: Builder, tmp_path: Path) -> Builder:
    """A copy of it for one test."""
    shutil.copytree(recorded.root, tmp_path, dirs_exist_ok=True)
    return recorded.at(tmp_path)
