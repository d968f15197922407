"""Signs of cheating through a whole session: refused before compute is spent, flagged and told, or tolerated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dialectic.cli.log import log
from dialectic.cli.parts import Part
from dialectic.cli.report import report
from dialectic.cli.show import show
from dialectic.config import SettingValue, load
from dialectic.loop import measure, run_session
from dialectic.session import Session, open_session
from dialectic.state.plan import Plan
from tests.loop.conftest import REPOSITORY, Remembering, RunScript

WARM_UP = "    initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}\n"
STEADY = {"default": {"val_bpb": 2.0}}


def edit(search: str, replace: str) -> dict[str, object]:
    return {"edits": [{"type": "replace", "search": search, "replace": replace}]}


def plan_of(session: Session, iteration: int) -> Plan:
    return session.read(iteration)[0]


def test_a_refused_sign_goes_back_to_its_author_and_costs_no_run(run_script: RunScript) -> None:
    cheat = edit("torch.manual_seed(prepare.run_seed())", "torch.manual_seed(1337)")
    mended = {"knobs": {"MATRIX_LR": "0.05"}}
    session, observer = run_script(STEADY, {"iterations": {"2": [cheat, mended]}}, iterations=1)
    line = 1 + (REPOSITORY / "train.py").read_text("utf-8").split("torch.manual_seed(")[0].count("\n")
    refused = [note for note in observer.notes if "was refused (seed)" in note]
    assert len(refused) == 1
    assert f"seed: line {line}: torch.manual_seed(1337)" in refused[0]
    plan = plan_of(session, 2)
    assert plan.knobs["MATRIX_LR"] == "0.05"
    assert "1337" not in session.iteration(2).train_py.read_text("utf-8")
    assert len(list(session.iteration(2).path.rglob("job.json"))) == 2  # one run and its scoring


def test_a_flag_is_recorded_and_told_by_every_reader(
    run_script: RunScript, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flagged = edit(WARM_UP, WARM_UP + '    torch.save(initial, "weights.pt")\n')
    session, _ = run_script(STEADY, {"iterations": {"2": flagged}}, iterations=1)
    line = 2 + (REPOSITORY / "train.py").read_text("utf-8").split(WARM_UP)[0].count("\n")
    (sign,) = plan_of(session, 2).signs
    assert (sign.rule, sign.line, sign.text) == ("file", line, "torch.save(initial, 'weights.pt')")
    expected = f"file: line {line}: torch.save(initial, 'weights.pt')"
    capsys.readouterr()
    log(root, None, as_json=False)
    assert f"002 bears a sign of cheating: {expected}" in capsys.readouterr().out
    log(root, None, as_json=True)
    records = json.loads(capsys.readouterr().out)
    assert [len(record["signs"]) for record in records] == [0, 1]
    show(root, None, "2", Part(), as_json=False)
    assert expected in capsys.readouterr().out
    page = report_of(root)
    assert "torch.save" in page
    assert "Signs of cheating" in page


def report_of(root: Path) -> str:
    report(root, None, None, as_json=False)
    return next((root / "experiment_logs").glob("*/report/report.md")).read_text("utf-8")


def test_the_baseline_is_never_refused_and_its_own_signs_are_noted(run_script: RunScript, root: Path) -> None:
    text = (root / "train.py").read_text("utf-8")
    (root / "train.py").write_text(text + "\nimport pickle\n", "utf-8")
    session, _ = run_script(STEADY, iterations=2)
    assert {sign.rule for sign in plan_of(session, 1).signs} == {"native", "environment", "network", "pickle"}
    assert plan_of(session, 2).signs == plan_of(session, 3).signs == []


def test_allow_relaxes_a_flag(run_script: RunScript, root: Path) -> None:
    program = (root / "program.md").read_text("utf-8")
    (root / "program.md").write_text(program.replace("allow = []", 'allow = ["file"]'), "utf-8")
    flagged = edit(WARM_UP, WARM_UP + '    torch.save(initial, "weights.pt")\n')
    session, _ = run_script(STEADY, {"iterations": {"2": flagged}}, iterations=1)
    assert "weights.pt" in session.iteration(2).train_py.read_text("utf-8")
    assert plan_of(session, 2).signs == []


def test_the_foreign_file_is_researched_without_a_sign(run_script: RunScript, root: Path) -> None:
    shutil.copy(REPOSITORY / "tests" / "fixtures" / "foreign_train.py", root / "train.py")
    session, observer = run_script({"default": {"val_bpb": 2.0, "noise": 0.01}}, iterations=6)
    assert [plan_of(session, number).signs for number in range(1, 8)] == [[]] * 7
    assert not any("was refused" in note for note in observer.notes)


def test_training_in_warm_up_is_seen_from_outside_in_a_real_session(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cheat bears no sign: it only takes more steps than a warm-up does, and keeps what it learnt."""
    # So that a busy machine ends no run by its wall limit.
    monkeypatch.setitem(measure.START_SECONDS, "cpu", 900.0)
    cheat = {
        "edits": [
            {"type": "replace", "search": "range(PROFILE.warmup_steps)", "replace": "range(200)"},
            {"type": "replace", "search": "    model.load_state_dict(initial)\n", "replace": ""},
        ]
    }
    script = root / "script.json"
    script.write_text(json.dumps({"agent": {"iterations": {"2": cheat, "3": {"knobs": {"MATRIX_LR": "0.05"}}}}}))
    flags: dict[str, SettingValue] = {
        "profile": "smoke",
        "agent": "scripted",
        "script": script,
        "iterations": 2,
        "budget": 1.0,
    }
    run_session(root, load(root, flags), Remembering())
    session = open_session(root, None)
    first, cheated, honest = (session.read(number)[1] for number in (1, 2, 3))
    assert first is not None
    assert cheated is not None
    assert honest is not None
    assert first.cost.beside_seconds > 0.5
    assert (cheated.status, cheated.failure.kind) == ("timed_out", "timeout"), cheated.cost
    assert "measured from outside" in cheated.failure.message
    assert cheated.verdict.decision == "discard"
    assert (first.status, honest.status) == ("completed", "completed"), honest.failure
    assert [sign for result in (first, honest) for sign in result.signs] == []
