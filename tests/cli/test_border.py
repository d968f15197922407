"""Exit codes, one-line errors, help, version, schema."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest

from dialectic.cli.schema import DRAFT, KINDS, json_schema
from tests.cli.build import Builder
from tests.cli.conftest import Dialectic

COMMANDS = ("run", "log", "show", "diff", "graph", "adopt", "sessions", "schema")
ROOT = Path(__file__).parents[2]


def test_version(dialectic: Dialectic) -> None:
    assert dialectic("--version").out == f"dialectic {version('dialectic')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("log", "--bogus"),
        ("show",),
        ("run", "--iterations", "many"),
        ("run", "--iterations", "0"),
        ("run", "--budget", "-1"),
        ("schema", "bogus"),
        ("log", "--session", "../etc"),
        ("log", "--session", "a/b"),
        ("log", "--session", "nosuch"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(
    arguments: tuple[str, ...], dialectic: Dialectic, tmp_path: Path
) -> None:
    with_root = (*arguments, "--root", str(tmp_path)) if arguments[0] in COMMANDS else arguments
    code, out, err = dialectic(*with_root)
    assert (code, out) == (2, "")
    assert err.startswith("dialectic: ")
    assert err.count("\n") == 1


def test_a_wrong_flag_names_the_help_that_lists_the_right_ones(dialectic: Dialectic) -> None:
    assert "`dialectic log --help`" in dialectic("log", "--bogus").err
    assert "`dialectic --help`" in dialectic("shw").err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "--session", "night"], 2),
        (["run", "--root", "{empty}"], 2),
        (["log", "--root", "{empty}"], 2),
        (["show", "9"], 2),
        (["adopt", "--session", "nosuch"], 2),
        (["prepare", "--new", "--session", "night"], 2),
        (["execute"], 2),
        (["adopt"], 1),
        (["best", "--weights"], 1),
        (["run", "--resume"], 1),
    ],
)
def test_two_for_what_is_not_there_or_is_taken_one_for_what_failed(
    arguments: list[str], code: int, night: Builder, dialectic: Dialectic, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(ROOT / name, night.root / name)
    empty = str(tmp_path_factory.mktemp("empty"))
    words = [word.replace("{empty}", empty) for word in arguments]
    found, out, err = dialectic(*words, *([] if "--root" in words else ["--root", str(night.root)]))
    assert (found, out) == (code, "")
    assert err.count("\n") == 1


def test_a_folder_that_is_not_there(tmp_path: Path, dialectic: Dialectic) -> None:
    code, _, err = dialectic("log", "--root", tmp_path / "nowhere")
    assert code == 2
    assert "no such folder" in err


def test_the_folder_comes_from_the_environment(
    night: Builder, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALECTIC_ROOT", str(night.root))
    assert "session night" in dialectic("log").out


def test_an_unknown_variable_is_warned_about_once(
    night: Builder, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALECTIC_ITERATONS", "5")
    monkeypatch.setenv("DIALECTIC_SEED", "5")
    code, _, err = dialectic("log", "--root", night.root)
    assert code == 0
    assert err == "dialectic: DIALECTIC_ITERATONS: means nothing to this version and is passed over\n"


def test_a_control_sequence_in_an_argument_is_not_echoed(tmp_path: Path, dialectic: Dialectic) -> None:
    code, _, err = dialectic("log", "--root", tmp_path, "--session", "\x1b[2Jx")
    assert code == 2
    assert "\x1b" not in err


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_valid_and_named(kind: str, dialectic: Dialectic) -> None:
    told = json.loads(dialectic("schema", kind).out)
    assert told["$schema"] == DRAFT
    assert kind in told["title"]
    jsonschema.Draft202012Validator.check_schema(told)


def test_the_default_schema_is_that_of_the_staged_state(dialectic: Dialectic) -> None:
    assert json.loads(dialectic("schema").out) == json_schema("state")


def test_the_example_is_a_staged_state(dialectic: Dialectic) -> None:
    told = json.loads(dialectic("schema").out)
    example = json.loads((ROOT / "research_state.example.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(told).validate(example)
    KINDS["state"][0].model_validate(example)
    sources = [tension[side]["source"]["type"] for tension in example["active_tensions"] for side in POLES]
    assert sources == ["edits"] * 4
    assert example["schema_version"] == 2


POLES = ("thesis", "antithesis")


@pytest.mark.parametrize("broken", ["move_type", "active_tensions", "prediction"])
def test_the_schema_refuses_a_broken_state(broken: str) -> None:
    example = json.loads((ROOT / "research_state.example.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(json_schema("state"))
    assert not validator.is_valid(example | {broken: ""})
    del example[broken]
    assert not validator.is_valid(example)


@pytest.mark.parametrize(
    ("kind", "name"), [("plan", "plan.json"), ("result", "result.json"), ("tension", "tensions/*/meta.json")]
)
def test_recorded_files_validate_against_their_schema(kind: str, name: str, night: Builder) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(kind))
    found = sorted(night.session.folder.glob(f"iterations/*/{name}"))
    assert len(found) >= 4
    for path in found:
        validator.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", ["session", "manifest"])
def test_session_files_validate_against_their_schema(kind: str, night: Builder) -> None:
    path = night.session.folder / f"{kind}.json"
    jsonschema.Draft202012Validator(json_schema(kind)).validate(json.loads(path.read_text(encoding="utf-8")))
