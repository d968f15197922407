"""A run as data: the job that asks for it, the handle that finds it again, and the record of how it ended."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dialectic.state.base import Metrics, Record, RunOf, Value
from dialectic.state.cage import Cage, CageRecord

SUMMARY_NAMES = (
    "val_bpb",
    "training_seconds",
    "total_seconds",
    "peak_vram_mb",
    "mfu_percent",
    "total_tokens_M",
    "num_steps",
    "num_params_M",
    "depth",
)
"""The nine summary numbers in the order in which ``train.py`` prints them after a line ``---``."""

NO_EXIT_CODE = -1
"""Stands where no process ended. Exit codes are a shell's: 128 + n for a process that signal n ended."""

FailureKind = Literal[
    "none",
    "crash",
    "out-of-memory",
    "disk",
    "timeout",
    "hang",
    "nan",
    "export",
    "score",
    "check",
    "claims",
    "rejected",
    "interrupted",
    "lost",
]


class Failure(Value):
    """Why a run or an iteration has no score; ``none`` when it has one.

    ``disk``: it wrote more than it may; ``hang``: it did nothing for a long time, far from its wall limit; ``lost``:
    its supervisor went with it, twice; ``score``: the scorer could not score the model; ``check``: the
    model failed a check, or its file breaks a rule of hand-overs; ``claims``: it says that it trained for less time
    than was seen of it, or hid what it used.
    """

    kind: FailureKind = "none"
    message: str = ""


class Limits(Value):
    """What a run may take; ``grace_seconds`` pass between asking it to stop and killing it. None means no limit."""

    wall_seconds: float = Field(gt=0)
    grace_seconds: float = Field(default=10.0, ge=0)
    hang_seconds: float | None = Field(default=None, gt=0)
    """How long it may give no sign of life: no output, no change of a file of its own, hardly any CPU time."""
    memory_bytes: int | None = None
    """Resident memory of all its processes together."""
    disk_bytes: int | None = None
    """What lies in its own ``work/`` and its private folder."""
    output_bytes: int = Field(default=50_000_000, gt=0)


class Job(Value):
    """One process to run, as data: nothing in it refers to the runner's memory.

    In ``command`` and in the values of ``environment`` an executor replaces ``{python}`` by its interpreter, ``{work}``
    by the run's own folder (the only one it may write in, and where it starts), ``{private}`` by a private temporary
    folder that goes when the run ends, and ``{links}`` by the folder in which ``links`` appear.
    """

    job_id: str
    """``<session-id>:<NNN>:<k>``, k the run's number within the iteration, or ``<session-id>:confirm:<k>``;
    ``…:score`` for its scoring."""
    experiment_id: str = ""
    """The experiment whose ``train.py`` is run, or whose model is scored."""
    folder: str
    """Absolute folder of the run on the runner's machine; ``work/``, ``run.log`` and ``exit.json`` appear in it."""
    command: list[str] = Field(min_length=1)
    inputs: dict[str, str] = {}
    """Name in ``work/`` → absolute path of the file that is copied there before the start."""
    links: dict[str, str] = {}
    """Name in ``{links}`` → absolute path of a file or folder that may be read there."""
    outputs: list[str] = []
    """Names in ``work/`` that are moved to ``folder`` when the run has ended; what is not there is passed over."""
    environment: dict[str, str] = {}
    """The whole environment of the process."""
    limits: Limits
    cores: int = Field(default=0, ge=0)
    """How many processor cores the run is granted; 0 means all that the runner has."""
    cage: Cage | None = None
    """What it may touch; None leaves it with its folder and its environment alone."""
    answer: str = ""
    """When set, standard output goes into this file of ``folder`` and only standard error into ``run.log``."""


class RunNote(Record):
    """``run.json`` of a run that is not its iteration's first, written before it starts.

    What was decided stands: a runner that goes on where another was killed makes the same run of the same file, also
    when it would decide otherwise by now.
    """

    k: int
    of: RunOf
    experiment_id: str
    """The experiment whose ``train.py`` is run."""
    seed: int


class JobHandle(Record):
    """``job.json``: finds a submitted job again, also after the runner was killed."""

    job_id: str
    executor: str
    pid: int
    """Process id of the supervisor."""
    started: float
    """Start time of that process in seconds since the epoch, as the system tells it: a process id is used again."""
    boot_id: str
    folder: str


class JobStatus(Value):
    """``lost``: neither the supervisor nor its ``exit.json`` is there any more."""

    state: Literal["running", "ended", "lost"]


class LiveEvent(Record):
    """One line of ``live-events.ndjson``; ``fields`` holds what the type adds (formats, live events)."""

    type: str
    timestamp: str
    seq: int
    fields: dict[str, float | str | bool | dict[str, float | str | bool | None] | None] = {}


class RunRecord(Record):
    """How a run ended. ``metrics`` are the summary numbers that ``train.py`` printed: claims, not scores."""

    nullable: ClassVar[frozenset[str]] = frozenset({"cage"})

    execution_id: str
    status: Literal["completed", "failed", "timed_out", "interrupted"]
    exit_code: int
    failure: Failure = Failure()
    metrics: Metrics = {}
    started_at: str
    ended_at: str
    wall_seconds: float
    cpu_seconds: float
    """CPU time of the whole process tree, measured from outside."""
    max_rss_mb: float
    """The largest resident set among the run's processes, in MB."""
    training_started: bool = False
    """Whether the first training step was seen: a crash before it goes back to the agent."""
    cage: CageRecord | None = None
    """What held it; None where nothing was asked to, or nobody can tell any more."""
    handed_over: Metrics = {}
    """What ``prepare`` told at the hand-over, claims as well: ``training_seconds_elapsed`` on the budget's clock, and
    ``tokens_delivered`` by the dataloader."""


class CheckResult(Value):
    """One check of the scorer and the number it looked at, such as the largest change of an earlier logit."""

    passed: bool
    value: float
    limit: float = 0.0
    """The largest ``value`` that passes (0 in older files, which do not tell)."""


class ShownScore(Value):
    """A score as an agent is told it: nothing of what was measured on the hold-out."""

    val_bpb: float
    tokens: int
    bytes: int
    checks: dict[str, CheckResult] = {}


class Score(Record):
    """What the scorer measured on a handed-over model. Bits per byte, over ``tokens`` validation tokens."""

    val_bpb: float
    holdout_bpb: float
    tokens: int
    bytes: int
    checks: dict[str, CheckResult] = {}
    seconds: float = 0.0

    @property
    def shown(self) -> ShownScore:
        """What an agent may know of it."""
        return ShownScore(val_bpb=self.val_bpb, tokens=self.tokens, bytes=self.bytes, checks=self.checks)

    @property
    def gap(self) -> float:
        """Hold-out minus validation, in bpb. It grows when a session fits its validation text and nothing else."""
        return self.holdout_bpb - self.val_bpb

    @property
    def failed_checks(self) -> list[str]:
        """Names of the checks that did not pass."""
        return [name for name, check in self.checks.items() if not check.passed]
