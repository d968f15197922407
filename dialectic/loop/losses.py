"""How a run's training loss went, as the run itself told it."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.state.contracts import LossCurve
from dialectic.state.text import read_end

EVENTS = "live-events.ndjson"
MAX_BYTES = 4_000_000
"""At most one event a second is written, so this is hours; of more only the end is read."""

MOST_TOKENS = 1e18


def loss_curve(run_folder: Path) -> LossCurve:
    """(Tokens seen, smoothed training loss) of every ``train_step`` event, oldest first; empty where there is none.

    What is no event, or has no plausible numbers, is passed over: it is a candidate's own text (design, rule 8). So is
    a step back in tokens.
    """
    found: list[tuple[float, float]] = []
    for line in read_end(run_folder / EVENTS, MAX_BYTES).splitlines():
        if b"train_step" not in line:
            continue
        try:
            event = json.loads(line, parse_constant=lambda _: None)
            tokens, loss = float(event["total_tokens_seen"]), float(event["train_loss_ema"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
        if (
            event.get("type") == "train_step"
            and (found[-1][0] if found else 0.0) < tokens < MOST_TOKENS
            and abs(loss) < 1e6
        ):
            found.append((tokens, loss))
    return tuple(found)
