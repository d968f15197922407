"""The cages of a session's two kinds of jobs, and what is said where this machine has not every layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dialectic
from dialectic.config import Settings
from dialectic.errors import ExecutorError, UsageError
from dialectic.executors.folder import LINKS
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.kernels import with_kernels
from dialectic.sandbox.plan import forecast
from dialectic.session import LOGS
from dialectic.state.cage import LEVELS, Cage, CageRecord, Level
from dialectic.state.run import Job
from dialectic.state.session import ProfileFacts

PROCESSES, PROCESSES_A_CORE = 1024, 64
"""A training of ours has some twenty threads; a compiler takes a pool of processes, a driver threads a core."""

STILL_CAN: dict[Level, str] = {
    "none": "it can fill the memory of this machine",
    "limits": "it can read and change every file of yours",
    "files": "it can use the network",
    "offline": "it can see other processes, and what it starts may outlive a supervisor that is killed",
}
"""What a run that reaches only this level can do that it could not at the next."""
REMEDY = (
    "for more install bubblewrap and allow user namespaces; in a container: --security-opt seccomp=unconfined, or "
    "--cap-add SYS_ADMIN (README, The cage)"
)


def cage_of(settings: Settings, profile: ProfileFacts, root: Path, data: Path) -> Cage:
    """What every job of a session has in common: of its files it sees nothing that is not given to it."""
    return Cage(
        level=settings.sandbox,
        require=settings.require_sandbox,
        hidden=[str(root / name) for name in (LOGS, KNOWLEDGE, "research_state")] + [str(data)],
        accelerator=profile.device != "cpu",
        processes=PROCESSES + PROCESSES_A_CORE * max(1, int(profile.cores)),
    )


def look(settings: Settings, executor: str, profile: ProfileFacts, root: Path, data: Path) -> CageRecord | None:
    """The cage that the session's runs will have on this machine; None where nothing runs on it.

    Raises:
        ExecutorError: it does not reach the level that the user requires; one line that says what to do.
        UsageError: the user asks for no more than less.
    """
    if executor != "local":
        return None
    record = forecast(cage_of(settings, profile, root, data))
    if not record.reaches(settings.require_sandbox):
        required = f"--require-sandbox {settings.require_sandbox}"
        if not record.missing:
            asked = f"--sandbox {settings.sandbox}"
            raise UsageError(
                f"{required}: {asked} asks for no more than {record.level}; raise the one or lower the other"
            )
        why = "; ".join(_missing(record))
        raise ExecutorError(f"{required}: this machine reaches {record.level} ({why}); {REMEDY}")
    return record


def warning(record: CageRecord | None) -> str:
    """What a user must know of a cage that is not whole, one line; empty when it is, or when nothing runs."""
    if record is None or record.level == LEVELS[-1]:
        return ""
    can = "; ".join(STILL_CAN[level] for level in LEVELS[LEVELS.index(record.level) : -1])
    why = "; ".join(_missing(record)) or "nothing more was asked for with --sandbox"
    return f"WARNING: the cage of a run is only at level {record.level} of {LEVELS[-1]}: {can} ({why}); {REMEDY}"


def _missing(record: CageRecord) -> Iterator[str]:
    """Each reason once, with the layers that it keeps away."""
    reasons: dict[str, list[str]] = {}
    for layer in record.missing:
        reasons.setdefault(f"{layer.state}: {layer.detail}", []).append(layer.name)
    return (f"{', '.join(names)} {reason}" for reason, names in reasons.items())


def caged_run(house: House, job: Job) -> Job:
    """A training run in its cage: it reads the two folders behind its links, and nothing else that is ours."""
    data = Path(house.data.folder)
    cage = cage_of(house.settings, house.profile, house.root, data)
    job = job.model_copy(update={"cage": cage.model_copy(update={"file_bytes": job.limits.disk_bytes})})
    return with_kernels(job, data) if house.profile.device == "cuda" else job


def caged_scoring(house: House, job: Job, model: Path) -> Job:
    """A scoring in its cage: it reads the model, prepare.py, all of the data, and this package."""
    data = Path(house.data.folder)
    cage = cage_of(house.settings, house.profile, house.root, data)
    read = [str(path) for path in (model, house.session.prepare_py, data)]
    return job.model_copy(
        update={
            "cage": cage.model_copy(update={"read": read}),
            # In an editable installation the package lies beside the session's own files.
            "links": {"dialectic": str(Path(dialectic.__file__).parent)},
            "environment": job.environment | {"PYTHONPATH": LINKS},
        }
    )
