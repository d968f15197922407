"""The folder of a run: what lies in it, and how it is prepared for a start."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from pathlib import Path, PurePath

from dialectic.errors import ExecutorError
from dialectic.executors.finish import EXIT_NAME, RESERVE_NAME, SUPERVISOR_LOG_NAME, remove_tree
from dialectic.executors.handles import kill_strays
from dialectic.state.base import JsonObject
from dialectic.state.files import make_folder, storage_error
from dialectic.state.run import Job

JOB_NAME = "job.json"
LOG_NAME = "run.log"
EVENTS_NAME = "live-events.ndjson"
WORK_NAME = "work"

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
    private = make_private(folder, job.links)
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
        **job.limits.model_dump(),
    }


def make_private(folder: Path, links: dict[str, str]) -> Path:
    """The private temporary folder with ``home``, ``tmp`` and ``links``; only this user may enter it.

    It lies among the system's temporary files because the paths of sockets are limited to about 100 characters.
    """
    try:
        private = Path(tempfile.mkdtemp(prefix=private_prefix(folder)))
        for name in ("home", "tmp", "links"):
            (private / name).mkdir()
        for name, target in links.items():
            (private / "links" / name).symlink_to(target)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()) / "dialectic", error) from error
    return private


def fill(text: str, places: dict[str, str]) -> str:
    """``text`` with its placeholders replaced, in one pass: a path that holds braces stays as it is."""
    return PLACEHOLDER.sub(lambda found: places[found.group(1)], text)
