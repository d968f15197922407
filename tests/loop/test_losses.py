"""A run's loss curve is read from its events, whatever the run wrote there."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.loop.losses import EVENTS, loss_curve


def test_a_curve_of_the_steps_and_of_nothing_else(tmp_path: Path) -> None:
    assert loss_curve(tmp_path) == ()
    steps: list[object] = [
        {"type": "run_started"},
        {"type": "train_step", "total_tokens_seen": 1000, "train_loss_ema": 8.0},
        {"type": "train_step", "total_tokens_seen": 900, "train_loss_ema": 7.9},
        {"type": "train_step", "total_tokens_seen": "many", "train_loss_ema": 7.9},
        {"type": "train_step", "total_tokens_seen": 1500, "train_loss_ema": None},
        {"type": "train_step", "total_tokens_seen": 1e300, "train_loss_ema": 1.0},
        ["train_step"],
        {"type": "train_step", "total_tokens_seen": 2000, "train_loss_ema": 7.5, "step": 2},
    ]
    text = "\n".join(json.dumps(step) for step in steps)
    text += '\n{"type": "train_step", "total_tokens_seen": 3000, "train_loss_ema": NaN}\n{"type": "train_step", "tot'
    (tmp_path / EVENTS).write_text(text, encoding="utf-8")
    assert loss_curve(tmp_path) == ((1000.0, 8.0), (2000.0, 7.5))


def test_an_event_with_an_endless_number_is_passed_over(tmp_path: Path) -> None:
    step = '{"type": "train_step", "total_tokens_seen": %s, "train_loss_ema": 3.0}\n'
    (tmp_path / EVENTS).write_text(step % ("9" * 400) + step % "1024", "utf-8")
    assert loss_curve(tmp_path) == ((1024.0, 3.0),)
