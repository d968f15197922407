"""Live events are signed, and a broken line is passed over."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.session.execution import sign_events


def test_every_event_is_signed_and_a_half_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "live-events.ndjson"
    path.write_text('{"type": "run_started", "seq": 0}\n[1]\n{"type": "train_st', "utf-8")
    sign_events(path, {"session_id": "s", "branch": None, "execution_id": "s:001:1"})
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert events == [
        {"type": "run_started", "seq": 0, "session_id": "s", "branch": None, "execution_id": "s:001:1"},
    ]


def test_what_a_candidate_writes_cannot_end_the_session(tmp_path: Path) -> None:
    path = tmp_path / "live-events.ndjson"
    path.write_text("[" * 100_000 + '\n{"type": "train_step", "train_loss_raw": NaN}\n', "utf-8")
    sign_events(path, {"session_id": "s"})
    (line,) = path.read_text("utf-8").splitlines()
    assert json.loads(line) == {"type": "train_step", "train_loss_raw": None, "session_id": "s"}


def test_a_run_that_told_nothing_is_no_error(tmp_path: Path) -> None:
    sign_events(tmp_path / "live-events.ndjson", {})
    assert list(tmp_path.iterdir()) == []
