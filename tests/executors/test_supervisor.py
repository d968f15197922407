"""The supervisor's limits, measurements and last acts, on real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dialectic.errors import StorageError
from dialectic.executors import processes
from dialectic.executors.local import LocalExecutor
from dialectic.executors.output import CappedLog
from dialectic.state.run import Job, RunRecord
from tests.executors.conftest import MakeJob, wait
from tests.executors.test_local import WRITE_PID, gone, running_pid

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promises are Linux's")

SPIN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def run(job: Job) -> RunRecord:
    """The record of ``job``, run to its end."""
    executor = LocalExecutor()
    handle = executor.submit(job)
    wait(executor, handle)
    return executor.collect(handle)


def log(job: Job) -> str:
    """The text of ``run.log``."""
    return (Path(job.folder) / "run.log").read_text()


def test_the_wall_limit_asks_first(make_job: MakeJob) -> None:
    code = """
import signal, sys, time
def leave(*_):
    print("asked to stop", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
time.sleep(60)
"""
    job = make_job(code, wall_seconds=0.4)
    record = run(job)
    assert (record.status, record.failure.kind) == ("timed_out", "timeout")
    assert record.failure.message == "stopped after its wall limit of 0.4 s"
    assert 0.4 <= record.wall_seconds < 2
    assert log(job) == "asked to stop\n"


def test_the_wall_limit_kills_after_the_grace_period(make_job: MakeJob) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    record = run(make_job(code, wall_seconds=0.3, grace_seconds=0.5))
    assert (record.status, record.exit_code) == ("timed_out", 137)
    assert 0.8 <= record.wall_seconds < 2.5


def test_a_cancelled_run_gets_its_grace_period(make_job: MakeJob) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))\n"
    job = make_job(code + WRITE_PID + "time.sleep(60); time.sleep(60)", grace_seconds=0.5)
    executor = LocalExecutor()
    handle = executor.submit(job)
    running_pid(job)
    began = time.monotonic()
    executor.cancel(handle)
    assert 0.5 <= time.monotonic() - began < 3
    record = executor.collect(handle)
    assert (record.status, record.exit_code) == ("interrupted", 137)
    assert log(job) == "heard\n"


@linux_only
def test_no_descendant_outlives_the_run(make_job: MakeJob) -> None:
    """A child, a grandchild in a session of its own, and a daemon whose parent is gone."""
    code = """
import os, sys, time
pids = []
def child(session):
    read, write = os.pipe()
    if os.fork() == 0:
        if session:
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(write, str(os.getpid()).encode())
        time.sleep(60)
    pids.append(os.read(read, 20).decode())
child(False); child(True)
print(*pids)
"""
    job = make_job(code)
    record = run(job)
    assert record.status == "completed"
    pids = [int(pid) for pid in log(job).split()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_run_that_kills_the_watchdog_is_still_recorded(make_job: MakeJob) -> None:
    code = """
import os, psutil
siblings = [p for p in psutil.Process().parent().children() if p.pid != os.getpid()]
[p.kill() for p in siblings]
print(len(siblings))
"""
    job = make_job(code)
    assert run(job).status == "completed"
    assert log(job) == "1\n"


@linux_only
def test_cpu_time_is_that_of_the_whole_tree(make_job: MakeJob) -> None:
    """The run's own, a child's that it waited for, and an orphan's in another session."""
    code = f"""
import os, subprocess, sys
spin = {SPIN.format(0.3)!r}
subprocess.run([sys.executable, '-c', spin])
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    exec(spin.replace('+ 0.3', '+ 0.3'))
    os._exit(0)
os.close(write); os.read(read, 1)
exec(spin)
"""
    record = run(make_job(code))
    assert 0.9 <= record.cpu_seconds < 1.8


@linux_only
def test_a_run_that_hides_the_cpu_time_of_its_children_is_ended(make_job: MakeJob) -> None:
    """Ignoring SIGCHLD makes the kernel forget the children's usage, and short-lived ones nobody would ever see."""
    code = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
time.sleep(60)
"""
    record = run(make_job(code))
    assert (record.status, record.failure.kind) == ("failed", "claims")
    assert "SIGCHLD" in record.failure.message


def test_the_largest_resident_set_is_measured(make_job: MakeJob) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray(200 * 2**20)'])"
    assert 200 <= run(make_job(code)).max_rss_mb < 260


@linux_only
def test_the_memory_limit_counts_the_whole_tree(make_job: MakeJob) -> None:
    code = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        break
held = bytearray(80 * 2**20)
time.sleep(60)
"""
    record = run(make_job(code, memory_bytes=200 * 2**20))
    assert (record.status, record.failure.kind, record.exit_code) == ("failed", "out-of-memory", 137)
    assert record.failure.message.endswith("MB of 200 MB allowed")
    assert record.wall_seconds < 5


@linux_only
def test_cores_are_granted_by_affinity(make_job: MakeJob) -> None:
    code = "import os; print(len(os.sched_getaffinity(0)))"
    one, every = make_job(code, name="one", cores=1), make_job(code, name="every", cores=0)
    run(one)
    run(every)
    assert log(one) == "1\n"
    assert log(every) == f"{len(os.sched_getaffinity(0))}\n"


def test_signals_are_the_usual_ones(make_job: MakeJob) -> None:
    code = (
        "import signal; print([s.name for s in signal.valid_signals() if s not in (2,) "
        "and signal.getsignal(s) not in (0, None)], signal.pthread_sigmask(0, []))"
    )
    job = make_job(code, command=["{python}", "-c", code])
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # as a shell's background job has it
    try:
        run(job)
    finally:
        signal.signal(signal.SIGQUIT, before)
    # SIGPIPE and SIGXFSZ: Python ignores them anew in the run itself.
    assert log(job) == "['SIGPIPE', 'SIGXFSZ'] set()\n"


@pytest.mark.parametrize(("size", "limit"), [(900, 1000), (1000, 1000), (1001, 1000), (54_321, 1000), (10, 1)])
def test_output_beyond_its_limit_keeps_head_and_tail(tmp_path: Path, size: int, limit: int) -> None:
    data = b"".join(b"%09d\n" % number for number in range(size // 10 + 1))[:size]
    capped = CappedLog(str(tmp_path / "run.log"), limit)
    for start in range(0, size, 37):
        capped.write(data[start : start + 37])
    capped.close()
    kept = (tmp_path / "run.log").read_bytes()
    if size <= limit:
        assert kept == data
        return
    note = f"\n[dialectic: {size - limit} bytes of output left out here]\n".encode()
    assert kept == data[: limit // 2] + note + data[size - (limit - limit // 2) :]


def test_a_flood_of_output_is_capped_while_it_runs(make_job: MakeJob) -> None:
    code = "print('first'); [print('x' * 99) for _ in range(100_000)]; print('last')"
    job = make_job(code, output_bytes=100_000)
    assert run(job).status == "completed"
    text = log(job)
    assert len(text) < 100_200
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert "bytes of output left out here" in text


def test_a_run_that_closes_its_output_is_waited_for_without_spinning(make_job: MakeJob) -> None:
    executor = LocalExecutor()
    job = make_job("import os, time; os.close(1); os.close(2)\n" + WRITE_PID + "time.sleep(0.6)")
    handle = executor.submit(job)
    running_pid(job)
    time.sleep(0.4)
    used = psutil.Process(handle.pid).cpu_times()
    assert used.user + used.system < 0.2
    wait(executor, handle)
    assert executor.collect(handle).wall_seconds >= 0.6


def test_a_folder_that_cannot_be_cleaned_is_a_storage_error(make_job: MakeJob) -> None:
    job = make_job("import time; time.sleep(0.3); print('x' * 100)")
    executor = LocalExecutor()
    Path(job.folder).mkdir()
    (Path(job.folder) / "run.log").mkdir()
    with pytest.raises(StorageError):
        executor.submit(job)


@linux_only
def test_ps_and_proc_tell_the_same_tree() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        for source in (processes._from_proc, processes._from_ps):
            found = source()
            assert found[child.pid].parent == os.getpid()
            assert found[child.pid].rss_bytes > 0
            assert child.pid in [process.pid for process in processes.descendants(os.getpid(), found)]
        assert processes.memory_bytes([found[child.pid]]) > 0
    finally:
        child.kill()
        child.wait()


def test_it_starts_without_heavy_imports() -> None:
    """A run waits for the supervisor's imports: none but the standard library's light ones."""
    code = "import sys, dialectic.executors.supervisor; print(*sorted(sys.modules))"
    command = [sys.executable, "-S", "-P", "-c", code]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"pydantic", "psutil", "torch", "subprocess", "typing", "dataclasses", "ctypes", "pathlib", "logging"}
    assert heavy.isdisjoint(loaded)


def test_a_stop_before_the_start_starts_nothing(make_job: MakeJob) -> None:
    """SIGTERM is blocked until its handler is there, so that the earliest one is not lost."""
    for number in range(5):
        job = make_job("open('started', 'w').close(); import time; time.sleep(60)", name=f"run{number}")
        executor = LocalExecutor()
        handle = executor.submit(job)
        os.kill(handle.pid, signal.SIGTERM)
        assert wait(executor, handle) == "ended"
        record = executor.collect(handle)
        assert record.status == "interrupted"
        assert record.exit_code in (-1, 143)
        assert json.loads((Path(job.folder) / "exit.json").read_text())["reason"] == "cancelled"
