"""prepare, execute, reflect: an iteration by hand, through the real loop with the scripted executor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from dialectic import verdict
from dialectic.errors import Interrupted
from dialectic.loop import chances, jobs
from dialectic.session import Session, open_session, session_ids
from dialectic.state.files import read_record
from dialectic.state.session import SessionRecord
from tests.cli.conftest import Called, Dialectic
from tests.cli.test_process import ROOT

SCRIPT = {
    "agent": {},
    "executor": {
        "default": {"val_bpb": 2.0},
        "iterations": {"2": {"val_bpb": 1.5}, "3": {"failure": "nan"}, "4": {"val_bpb": 1.4}},
    },
}


class Desk:
    """A person at a research folder."""

    def __init__(self, folder: Path, dialectic: Dialectic) -> None:
        self.folder = folder
        self.form = folder / "research_state" / "current_iteration.json"
        self.candidate = folder / "research_state" / "train.py"
        self.dialectic = dialectic

    def __call__(self, *arguments: str) -> Called:
        """One command in this folder."""
        return self.dialectic(*arguments, "--root", self.folder)

    def do(self, *arguments: str) -> str:
        """One command that must succeed; what it told."""
        code, out, err = self(*arguments)
        assert (code, err) == (0, "")
        return out

    def write(self, **fields: Any) -> None:
        """Fill in the form."""
        form = json.loads(self.form.read_text("utf-8"))
        self.form.write_text(json.dumps(form | fields), "utf-8")

    def edit(self, before: str, after: str) -> None:
        """Edit the candidate."""
        text = self.candidate.read_text("utf-8")
        assert before in text
        self.candidate.write_text(text.replace(before, after, 1), "utf-8")

    @property
    def flags(self) -> list[str]:
        """Of a new session."""
        return ["--profile", "smoke", "--executor", "scripted", "--script", str(self.folder / "script.json")]

    def lying(self) -> dict[str, bytes]:
        """What lies in ``research_state/``: name → content."""
        return {path.name: path.read_bytes() for path in self.form.parent.iterdir()}

    def script(self, iterations: dict[str, Any]) -> None:
        """Change how the next runs of the latest session end."""
        script = self.session.script
        told = json.loads(script.read_text("utf-8"))
        told["executor"]["iterations"] = iterations
        script.write_text(json.dumps(told), "utf-8")

    @property
    def session(self) -> Session:
        """The latest session."""
        return open_session(self.folder, None)


@pytest.fixture
def desk(tmp_path: Path, smoke_cache: Path, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder in which the baseline has been measured by hand."""
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT), encoding="utf-8")
    desk = Desk(tmp_path, dialectic)
    out = desk.do("prepare", "--profile", "smoke", "--executor", "scripted", "--script", str(script))
    assert "is the baseline: train.py as it is, nothing to edit" in out
    out = desk.do("execute")
    assert "val_bpb 2.0000" in out
    assert "what the baseline means is computed from its numbers: nothing to write" in out
    assert json.loads(desk.form.read_text("utf-8"))["result"] is None
    assert "iteration 1 is recorded: baseline" in desk.do("reflect")
    return desk


def test_an_iteration_by_hand(desk: Desk) -> None:
    before = (desk.folder / "train.py").read_bytes()
    out = desk.do("prepare")
    assert f"edit the candidate: {desk.candidate}" in out.splitlines()
    assert desk.candidate.read_bytes() == before
    assert json.loads(desk.form.read_text("utf-8"))["prediction"].startswith("TODO")
    assert "by hand: edit what lies in research_state/" in desk.do("status")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    desk.write(why_now="nobody tried faster matrices", move_type="negate")
    out = desk.do("execute")
    assert "val_bpb 1.5000" in out
    assert "[002] run" in out
    told = json.loads(desk.form.read_text("utf-8"))["result"]
    assert told["keep_discard_status"] == "keep"
    assert "then dialectic reflect" in desk.do("status")
    desk.write(result=told | {"summary_text": "faster matrices pay", "keep_discard_status": "discard"})
    assert "faster matrices pay" in desk.do("reflect")

    plan, result, tensions = desk.session.read(2)
    assert result is not None
    assert [edit.model_dump() for edit in plan.edits] == [{"type": "knob", "knob": "MATRIX_LR", "value": "0.05"}]
    assert (plan.move_type, plan.why_now) == ("negate", "nobody tried faster matrices")
    assert plan.prediction.startswith("Prediction: changing MATRIX_LR from 0.04 to 0.05 will improve val_bpb because")
    assert "TODO" not in plan.model_dump_json() + result.model_dump_json()
    assert plan.filled_by["why_now"] == plan.filled_by["edits"] == "agent"
    assert plan.filled_by["prediction"] == plan.filled_by["prediction_scored"] == "computed"
    assert (result.summary_text, result.filled_by["summary_text"]) == ("faster matrices pay", "agent")
    assert result.filled_by["outcome"] == "computed"
    # What the person writes cannot change the verdict.
    assert (result.keep_discard_status, result.verdict.decision) == ("keep", "keep")
    assert 2 <= len(tensions) <= 4
    assert (desk.folder / "train.py").read_bytes() == before
    assert not desk.candidate.exists()
    out = desk.do("show", "2")
    assert "proposal: a person; computed from the numbers: prediction, prediction scored" in out
    # The next one is built on what was kept.
    desk.do("prepare")
    assert "MATRIX_LR = 0.05" in desk.candidate.read_text("utf-8")


