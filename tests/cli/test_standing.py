"""status, best, doctor, and the parts of show, on recorded sessions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dialectic import read
from dialectic.state.confirmation import Confirmation, Pair
from dialectic.state.result import FailedRun, ScoredRun
from dialectic.state.run import Failure
from dialectic.state.words import estimate
from tests.cli.build import BASE, Builder
from tests.cli.conftest import Dialectic
from tests.cli.test_process import ROOT

EVENTS = [
    {"type": "run_started", "timestamp": "now", "seq": 0},
    {"type": "train_step", "timestamp": "now", "seq": 1, "progress_pct": 20.0, "train_loss_ema": 4.0},
    {
        "type": "train_step",
        "timestamp": "now",
        "seq": 2,
        "progress_pct": 40.0,
        "train_loss_ema": 3.5,
        "tokens_per_second": 10_950.0,
        "remaining_seconds": 36.0,
    },
]


def train(night: Builder) -> Path:
    """Let iteration 5 run in its second run; the path of its log."""
    night.plan(5, DEPTH="PROFILE.depth + 2")
    run = night.session.iteration(5).run(2)
    (run / "work").mkdir(parents=True)
    (run / "work" / "live-events.ndjson").write_text("".join(f"{json.dumps(event)}\n" for event in EVENTS), "utf-8")
    (run / "run.log").write_text("step 1\n", "utf-8")
    night.live("run", is_active=True, iteration=5, count=11)
    return run / "run.log"


def test_status_of_a_running_session(night: Builder, dialectic: Dialectic) -> None:
    log = train(night)
    with night.session.hold():
        code, out, err = dialectic("status", "--root", night.root)
        told = json.loads(dialectic("status", "--json", "--root", night.root).out)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "session night · running"
    assert lines[1].startswith("iteration 5 of 11 · run")
    assert "changing DEPTH will improve" in out
    assert "40 %, loss 3.500, 10,950 tokens/s, 36 s left in this run" in out
    # Seven iterations are missing, and the finished ones took 70 s each; this one began just now.
    assert "the session ends in about 8 min" in out
    assert f"incumbent {estimate(night.belief().incumbent)} (002)" in out
    assert f"log: {log}" in lines
    assert (told["state"], told["phase"], told["iteration"], told["iterations"]) == ("running", "run", 5, 11)
    assert (told["progress"], told["loss"], told["run_remaining_seconds"]) == (0.4, 3.5, 36.0)
    assert told["best_experiment_id"] == "night:002"
    assert told["log"] == str(log)


def test_status_says_whose_run_it_is(night: Builder, dialectic: Dialectic) -> None:
    train(night)
    with night.session.hold():
        night.live("run", is_active=True, iteration=5, count=11, k=2, of="incumbent")
        assert "iteration 5 of 11 · run 2 (incumbent again)" in dialectic("status", "--root", night.root).out
        work = night.session.confirm_run(3) / "work"
        work.mkdir(parents=True)
        (work / "live-events.ndjson").write_text("".join(f"{json.dumps(event)}\n" for event in EVENTS), "utf-8")
        night.live("confirm", is_active=True, iteration=5, count=5, k=3, of="incumbent")
        lines = dialectic("status", "--root", night.root).out.splitlines()
    assert lines[1].startswith("confirm · pair 2 (incumbent)")
    assert "40 %, loss 3.500, 10,950 tokens/s, 36 s left in this run" in lines


def confirmation(night: Builder, incumbent: int, improvement: float) -> Confirmation:
    """Write what one pair said of an iteration."""
    told = Confirmation(
        session_id="night",
        created_at="2026-11-21T06:00:00.000Z",
        baseline_id=night.id(1),
        incumbent_id=night.id(incumbent),
        pairs=[Pair(seed=1, baseline=2.0, incumbent=2.0 - improvement)],
        improvement=improvement,
        low=improvement - 0.01,
        high=improvement + 0.01,
        degrees_of_freedom=1,
        method="one pair",
        wall_seconds=30.0,
    )
    night.session.write_confirmation(told)
    return told


@pytest.mark.parametrize(
    ("improvement", "said"),
    [
        (0.02, "val_bpb fell by 0.0200, 95 % interval 0.0100 to 0.0300, from 1 fresh pair"),
        (
            -0.005,
            "val_bpb rose by 0.0050, 95 % interval -0.0050 to 0.0150, from 1 fresh pair; zero lies in it, so the "
            "improvement is not shown",
        ),
    ],
)
def test_readers_say_what_fresh_pairs_said_of_the_incumbent_and_of_no_other(
    night: Builder, dialectic: Dialectic, improvement: float, said: str
) -> None:
    told = confirmation(night, 2, improvement)
    for reader in ("status", "best", "log"):
        out = dialectic(reader, "--root", night.root).out
        assert said in " ".join(line.strip() for line in out.splitlines()), reader
    assert read.session(night.root).confirmation == told
    confirmation(night, 3, improvement)
    for reader in ("status", "best", "log"):
        assert "fresh pair" not in dialectic(reader, "--root", night.root).out.replace("by fresh pairs:", ""), reader


def test_show_lists_runs_only_where_there_were_several(night: Builder, dialectic: Dialectic) -> None:
    assert "Runs" not in dialectic("show", "2", "--root", night.root).out
    _, result, _ = night.session.read(2)
    assert result is not None
    runs = [*result.verdict.runs, ScoredRun(of="incumbent", seed=99, val_bpb=2.01, k=2)]
    runs[0] = runs[0].model_copy(update={"k": 1})
    failed = [FailedRun(of="candidate", k=3, failure=Failure(kind="timeout", message="slow"))]
    more = {"verdict": result.verdict.model_copy(update={"runs": runs}), "failed_repeats": failed}
    night.session.write_result(result.model_copy(update=more))
    lines = [line.split() for line in dialectic("show", "2", "--root", night.root).out.splitlines()]
    begin = lines.index(["Runs"])
    assert lines[begin + 1 : begin + 5] == [
        ["run", "of", "seed", "val_bpb"],
        ["1", "candidate", "14", "1.9800"],
        ["2", "incumbent", "99", "2.0100"],
        ["3", "candidate", "no", "score", "(timeout)"],
    ]


def test_status_of_a_session_that_does_not_run(night: Builder, dialectic: Dialectic) -> None:
    out = dialectic("status", "--root", night.root).out
    assert out.splitlines()[:2] == ["session night · finished", "4 of 4 iterations finished"]
    assert "tokens/s" not in out
    train(night)
    told = json.loads(dialectic("status", "--json", "--root", night.root).out)
    assert (told["state"], told["loss"], told["remaining_seconds"]) == ("stopped", None, None)
    assert "dialectic run --resume --session night" in dialectic("status", "--root", night.root).out


def test_status_before_anything_was_scored(tmp_path: Path, dialectic: Dialectic) -> None:
    Builder(tmp_path)
    code, out, _ = dialectic("status", "--root", tmp_path)
    assert code == 0
    assert "no scored baseline yet" in out


def test_best_names_the_incumbent_and_its_files(night: Builder, dialectic: Dialectic) -> None:
    code, out, err = dialectic("best", "--root", night.root)
    assert (code, err) == (0, "")
    assert out.startswith("night:002 · DEPTH 4 → 5 · keep provisional")
    assert "measured val_bpb 1.9800 · hold-out 2.0800" in out
    assert "model.pt2: not kept" in out
    told = json.loads(dialectic("best", "--json", "--root", night.root).out)
    assert Path(told["train_py"]).read_text("utf-8").startswith("DEPTH = PROFILE.depth + 1")
    assert (told["iteration"], told["val_bpb"], told["model"]) == (2, 1.98, "")
    assert told["estimate"] == night.belief().incumbent.estimate


def test_best_weights_is_a_path_or_an_error(night: Builder, dialectic: Dialectic) -> None:
    code, out, err = dialectic("best", "--weights", "--root", night.root)
    assert (code, out) == (1, "")
    assert err.startswith("dialectic: iteration 2 of session night has no model.pt2")
    model = night.session.iteration(2).run(1) / "model.pt2"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.touch()
    assert dialectic("best", "--weights", "--root", night.root).out == f"{model}\n"


def test_best_without_a_scored_baseline(tmp_path: Path, dialectic: Dialectic) -> None:
    Builder(tmp_path)
    code, _, err = dialectic("best", "--root", tmp_path)
    assert code == 1
    assert err.count("\n") == 1


def test_show_prints_one_part_as_it_was_recorded(night: Builder, dialectic: Dialectic) -> None:
    def show(*flags: str) -> str:
        code, out, err = dialectic("show", "2", *flags, "--root", night.root)
        assert (code, err) == (0, "")
        return out

    assert json.loads(show("--plan"))["iteration"] == 2
    assert json.loads(show("--result"))["outcome"] == "confirmed"
    assert show("--thesis", "t-capacity-vs-throughput") == BASE + "# thesis\n"
    assert show("--antithesis", "t-agg") == BASE + "# antithesis\n"
    log = night.session.iteration(2).execution / "run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("step\t1\n\x1b[2Jstep 2\n", "utf-8")
    assert show("--log") == "step\t1\nstep 2\n"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--plan", "--result"], "one of them at a time"),
        (["--thesis", "nothing"], "t-capacity-vs-throughput"),
        (["--thesis", "t-"], "no single tension"),
        (["--thesis", ""], "no single tension"),
        (["--log"], "nothing ran"),
    ],
)
def test_a_part_that_is_not_there_is_one_line(
    night: Builder, dialectic: Dialectic, flags: list[str], said: str
) -> None:
    code, out, err = dialectic("show", "2", *flags, "--root", night.root)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_show_explains_the_claim_says_who_wrote_it_and_what_comes_next(
    night: Builder, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(night.root)
    out = dialectic("show", "2", "--root", night.root).out
    assert "provisional: good enough to build on, not yet beyond the noise" in out
    assert "reflection: agent builtin (code of dialectic, no model); computed from the numbers: outcome" in out
    assert out.splitlines()[-1] == "next: dialectic diff 2 (the whole change), dialectic adopt (take it)"
    assert "measured -0.0200, off by -0.0100 (0.5 standard deviations)" in out
    assert "next: dialectic show 4 --log" in dialectic("show", "4", "--root", night.root).out


@pytest.mark.parametrize("command", [["log"], ["show", "2"], ["graph"], ["sessions"], ["status"], ["best"]])
def test_no_line_in_a_pipe_ends_with_spaces(night: Builder, dialectic: Dialectic, command: list[str]) -> None:
    lines = dialectic(*command, "--root", night.root).out.splitlines()
    assert lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_doctor_looks_at_everything_and_says_what_to_do(
    tmp_path: Path, dialectic: Dialectic, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    for name in ("train.py", "prepare.py"):
        shutil.copy(ROOT / name, tmp_path)
    program = (ROOT / "program.md").read_text("utf-8")
    (tmp_path / "program.md").write_text(program.replace("freeze = []", 'freeze = ["DEPHT"]', 1), "utf-8")
    code, out, err = dialectic("doctor", "--profile", "smoke", "--root", tmp_path)
    assert (code, err) == (0, "")
    assert "a session can start" in out
    told = {
        finding["name"]: finding
        for finding in json.loads(dialectic("doctor", "--profile", "smoke", "--json", "--root", tmp_path).out)
    }
    names = {"python", "folder", "git", "hardware", "profile", "data", "compiler", "disk", "sandbox", "agent"}
    assert names <= set(told)
    assert told["data"]["state"] == "ok"
    assert told["steering"]["state"] == "warning"
    assert "DEPHT" in told["steering"]["text"]
    assert told["profile"]["text"].startswith("smoke (asked for by name): 2 s of training by the cpu clock")
    assert {finding["state"] for finding in told.values()} <= {"ok", "warning", "missing"}
    assert all(finding["todo"] for finding in told.values() if finding["state"] == "missing")


def test_doctor_finds_what_is_missing(tmp_path: Path, dialectic: Dialectic) -> None:
    (tmp_path / "dialectic.toml").write_text('agent = "oracle"\n', "utf-8")
    code, out, _ = dialectic("doctor", "--root", tmp_path)
    assert code == 1
    assert "missing folder:" in out
    assert "missing agent: there is no agent 'oracle'" in out
    assert "a session cannot start yet: folder, profile, agent" in out


def test_a_failed_baseline_ends_the_session_and_says_what_to_mend(
    tmp_path: Path, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder(tmp_path)
    builder.result(builder.plan(1), None, "discard", "crash", "ZeroDivisionError: division by zero")
    builder.live("interrupted", is_active=False)
    monkeypatch.chdir(tmp_path)
    out = dialectic("status").out
    assert out.startswith("session night · failed")
    assert "the baseline failed: mend train.py and start a new session" in out
    assert "--resume" not in out
    shown = dialectic("show", "1").out
    assert "crash: the baseline has no score, so no candidate can be compared with it" in shown
    assert "next: mend train.py and start a new session; dialectic show 1 --log (what the run printed)" in shown
    assert "candidate without a score" not in shown
    assert "Reflection" not in shown


def test_the_untouched_baseline_has_no_verdict_of_a_candidate(night: Builder, dialectic: Dialectic) -> None:
    lines = dialectic("log", "--root", night.root).out.splitlines()
    assert lines[3].split()[-1] == "baseline"
    assert "delta: estimated effect against the incumbent of its time, not the difference of two val_bpb" in lines
