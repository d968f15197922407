"""The script of the scripted executor: a JSON file that says how every run ends.

::

    {
      "executor": {
        "default": {"val_bpb": 2.0, "noise": 0.002},
        "iterations": {
          "2": {"val_bpb": 1.95},
          "3": {"failure": "nan"},
          "4": [{"val_bpb": 1.9}, {"val_bpb": 1.91, "fault": "machine"}],
          "confirm": {"val_bpb": 1.9}
        }
      },
      "agent": {"...": "read by the scripted agent"}
    }

A key of ``iterations`` is the middle part of a job id, ``<session-id>:<NNN>:<k>``, with or without leading zeros. A
list holds one entry a run, the second attempt's too where an iteration gets a second chance, and repeats of candidate
and incumbent alike. A run beyond its end ends like the last run of the file that it trains: a repeat of the incumbent
like the last of the incumbent's own iteration, and so do the final pairs where ``confirm`` says nothing. Fields that an
entry leaves out come from ``default``, and from :class:`Entry` where that has none either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from dialectic.errors import RecordError, UsageError
from dialectic.state.base import JsonObject, Metrics, Value
from dialectic.state.files import read_json
from dialectic.state.run import CheckResult

SCORE_SUFFIX = ":score"


class Entry(Value):
    """How one run ends."""

    val_bpb: float = 2.0
    """What the scorer finds, in bits per byte."""
    holdout_bpb: float | None = None
    """The same on the hold-out; ``val_bpb`` when left out."""
    noise: float = Field(default=0.0, ge=0)
    """SD of a deviation added to both, drawn from a hash of the job id."""
    failure: Literal[
        "none", "crash", "out-of-memory", "disk", "timeout", "hang", "nan", "export", "score", "interrupted", "lost"
    ] = "none"
    """``score`` fails the scoring, ``lost`` loses the run with its supervisor, the others fail the run."""
    message: str = ""
    exit_code: int | None = None
    """The usual one of the failure when left out."""
    training_started: bool = True
    """Whether the failure comes after the first training step."""
    metrics: Metrics = {}
    """Summary numbers that differ from the usual ones."""
    seconds: float = Field(default=1.0, ge=0)
    """How long the run took, as it says; no time passes."""
    wait: float = Field(default=0.0, ge=0)
    """Seconds that really pass before the run ends."""
    log: str = ""
    """Text at the beginning of ``run.log``."""
    events: list[dict[str, float | str | bool | None]] = []
    """Live events instead of the usual ones; time and number are added."""
    checks: dict[str, CheckResult] = {}
    tokens: int = 8_192
    bytes: int = 24_576
    fault: Literal["", "machine", "score-machine"] = ""
    """The machine fails when the run, or its scoring, is submitted."""
    faults: int = Field(default=0, ge=0)
    """How often it fails before it works again; 0 means always."""

    @field_validator("events")
    @classmethod
    def _typed(cls, events: list[JsonObject]) -> list[JsonObject]:
        if not all(isinstance(event.get("type"), str) for event in events):
            raise ValueError("every event needs a type")
        return events


@dataclass(frozen=True)
class Script:
    """The part of a script that the executor reads."""

    default: Entry
    iterations: dict[str, list[Entry]]

    def entry(self, job_id: str, experiment_id: str = "") -> Entry:
        """The entry of a run or of its scoring; ``experiment_id`` names the experiment whose file it trains."""
        iteration, run = place(job_id)
        entries = self.iterations.get(iteration, [])
        if run > len(entries):
            file = place(experiment_id)[0] if experiment_id else iteration
            entries = self.iterations.get(file, [])
        return entries[min(max(run, 1), len(entries)) - 1] if entries else self.default


def place(job_id: str) -> tuple[str, int]:
    """Iteration, without leading zeros, and number of the run; ``confirm`` and the like are iterations too."""
    parts = job_id.removesuffix(SCORE_SUFFIX).split(":")
    run = int(parts[-1]) if len(parts) > 2 and parts[-1].isdecimal() else 1
    return (_key(parts[1]) if len(parts) > 1 else ""), run


def _key(text: str) -> str:
    return str(int(text)) if text.isdecimal() else text


def read_script(path: Path) -> Script:
    """Read and check a script.

    Raises:
        UsageError: the file is missing or does not have the format above; the line names the place.
    """
    try:
        data = read_json(path)
    except RecordError as error:
        raise UsageError(f"--script {error}") from error
    part = data.get("executor", {})
    if not isinstance(part, dict) or set(part) - {"default", "iterations"}:
        raise UsageError(f"--script {path}: executor: must be an object with default and iterations")
    default = part.get("default", {})
    iterations = part.get("iterations", {})
    if not isinstance(iterations, dict):
        raise UsageError(
            f"--script {path}: executor.iterations: must be an object, such as {{'2': {{'val_bpb': 1.9}}}}"
        )
    whole = _entry(path, "executor.default", {}, default)
    found: dict[str, list[Entry]] = {}
    for name, value in iterations.items():
        where = f"executor.iterations.{name}"
        entries = value if isinstance(value, list) else [value]
        if not entries:
            raise UsageError(f"--script {path}: {where}: an empty list says nothing; give it an entry or remove it")
        found[_key(name)] = [_entry(path, where, default, entry) for entry in entries]
    return Script(default=whole, iterations=found)


def _entry(path: Path, where: str, default: JsonObject, value: object) -> Entry:
    if not isinstance(value, dict):
        raise UsageError(f"--script {path}: {where}: must be an object, such as {{'val_bpb': 1.9}}")
    try:
        return Entry.model_validate(default | value)
    except ValidationError as error:
        first = error.errors()[0]
        inside = ".".join([where, *(str(part) for part in first["loc"])])
        raise UsageError(
            f"--script {path}: {inside}: {first['msg']}; fields are {', '.join(Entry.model_fields)}"
        ) from (error)
