"""``session.json``, ``manifest.json`` and ``live/state.json``: a session as a whole."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dialectic.state.base import JsonObject, Metrics, Record, RunOf, Status, Text, Value, numeric_metrics, without_nulls
from dialectic.state.cage import CageRecord


class ProfileFacts(Value):
    """What the runner must know of a profile; ``prepare.py --describe`` tells it."""

    name: str
    device: str
    sequence_length: int
    vocab_size: int
    time_budget: float
    """Seconds on ``clock``, after any override."""
    clock: Literal["wall", "cpu"]
    eval_tokens: int
    noise_sigma: float
    """Prior SD of ``val_bpb`` between runs of one file."""
    effect_scale: float = Field(default=1.0, gt=0)
    """Prior size of candidates' effects on ``val_bpb``, in that of the published ones (and so in older records)."""
    values: dict[str, float | int | str | bool]
    """Every field of the profile, for the arithmetic of knobs such as ``PROFILE.depth``."""
    reason: str
    """Why this profile was chosen, in words."""
    overridden: bool = False
    """Whether the budget differs from the profile's own."""
    gpu: str = "none"
    """Name of the accelerator."""
    cores: float = 1.0
    """Processor cores that this machine grants: its affinity, or less where a container's quota gives less."""


class DataFacts(Value):
    """Which prepared data a session uses."""

    corpus: str
    fingerprint: str
    folder: str


class Machine(Value):
    """Where a session runs; ``memory`` in MB."""

    cpu: str
    cores: int
    gpu: str
    memory: int
    torch: str
    python: str
    platform: str


class GitFacts(Value):
    """The user's repository when the session started; empty strings without git."""

    commit: str = ""
    dirty: bool = False


class AgentFacts(Value):
    """Who prepares and reflects; ``model`` is empty for an agent without one."""

    name: str
    model: str = ""


class SessionRecord(Record):
    """``session.json``."""

    nullable: ClassVar[frozenset[str]] = frozenset({"branch", "profile", "data", "machine", "cage"})

    session_id: str
    branch: str | None = None
    created_at: str
    updated_at: str
    objective: str = "val_bpb"
    direction: str = "minimize"
    runner_mode: str = "local"
    notes: Text = ""
    profile: ProfileFacts | None = None
    """Null only in sessions of the reference system, as ``data`` and ``machine``."""
    budget_seconds: float = 0.0
    agent: AgentFacts = AgentFacts(name="unknown")
    executor: str = "local"
    seed: int = 0
    machine: Machine | None = None
    data: DataFacts | None = None
    prepare_sha256: str = ""
    program_sha256: str = ""
    base_train_sha256: str = ""
    cage: CageRecord | None = None
    """What holds its runs on this machine; null where nothing runs on it, and in older sessions."""
    git: GitFacts = GitFacts()
    config: dict[str, str | int | float | bool | None] = {}

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: any field may be null."""
        return without_nulls(data)


class ManifestEntry(Value):
    """One iteration in the manifest."""

    iteration: int
    iteration_label: str
    path: str
    status: Status
    candidate_commit: str | None = None
    created_at: str = ""
    completed_at: str = ""
    summary: Metrics = {}
    verdict: str = ""
    """``keep`` or ``discard``; empty while planned."""
    move_type: str = ""


class Manifest(Record):
    """``manifest.json``: derived from the iterations' own files, rewritten after each."""

    nullable: ClassVar[frozenset[str]] = frozenset({"branch", "best_iteration", "current_kept_commit"})

    session_id: str
    branch: str | None = None
    created_at: str
    updated_at: str
    latest_iteration: int = 0
    best_iteration: int | None = None
    current_kept_commit: str | None = None
    iterations: list[ManifestEntry] = []

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Version 1: metrics are strings."""
        entries = [
            without_nulls(entry) | {"summary": numeric_metrics(entry.get("summary"))}
            for entry in data.get("iterations") or []
        ]
        return without_nulls(data) | {"iterations": entries}


class PhaseState(Value):
    """Where one agent phase stands."""

    status: Literal["pending", "running", "completed"] = "pending"
    started_at: str = ""
    completed_at: str = ""


class LiveState(Record):
    """``live/state.json``: the present phase, replaced at every change."""

    session_id: str
    is_active: bool
    phase: Literal["starting", "prepare", "run", "score", "verdict", "reflect", "confirm", "completed", "interrupted"]
    k: int = 1
    """Number of the present run within its iteration, or among the final pairs."""
    of: RunOf = "candidate"
    """Whose ``train.py`` it trains."""
    current_iteration_label: str
    experiment_index: int = Field(ge=0)
    experiment_count: int = Field(ge=0)
    """How many experiments this session plans; 0 when it goes on until stopped."""
    updated_at: str
    prepare: PhaseState = PhaseState()
    reflect: PhaseState = PhaseState()
