"""Local runs as real processes: who is killed when, and what is left then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from dialectic.errors import CorruptRecord, ExecutorError, StorageError
from dialectic.executors.folder import prepare, private_prefix, remove_private
from dialectic.executors.local import LocalExecutor, spawn_supervisor
from dialectic.state.files import read_record
from dialectic.state.run import Job, JobHandle
from tests.executors.conftest import ENVIRONMENT, MakeJob, until, wait

SLEEP = "import time; open('started', 'w').close(); time.sleep(60)"

RUNNER = """
import os, signal, sys, time
from pathlib import Path
from dialectic.executors.local import LocalExecutor
from dialectic.state.run import Job

class Dying(LocalExecutor):
    def _save(self, folder, handle):
        os.kill(os.getpid(), signal.SIGKILL)

job = Job.model_validate_json(Path(sys.argv[1]).read_text())
(Dying if sys.argv[2] == "before" else LocalExecutor)().submit(job)
time.sleep(60)
"""


@pytest.fixture
def executor() -> LocalExecutor:
    """The executor under test."""
    return LocalExecutor()


def start_runner(job: Job, when: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    """A runner in a process of its own that submits ``job``."""
    (tmp_path / "job-to-run.json").write_text(job.model_dump_json())
    return subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path / "job-to-run.json"), when])


def running_pid(job: Job) -> int:
    """The process id that the run wrote into ``work/pid``."""
    return int(until(lambda: _text(Path(job.folder) / "work" / "pid")))


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def private_folders(job: Job) -> list[Path]:
    """What is left of the run's private folder."""
    return list(Path(tempfile.gettempdir()).glob(private_prefix(Path(job.folder)) + "*"))


WRITE_PID = "import os; open('pid.tmp', 'w').write(str(os.getpid())); os.rename('pid.tmp', 'pid')\n"


