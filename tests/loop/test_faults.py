"""What goes wrong in the middle of a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from dialectic.agents.grafts import GRAFTS
from dialectic.agents.scripted import ScriptedAgent
from dialectic.errors import CorruptRecord, ExecutorError, Interrupted, SessionError, StorageError, WorkspaceError
from dialectic.loop import adopt
from dialectic.loop.house import IDLE
from dialectic.loop.measure import longest, overspent, wall_limit
from dialectic.loop.runs import run_seed
from dialectic.session import Session
from dialectic.state.files import read_record
from dialectic.state.proposal import StagedState
from dialectic.state.run import RunRecord
from dialectic.state.session import ProfileFacts
from dialectic.workspace import read_knobs
from tests.loop.conftest import Remembering, RunScript

FROZEN = '```toml\nfreeze = ["MATRIX_LR", "NOT_A_KNOB"]\n```\n'


def test_a_program_that_breaks_meanwhile_frees_nothing(
    run_script: RunScript, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "program.md").write_text(FROZEN, "utf-8")

    def break_it(self: Remembering, plan: object, result: object) -> None:
        (root / "program.md").write_text("```toml\nfreeze = [\n```\n", "utf-8")

    monkeypatch.setattr(Remembering, "finished", break_it)
    again = {"edits": [{"type": "knob", "knob": "MATRIX_LR", "value": "0.05"}]}
    session, observer = run_script({"default": {"val_bpb": 2.0}}, {"prepare": [again, again, again, again]})
    assert any("the steering that was read last stays in force" in note for note in observer.notes)
    assert any("was refused (frozen)" in note for note in observer.notes)
    assert any("NOT_A_KNOB" in note for note in observer.notes)
    assert {plan.knobs["MATRIX_LR"] for plan, _, _ in session.history()} == {"0.04"}


def test_a_candidate_that_is_lost_twice_has_failed_and_the_night_goes_on(run_script: RunScript) -> None:
    session, observer = run_script({"iterations": {"2": {"failure": "lost"}}}, iterations=2)
    statuses = [(result.status, result.failure.kind) for _, result, _ in session.history() if result is not None]
    assert statuses == [("completed", "none"), ("failed", "lost"), ("completed", "none")]
    assert sum("it is started once more" in note for note in observer.notes) == 1


@pytest.mark.parametrize("lost", [["1"], ["2", "3"]], ids=["the baseline", "two candidates in a row"])
def test_a_machine_that_loses_everything_ends_the_session(run_script: RunScript, lost: list[str]) -> None:
    with pytest.raises(ExecutorError, match="was lost twice"):
        run_script({"iterations": {number: {"failure": "lost"} for number in lost}})


@pytest.mark.parametrize("fault", ["machine", "score-machine"])
def test_a_machine_that_fails_for_a_while_is_tried_again(run_script: RunScript, fault: str) -> None:
    session, observer = run_script({"iterations": {"2": {"fault": fault, "faults": 3}}}, iterations=1)
    assert [result.status for _, result, _ in session.history() if result is not None] == ["completed", "completed"]
    assert sum("cannot be reached" in note and "tried again in" in note for note in observer.notes) == 3


@pytest.mark.parametrize("phase", ["prepare", "reflect"])
def test_a_mistake_in_an_agent_does_not_end_the_night(
    run_script: RunScript, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(self: ScriptedAgent, context: object) -> float:
        return 1 / 0

    monkeypatch.setattr(ScriptedAgent, phase, mistaken)
    answers = {"prepare": [{"knobs": {"MATRIX_LR": "0.05"}}]}
    session, observer = run_script({"default": {"val_bpb": 2.0}}, answers, iterations=1)
    plan, result, _ = session.read(2)
    assert result is not None
    assert result.status == "completed"
    filled = plan.filled_by if phase == "prepare" else result.filled_by
    assert filled["prediction" if phase == "prepare" else "outcome"] == "computed"
    assert any("ZeroDivisionError: division by zero (a mistake in test_faults.py, line" in n for n in observer.notes)


def test_a_run_that_hands_nothing_over_is_a_failed_export(run_script: RunScript, root: Path) -> None:
    (root / "train.py").write_text("DEPTH = 3\nprint('done')\n", "utf-8")
    with pytest.raises(SessionError, match=r"\(export: it ended well but handed no model over"):
        run_script({}, executor="local")


def test_the_staged_state_is_cleared_and_gets_its_result(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"default": {"val_bpb": 2.0}}, iterations=2)
    staged = read_record(root / "research_state" / "current_iteration.json", StagedState)
    plan, result, _ = session.read(3)
    assert result is not None
    assert staged.result is not None
    assert staged.prediction == plan.prediction
    assert staged.result.summary_text == result.summary_text
    for phase in ("prepare", "reflect"):
        assert (session.iteration(3).phase(phase) / "manifest.json").exists()


def test_a_research_state_that_is_no_folder_is_one_line(run_script: RunScript, root: Path) -> None:
    (root / "research_state").touch()
    with pytest.raises(StorageError):
        run_script({"default": {"val_bpb": 2.0}})


def test_adopting_a_file_that_is_gone_is_one_line(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"iterations": {"2": {"val_bpb": 1.5}}}, adopt=False)
    session.iteration(3).plan.write_bytes(b"{")
    session.iteration(2).train_py.unlink()
    with pytest.raises(CorruptRecord, match=r"train\.py: cannot be read"):
        adopt(root, session.id)


def test_a_changed_file_is_replaced_by_force_only_and_kept(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"iterations": {"2": {"val_bpb": 1.5}}}, adopt=False)
    (root / "train.py").write_bytes(b"mine = 1\n")
    with pytest.raises(WorkspaceError, match="--force"):
        adopt(root, session.id)
    assert "train.py.bak" in adopt(root, session.id, force=True)
    assert (root / "train.py.bak").read_bytes() == b"mine = 1\n"
    assert (root / "train.py").read_bytes() == session.iteration(2).train_py.read_bytes()


def test_without_a_number_it_goes_on_until_it_is_stopped(
    run_script: RunScript, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Remembering, plan: Any, result: object) -> None:
        if plan.iteration == 4:
            raise Interrupted

    monkeypatch.setattr(Remembering, "finished", stop)
    with pytest.raises(Interrupted):
        run_script({"default": {"val_bpb": 2.0}}, session="endless", iterations=cast("int", None))
    assert Session(root, "endless").numbers() == [1, 2, 3, 4]


def test_with_nothing_left_to_try_a_session_without_end_ends(run_script: RunScript, root: Path) -> None:
    knobs = json.dumps(sorted({*read_knobs((root / "train.py").read_text("utf-8")), *GRAFTS}))
    (root / "program.md").write_text(f"```toml\nfreeze = {knobs}\n```\n", "utf-8")
    session, observer = run_script({"default": {"val_bpb": 2.0}}, iterations=cast("int", None))
    statuses = [result.status for _, result, _ in session.history() if result is not None]
    assert statuses == ["completed"] + ["rejected"] * IDLE
    assert any("nothing is left to try" in note for note in observer.notes)
    assert observer.ending is not None


def test_failed_checks_are_no_refusals(run_script: RunScript) -> None:
    failed = {"checks": {"causal": {"passed": False, "value": 1.0}}}
    runs = {"iterations": {str(number): failed for number in range(2, IDLE + 3)}}
    session, _ = run_script(runs, iterations=IDLE + 1)
    statuses = [result.status for _, result, _ in session.history() if result is not None]
    assert statuses == ["completed"] + ["rejected"] * (IDLE + 1)


@pytest.mark.parametrize("text", ["{", None], ids=["broken", "somebody else's"])
def test_what_others_stage_meanwhile_stays_out(
    run_script: RunScript, root: Path, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = root / "research_state" / "current_iteration.json"

    def stage(self: Remembering, iteration: int, phase: object, *run: object) -> None:
        if (iteration, phase) == (2, "verdict"):
            theirs = json.loads(staged.read_text("utf-8")) | {"prediction": "Prediction: somebody else's."}
            staged.write_text(text or json.dumps(theirs), "utf-8")

    monkeypatch.setattr(Remembering, "phase", stage)
    session, _ = run_script({"default": {"val_bpb": 2.0}}, iterations=1)
    kept = read_record(session.iteration(2).phase("reflect") / staged.name, StagedState)
    assert kept.prediction == session.read(2)[0].prediction
    assert kept.result is not None


def test_line_endings_of_the_user_survive(run_script: RunScript, root: Path) -> None:
    text = (root / "train.py").read_bytes().replace(b"\n", b"\r\n")
    (root / "train.py").write_bytes(text)
    _, observer = run_script({"iterations": {"2": {"val_bpb": 1.2}}}, profile="tiny")
    assert observer.ending is not None
    assert observer.ending.adopted
    assert (root / "train.py").read_bytes().count(b"\r\n") == text.count(b"\r\n")


def test_an_earlier_candidate_is_not_run_again_in_a_later_session(run_script: RunScript) -> None:
    first, _ = run_script({"default": {"val_bpb": 2.0}}, session="first", iterations=2)
    second, _ = run_script({"default": {"val_bpb": 2.0}}, session="second", iterations=2)
    known = {plan.fingerprint for plan, _, _ in first.history()[1:]}
    assert not known & {plan.fingerprint for plan, _, _ in second.history()[1:]}


def facts(clock: str = "cpu") -> ProfileFacts:
    return ProfileFacts.model_validate(
        {
            "name": "cpu",
            "device": "cpu",
            "sequence_length": 256,
            "vocab_size": 2048,
            "time_budget": 60.0,
            "clock": clock,
            "eval_tokens": 65_536,
            "noise_sigma": 0.01,
            "values": {},
            "reason": "",
            "cores": 2.0,
        }
    )


@pytest.mark.parametrize(
    ("cpu_seconds", "clock", "refused"), [(132, "cpu", False), (420, "cpu", True), (420, "wall", False)]
)
def test_cpu_time_is_checked_from_outside(cpu_seconds: float, clock: str, refused: bool) -> None:
    record = RunRecord(
        execution_id="s:002:1",
        status="completed",
        exit_code=0,
        started_at="",
        ended_at="",
        wall_seconds=100.0,
        cpu_seconds=cpu_seconds,
        max_rss_mb=1.0,
    )
    failure = overspent(facts(clock), record)
    assert (failure is not None and failure.kind == "timeout") == refused


def test_limits_and_seeds() -> None:
    assert wall_limit(facts()) > 4 * 60
    assert longest(facts(), 3) > 3 * wall_limit(facts())
    seeds = {run_seed(session, iteration, k) for session in range(5) for iteration in range(50) for k in (1, 2, 3)}
    assert len(seeds) == 5 * 50 * 3
