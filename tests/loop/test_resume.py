"""Going on with a session that was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dialectic.agents.grafts import GRAFTS
from dialectic.errors import Interrupted, SessionBusy, SessionError, UsageError
from dialectic.session import Session, open_session
from dialectic.state.files import read_record
from dialectic.state.session import Manifest
from tests.loop.conftest import Remembering, ResumeScript, RunScript
from tests.masking import differences, masked

FLAT = {"default": {"val_bpb": 2.0}}


def stop_once(method: str, iteration: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the user stop the session when its observer is told ``method`` of an iteration; 0 for before the first."""
    usual = getattr(Remembering, method)
    stopped: list[int] = []

    def stop(self: Remembering, *told: object) -> None:
        usual(self, *told)
        if not stopped and (self.phases[-1][0] if self.phases else 0) == iteration:
            stopped.append(iteration)
            raise Interrupted

    monkeypatch.setattr(Remembering, method, stop)


def test_files_that_can_be_rebuilt_are_and_nothing_else_changes(
    run_script: RunScript, resume_script: ResumeScript, root: Path, tmp_path: Path
) -> None:
    session, _ = run_script({"iterations": {"2": {"val_bpb": 1.2}}}, session="night", iterations=2, adopt=False)
    before = masked(root)
    session.iteration(3).result.unlink()
    (session.folder / "manifest.json").write_bytes(b'{"session_id": "ni')
    (session.folder / "live" / "state.json").unlink()
    events = session.folder / "live" / "events.ndjson"
    events.write_bytes(events.read_bytes()[:-300])
    (session.folder / ".manifest.json.999999999.abc.tmp").write_bytes(b"{")
    half = session.iteration(4).phase("prepare")
    half.mkdir(parents=True)
    (half / "transcript.log").touch()
    shutil.rmtree(root / "knowledge_base")
    (root / "train.py").write_text("# changed by the user; the session has its own\n", "utf-8")
    observer = resume_script("night", iterations=2)
    assert observer.before == [1, 2]
    assert [result.iteration for result in observer.results] == [3]
    after = masked(root)
    assert differences(before | {"train.py": after["train.py"]}, after) == []


def test_a_run_that_the_user_stopped_is_run_again_as_the_same_one(
    run_script: RunScript, resume_script: ResumeScript, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"default": {"val_bpb": 2.0}, "iterations": {"2": {"wait": 0.5}}}
    stop_once("event", 2, monkeypatch)
    with pytest.raises(Interrupted):
        run_script(slow, session="night", iterations=2)
    session = open_session(root, "night")
    assert "cancelled" in (session.iteration(2).execution / "exit.json").read_text("utf-8")
    assert read_record(session.folder / "manifest.json", Manifest).latest_iteration == 2
    plan = session.iteration(2).plan.read_bytes()
    observer = resume_script("night", iterations=2)
    assert [(iteration, phase) for iteration, phase, _ in observer.phases][:2] == [(2, "run"), (2, "score")]
    assert session.iteration(2).plan.read_bytes() == plan
    assert [result.status for _, result, _ in session.history() if result] == ["completed"] * 3


def test_a_larger_total_goes_on_and_replaces_what_the_session_itself_adopted(
    run_script: RunScript, resume_script: ResumeScript, root: Path
) -> None:
    scores = {"iterations": {"2": {"val_bpb": 1.5}, "4": {"val_bpb": 1.0}}}
    session, observer = run_script(scores, session="night", profile="tiny", iterations=1, max_hours=1.0)
    assert observer.ending is not None
    assert observer.ending.adopted
    first = (root / "train.py").read_bytes()
    again = resume_script("night", iterations=3, max_hours=1.0)
    assert [result.iteration for result in again.results] == [3, 4]
    assert again.ending is not None
    assert again.ending.adopted
    assert (root / "train.py").read_bytes() == session.iteration(4).train_py.read_bytes() != first
    assert session.record().config["iterations"] == 3
    with pytest.raises(UsageError, match="the session was started with seed 1"):
        resume_script("night", seed=2)
    done = resume_script("night", iterations=3)
    assert done.results == []
    assert done.ending == again.ending


