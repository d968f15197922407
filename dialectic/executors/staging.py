"""What a scripted run leaves behind: the log, the live events and the exit of a run that never was."""

from __future__ import annotations

from datetime import datetime, timedelta

from dialectic.executors.collect import Exit, stamp
from dialectic.executors.diagnosis import GAVE_UP, TRACEBACK
from dialectic.executors.script import SCORE_SUFFIX, Entry
from dialectic.state.base import JsonObject, Metrics

EXIT_CODES = {"none": 0, "timeout": 143, "hang": 143, "interrupted": 143, "disk": 137}
REASONS = {"timeout": "timeout", "hang": "hang", "disk": "disk", "interrupted": "cancelled"}

FRAME = f'{TRACEBACK}\n  File "train.py", line 1, in <module>\n'
ENDINGS = {
    "crash": (FRAME + "{}\n", "RuntimeError: a scripted crash"),
    "out-of-memory": (FRAME + "torch.OutOfMemoryError: {}\n", "CUDA out of memory."),
    "export": (FRAME + "prepare.ExportError: export failed: {}\n", "a scripted graph break"),
    "nan": (GAVE_UP + " {}\n", "loss is nan at step 3"),
}
"""What ``train.py`` prints at the end of a failure, and the usual text in it."""


def summary(entry: Entry) -> Metrics:
    """The eight summary numbers that a run prints under a runner, unless the script says otherwise."""
    usual = {
        "training_seconds": entry.seconds,
        "total_seconds": entry.seconds,
        "peak_vram_mb": 0.0,
        "mfu_percent": 0.0,
        "total_tokens_M": 0.04,
        "num_steps": 10.0,
        "num_params_M": 1.8,
        "depth": 4.0,
    }
    return usual | entry.metrics


def log_text(entry: Entry, failure: str, scoring: bool) -> str:
    """The text of ``run.log``."""
    text = entry.log + ("\n" if entry.log and not entry.log.endswith("\n") else "")
    if failure in ENDINGS:
        pattern, usual = ENDINGS[failure]
        return text + pattern.format(entry.message or usual)
    if failure != "none" or scoring:
        return text
    return text + "---\n" + "".join(f"{name + ':':<17} {value}\n" for name, value in summary(entry).items())


def live_events(entry: Entry, failure: str) -> list[JsonObject]:
    """The events of the run, without time and number."""
    if entry.events:
        return [dict(event) for event in entry.events]
    numbers = summary(entry)
    events: list[JsonObject] = [{"type": "run_started", "time_budget_s": entry.seconds}]
    if entry.training_started:
        half = {"step": 5, "progress_pct": 50.0, "training_seconds_elapsed": entry.seconds / 2}
        full = {"step": 10, "progress_pct": 100.0, "training_seconds_elapsed": entry.seconds}
        common = {
            "train_loss_ema": 4.0,
            "tokens_per_second": 1e6 * numbers["total_tokens_M"] / max(entry.seconds, 1e-3),
        }
        events += [{"type": "train_step", **step, **common} for step in (half, full)]
    if failure == "none":
        events.append({"type": "run_summary", **numbers})
    elif failure in ENDINGS:
        events.append({"type": "run_failed", "step": 3, "reason": entry.message or ENDINGS[failure][1]})
    return events


def exit_of(job_id: str, entry: Entry, failure: str, began: datetime) -> Exit:
    """What ``exit.json`` says about the run, or about its scoring, which takes no part in the entry's exit code."""
    code = EXIT_CODES.get(failure, 1)
    if entry.exit_code is not None and not job_id.endswith(SCORE_SUFFIX):
        code = entry.exit_code
    return Exit(
        job_id=job_id,
        reason=REASONS.get(failure, "ended"),
        message=entry.message,
        exit_code=code,
        started_at=stamp(began),
        ended_at=stamp(began + timedelta(seconds=entry.seconds)),
        wall_seconds=entry.seconds,
        cpu_seconds=entry.seconds,
        max_rss_mb=100.0,
    )
