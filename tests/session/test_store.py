"""A session on disk: laid down, found again, read, and refused where it must be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.errors import CorruptRecord, SessionBusy, UsageError
from dialectic.session import Session, check_session_id, new_session_id, open_session, session_ids
from dialectic.state.base import utc_now
from dialectic.state.plan import Plan, TensionRecord, TranscendentRecord
from dialectic.state.proposal import CurrentSource, Prediction
from dialectic.state.session import LiveState, SessionRecord


def record(session_id: str, created_at: str = "2026-01-01T00:00:00.000Z") -> SessionRecord:
    return SessionRecord(session_id=session_id, created_at=created_at, updated_at=created_at)


def plan(session_id: str, iteration: int) -> Plan:
    label = f"{iteration:03d}"
    return Plan(
        session_id=session_id,
        iteration=iteration,
        iteration_label=label,
        experiment_index=iteration,
        created_at=utc_now(),
        runner_mode="local",
        execution_id=f"{session_id}:{label}:1",
        execution_dir=f"experiment_logs/{session_id}/iterations/{label}/execution",
        prediction="Prediction: it will improve val_bpb because it must.",
        prediction_scored=Prediction(
            direction="decrease", expected_delta=-0.01, interval=(-0.02, 0.0), confidence=0.5, mechanism="m"
        ),
        move_type="exploit",
        why_now="w",
        knowledge_selection_reason="r",
        knowledge_transcendent_prediction="t",
        thesis="a",
        antithesis="b",
        synthesis_candidate="c",
        active_tension_ids=["speed"],
        active_tension_count=1,
        tensions_path=f"iterations/{label}/tensions",
        actual_train_py=f"iterations/{label}/actual/train.py",
        actual_train_diff_patch=f"iterations/{label}/actual/train.diff.patch",
        transcendent_result_path=f"iterations/{label}/transcendent/result.json",
        prepare_phase_path=f"iterations/{label}/agent/prepare",
        prepare_summary="s",
    )


def tension() -> TensionRecord:
    return TensionRecord(
        id="speed",
        label="Speed",
        kind="aggression-vs-stability",
        why_active="w",
        favored_side="thesis",
        created_in_iteration=1,
        updated_in_iteration=1,
        thesis_summary="fast",
        thesis_source=CurrentSource(),
        thesis_train_py="t",
        antithesis_summary="slow",
        antithesis_source=CurrentSource(),
        antithesis_train_py="a",
    )


def laid(root: Path, session_id: str = "one") -> Session:
    return Session.create(root, record(session_id), b"# prepare\n")


def test_a_plan_is_read_back_with_its_tensions_and_snapshots(tmp_path: Path) -> None:
    session = laid(tmp_path)
    third = TranscendentRecord(source_tension_ids=["speed"])
    session.write_plan(plan("one", 1), "X = 1\n", "", [(tension(), "X = 2\n", "X = 0\n")], third, "X = 1.5\n")
    read, result, tensions = session.read(1)
    assert (read.iteration, result, [one.id for one in tensions]) == (1, None, ["speed"])
    folder = session.iteration(1)
    assert folder.snapshot("speed", "antithesis").read_text("utf-8") == "X = 0\n"
    assert session.transcendent(1) == third
    session.write_manifest(session.history())
    assert '"status": "planned"' in (session.folder / "manifest.json").read_text("utf-8")


def test_the_latest_session_is_the_default_whatever_its_name(tmp_path: Path) -> None:
    Session.create(tmp_path, record("zeta", "2026-01-01T00:00:00.000Z"), b"")
    Session.create(tmp_path, record("alpha", "2026-01-02T00:00:00.000Z"), b"")
    assert session_ids(tmp_path) == ["zeta", "alpha"]
    assert open_session(tmp_path, None).id == "alpha"


def test_a_session_is_never_laid_over_another(tmp_path: Path) -> None:
    laid(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        laid(tmp_path)
    assert new_session_id(tmp_path) not in session_ids(tmp_path)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", "", ".", "..", ".hidden", "a..b", "x" * 101, "a b", "-f", "a\n"]
)
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="session id"):
        check_session_id(name)


def test_a_folder_that_is_no_session_of_ours_is_passed_over(tmp_path: Path) -> None:
    laid(tmp_path)
    odd = tmp_path / "experiment_logs" / "my copy"
    odd.mkdir()
    (odd / "session.json").write_text("{}", "utf-8")
    assert session_ids(tmp_path) == ["one"]


def test_a_session_that_cannot_be_laid_down_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "import tests.session.test_store as here\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "here.Session.create(Path(sys.argv[1]), here.record('one'), b'#' * 50)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "StorageError" in done.stderr
    assert list((tmp_path / "experiment_logs").iterdir()) == []


def test_a_second_runner_is_refused_and_the_lock_dies_with_the_process(tmp_path: Path) -> None:
    session = laid(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom dialectic.session import Session\n"
        "with Session(Path(sys.argv[1]), 'one').hold():\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"held\n"
        with pytest.raises(SessionBusy, match="has a runner already"), session.hold():
            pass
        runner.kill()
    with session.hold():
        pass


def test_missing_things_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no session yet"):
        open_session(tmp_path, None)
    with pytest.raises(UsageError, match="there is no session two"):
        open_session(tmp_path, "two")
    with pytest.raises(UsageError, match="has no iteration 7"):
        laid(tmp_path).read(7)


def test_a_corrupt_plan_is_named(tmp_path: Path) -> None:
    session = laid(tmp_path)
    third = TranscendentRecord()
    session.write_plan(plan("one", 1), "X = 1\n", "", [], third, None)
    session.iteration(1).plan.write_bytes(b'{"schema_version": 2, "session')
    with pytest.raises(CorruptRecord, match=r"plan\.json: is not valid JSON"):
        session.history()


def test_live_state_and_events(tmp_path: Path) -> None:
    session = laid(tmp_path)
    session.append_event("prepare_started", 1)
    session.append_event("verdict", 1, decision="keep", delta=None)
    lines = (session.folder / "live" / "events.ndjson").read_text("utf-8").splitlines()
    assert len(lines) == 2
    assert '"type": "verdict"' in lines[1]
    state = LiveState(
        session_id="one",
        is_active=True,
        phase="run",
        current_iteration_label="001",
        experiment_index=1,
        experiment_count=4,
        updated_at=utc_now(),
    )
    session.write_live(state)
    assert '"phase": "run"' in (session.folder / "live" / "state.json").read_text("utf-8")
