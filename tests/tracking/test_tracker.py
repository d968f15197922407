"""The tracker: what a backend is told, and that nothing a backend does reaches the session."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dialectic import tracking
from dialectic.errors import UsageError
from dialectic.session import LOGS
from dialectic.state.base import Metrics
from dialectic.state.run import LiveEvent
from dialectic.tracking import tracker
from dialectic.tracking.backend import Begun, Ended
from dialectic.tracking.tracker import Tracker
from tests.cli.build import Builder
from tests.cli.drive import announcement, step
from tests.loop.conftest import Remembering


class Memory:
    """A backend that remembers, and fails at the call named ``fails``."""

    where = "in memory"

    def __init__(self, fails: str = "", gate: threading.Event | None = None) -> None:
        self.fails = fails
        self.gate = gate
        self.calls: list[str] = []
        self.begun: list[Begun] = []
        self.steps: list[tuple[int, Metrics]] = []
        self.ended: list[Ended] = []

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.gate is not None:
            self.gate.wait(5)
        if name == self.fails:
            raise ConnectionError("the server\nis gone")

    def begin(self, begun: Begun) -> None:
        self.begun.append(begun)
        self._called("begin")

    def step(self, step: int, metrics: Metrics) -> None:
        self.steps.append((step, metrics))
        self._called("step")

    def end(self, ended: Ended) -> None:
        self.ended.append(ended)
        self._called("end")

    def close(self) -> None:
        self._called("close")


def play(root: Path, backend: Memory, crash: bool = True) -> Remembering:
    """A baseline that runs twice, and a candidate that fails."""
    builder, observer = Builder(root), Remembering()
    with Tracker("memory", backend, root / LOGS, observer) as told:
        told.opened(builder.session.record(), announcement())
        first = builder.plan(1)
        told.planned(first)
        for k in (1, 2):
            told.phase(1, "run", k)
            told.event(first, LiveEvent(type="run_started", timestamp="now", seq=0))
            told.event(first, step(k, 50.0 * k))
        told.finished(first, builder.result(first, 2.0, "keep"))
        if crash:
            second = builder.plan(2, DEPTH="PROFILE.depth + 1")
            told.planned(second)
            told.finished(second, builder.result(second, None, "discard", "nan", "FAIL: the loss is nan"))
    return observer


def test_a_backend_is_told_params_steps_metrics_tags_and_files(tmp_path: Path) -> None:
    backend = Memory()
    observer = play(tmp_path, backend)
    assert backend.calls == ["begin", "step", "end", "begin", "end", "close"]
    assert backend.begun[1].params["DEPTH"] == "PROFILE.depth + 1"
    assert backend.begun[1].params["profile"] == "cpu"
    assert backend.begun[1].tags["base_experiment_id"] == "night:001"
    ((number, metrics),) = backend.steps
    assert number == 1, "of two runs only the first is drawn"
    assert metrics["train/train_loss_ema"] == 3.25
    one, other = backend.ended
    assert (one.completed, one.metrics["val_bpb"], one.metrics["estimate"]) == (True, 2.0, 2.0)
    assert "delta" not in one.metrics
    assert (other.completed, other.tags["failure"]) == (False, "nan: FAIL: the loss is nan")
    assert "val_bpb" not in other.metrics
    assert [path.name for path in one.files] == ["train.py", "train.diff.patch", "plan.json", "result.json"]
    assert len(observer.results) == 2
    assert observer.notes == ["tracked by memory: in memory"]


@pytest.mark.parametrize("call", ["begin", "step", "end", "close"])
def test_a_failing_backend_is_noted_once_and_the_session_goes_on(tmp_path: Path, call: str) -> None:
    backend = Memory(fails=call)
    observer = play(tmp_path, backend)
    assert len(observer.results) == 2
    stopped = "tracking by memory stopped (the server is gone); the session goes on without it"
    assert observer.notes[1:] == [stopped]
    assert backend.calls[-1] == call, "a backend that failed is not called again"


def test_a_slow_backend_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "CLOSING_SECONDS", 0.1)
    gate = threading.Event()
    began = time.monotonic()
    observer = play(tmp_path, Memory(gate=gate))
    assert time.monotonic() - began < 4
    assert len(observer.results) == 2
    assert "was not ready after 0.1 s" in observer.notes[-1]
    gate.set()


def test_an_interruption_passes_and_the_open_run_is_closed(tmp_path: Path) -> None:
    builder, backend = Builder(tmp_path), Memory()

    def interrupted() -> None:
        with Tracker("memory", backend, tmp_path / LOGS, Remembering()) as told:
            told.planned(builder.plan(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert backend.calls == ["begin", "close"]


def test_an_iteration_that_is_planned_anew_closes_the_run_of_the_first_attempt(tmp_path: Path) -> None:
    builder, backend = Builder(tmp_path), Memory()
    with Tracker("memory", backend, tmp_path / LOGS, Remembering()) as told:
        plan = builder.plan(1)
        told.planned(plan)
        told.planned(plan)
    assert backend.calls == ["begin", "close", "begin", "close"]


def test_an_iteration_that_was_resumed_after_its_plan_is_told_all_the_same(tmp_path: Path) -> None:
    builder, backend = Builder(tmp_path), Memory()
    with Tracker("memory", backend, tmp_path / LOGS, Remembering()) as told:
        plan = builder.plan(1)
        told.finished(plan, builder.result(plan, 2.0, "keep"))
    assert backend.calls == ["begin", "end", "close"]


def test_without_a_name_nothing_is_wrapped(tmp_path: Path) -> None:
    observer = Remembering()
    with tracking.observed(None, tmp_path, tmp_path / LOGS, observer) as told:
        assert told is observer


def test_an_unknown_tracker_prints_the_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose --track from: mlflow, tensorboard, wandb"):
        tracking.load("notebook", tmp_path)


def test_a_missing_package_prints_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter.py").write_text("import a_package_that_nobody_has\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(tracking.REGISTRY, "new", "adapter:Adapter")
    with pytest.raises(
        UsageError, match=r"needs the package a_package_that_nobody_has; .*pip install 'dialectic\[new\]'"
    ):
        tracking.load("new", tmp_path)
