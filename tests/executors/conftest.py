"""Executors under test, and jobs for them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialectic.executors.folder import JOB_NAME
from dialectic.executors.local import LocalExecutor
from dialectic.state.contracts import Executor
from dialectic.state.files import read_record
from dialectic.state.run import Job, JobHandle, Limits

AWKWARD = 'a folder\'s "name" $HOME {work} ü'

ENVIRONMENT = {"HOME": "{private}/home", "TMPDIR": "{private}/tmp", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder for runs with everything in its name that breaks careless quoting."""
    folder = tmp_path / AWKWARD
    folder.mkdir()
    return folder


MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(room: Path) -> Iterator[MakeJob]:
    """Jobs of Python code; whatever is left of them at the end of the test is stopped."""
    folders: list[Path] = []

    def make(code: str, name: str = "run", job_id: str = "s:001:1", **fields: object) -> Job:
        limits = {"wall_seconds": 20.0, "grace_seconds": 2.0}
        for limit in list(fields):
            if limit in Limits.model_fields:
                limits[limit] = fields.pop(limit)  # type: ignore[assignment]
        folders.append(room / name)
        job = {
            "job_id": job_id,
            "folder": str(room / name),
            "command": ["{python}", "-c", code],
            "environment": ENVIRONMENT,
            "limits": limits,
        }
        return Job.model_validate(job | fields)

    yield make
    for folder in folders:
        if (folder / JOB_NAME).is_file():
            LocalExecutor().cancel(read_record(folder / JOB_NAME, JobHandle))


def wait(executor: Executor, handle: JobHandle, seconds: float = 15.0) -> str:
    """The state that follows ``running``."""
    return until(lambda: (state := executor.poll(handle).state) != "running" and state, seconds)


def until(condition: Callable[[], object], seconds: float = 15.0) -> str:
    """Wait for a condition and return what it gave, as text."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return str(found)
        time.sleep(0.01)
    raise AssertionError(f"nothing happened within {seconds} s")


def write_script(path: Path, executor: object) -> Path:
    """A script with this executor part."""
    path.write_text(json.dumps({"executor": executor, "agent": {"default": "builtin"}}))
    return path
