"""Second chances: what is run again, what goes back to its author, what is left of a runner that is killed there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from dialectic.config import SettingValue, load
from dialectic.errors import SessionError
from dialectic.loop import resume_session, run_session
from dialectic.loop.chances import FIRST_ATTEMPT, run_candidate
from dialectic.loop.house import House
from dialectic.loop.opening import open_house
from dialectic.loop.runs import run_seed
from dialectic.loop.turn import prepare, turn
from dialectic.session import Session
from dialectic.state.files import read_record
from dialectic.state.plan import Plan
from dialectic.state.proposal import KnobEdit
from dialectic.state.result import Result
from dialectic.workspace import apply
from tests.loop.conftest import Remembering, RunScript

EARLY_CRASH = {"failure": "crash", "message": "ValueError: width 3", "training_started": False}
EARLY_MEMORY = {"failure": "out-of-memory", "message": "CUDA out of memory.", "training_started": False}
RATE = {"knobs": {"MATRIX_LR": "0.05"}}
MENDED = {"knobs": {"MATRIX_LR": "0.06"}}
HALF = KnobEdit(knob="DEVICE_BATCH_SIZE", value="PROFILE.device_batch_size // 2")


def outcome(session: Session, iteration: int) -> tuple[Plan, Result, Path]:
    """An iteration's plan, its result, and the folder of its first attempt."""
    plan, result, _ = session.read(iteration)
    assert result is not None
    return plan, result, session.iteration(iteration).path / FIRST_ATTEMPT


def test_a_crash_before_training_goes_back_to_its_author_once(run_script: RunScript) -> None:
    session, observer = run_script(
        {"iterations": {"2": [EARLY_CRASH, {"val_bpb": 1.5}]}}, {"iterations": {"2": [RATE, MENDED]}}, iterations=2
    )
    plan, result, first = outcome(session, 2)
    assert (result.status, result.verdict.decision, result.execution_id) == ("completed", "keep", f"{session.id}:002:2")
    assert (plan.author, plan.knobs["MATRIX_LR"]) == ("scripted", "0.06")
    assert plan.second_chance == result.second_chance
    chance = plan.second_chance
    assert (chance.kind, chance.runs, chance.exit_code, chance.edits) == ("crash", 1, 1, [])
    assert "ValueError: width 3" in chance.message
    kept = read_record(first / "plan.json", Plan)
    assert (kept.knobs["MATRIX_LR"], kept.fingerprint) == ("0.05", chance.fingerprint)
    assert "MATRIX_LR = 0.05" in (first / "actual" / "train.py").read_text("utf-8")
    assert "ValueError: width 3" in (first / "execution" / "run.log").read_text("utf-8")
    assert (first / "tensions").is_dir()
    assert not (session.iteration(2).execution / "runs").exists()
    assert (session.iteration(2).execution / "model.pt2").exists()
    assert "MATRIX_LR = 0.06" in session.iteration(2).train_py.read_text("utf-8")
    assert [run.seed for run in result.verdict.runs] == [run_seed(session.record().seed, 2, 2)]
    assert [phase for phase in observer.phases if phase[:2] == (2, "run")] == [(2, "run", 1), (2, "run", 2)]
    assert outcome(session, 3)[0].base_experiment_id == f"{session.id}:002"
    assert outcome(session, 3)[1].second_chance.kind == "none"