def test_a_close_call_by_hand_is_run_again_and_nothing_runs_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "next_run", lambda *_, **__: "incumbent")
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    assert "[002] run 2 (incumbent again)" in desk.do("execute").splitlines()
    jobs = [path.read_bytes() for path in sorted(desk.session.iteration(2).path.rglob("job.json"))]
    desk.do("execute")
    # Whatever the verdict would ask for now: the reflection is about what was run.
    monkeypatch.setattr(verdict, "next_run", lambda *_, **__: "candidate")
    desk.do("reflect")
    assert [path.read_bytes() for path in sorted(desk.session.iteration(2).path.rglob("job.json"))] == jobs
    _, result, _ = desk.session.read(2)
    assert result is not None
    assert [(run.of, run.k, run.val_bpb) for run in result.verdict.runs] == [
        ("candidate", 1, 1.5),
        ("incumbent", 2, 2.0),
    ]


def test_a_refused_candidate_is_one_line_and_can_be_mended(desk: Desk) -> None:
    desk.do("prepare")
    code, _, err = desk("execute")
    assert code == 1
    assert "the edits leave train.py as it is" in err
    assert err.count("\n") == 1
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = (")
    assert desk("execute").code == 1
    assert desk.session.numbers() == [1]
    desk.edit("MATRIX_LR = (", "MATRIX_LR = 0.05")
    assert "val_bpb 1.5000" in desk.do("execute")


def test_a_prediction_that_was_emptied_is_computed(desk: Desk) -> None:
    desk.do("prepare")
    noise = -json.loads(desk.form.read_text("utf-8"))["prediction_scored"]["expected_delta"]
    desk.write(prediction_scored=None)
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    desk.do("execute")
    plan = desk.session.read(2)[0]
    assert (plan.prediction_scored.expected_delta, plan.filled_by["prediction_scored"]) == (-noise, "computed")
    assert plan.prediction_scored.interval == (-3 * noise, noise)
    assert plan.prediction_scored.mechanism == "not written down"


EARLY_CRASH = {"failure": "crash", "message": "ValueError: width 3", "training_started": False}
EARLY_MEMORY = {"failure": "out-of-memory", "message": "CUDA out of memory.", "training_started": False}


def test_a_persons_crash_is_nobodys_second_chance(desk: Desk) -> None:
    desk.script({"2": [EARLY_CRASH, {"val_bpb": 1.5}]})
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    assert "ValueError: width 3" in desk.do("execute")
    desk.do("run", "--resume", "--iterations", "1")
    plan, result, _ = desk.session.read(2)
    assert result is not None
    assert (plan.author, plan.knobs["MATRIX_LR"], plan.second_chance.kind) == ("person", "0.05", "none")
    assert (result.status, result.failure.kind) == ("failed", "crash")


def test_a_persons_candidate_may_need_half_the_batch(desk: Desk) -> None:
    desk.script({"2": [EARLY_MEMORY, {"val_bpb": 1.5}]})
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    out = desk.do("execute")
    assert "it is run once more with DEVICE_BATCH_SIZE" in " ".join(out.split())
    assert "val_bpb 1.5000" in out
    assert "val_bpb 1.5000" in desk.do("execute")
    desk.do("reflect")
    plan, result, _ = desk.session.read(2)
    assert result is not None
    assert (plan.author, plan.second_chance.kind, result.second_chance.kind) == ("person", *2 * ("out-of-memory",))
    assert (result.keep_discard_status, result.execution_id[-2:]) == ("keep", ":2")


def test_a_second_plan_that_a_run_left_is_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's run ended without memory; a runner then wrote the second plan, and was stopped before its run."""
    desk.script({"2": [EARLY_MEMORY, {"val_bpb": 1.5}]})
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")

    def stop(*_: object) -> None:
        raise Interrupted("stopped before the second run")

    with monkeypatch.context() as patched:
        patched.setattr(chances, "settle", stop)
        assert desk("execute").code == 130
        assert desk("run", "--resume", "--iterations", "1").code == 130
    assert desk.session.read(2)[0].second_chance.kind == "out-of-memory"
    assert "val_bpb 1.5000" in desk.do("execute")
    assert "iteration 2 is recorded: keep" in desk.do("reflect")


def test_executing_twice_runs_once_and_words_survive(desk: Desk) -> None:
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    desk.do("execute")
    job = desk.session.iteration(2).run(1) / "job.json"
    submitted = job.read_bytes(), job.stat().st_mtime_ns
    form = json.loads(desk.form.read_text("utf-8"))
    desk.write(result=form["result"] | {"framing_diagnosis": "the comparison was fair, says the person"})
    desk.do("execute")
    desk.do("reflect")
    assert (job.read_bytes(), job.stat().st_mtime_ns) == submitted
    result = desk.session.read(2)[1]
    assert result is not None
    assert result.framing_diagnosis == "the comparison was fair, says the person"
    assert result.filled_by["framing_diagnosis"] == "agent"


def test_a_failed_run_and_an_edit_of_the_code(desk: Desk) -> None:
    for number, edit in ((2, ("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")), (3, ("import math", "import math, cmath"))):
        desk.do("prepare")
        desk.edit(*edit)
        out = desk.do("execute")
        desk.do("reflect")
        assert ("nan" in out) is (number == 3)
    plan, result, _ = desk.session.read(3)
    assert [edit.type for edit in plan.edits] == ["file"]
    assert result is not None
    assert (result.status, result.keep_discard_status) == ("failed", "crash")


@pytest.mark.parametrize(
    ("commands", "code", "said"),
    [
        (["execute"], 2, "begin with dialectic prepare"),
        (["reflect"], 2, "begin with dialectic prepare"),
        (["prepare", "reflect"], 2, "has not run yet: dialectic execute"),
        (["prepare --seed 2"], 2, "begin another with --new"),
        (["prepare --session nosuch"], 2, "there is no session nosuch"),
    ],
)
def test_a_step_out_of_turn_is_one_line(desk: Desk, commands: list[str], code: int, said: str) -> None:
    for command in commands[:-1]:
        desk.do(*command.split())
    found, out, err = desk(*commands[-1].split())
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_edits_are_not_begun_anew_by_mistake(desk: Desk) -> None:
    desk.do("prepare")
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    code, _, err = desk("prepare")
    assert code == 2
    assert "holds edits" in err
    assert "MATRIX_LR = 0.05" in desk.candidate.read_text("utf-8")
    assert "val_bpb 1.5000" in desk.do("execute")


def test_prepare_by_mistake_keeps_the_words_of_the_reflection(desk: Desk) -> None:
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    desk.do("execute")
    told = json.loads(desk.form.read_text("utf-8"))["result"]
    desk.write(result=told | {"summary_text": "faster matrices pay"})
    written = desk.form.read_bytes()
    code, _, err = desk("prepare")
    assert (code, desk.form.read_bytes()) == (2, written)
    assert "iteration 2 of session" in err
    assert "go on with dialectic reflect" in err
    assert "faster matrices pay" in desk.do("reflect")


@pytest.mark.parametrize("begun", ["edited", "executed"])
def test_another_session_by_hand_does_not_take_the_place_of_unrecorded_work(desk: Desk, begun: str) -> None:
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    if begun == "executed":
        desk.do("execute")
    before = desk.lying()
    code, _, err = desk("prepare", "--new", *desk.flags)
    assert (code, err.count("\n")) == (2, 1)
    assert f"iteration 2 of session {desk.session.id}" in err
    assert ("dialectic reflect" if begun == "executed" else "holds edits") in err
    assert desk.lying() == before
    assert len(session_ids(desk.folder)) == 1
    if begun == "edited":
        desk.do("execute")
    assert "iteration 2 is recorded: keep" in desk.do("reflect")


def test_a_session_that_runs_puts_a_persons_work_aside(desk: Desk) -> None:
    night = desk.session.id
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    desk.write(why_now="nobody tried faster matrices")
    edited, form = desk.candidate.read_bytes(), desk.form.read_bytes()
    _, out, _ = desk("run", "--session", "other", "--iterations", "1", *desk.flags)
    assert f"iteration 2 of session {night} was begun by hand and makes room" in " ".join(out.split())
    assert desk.candidate.read_bytes() == edited
    assert desk.candidate.with_name(f"{night}-002.json").read_bytes() == form
    assert not desk.candidate.with_name("step.json").exists()
    # Neither a baseline by hand nor the next iteration deletes it.
    desk.do("prepare", "--new", *desk.flags)
    desk.do("execute")
    desk.do("reflect")
    assert desk.candidate.read_bytes() == edited
    code, _, err = desk("prepare")
    assert code == 2
    assert "move that file away" in err
    assert desk.candidate.read_bytes() == edited
    desk.candidate.unlink()
    assert "is yours" in desk.do("prepare")


def test_a_resumed_session_stages_its_own_plan_and_keeps_a_persons_form(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = desk.session.id
    monkeypatch.setattr(jobs, "MACHINE_WAIT", wait_none())
    shared = desk.folder / "script.json"
    fault = {"iterations": {"1": {"val_bpb": 2.0}, "2": {"val_bpb": 1.5, "fault": "machine"}}}
    shared.write_text(json.dumps({"agent": {}, "executor": fault}), "utf-8")
    assert desk("run", "--session", "other", "--iterations", "1", *desk.flags).code == 1
    desk.do("prepare", "--session", night)
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    edited, form = desk.candidate.read_bytes(), desk.form.read_bytes()
    other = open_session(desk.folder, "other")
    other.script.write_text(json.dumps({"agent": {}, "executor": SCRIPT["executor"]}), "utf-8")
    desk.do("run", "--resume", "--session", "other", "--iterations", "1")
    assert desk.candidate.read_bytes() == edited
    assert desk.candidate.with_name(f"{night}-002.json").read_bytes() == form
    plan, result, _ = other.read(2)
    assert result is not None
    staged = json.loads((other.iteration(2).phase("reflect") / desk.form.name).read_text("utf-8"))
    assert (staged["prediction"], staged["result"]["summary_text"]) == (plan.prediction, result.summary_text)


def test_a_candidate_that_a_session_recorded_is_in_nobodys_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's run was stopped; a session went on with it and recorded it."""
    monkeypatch.setattr(jobs, "MACHINE_WAIT", wait_none())
    desk.script({"2": {"val_bpb": 2.5, "fault": "machine"}})
    desk.do("prepare")
    desk.edit("MATRIX_LR = 0.04", "MATRIX_LR = 0.05")
    assert desk("execute").code == 1
    desk.script({"2": {"val_bpb": 2.5}})
    desk.do("run", "--resume", "--iterations", "1")
    plan, result, _ = desk.session.read(2)
    assert result is not None
    assert (plan.author, result.keep_discard_status) == ("person", "discard")
    desk.do("prepare")
    assert "MATRIX_LR = 0.04" in desk.candidate.read_text("utf-8")


def test_the_form_of_another_session_is_not_executed(desk: Desk) -> None:
    desk.do("prepare")
    desk.do("run", "--session", "other", "--iterations", "1", *desk.flags)
    code, _, err = desk("execute")
    assert code == 2
    assert "begin with dialectic prepare" in err


def test_a_broken_form_is_one_line(desk: Desk) -> None:
    desk.do("prepare")
    desk.write(move_type="guess")
    code, _, err = desk("execute")
    assert code == 1
    assert "move_type" in err
    assert err.count("\n") == 1


def test_the_session_keeps_the_agent_that_goes_on_with_it(desk: Desk) -> None:
    record = read_record(desk.session.folder / "session.json", SessionRecord)
    assert record.agent.name == "builtin"
    out = desk.do("run", "--resume", "--iterations", "1")
    assert "1 kept" in out
    assert desk.session.numbers() == [1, 2]
    assert "proposal: agent builtin" in desk.do("show", "2")
