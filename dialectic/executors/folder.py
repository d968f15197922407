"""The folder of a run: what lies in it, and how it is prepared for a start."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path, PurePath

from dialectic.errors import ExecutorError
from dialectic.executors.finish import EXIT_NAME, RESERVE_NAME, SUPERVISOR_LOG_NAME
from dialectic.executors.handles import kill_strays
from dialectic.sandbox.plan import Places, hand_over, plan
from dialectic.state.base import JsonObject
from dialectic.state.cage import LEVELS
from dialectic.state.files import make_folder, storage_error
from dialectic.state.run import Job
from dialectic.state.trees import remove_tree

JOB_NAME = "job.json"
LOG_NAME = "run.log"
WORK_NAME = "work"

LINKS = "{links}"
PLACEHOLDER = re.compile(r"\{(python|work|private|links)\}")


def check_names(job: Job) -> None:
    """Refuse names that would leave the folder they belong in.

    Raises:
        ValueError: a mistake of the caller, never of the user.
    """
    names = [*job.inputs, *job.links, *job.outputs, *([job.answer] if job.answer else [])]
    for name in names:
        if PurePath(name).name != name or name in ("", "..", JOB_NAME, EXIT_NAME, LOG_NAME, WORK_NAME):
            raise ValueError(f"{name!r} is no plain file name, or one that the executor needs itself")


def private_prefix(folder: Path) -> str:
    """The beginning of the private folder's name, so that a leftover is known by the run's folder."""
    return f"dialectic-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}-"


def clean(job: Job) -> None:
    """Remove what an earlier start of this job left, and stop what may still run of it."""
    folder = Path(job.folder)
    work = folder / WORK_NAME
    kill_strays(work)
    remove_private(folder)
    remove_tree(str(work))
    for name in (JOB_NAME, EXIT_NAME, RESERVE_NAME, LOG_NAME, SUPERVISOR_LOG_NAME, job.answer, *job.outputs):
        if name:
            (folder / name).unlink(missing_ok=True)


def remove_private(folder: Path) -> None:
    """Remove private folders of a run in ``folder`` that nobody removed."""
    for leftover in Path(tempfile.gettempdir()).glob(f"{private_prefix(folder)}*"):
        remove_tree(str(leftover))


def fresh_work(job: Job) -> Path:
    """An empty ``work/`` with the job's inputs; whatever an earlier start left is gone.

    Raises:
        StorageError: a folder or a file cannot be written.
        ExecutorError: an input is not there.
    """
    folder = Path(job.folder)
    work = folder / WORK_NAME
    make_folder(folder)
    try:
        clean(job)
    except OSError as error:
        raise storage_error(folder, error) from error
    make_folder(work)
    for name, source in job.inputs.items():
        if not Path(source).is_file():
            raise ExecutorError(f"{source}: this input of {job.job_id} is not there; run again")
        try:
            shutil.copyfile(source, work / name)
        except OSError as error:
            raise storage_error(work / name, error) from error
    return work


def prepare(job: Job) -> JsonObject:
    """Create the run's folders, copy its inputs, and return the specification that the supervisor reads.

    Raises:
        StorageError: a folder or a file cannot be written.
        ExecutorError: an input is not there.
    """
    folder, work = Path(job.folder), fresh_work(job)
    private = make_private(folder, job)
    cage = caged(job, work, private)
    places = {"python": sys.executable, "work": str(work), "private": str(private), "links": str(private / "links")}
    environment = {name: fill(value, places) for name, value in job.environment.items()}
    command = [fill(part, places) for part in job.command]
    command[0] = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    return {
        "job_id": job.job_id,
        "folder": str(folder),
        "work": str(work),
        "private": str(private),
        "command": command,
        "environment": environment,
        "outputs": job.outputs,
        "answer": job.answer,
        "cores": job.cores,
        "cage": cage,
        **job.limits.model_dump(),
    }


def make_private(folder: Path, job: Job) -> Path:
    """The private temporary folder with ``home``, ``tmp``, ``shm`` and ``links``; only this user may enter it.

    It lies among the system's temporary files because the paths of sockets are limited to about 100 characters.
    """
    try:
        private = Path(os.path.realpath(tempfile.mkdtemp(prefix=private_prefix(folder))))
        for name in ("home", "tmp", "shm", "links"):
            (private / name).mkdir()
        links = {private / "links" / name: target for name, target in job.links.items()}
        links |= {private / "home" / name: target for name, target in (job.cage.home if job.cage else {}).items()}
        for link, target in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()) / "dialectic", error) from error
    return private


def caged(job: Job, work: Path, private: Path) -> JsonObject | None:
    """What the supervisor needs to start ``job`` in its cage; None for a job without one.

    Raises:
        ExecutorError: this machine does not reach the level that the job requires.
    """
    if job.cage is None:
        return None
    places = Places(job.folder, str(work), str(private), job.links)
    cage = plan(job.cage, places, job.limits.memory_bytes)
    if LEVELS.index(cage["level"]) < LEVELS.index(job.cage.require):
        remove_tree(str(private))
        raise ExecutorError(f"{job.job_id}: its cage would be {cage['level']}, and {job.cage.require} is required")
    try:
        hand_over(cage, places)
    except OSError as error:
        raise storage_error(work, error) from error
    return cage


def fill(text: str, places: dict[str, str]) -> str:
    """``text`` with its placeholders replaced, in one pass: a path that holds braces stays as it is."""
    return PLACEHOLDER.sub(lambda found: places[found.group(1)], text)
