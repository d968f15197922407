"""`dialectic run` as a process, through the real loop, with the scripted agent and executor."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Dialectic
from tests.cli.test_process import ROOT, finish, on_terminal, start, wait_for

SCRIPT: dict[str, Any] = {
    "agent": {"prepare": [{"knobs": {"MATRIX_LR": "0.05"}}, {"knobs": {"MATRIX_LR": "0.03"}}]},
    "executor": {
        "default": {"val_bpb": 2.0},
        "iterations": {"2": {"val_bpb": 1.5}, "3": {"failure": "nan"}, "4": {"wait": 60}},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A research folder with a script."""
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    """A scripted session of two candidates."""
    chosen = ["--profile", "smoke", "--corpus", "stdlib", "--agent", "scripted", "--executor", "scripted"]
    paths = ["--root", str(folder), "--script", str(folder / "script.json"), "--session", "night"]
    return ["dialectic", "run", *chosen, *paths, *(more or ("--iterations", "2"))]


def test_a_session_can_be_read_back_with_the_numbers_it_ended_with(
    folder: Path, smoke_cache: Path, dialectic: Dialectic
) -> None:
    code, out, err = finish(start(*command(folder), DIALECTIC_CACHE=str(smoke_cache)))
    assert (code, err) == (0, "")
    assert "agent scripted" in out.splitlines()[0]
    records = json.loads(dialectic("log", "--json", "--root", folder).out)
    assert [record["val_bpb"] for record in records] == [2.0, 1.5, None]
    assert records[1]["changed_knobs"] == {"MATRIX_LR": ["0.04", "0.05"]}
    log = dialectic("log", "--root", folder).out
    assert log.splitlines()[-1] in out.splitlines()
    assert dialectic("show", "2", "--root", folder).code == 0
    assert "+MATRIX_LR = 0.05" in dialectic("diff", "2", "--root", folder).out
    assert dialectic("graph", "--root", folder).code == 0
    assert "finished" in dialectic("sessions", "--root", folder).out


def test_json_lines_through_the_loop(
    folder: Path, smoke_cache: Path, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    code, out, err = dialectic(*command(folder, "--iterations", "1", "--json")[1:])
    assert (code, err) == (0, "")
    told = [json.loads(line)["type"] for line in out.splitlines()]
    assert told[0] == "opened"
    assert told[-1] == "closed"
    assert told.count("planned") == told.count("finished") == 2


def test_an_interrupted_session_is_saved_and_says_so(folder: Path, smoke_cache: Path, dialectic: Dialectic) -> None:
    process = start(*command(folder, "--iterations", "3"), DIALECTIC_CACHE=str(smoke_cache))
    wait_for(process, "[004] run")
    process.send_signal(signal.SIGTERM)
    code, _, err = finish(process)
    assert code == 130
    assert err.startswith("dialectic: interrupted: 3 finished iterations are saved in session night")
    assert err.count("\n") == 1
    told = json.loads(dialectic("sessions", "--json", "--root", folder).out)
    assert told[0]["state"] == "interrupted"
    assert told[0]["finished_iterations"] == 3


def test_an_interrupted_session_is_resumed_and_no_run_is_doubled(
    folder: Path, smoke_cache: Path, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(*command(folder, "--iterations", "3"), DIALECTIC_CACHE=str(smoke_cache))
    execution = folder / "experiment_logs" / "night" / "iterations" / "004" / "execution"
    wait_for(process, "[004] run")
    while not (execution / "job.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert err.endswith(f"go on with: dialectic run --resume --session night --iterations 3 --root {folder}\n")
    assert json.loads((execution / "exit.json").read_text("utf-8"))["reason"] == "cancelled"
    counted = [
        len(json.loads(dialectic("log", "--json", "--root", folder).out)),
        json.loads(dialectic("sessions", "--json", "--root", folder).out)[0]["iterations"],
        json.loads((folder / "experiment_logs" / "night" / "manifest.json").read_text("utf-8"))["latest_iteration"],
        sum(
            node["type"] == "experiment"
            for node in json.loads(dialectic("graph", "--json", "--root", folder).out)["nodes"]
        ),
    ]
    assert counted == [4, 4, 4, 4]
    shorter = SCRIPT | {"executor": SCRIPT["executor"] | {"iterations": {}}}
    (folder / "script.json").write_text(json.dumps(shorter), "utf-8")
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    script = ["--script", str(folder / "script.json")]
    code, out, err = dialectic("run", "--resume", "--root", folder, "--iterations", "3", "--json", *script)
    assert (code, err) == (0, "")
    told = [json.loads(line) for line in out.splitlines()]
    assert told[1] == told[1] | {"type": "resumed", "iterations": [1, 2, 3]}
    assert [one["iteration"] for one in told if one["type"] == "finished"] == [4]
    assert [one["status"] for one in json.loads(dialectic("log", "--json", "--root", folder).out)] == [
        "completed",
        "completed",
        "failed",
        "completed",
    ]


def test_the_panel_through_the_loop(folder: Path, smoke_cache: Path) -> None:
    code, drawn = on_terminal(*command(folder), DIALECTIC_CACHE=str(smoke_cache))
    assert code == 0
    assert "iteration 3 of 3" in drawn
    assert "night: 1 kept, 0 discarded, 1 crashed" in drawn


@pytest.mark.parametrize(("flag", "name"), [("--agent", "nobody"), ("--executor", "nowhere"), ("--profile", "abacus")])
def test_an_unknown_name_is_one_line_and_nothing_is_written(
    flag: str, name: str, folder: Path, dialectic: Dialectic
) -> None:
    code, out, err = dialectic("run", "--root", folder, flag, name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert name in err
    assert not (folder / "experiment_logs").exists()
