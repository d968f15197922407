"""Runs as processes of this machine.

:meth:`LocalExecutor.submit` starts a supervisor that waits on a pipe, saves the handle, and only then lets it go on.
Whoever is killed in between, the folder tells what happened: no ``job.json`` means that nothing was started,
``exit.json`` that the run has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import dialectic
from dialectic.errors import ExecutorError
from dialectic.executors import collect, handles
from dialectic.executors.finish import SUPERVISOR_LOG_NAME
from dialectic.executors.folder import JOB_NAME, check_names, prepare
from dialectic.state.base import JsonObject
from dialectic.state.files import read_record, write_record
from dialectic.state.run import Job, JobHandle, JobStatus, LiveEvent, RunRecord
from dialectic.state.text import tail
from dialectic.state.trees import remove_tree


class LocalExecutor:
    """Runs on this machine, one supervisor each."""

    name = "local"

    def submit(self, job: Job) -> JobHandle:
        """Start ``job``; one that runs, or has ended neither stopped nor by a failing machine, is only found again.

        Raises:
            StorageError: the run's folder cannot be written.
            ExecutorError: the supervisor could not be started, or an input is not there.
        """
        check_names(job)
        if found := self._find(job):
            return found
        spec = prepare(job)
        try:
            return self._start(spec)
        except BaseException:
            remove_tree(spec["private"])
            raise

    def poll(self, handle: JobHandle) -> JobStatus:
        """Whether the run goes on, has ended, or was lost with its supervisor."""
        folder = Path(handle.folder)
        living = handles.alive(handle)
        if collect.has_ended(folder):
            return JobStatus(state="ended")
        return JobStatus(state="running" if living else "lost")

    def events(self, handle: JobHandle, offset: int) -> tuple[list[LiveEvent], int]:
        """Live events from byte ``offset`` on, and the next offset."""
        return collect.read_events(Path(handle.folder), offset)

    def collect(self, handle: JobHandle) -> RunRecord:
        """The record of a run that has ended or was lost, computed from its files every time.

        Raises:
            ExecutorError: it is still running, or the machine failed.
            StorageError: the disk was full, so that output is missing.
        """
        state = self.poll(handle).state
        if state == "running":
            raise ExecutorError(f"{handle.job_id} is still running; wait until it has ended")
        return collect.lost_record(handle) if state == "lost" else collect.run_record(handle)

    def cancel(self, handle: JobHandle) -> None:
        """Ask the supervisor to stop the run, which gets its grace period, and wait until both have ended."""
        if handles.alive(handle):
            try:
                os.kill(handle.pid, signal.SIGTERM)
                os.kill(handle.pid, signal.SIGCONT)
            except ProcessLookupError:
                return
            handles.wait_until_gone(handle)

    def _find(self, job: Job) -> JobHandle | None:
        path = Path(job.folder) / JOB_NAME
        if not path.exists():
            return None
        handle = read_record(path, JobHandle)
        if handle.job_id != job.job_id:
            raise ExecutorError(f"{path}: belongs to {handle.job_id}, not to {job.job_id}; move that folder away")
        state = self.poll(handle).state
        if state == "running":
            return handle
        return handle if state == "ended" and not collect.says_nothing(Path(job.folder)) else None

    def _start(self, spec: JsonObject) -> JobHandle:
        folder = Path(spec["folder"])
        pid, pipe = spawn_supervisor(folder)
        with os.fdopen(pipe, "wb", buffering=0) as release:
            try:
                release.write(json.dumps(spec).encode() + b"\n")
                handle = self._handle(spec, pid)
                self._save(folder, handle)
                release.write(b"\n")
            except BrokenPipeError as error:
                reason = tail(folder / SUPERVISOR_LOG_NAME, 300).splitlines()[-1:] or ["it ended at once"]
                raise ExecutorError(f"the supervisor of {spec['job_id']} did not start: {reason[0]}") from error
        return handle

    def _handle(self, spec: JsonObject, pid: int) -> JobHandle:
        started = handles.start_time(pid)
        if started is None:
            raise BrokenPipeError
        return JobHandle(
            job_id=spec["job_id"],
            executor=self.name,
            pid=pid,
            started=started,
            boot_id=handles.boot_id(),
            folder=spec["folder"],
        )

    def _save(self, folder: Path, handle: JobHandle) -> None:
        write_record(folder / JOB_NAME, handle)


def spawn_supervisor(folder: Path) -> tuple[int, int]:
    """Start a supervisor in a session of its own; its process id and the pipe to its standard input.

    Its environment holds no key: a run of the same user can read it.

    Raises:
        ExecutorError: the system starts no more processes.
    """
    package = str(Path(dialectic.__file__).parents[1])
    environment = {"PYTHONPATH": package, "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        if name in os.environ:
            environment[name] = os.environ[name]
    # Safe path and no site: nothing but the standard library and this package can be imported, and it starts sooner.
    command = [sys.executable, "-S", "-P", "-m", "dialectic.executors.supervisor", str(folder)]
    log = str(folder / SUPERVISOR_LOG_NAME)
    read_end, write_end = os.pipe()
    try:
        pid = os.posix_spawn(
            sys.executable,
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, read_end, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            ],
            setsid=True,
            # Blocked until its handler is there: a stop that comes at once must not kill it without exit.json.
            setsigmask=[signal.SIGTERM],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGCHLD],
        )
    except OSError as error:
        os.close(write_end)
        raise ExecutorError(f"no process could be started ({error.strerror}); free some and run again") from error
    finally:
        os.close(read_end)
    return pid, write_end
