"""What a killed runner left half done is put in order, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

from dialectic.session import mend
from dialectic.state.files import sweep
from dialectic.state.plan import TranscendentRecord
from tests.session.test_store import laid, plan

GONE = 2**31 - 5
"""No process has this number."""


def test_a_planned_iteration_keeps_its_plan_and_its_runs(tmp_path: Path) -> None:
    session = laid(tmp_path)
    session.write_plan(plan("one", 1), "X = 1\n", "", [], TranscendentRecord(), None)
    folder = session.iteration(1)
    for path in (folder.execution / "job.json", folder.phase("prepare") / "said", folder.phase("reflect") / "said"):
        path.parent.mkdir(parents=True)
        path.touch()
    (session.iteration(2).phase("prepare")).mkdir(parents=True)
    for kind in ("prepare_started", "prepare_completed", "run_started", "verdict"):
        session.append_event(kind, 1)
    assert mend(session, 0, 1) == ["prepare_started", "prepare_completed"]
    assert (folder.execution / "job.json").exists()
    assert (folder.phase("prepare") / "said").exists()
    assert not folder.phase("reflect").exists()
    assert not session.iteration(2).path.exists()
    assert len((session.folder / "live" / "events.ndjson").read_text("utf-8").splitlines()) == 2


def test_a_torn_event_goes_and_those_of_finished_iterations_stay(tmp_path: Path) -> None:
    session = laid(tmp_path)
    for number in (1, 2):
        session.append_event("verdict", number)
    session.append_event("session_completed", 2)
    path = session.folder / "live" / "events.ndjson"
    path.write_text(path.read_text("utf-8") + '{"type": "pre', "utf-8")
    assert mend(session, 1, None) == []
    assert [line.count("verdict") for line in path.read_text("utf-8").splitlines()] == [1]
    before = path.stat().st_mtime_ns
    mend(session, 1, None)
    assert path.stat().st_mtime_ns == before


def test_only_temporary_files_of_processes_that_are_gone_are_swept(tmp_path: Path) -> None:
    names = [f".plan.json.{GONE}.abc.tmp", f".plan.json.{os.getpid()}.abc.tmp", f"exit.json.{GONE}.tmp", "notes.tmp"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / f".draft.{GONE}.abc.tmp").mkdir()
    sweep(list(tmp_path.iterdir()))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f".plan.json.{os.getpid()}.abc.tmp", "notes.tmp"]
