"""Whole sessions with the scripted executor: every part is real but the training."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from dialectic.errors import ExecutorError, SessionError, UsageError, WorkspaceError
from dialectic.loop import adopt
from dialectic.session import LOGS, Session, open_session
from dialectic.state.base import JsonObject
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from tests.loop.conftest import RunScript

NULLABLE = {
    "plan": {"parent_commit", "candidate_commit", "knowledge_anchor_experiment_id", "knowledge_opposing_experiment_id"},
    "result": {
        "contradicted_assumption",
        "score",
        "prediction_score",
        "verdict.delta",
        "verdict.delta_sd",
        "verdict.claim",
    },
}
"""What formats allows to be null; the numbers of a verdict belong to a score that a failed run has not."""


def nulls(value: object, path: str = "") -> set[str]:
    """Dotted paths of every null in a parsed file."""
    if isinstance(value, dict):
        return {found for name, part in value.items() for found in nulls(part, f"{path}.{name}".lstrip("."))}
    if isinstance(value, list):
        return {found for part in value for found in nulls(part, path)}
    return {path} if value is None else set()


def parsed(path: Path) -> JsonObject:
    data: JsonObject = json.loads(path.read_text("utf-8"))
    return data


def results(session: Session) -> list[Result]:
    return [result for _, result, _ in session.history() if result is not None]


def plans(session: Session) -> list[Plan]:
    return [plan for plan, _, _ in session.history()]


def test_every_file_is_complete_and_no_field_is_null_that_may_not_be(run_script: RunScript) -> None:
    session, observer = run_script(
        {"default": {"val_bpb": 2.0, "noise": 0.01}, "iterations": {"3": {"failure": "crash"}}}
    )
    assert len(observer.results) == 4
    for number in (1, 2, 3, 4):
        folder = session.iteration(number)
        plan, result = parsed(folder.plan), parsed(folder.result)
        assert nulls(plan) <= NULLABLE["plan"], number
        assert nulls(result) <= NULLABLE["result"], number
        assert plan["schema_version"] == result["schema_version"] == 2
        for name in ("actual_train_py", "actual_train_diff_patch", "transcendent_result_path"):
            assert (session.folder / plan[name]).exists()
        for tension_id in plan["active_tension_ids"]:
            sides = [
                (folder.tensions / tension_id / side / "train.py").read_text("utf-8")
                for side in ("thesis", "antithesis")
            ]
            assert sides[0] != sides[1]
            for text in sides:
                compile(text, "train.py", "exec")
        assert 2 <= plan["active_tension_count"] <= 4
    assert plans(session)[0].knowledge_anchor_experiment_id is None
    assert plans(session)[1].knowledge_anchor_experiment_id == f"{session.id}:001"
    manifest = parsed(session.folder / "manifest.json")
    assert manifest["iterations"][0]["verdict"] == "keep"
    assert manifest["latest_iteration"] == 4


def test_the_better_candidate_becomes_the_incumbent_and_the_next_one_is_built_on_it(run_script: RunScript) -> None:
    scores = {"1": {"val_bpb": 2.0}, "2": {"val_bpb": 1.8}, "3": {"val_bpb": 2.1}, "4": {"val_bpb": 1.7}}
    session, observer = run_script({"iterations": scores})
    decisions = [result.verdict.decision for result in results(session)]
    assert decisions == ["keep", "keep", "discard", "keep"]
    assert [plan.base_experiment_id[-3:] for plan in plans(session)] == ["", "001", "002", "002"]
    second = session.iteration(2).train_py.read_text("utf-8")
    assert session.iteration(3).patch.read_text("utf-8").startswith("diff --git")
    assert session.iteration(3).train_py.read_text("utf-8") != second
    kept = [number for number in (1, 2, 3, 4) if (session.iteration(number).execution / "model.pt2").exists()]
    assert kept == [4]
    assert observer.ending is not None
    assert observer.ending.incumbent.experiment_id == f"{session.id}:004"
    assert (observer.ending.keeps, observer.ending.discards, observer.ending.crashes) == (2, 1, 0)


@pytest.mark.parametrize("failure", ["crash", "out-of-memory", "timeout", "nan", "export", "score"])
def test_a_failure_of_the_candidate_is_a_result_and_the_session_goes_on(run_script: RunScript, failure: str) -> None:
    session, _ = run_script({"iterations": {"2": {"failure": failure, "message": "because"}}}, iterations=2)
    failed = results(session)[1]
    assert failed.status != "completed"
    assert failed.failure.kind == failure
    assert failed.keep_discard_status == "crash"
    assert failed.verdict.decision == "discard"
    assert failed.summary_text
    assert failed.framing_diagnosis
    assert results(session)[2].status == "completed"


def test_a_failure_of_the_machine_is_an_error_and_nothing_is_half_written(run_script: RunScript, root: Path) -> None:
    with pytest.raises(ExecutorError):
        run_script({"iterations": {"3": {"fault": "machine"}}}, session="night")
    session = open_session(root, "night")
    assert [result is not None for _, result, _ in session.history()] == [True, True, False]
    assert parsed(session.folder / "live" / "state.json")["is_active"] is False


def test_a_baseline_without_a_score_stops_the_session_with_its_reason(run_script: RunScript) -> None:
    with pytest.raises(SessionError, match=r"the baseline has no score \(nan"):
        run_script({"iterations": {"1": {"failure": "nan"}}})


def test_the_baseline_of_a_longer_session_runs_twice_with_other_seeds(run_script: RunScript) -> None:
    noisy = {"default": {"val_bpb": 2.0, "noise": 0.01}}
    session, observer = run_script(noisy, iterations=5, max_repeats=0, confirm=False)
    first = results(session)[0].verdict
    assert len(first.runs) == 2
    seeds = [run.seed for result in results(session) for run in result.verdict.runs]
    assert len(set(seeds)) == len(seeds) == 7
    assert (session.iteration(1).run(2) / "exit.json").exists()
    assert observer.announcement is not None
    assert observer.announcement.runs == 7
    # The profile's 2 s and 12 s beside them, measured on a CPU.
    assert observer.announcement.likely_seconds == 7 * 14.0


def test_the_same_seed_and_scores_give_the_same_session(run_script: RunScript, root: Path) -> None:
    executor: dict[str, object] = {"default": {"val_bpb": 2.0}, "iterations": {"2": {"val_bpb": 1.9}}}
    one, _ = run_script(executor, session="one", seed=7)
    texts = [one.iteration(number).train_py.read_bytes() for number in (1, 2, 3, 4)]
    # A session that knew the first would not repeat its candidates.
    shutil.rmtree(root / LOGS)
    two, _ = run_script(executor, session="two", seed=7)
    assert [two.iteration(number).train_py.read_bytes() for number in (1, 2, 3, 4)] == texts


def test_the_users_tree_is_not_touched_before_the_end(run_script: RunScript, root: Path) -> None:
    before = {path.name: path.read_bytes() for path in root.glob("*.*")}
    run_script({"iterations": {"2": {"val_bpb": 1.5}}}, adopt=False)
    after = {path.name: path.read_bytes() for path in root.glob("*.*") if path.name != "script.json"}
    assert after == before


def test_a_clear_winner_is_adopted_at_the_end_and_only_then(run_script: RunScript, root: Path) -> None:
    before = (root / "train.py").read_bytes()
    session, observer = run_script({"iterations": {"2": {"val_bpb": 1.2}}}, profile="tiny")
    assert observer.ending is not None
    assert observer.ending.adopted
    assert (root / "train.py").read_bytes() == session.iteration(2).train_py.read_bytes() != before
    assert "already" in adopt(root, session.id)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"profile": "tiny", "budget": 1.0}, "not the profile's own"),
        ({"profile": "tiny", "adopt": False}, "--no-adopt"),
        ({"profile": "smoke"}, "profile smoke is for tests"),
    ],
)
def test_adoption_is_refused_with_its_reason_and_the_command(
    run_script: RunScript, root: Path, flags: dict[str, float | bool | str], reason: str
) -> None:
    before = (root / "train.py").read_bytes()
    session, observer = run_script({"iterations": {"2": {"val_bpb": 1.2}}}, **flags)
    assert observer.ending is not None
    assert reason in observer.ending.adoption
    # What a test's profile prefers is no advice.
    advised = f"dialectic adopt --session {session.id}" in observer.ending.adoption
    assert advised == ("for tests" not in observer.ending.adoption)
    assert (root / "train.py").read_bytes() == before
    assert adopt(root, session.id) == f"train.py is now iteration 2 of session {session.id}"
    assert (root / "train.py").read_bytes() == session.iteration(2).train_py.read_bytes()


def test_a_file_that_the_user_changed_meanwhile_is_not_overwritten(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"iterations": {"2": {"val_bpb": 1.2}}}, adopt=False)
    (root / "train.py").write_text("# mine\n", "utf-8")
    with pytest.raises(WorkspaceError, match="was changed since session"):
        adopt(root, session.id)
    assert (root / "train.py").read_text("utf-8") == "# mine\n"


def test_nothing_to_adopt_is_said(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"default": {"val_bpb": 2.0}, "iterations": {"1": {"val_bpb": 1.0}}}, iterations=1)
    with pytest.raises(SessionError, match="kept no candidate"):
        adopt(root, session.id)


def test_a_knob_that_is_steered_in_vain_is_told_once_with_the_nearest_one(run_script: RunScript, root: Path) -> None:
    program = (root / "program.md").read_text("utf-8")
    (root / "program.md").write_text(program.replace("freeze = []", 'freeze = ["MATRX_LR"]', 1), "utf-8")
    _, observer = run_script({"default": {"val_bpb": 2.0}}, iterations=2)
    told = [note for note in observer.notes if "MATRX_LR" in note]
    assert len(told) == 1
    assert "did you mean MATRIX_LR?" in told[0]


def test_a_broken_program_steers_nothing_and_stops_nothing(run_script: RunScript, root: Path) -> None:
    (root / "program.md").write_text("```toml\nfreeze = [\n```\n", "utf-8")
    with pytest.raises(WorkspaceError):
        run_script({"default": {"val_bpb": 2.0}})
    assert not (root / LOGS).exists()


@pytest.mark.parametrize(
    ("flags", "error", "expected"),
    [
        ({"session": "../up"}, UsageError, "session id"),
        ({"profile": "tpu"}, UsageError, "unknown profile 'tpu'"),
        ({"corpus": "wiki"}, UsageError, "wiki"),
        ({"agent": "oracle"}, UsageError, "oracle"),
        ({"executor": "cloud"}, UsageError, "cloud"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    run_script: RunScript, root: Path, flags: dict[str, str], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error) as caught:
        run_script({"default": {"val_bpb": 2.0}}, **flags)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (root / LOGS).exists()
    assert not (root / "knowledge_base").exists()


def test_a_train_py_that_does_not_parse_is_one_line(run_script: RunScript, root: Path) -> None:
    (root / "train.py").write_text("DEPTH = (\n", "utf-8")
    with pytest.raises(WorkspaceError, match=r"train\.py"):
        run_script({"default": {"val_bpb": 2.0}})
    assert not (root / LOGS).exists()


def test_a_corrupt_earlier_session_is_told_and_left_out(run_script: RunScript) -> None:
    first, _ = run_script({"default": {"val_bpb": 2.0}}, session="first", iterations=1)
    first.iteration(2).plan.write_bytes(b"{")
    _, observer = run_script({"default": {"val_bpb": 2.0}}, session="second", iterations=1)
    assert any(note.startswith("iteration 2 of session first is left out") for note in observer.notes)
    assert len(observer.results) == 2


def test_the_session_record_says_what_it_started_from(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"default": {"val_bpb": 2.0}}, iterations=1, seed=3)
    record = session.record()
    assert record.profile is not None
    assert (record.profile.name, record.budget_seconds, record.seed) == ("smoke", 2.0, 3)
    assert record.base_train_sha256 == hashlib.sha256((root / "train.py").read_bytes()).hexdigest()
    assert record.machine is not None
    assert record.machine.cores >= 1
    assert session.prepare_py.read_bytes() == (root / "prepare.py").read_bytes()
    kinds = [
        json.loads(line)["type"] for line in (session.folder / "live" / "events.ndjson").read_text("utf-8").splitlines()
    ]
    turn = ["prepare_started", "prepare_completed", "run_started", "run_completed", "verdict", "reflect_started"]
    assert kinds == [*turn, "reflect_completed", *turn, "reflect_completed", "session_completed"]


def test_the_knowledge_base_is_folded_from_the_session(run_script: RunScript, root: Path) -> None:
    session, _ = run_script({"default": {"val_bpb": 2.0, "noise": 0.02}})
    lines = (root / "knowledge_base" / "experiments.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["experiment_id"] for line in lines] == [f"{session.id}:{n:03d}" for n in (1, 2, 3, 4)]
