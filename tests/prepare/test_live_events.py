"""Live events: one JSON object a line, complete at any moment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import prepare


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_says_what_when_and_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live-events.ndjson"
    monkeypatch.setenv("DIALECTIC_LIVE_EVENTS", str(path))
    live = prepare.LiveEvents()
    live.emit("run_started", time_budget_s=2.0)
    assert len(events(path)) == 1  # on disk at once
    live.emit("run_failed", step=3, reason="loss is nan", loss=float("nan"), cuda={"used": float("inf")})
    first, second = events(path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("timestamp"))
    assert first == {"type": "run_started", "seq": 0, "time_budget_s": 2.0}
    assert (second["seq"], second["loss"], second["cuda"]) == (1, None, {"used": None})


def test_steps_come_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live-events.ndjson"
    monkeypatch.setenv("DIALECTIC_LIVE_EVENTS", str(path))
    live = prepare.LiveEvents()
    for step in range(100):
        live.emit("train_step", step=step)
    live.emit("run_summary", num_steps=100)
    written = events(path)
    assert [event["type"] for event in written] == ["train_step", "run_summary"]
    assert [event["seq"] for event in written] == [0, 1]


def test_without_a_file_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALECTIC_LIVE_EVENTS", raising=False)
    prepare.LiveEvents().emit("run_started")