def test_the_total_is_kept_unless_another_is_given(run_script: RunScript, resume_script: ResumeScript) -> None:
    run_script(FLAT, session="night", iterations=2)
    again = resume_script("night")
    assert again.results == []
    assert any("it has all its 2 candidates" in note for note in again.notes)
    with pytest.raises(UsageError, match="--iterations 1: the session has 2 candidates already"):
        resume_script("night", iterations=1)
    assert [result.iteration for result in resume_script("night", iterations=3).results] == [4]


@pytest.mark.parametrize(
    "flags", [{"profile": "cpu"}, {"budget": 7.0}, {"corpus": "tinystories"}, {"agent": "scripted"}]
)
def test_another_flag_than_the_session_was_started_with_is_refused(
    recorded: Session, resume_script: ResumeScript, flags: dict[str, str | float]
) -> None:
    with pytest.raises(UsageError, match=f"the session was started with {next(iter(flags))}") as caught:
        resume_script("night", **flags)
    assert "\n" not in str(caught.value)


def test_a_changed_prepare_py_is_refused_and_says_where_the_old_one_is(
    recorded: Session, resume_script: ResumeScript
) -> None:
    (recorded.root / "prepare.py").write_text("# changed\n", "utf-8")
    with pytest.raises(SessionError, match=r"prepare\.py was changed since session night began.*put it back \(the ses"):
        resume_script("night")


def test_a_session_with_a_runner_is_refused(recorded: Session, resume_script: ResumeScript) -> None:
    with recorded.hold(), pytest.raises(SessionBusy):
        resume_script("night")


def test_a_session_of_the_reference_system_is_refused(recorded: Session, resume_script: ResumeScript) -> None:
    told = json.loads((recorded.folder / "session.json").read_text("utf-8")) | {"profile": None}
    (recorded.folder / "session.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(SessionError, match="it can be read, but not resumed"):
        resume_script("night")


def test_a_baseline_without_a_score_cannot_be_gone_on_from(run_script: RunScript, resume_script: ResumeScript) -> None:
    with pytest.raises(SessionError):
        run_script({"iterations": {"1": {"failure": "nan"}}}, session="night")
    with pytest.raises(SessionError, match=r"the baseline has no score \(nan"):
        resume_script("night", iterations=3)


def test_a_refused_proposal_is_still_refused_after_a_restart(
    run_script: RunScript, resume_script: ResumeScript, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing may be changed, so that the fallback is refused as well.
    frozen = sorted(
        line.split(" =")[0] for line in (root / "train.py").read_text("utf-8").splitlines() if " = " in line
    )
    names = [*GRAFTS, *(name for name in frozen if name.isupper() and name.replace("_", "").isalnum())]
    (root / "program.md").write_text(f"```toml\nfreeze = {json.dumps(names)}\n```\n", "utf-8")
    stop_once("planned", 2, monkeypatch)
    with pytest.raises(Interrupted):
        run_script(FLAT, session="night", iterations=1)
    resume_script("night", iterations=1)
    _, result, _ = open_session(root, "night").read(2)
    assert result is not None
    assert (result.status, result.failure.kind) == ("rejected", "rejected")


def test_no_iteration_is_started_that_might_not_end_in_time(run_script: RunScript, root: Path) -> None:
    with pytest.raises(UsageError, match=r"--max-hours 0\.001: the baseline may take"):
        run_script(FLAT, max_hours=0.001)
    assert not (root / "experiment_logs").exists()


@pytest.fixture
def recorded(run_script: RunScript, root: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session that was stopped right after it was laid down."""

    stop_once("opened", 0, monkeypatch)
    with pytest.raises(Interrupted):
        run_script(FLAT, session="night")
    return open_session(root, "night")
