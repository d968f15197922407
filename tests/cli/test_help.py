"""Help, completion, and the command lines that README, help and templates show: they must exist as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

import prepare
from dialectic import agents, executors
from dialectic.cli import options
from dialectic.cli.app import app
from dialectic.cli.init import TOP_FILES, origins
from tests.cli.build import Builder
from tests.cli.conftest import Dialectic
from tests.cli.test_process import ENVIRONMENT, ROOT

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
WITHOUT_ROOT = {"init"}
LINE = re.compile(r"(?:uv run )?dialectic ([a-z]+\b.*)")


def lines_of(text: str) -> list[str]:
    """Every command line of dialectic in fenced blocks and in inline code of a Markdown text."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    told = [line for block in blocks for line in block.splitlines()]
    told += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = []
    for line in told:
        match = LINE.match(line.partition("#")[0].strip())
        if match:
            found.append(match[1])
    return found


def examples_of(epilog: str) -> list[str]:
    """The command lines of a help's example; several are parted by ``, or`` and ``, then``."""
    told = epilog.removeprefix("Example: ")
    parts = re.split(r", (?:or|then) ", told)
    return [match[1] for part in parts if (match := re.search(r"dialectic ([a-z]+\b[^)\"|>]*)", part))]


def parsed(line: str) -> None:
    """Parse a command line without running it; raises what the parser raises."""
    words = [word for word in shlex.split(line) if word not in ("|", ">", "…")]
    name, *rest = words
    assert name in COMMANDS, line
    stand_ins = {"SECONDS": "5", "N": "2", "M": "3", "DIR": "folder", "FILE": "script.json", "T": "tension"}
    rest = [stand_ins.get(word, word) for word in rest]
    if rest:  # a name alone is a mention, not a command line
        COMMANDS[name].make_context(name, rest)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_that_parses(name: str, dialectic: Dialectic) -> None:
    code, out, _ = dialectic(name, "--help")
    assert code == 0
    assert f"Example: dialectic {name}" in out
    assert ("--root" in out) is (name not in WITHOUT_ROOT)
    assert examples_of(COMMANDS[name].epilog)
    for line in examples_of(COMMANDS[name].epilog):
        parsed(line)


def test_help_lists_every_command(dialectic: Dialectic) -> None:
    for arguments in ((), ("--help",)):
        code, out, _ = dialectic(*arguments)
        assert code == 0
        assert all(f" {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("file", ["README.md", "dialectic/templates/README.md", "experiment_logs/README.md"])
def test_the_commands_that_a_readme_shows_parse(file: str) -> None:
    for line in lines_of((ROOT / file).read_text("utf-8")):
        parsed(line)


def test_the_readme_check_finds_a_wrong_line() -> None:
    told = lines_of("```sh\nuv run dialectic run --iterations 3  # now\n```\nand `dialectic log --bogus` and `other`")
    assert told == ["run --iterations 3", "log --bogus"]
    parsed(told[0])
    with pytest.raises(Exception, match="bogus"):
        parsed(told[1])


def test_help_names_every_choice(dialectic: Dialectic) -> None:
    assert set(prepare.PROFILES) == set(options.PROFILES)
    assert set(prepare.CORPORA) == set(options.CORPORA)
    assert set(agents.REGISTRY) == set(options.AGENTS)
    assert set(executors.REGISTRY) == set(options.EXECUTORS)
    out = dialectic("run", "--help").out
    for name in (*options.PROFILES, *options.CORPORA, *options.AGENTS, *options.EXECUTORS):
        assert name in out, name


def completed(line: str, *more: str) -> list[str]:
    """What bash is offered at the end of ``line``."""
    words = line.split(" ")
    asked = {"_DIALECTIC_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "dialectic", *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=ENVIRONMENT | asked,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_commands_choices_and_sessions(night: Builder) -> None:
    assert completed("dialectic sta") == ["status"]
    assert completed("dialectic run --profile gpu") == ["gpu-24gb", "gpu-12gb"]
    assert completed(f"dialectic log --root {night.root} --session n") == ["night"]


def test_the_completion_script_can_be_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dialectic", "--show-completion", "bash"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=ENVIRONMENT | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        check=True,
    )
    assert "_DIALECTIC_COMPLETE=complete_bash" in done.stdout


def test_init_makes_a_folder_that_can_be_used_and_overwrites_nothing(tmp_path: Path, dialectic: Dialectic) -> None:
    folder = tmp_path / "my research"
    code, out, err = dialectic("init", folder)
    assert (code, err) == (0, "")
    assert "dialectic run" in out
    assert sorted(path.name for path in folder.iterdir()) == [
        ".gitignore",
        "README.md",
        "prepare.py",
        "program.md",
        "train.py",
    ]
    for name in ("train.py", "prepare.py", "program.md"):
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    (folder / "train.py").write_text("# mine\n", encoding="utf-8")
    code, out, err = dialectic("init", folder)
    assert (code, out) == (2, "")
    assert "nothing was written" in err
    assert (folder / "train.py").read_text(encoding="utf-8") == "# mine\n"


def test_the_wheel_carries_what_init_writes() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    carried = tool["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried == {name: f"dialectic/_research_folder/{name}" for name in TOP_FILES}
    assert all(path.is_file() for path in origins().values())


def test_init_keeps_what_else_lies_in_the_folder(tmp_path: Path, dialectic: Dialectic) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert dialectic("init", tmp_path).code == 0
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    (tmp_path / "file").touch()
    assert dialectic("init", tmp_path / "file").code == 2