def test_what_crashes_again_has_failed(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": {"2": EARLY_CRASH}}, {"iterations": {"2": [RATE, MENDED]}}, iterations=2)
    _, result, first = outcome(session, 2)
    assert (result.status, result.failure.kind, result.second_chance.kind) == ("failed", "crash", "crash")
    assert (first / "execution" / "exit.json").exists()
    assert not (first.parent / "2").exists()
    assert outcome(session, 3)[1].status == "completed"


def test_what_its_author_does_not_mend_stands(run_script: RunScript) -> None:
    session, observer = run_script(
        {"iterations": {"2": EARLY_CRASH}}, {"iterations": {"2": [RATE, RATE]}}, iterations=1
    )
    plan, result, first = outcome(session, 2)
    assert (result.failure.kind, result.second_chance.kind) == ("crash", "none")
    assert plan.knobs["MATRIX_LR"] == "0.05"
    assert not first.parent.exists()
    assert any("was not mended" in note for note in observer.notes)


def test_builtin_proposes_something_else_after_a_crash(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": {"2": [EARLY_CRASH, {"val_bpb": 1.9}]}}, iterations=1)
    plan, result, first = outcome(session, 2)
    assert result.status == "completed"
    assert read_record(first / "plan.json", Plan).fingerprint != plan.fingerprint
    assert {path.name for path in session.iteration(2).tensions.iterdir()} == set(plan.active_tension_ids)


@pytest.mark.parametrize(
    "entry",
    [EARLY_CRASH | {"training_started": True}, EARLY_MEMORY | {"training_started": True}, {"failure": "hang"}],
    ids=["a late crash", "memory that runs out late", "a hang"],
)
def test_everything_else_gets_no_second_chance(run_script: RunScript, entry: dict[str, object]) -> None:
    session, _ = run_script({"iterations": {"2": entry}}, iterations=1)
    _, result, first = outcome(session, 2)
    assert (result.failure.kind, result.second_chance.kind) == (entry["failure"], "none")
    assert not first.exists()


def test_the_baseline_never_goes_back(run_script: RunScript) -> None:
    with pytest.raises(SessionError, match=r"the baseline has no score \(crash"):
        run_script({"iterations": {"1": EARLY_CRASH}})


def test_an_out_of_memory_start_is_run_once_more_with_half_the_device_batch(run_script: RunScript, root: Path) -> None:
    session, observer = run_script(
        {"iterations": {"2": [EARLY_MEMORY, {"val_bpb": 1.2}]}}, {"prepare": [RATE]}, iterations=2, profile="tiny"
    )
    plan, result, first = outcome(session, 2)
    assert (result.status, result.verdict.decision) == ("completed", "keep")
    assert (plan.second_chance.kind, plan.second_chance.edits) == ("out-of-memory", [HALF])
    assert "CUDA out of memory." in plan.second_chance.message
    before, after = read_record(first / "plan.json", Plan), plan
    assert (after.prediction, after.edits) == (before.prediction, before.edits)
    assert after.knobs == before.knobs | {"DEVICE_BATCH_SIZE": HALF.value}
    ran = session.iteration(2).train_py.read_text("utf-8")
    assert ran == apply((first / "actual" / "train.py").read_text("utf-8"), [HALF])
    assert ran == apply(session.iteration(1).train_py.read_text("utf-8"), [*after.edits, HALF])
    assert "PROFILE.device_batch_size // 2" in session.iteration(2).patch.read_text("utf-8")
    assert outcome(session, 3)[0].knobs["DEVICE_BATCH_SIZE"] == HALF.value
    assert (root / "train.py").read_text("utf-8") == ran
    assert any("it is run once more with DEVICE_BATCH_SIZE = " in note for note in observer.notes)


def test_the_baseline_may_need_half_the_batch_as_well(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": {"1": [EARLY_MEMORY, {"val_bpb": 2.0}]}}, iterations=1)
    plan, result, _ = outcome(session, 1)
    assert (result.status, plan.edits, plan.second_chance.edits) == ("completed", [], [HALF])
    assert outcome(session, 2)[0].knobs["DEVICE_BATCH_SIZE"] == HALF.value


def test_memory_that_runs_out_again_is_a_failure(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": {"2": EARLY_MEMORY}}, iterations=1)
    _, result, _ = outcome(session, 2)
    assert (result.failure.kind, result.second_chance.kind) == ("out-of-memory", "out-of-memory")


@pytest.mark.parametrize(
    ("program", "edit", "reason"),
    [
        ('freeze = ["DEVICE_BATCH_SIZE"]', {}, "program.md freezes DEVICE_BATCH_SIZE"),
        ("ranges = {DEVICE_BATCH_SIZE = [16, 64]}", {}, "program.md allows 16 to 64 for DEVICE_BATCH_SIZE"),
        ("", {"DEVICE_BATCH_SIZE": "1"}, "DEVICE_BATCH_SIZE is 1 already"),
    ],
)
def test_where_the_batch_cannot_be_halved_it_says_so(
    run_script: RunScript, root: Path, program: str, edit: dict[str, str], reason: str
) -> None:
    (root / "program.md").write_text(f"```toml\n{program}\n```\n", "utf-8")
    answer = {"knobs": {"MATRIX_LR": "0.05"} | edit}
    session, observer = run_script({"iterations": {"2": EARLY_MEMORY}}, {"prepare": [answer]}, iterations=1)
    assert outcome(session, 2)[1].second_chance.kind == "none"
    assert any(reason in note for note in observer.notes)


def test_a_real_run_out_of_memory_is_repeated_with_half_the_batch_and_scored(root: Path) -> None:
    """The local executor, and a train.py that asks for too much unless its device batch is small."""
    text = (root / "train.py").read_text("utf-8")
    greedy = "    if DEVICE_BATCH_SIZE > 8:\n        bytearray(2**62)\n    device = torch.device"
    (root / "train.py").write_text(text.replace("    device = torch.device", greedy, 1), "utf-8")
    observer = Remembering()
    house = open_house(root, load(root, {"profile": "smoke", "iterations": 1}), observer)
    result = turn(house, 1)
    assert (result.status, result.second_chance.kind) == ("completed", "out-of-memory")
    assert result.second_chance.message == "MemoryError"
    assert result.score is not None
    started = [event.fields for event in observer.events if event.type == "run_started"]
    assert [(fields["device_batch_size"], fields["total_batch_size"]) for fields in started] == [(8, 1024)]


class Killed(BaseException):
    """The runner is killed here."""


MASKS = (r"\d{4}-\d\d-\d\dT[\d:.]+Z", r'(?<="started": )[\d.e-]+', r'(?<=_seconds": )[\d.e-]+', r'(?<="pid": )\d+')


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder``: path → text without times and process ids."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("utf-8", "replace")
        for mask in MASKS:
            text = re.sub(mask, "0", text)
        found[path.relative_to(folder).as_posix()] = text
    return found


class Dying(Remembering):
    """A runner that is killed when it has written a second plan."""

    def planned(self, plan: Plan) -> None:
        if plan.second_chance.kind != "none":
            raise Killed


@pytest.mark.parametrize("entry", [EARLY_CRASH, EARLY_MEMORY], ids=["crash", "out-of-memory"])
def test_a_resumed_session_goes_on_with_the_second_attempt(
    run_script: RunScript, root: Path, entry: dict[str, object]
) -> None:
    executor = {"iterations": {"2": [entry, {"val_bpb": 1.9}]}}
    answers = {"iterations": {"2": [RATE, MENDED]}}
    whole, _ = run_script(executor, answers, session="night", iterations=2, adopt=False)
    expected, told = tree(whole.iteration(2).path), events(whole)
    shutil.rmtree(whole.folder)
    flags: dict[str, SettingValue] = {"profile": "smoke", "executor": "scripted", "agent": "scripted", "adopt": False}
    settings = load(root, flags | {"script": root / "script.json", "session": "night", "iterations": 2})
    with pytest.raises(Killed):
        run_session(root, settings, Dying())
    observer = Remembering()
    resume_session(root, settings, ["session", "iterations"], observer)
    assert observer.before == [1]
    assert tree(whole.iteration(2).path) == expected
    assert events(whole) == told
    assert "002 second_chance" in told


def events(session: Session) -> list[str]:
    """What the session's events say, without times."""
    lines = (session.folder / "live" / "events.ndjson").read_text("utf-8").splitlines()
    parsed = [json.loads(line) for line in lines]
    return [f"{event['iteration_label']} {event['type']} {event.get('k', '')}".strip() for event in parsed]


@pytest.mark.parametrize("entry", [EARLY_CRASH, EARLY_MEMORY], ids=["crash", "out-of-memory"])
def test_a_runner_that_is_killed_at_any_step_loses_nothing_and_repeats_nothing(
    root: Path, tmp_path: Path, entry: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rename is a step; a third of them are refused, and what is on disk then is gone on with."""
    script = root / "script.json"
    executor = {"iterations": {"2": [entry, {"val_bpb": 1.9}]}}
    script.write_text(json.dumps({"executor": executor, "agent": {"iterations": {"2": [RATE, MENDED]}}}), "utf-8")
    flags: dict[str, SettingValue] = {"profile": "smoke", "executor": "scripted", "agent": "scripted", "script": script}
    house = open_house(root, load(root, flags | {"iterations": 1}), Remembering())
    turn(house, 1)
    plan = prepare(house, 2)
    started = tmp_path / "started"
    shutil.copytree(house.session.folder, started)
    whole = disturbed(house, plan, 0, monkeypatch)
    expected = tree(house.session.iteration(2).path)
    assert "attempts/1/execution/run.log" in expected
    assert json.loads(expected["plan.json"])["execution_id"].endswith(":2")
    for step in range(2, whole + 1, 3):
        shutil.rmtree(house.session.folder)
        shutil.copytree(started, house.session.folder)
        with pytest.raises(Killed):
            disturbed(house, plan, step, monkeypatch)
        found = house.session.read(2)[0]
        _, measurement = run_candidate(house, found)
        assert measurement.status == "completed", step
        assert tree(house.session.iteration(2).path) == expected, step


def disturbed(house: House, plan: Plan, step: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a candidate, killed before rename number ``step``; how many renames there were."""
    house.known = {}
    count = 0

    def counted(rename: Any) -> Any:
        def move(self: Path, target: Path) -> Path:
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            moved: Path = rename(self, target)
            return moved

        return move

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counted(Path.replace))
        patched.setattr(Path, "rename", counted(Path.rename))
        run_candidate(house, plan)
    return count
