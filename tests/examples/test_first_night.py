"""The recorded example: every command that reads a session works on it, whatever commands there are."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from dialectic import read
from dialectic.cli.app import app
from dialectic.cli.border import call

REPOSITORY = Path(__file__).resolve().parent.parent.parent
EXAMPLE = REPOSITORY / "examples" / "first-night"
ACTING = {"run", "confirm", "adopt", "prepare", "execute", "reflect", "init", "doctor"}
"""Commands that do something, or look at the machine instead of a session; every other one reads."""


def readers() -> dict[str, TyperCommand]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = {name: command for name, command in group.commands.items() if isinstance(command, TyperCommand)}
    assert commands.keys() == group.commands.keys()
    return {name: command for name, command in commands.items() if name not in ACTING}


def command_line(command: TyperCommand, root: Path) -> list[str]:
    """Every argument that must be given is 2, the first candidate."""
    needed = ["2" for param in command.params if isinstance(param, TyperArgument) and param.required]
    options = {option for param in command.params for option in param.opts}
    return [*needed, *(["--root", str(root)] if "--root" in options else [])]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy, for a reader may lay a report beside the session."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "first-night"))


def test_the_known_readers_are_among_them() -> None:
    assert {"log", "show", "diff", "graph", "sessions", "schema"} <= readers().keys()


@pytest.mark.parametrize("name", sorted(readers()))
def test_a_reader_reads_the_example(name: str, example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = readers()[name]
    line = command_line(command, example)
    assert call([name, *line]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip()
    assert "Traceback" not in shown.err
    if "--json" in {option for param in command.params for option in param.opts}:
        assert call([name, *line, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)


def test_the_example_is_whole() -> None:
    (name,) = read.sessions(EXAMPLE)
    night = read.session(EXAMPLE, name)
    assert not night.troubles
    assert len(night.iterations) >= 5
    for one in night.iterations:
        assert one.result is not None
        assert compile(one.train_py, "train.py", "exec")
        assert one.result.status != "completed" or len(one.curve()) > 3
        assert one.number == 1 or one.patch.startswith("diff --git")
    second = night.iterations[1]
    for tension in second.tensions:
        for side in ("thesis", "antithesis"):
            assert (second.folder / "tensions" / tension.id / side / "train.py").is_file()


def test_the_example_is_small_and_names_no_machine() -> None:
    listed = subprocess.check_output(["git", "ls-files", "-z", EXAMPLE], cwd=REPOSITORY, text=True)
    files = [REPOSITORY / name for name in listed.split("\0") if name]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    for path in files:
        text = path.read_text("utf-8", errors="replace")
        assert "/tmp/" not in text, path
        assert "/home/" not in text, path
        assert "/root/" not in text, path
