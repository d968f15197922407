"""A research folder, an observer that remembers, and a quick session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tenacity import wait_none

from dialectic.config import SettingValue, load
from dialectic.loop import jobs, resume_session, run_session
from dialectic.session import Session, open_session
from dialectic.state.base import RunOf
from dialectic.state.observer import Announcement, Ending, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Remembering:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.announcement: Announcement | None = None
        self.phases: list[tuple[int, Phase, int]] = []
        self.runs: list[tuple[str, RunOf]] = []
        """Names of the runs, iteration and number or number of the pair's run, with whose file it was."""
        self.results: list[Result] = []
        self.events: list[LiveEvent] = []
        self.notes: list[str] = []
        self.ending: Ending | None = None
        self.before: list[int] | None = None

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        self.announcement = announcement

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        self.before = [plan.iteration for plan, _ in finished]

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        self.phases.append((iteration, phase, k))
        if phase in ("run", "confirm"):
            self.runs.append((f"{phase if phase == 'confirm' else iteration}:{k}", of))

    def planned(self, plan: Plan) -> None:
        pass

    def event(self, plan: Plan, event: LiveEvent) -> None:
        self.events.append(event)

    def finished(self, plan: Plan, result: Result) -> None:
        self.results.append(result)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def closed(self, ending: Ending) -> None:
        self.ending = ending


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that fails is tried again at once."""
    monkeypatch.setattr(jobs, "MACHINE_WAIT", wait_none())


@pytest.fixture
def root(tmp_path: Path, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A research folder with the repository's own three files, and prepared data."""
    folder = tmp_path / "research 'folder'"
    folder.mkdir()
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(REPOSITORY / name, folder)
    add_profile(folder / "prepare.py")
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    return folder


def add_profile(prepare_py: Path) -> None:
    """Give a ``prepare.py`` the profile ``tiny``: ``smoke`` by another name, because a session of ``smoke`` never
    adopts."""
    text = prepare_py.read_text("utf-8")
    profiles = "yield from (h100, gpu_24gb, gpu_12gb, mps, cpu, smoke)"
    assert profiles in text
    more = profiles.replace("smoke)", 'smoke, replace(smoke, name="tiny"))')
    prepare_py.write_text(text.replace(profiles, more), "utf-8")


ResumeScript = Callable[..., Remembering]
RunScript = Callable[..., tuple[Session, Remembering]]


@pytest.fixture
def run_script(root: Path) -> RunScript:
    """Runs a session of the scripted executor: ``run_script({executor…}, {agent…}, iterations=3)``."""

    def run(
        executor: dict[str, object], answers: dict[str, object] | None = None, /, **flags: SettingValue
    ) -> tuple[Session, Remembering]:
        script = root / "script.json"
        script.write_text(json.dumps({"executor": executor, "agent": answers or {}}), "utf-8")
        observer = Remembering()
        given: dict[str, SettingValue] = {"profile": "smoke", "executor": "scripted", "script": script, "iterations": 3}
        settings = load(root, given | ({"agent": "scripted"} if answers else {}) | flags)
        run_session(root, settings, observer)
        return open_session(root, settings.session), observer

    return run


@pytest.fixture
def resume_script(root: Path) -> ResumeScript:
    """Resumes a session by its id: ``resume_script("night", iterations=4)``; the flags are those that were given."""

    def resume(session: str, **flags: SettingValue) -> Remembering:
        observer = Remembering()
        given = flags | {"session": session}
        resume_session(root, load(root, given), list(given), observer)
        return observer

    return resume