def test_a_run_outlives_its_killed_runner(executor: LocalExecutor, make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(WRITE_PID + "import time; time.sleep(0.7); print('done')")
    with start_runner(job, "never", tmp_path) as runner:
        running_pid(job)
        runner.kill()
    handle = read_record(Path(job.folder) / "job.json", JobHandle)
    assert executor.poll(handle).state == "running"
    assert executor.submit(job) == handle
    assert wait(executor, handle) == "ended"
    assert executor.collect(handle).status == "completed"
    assert (Path(job.folder) / "run.log").read_text() == "done\n"


def test_a_runner_killed_before_it_saved_the_handle_starts_nothing(
    executor: LocalExecutor, make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job("open('started', 'w').close()")
    with start_runner(job, "before", tmp_path) as runner:
        assert runner.wait() == -signal.SIGKILL
    until(lambda: not any("supervisor" in " ".join(p.cmdline()) for p in supervisors(job)))
    assert sorted(path.name for path in Path(job.folder).iterdir()) == ["supervisor.log", "work"]
    assert list((Path(job.folder) / "work").iterdir()) == []
    handle = executor.submit(job)
    assert wait(executor, handle) == "ended"
    assert (Path(job.folder) / "work" / "started").exists()
    assert private_folders(job) == []


def supervisors(job: Job) -> list[psutil.Process]:
    """Supervisors of this folder that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline()[-1:] == [job.folder] and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("told", [b"", b'{"job_id": ', None])
def test_no_release_no_run(make_job: MakeJob, told: bytes | None) -> None:
    job = make_job("open('started', 'w').close()")
    spec = prepare(job)
    pid, pipe = spawn_supervisor(Path(job.folder))
    os.write(pipe, json.dumps(spec).encode() + b"\n" if told is None else told)
    os.close(pipe)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted(path.name for path in Path(job.folder).iterdir()) == ["supervisor.log", "work"]
    assert list((Path(job.folder) / "work").iterdir()) == []
    assert private_folders(job) == [] or told is not None
    remove_private(Path(job.folder))


def test_killing_the_supervisor_kills_the_run(executor: LocalExecutor, make_job: MakeJob) -> None:
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    job = make_job(child + WRITE_PID + SLEEP)
    handle = executor.submit(job)
    leader = running_pid(job)
    family = [psutil.Process(leader), *psutil.Process(leader).children()]
    assert len(family) == 2
    os.kill(handle.pid, signal.SIGKILL)
    until(lambda: all(gone(process.pid) for process in family) and executor.poll(handle).state == "lost")
    record = executor.collect(handle)
    assert (record.status, record.failure.kind, record.exit_code) == ("failed", "lost", -1)
    assert private_folders(job) == []


def test_a_lost_run_starts_anew_in_a_clean_folder(executor: LocalExecutor, make_job: MakeJob) -> None:
    job = make_job("import os, time; print(os.listdir()); open('started', 'w').close(); time.sleep(0.3)")
    handle = executor.submit(job)
    until(lambda: (Path(job.folder) / "work" / "started").exists())
    os.kill(handle.pid, signal.SIGKILL)
    assert wait(executor, handle) == "lost"
    again = executor.submit(job)
    assert again != handle
    assert wait(executor, again) == "ended"
    assert (Path(job.folder) / "run.log").read_text() == "[]\n"


def test_an_escaped_process_of_a_lost_run_is_stopped_by_whoever_collects(
    executor: LocalExecutor, make_job: MakeJob
) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    " + WRITE_PID + "time.sleep(60)"
    job = make_job(code)
    handle = executor.submit(job)
    escaped = running_pid(job)
    os.kill(handle.pid, signal.SIGKILL)
    assert wait(executor, handle) == "lost"
    executor.collect(handle)
    until(lambda: gone(escaped))


@pytest.mark.parametrize("change", [{"boot_id": "another boot"}, {"started": 1.0}])
def test_a_process_id_that_is_used_again_is_another_process(
    executor: LocalExecutor, make_job: MakeJob, change: dict[str, object]
) -> None:
    job = make_job("pass")
    handle = executor.submit(job)
    wait(executor, handle)
    (Path(job.folder) / "exit.json").unlink()
    other = psutil.Process()
    stale = handle.model_copy(update={"pid": other.pid, "started": other.create_time()})
    assert executor.poll(stale).state == "running"
    assert executor.poll(stale.model_copy(update=change)).state == "lost"
    executor.cancel(stale.model_copy(update=change))


def test_a_clock_that_was_set_does_not_lose_the_run(executor: LocalExecutor, make_job: MakeJob) -> None:
    handle = executor.submit(make_job(SLEEP))
    assert executor.poll(handle.model_copy(update={"started": handle.started - 3600})).state == "running"


def test_a_run_sees_exactly_its_environment(
    executor: LocalExecutor, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    given = ENVIRONMENT | {"DIALECTIC_RUN_DIR": "{work}", "LINKS": "{links}", "ODD": "{python} {other} {}"}
    job = make_job("import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))", environment=given)
    handle = executor.submit(job)
    supervisor = Path(f"/proc/{handle.pid}/environ").read_bytes() if sys.platform == "linux" else b""
    wait(executor, handle)
    seen, folder = json.loads((Path(job.folder) / "run.log").read_text())
    private = Path(seen["HOME"]).parent
    assert seen == {
        "HOME": f"{private}/home",
        "TMPDIR": f"{private}/tmp",
        "LC_ALL": "C.UTF-8",
        "DIALECTIC_RUN_DIR": f"{job.folder}/work",
        "LINKS": f"{private}/links",
        "ODD": f"{sys.executable} {{other}} {{}}",
    }
    assert folder == f"{job.folder}/work"
    assert not private.exists()
    assert b"secret" not in supervisor


def test_inputs_links_and_outputs(executor: LocalExecutor, make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "train file.py").write_text("text of the input")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shard").write_text("text behind the link")
    code = """
import os, sys
print(open('train.py').read(), open(sys.argv[1] + '/cache/shard').read())
open('model.pt2', 'w').write('weights'); os.symlink('/etc/hostname', 'link'); os.mkfifo('pipe')
open(os.environ['TMPDIR'] + '/scratch', 'w').close(); os.chmod(os.environ['TMPDIR'], 0)
"""
    job = make_job(
        code,
        command=["{python}", "-c", code, "{links}"],
        inputs={"train.py": str(tmp_path / "train file.py")},
        links={"cache": str(tmp_path / "data")},
        outputs=["model.pt2", "link", "pipe"],
    )
    handle = executor.submit(job)
    wait(executor, handle)
    assert executor.collect(handle).failure.message == ""
    folder = Path(job.folder)
    assert (folder / "run.log").read_text() == "text of the input text behind the link\n"
    assert sorted(path.name for path in folder.iterdir()) == ["exit.json", "job.json", "model.pt2", "run.log", "work"]
    assert (tmp_path / "data" / "shard").exists()
    assert private_folders(job) == []


def test_a_command_is_looked_up_in_the_runs_own_path(
    executor: LocalExecutor, make_job: MakeJob, tmp_path: Path
) -> None:
    tool = tmp_path / "a bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho found $1\n")
    tool.chmod(0o755)
    job = make_job("", command=["tool", "it"], environment={"PATH": str(tool.parent)})
    wait(executor, executor.submit(job))
    assert (Path(job.folder) / "run.log").read_text() == "found it\n"


def test_a_command_that_cannot_start_is_the_machines_failure(executor: LocalExecutor, make_job: MakeJob) -> None:
    job = make_job("", command=["/no/such/python"])
    handle = executor.submit(job)
    wait(executor, handle)
    with pytest.raises(ExecutorError, match="could not be started: /no/such/python: No such file"):
        executor.collect(handle)
    mended = job.model_copy(update={"command": [sys.executable, "-c", "print('works')"]})
    wait(executor, executor.submit(mended))
    assert executor.collect(executor.submit(mended)).status == "completed"


def test_a_missing_input_is_said_before_anything_starts(executor: LocalExecutor, make_job: MakeJob) -> None:
    job = make_job("pass", inputs={"train.py": "/no/such/train.py"})
    with pytest.raises(ExecutorError, match=r"/no/such/train\.py: this input of s:001:1 is not there"):
        executor.submit(job)
    assert not (Path(job.folder) / "job.json").exists()


def test_a_folder_that_is_a_file_is_one_line(executor: LocalExecutor, make_job: MakeJob) -> None:
    job = make_job("pass")
    Path(job.folder).write_text("")
    with pytest.raises(StorageError):
        executor.submit(job)


def test_a_damaged_handle_or_exit_is_said(executor: LocalExecutor, make_job: MakeJob) -> None:
    job = make_job("pass")
    handle = executor.submit(job)
    wait(executor, handle)
    (Path(job.folder) / "exit.json").write_text("{")
    with pytest.raises(CorruptRecord, match=r"exit\.json: is not valid JSON"):
        executor.collect(handle)
    (Path(job.folder) / "job.json").write_text("[]")
    with pytest.raises(CorruptRecord, match=r"job\.json: holds no JSON object"):
        executor.submit(job)
    (Path(job.folder) / "job.json").unlink()
