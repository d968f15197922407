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


def test_a_close_call_is_run_again_and_the_end_is_confirmed(
    folder: Path, smoke_cache: Path, dialectic: Dialectic
) -> None:
    scores = {"2": {"val_bpb": 1.5}, "3": {"val_bpb": 1.5}}
    script = SCRIPT | {"executor": {"default": {"val_bpb": 2.0, "noise": 0.001}, "iterations": scores}}
    (folder / "script.json").write_text(json.dumps(script), "utf-8")
    flags = ("--iterations", "2", "--max-repeats", "1", "--no-confirm")
    code, out, err = finish(start(*command(folder, *flags), DIALECTIC_CACHE=str(smoke_cache)))
    assert (code, err) == (0, "")
    assert "3 runs of 2 s training, up to 1 repeat, about " in out.splitlines()[0]
    again = [line for line in out.splitlines() if " again)" in line]
    assert again
    assert again[0].startswith("[003] run 2 (")
    shown = dialectic("show", "3", "--root", folder).out
    table = shown[shown.index("Runs") : shown.index("Verdict")].splitlines()
    assert table[1].split() == ["run", "of", "seed", "val_bpb"]
    assert table[2].split()[:2] == ["1", "candidate"]
    assert table[3].split()[0] == "2"
    told = finish(
        start("dialectic", "confirm", "--pairs", "2", "--root", str(folder), DIALECTIC_CACHE=str(smoke_cache))
    )
    assert (told[0], told[2]) == (0, "")
    lines = told[1].splitlines()
    assert "[confirm] pair 1 (baseline)" in lines
    assert "[confirm] pair 2 (incumbent)" in lines
    said = next(line for line in lines if line.startswith("val_bpb fell by 0."))
    assert said.endswith("from 2 fresh pairs")
    for reader in ("status", "log", "best"):
        assert said in dialectic(reader, "--root", folder).out.splitlines(), reader
    assert dialectic("report", "--root", folder).code == 0
    assert said in (folder / "experiment_logs" / "night" / "report" / "report.md").read_text("utf-8")
    record = json.loads((folder / "experiment_logs" / "night" / "confirmation.json").read_text("utf-8"))
    assert json.loads(dialectic("best", "--json", "--root", folder).out)["confirmation"] == record
    assert (record["schema_version"], len(record["pairs"])) == (2, 2)


def test_confirm_as_json_and_what_it_refuses(
    folder: Path, smoke_cache: Path, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    code, out, err = dialectic("confirm", "--root", folder)
    assert (code, out) == (2, "")
    assert "no session yet" in err
    assert dialectic("confirm", "--pairs", "0", "--root", folder).code == 2
    assert dialectic(*command(folder, "--iterations", "1", "--rule", "greedy")[1:]).code == 0
    code, out, err = dialectic("confirm", "--pairs", "1", "--json", "--root", folder)
    assert (code, err) == (0, "")
    assert json.loads(out)["incumbent_id"] == "night:002"
    assert dialectic("run", "--resume", "--rule", "bayes", "--root", folder).err.startswith(
        "dialectic: --rule bayes: the session was started with rule greedy"
    )
    code, _, err = dialectic("run", "--rule", "lucky", "--root", folder)
    assert (code, err.count("\n")) == (2, 1)


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
