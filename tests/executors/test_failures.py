"""Every way in which a run can fail, on real processes: recognised, named, and survived."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.executors import vitals
from dialectic.executors.collect import Exit
from dialectic.state.files import read_record
from tests.executors.conftest import MakeJob
from tests.executors.test_supervisor import SPIN, linux_only, run


def test_a_run_that_does_nothing_is_a_hang(make_job: MakeJob) -> None:
    code = "import threading; print('waiting', flush=True); lock = threading.Lock(); lock.acquire(); lock.acquire()"
    record = run(make_job(code, hang_seconds=1.5, grace_seconds=1.0))
    assert (record.status, record.failure.kind) == ("timed_out", "hang")
    assert "without output, without a change of its files and with hardly any CPU time" in record.failure.message
    assert 1.5 <= record.wall_seconds < 12


def test_a_hang_in_a_child_is_one_too_and_both_are_stopped(make_job: MakeJob) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    record = run(make_job(code, hang_seconds=1.5, grace_seconds=1.0))
    assert record.failure.kind == "hang"
    assert record.wall_seconds < 12


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess, sys; subprocess.run([sys.executable, '-c', " + repr(SPIN.format(1.5)) + "])",
        "import time\nfor _ in range(10): print('still here', flush=True); time.sleep(0.25)",
        "import time\nfor number in range(10): open('events', 'a').write('x'); time.sleep(0.25)",
    ],
    ids=["computes", "talks", "writes"],
)
def test_a_sign_of_life_is_no_hang(make_job: MakeJob, code: str) -> None:
    record = run(make_job(code, hang_seconds=1.5))
    assert record.status == "completed"
    assert record.wall_seconds >= 1.5


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SIGSEGV", "import ctypes; ctypes.string_at(0)"),
        ("SIGABRT", "import os; os.abort()"),
        ("SIGBUS", "import mmap, os; f = open('cut', 'w+b'); f.truncate(8192); m = mmap.mmap(f.fileno(), 8192)\n"
         "f.truncate(0); m[5000]"),
        ("SIGILL", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"),
        ("SIGTERM", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"),
        ("SIGXFSZ", "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
         "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
         "f = open('long', 'wb', 0); f.write(b'x' * 20); f.write(b'x')"),
    ],
)  # fmt: skip
def test_signals_are_named_and_explained(make_job: MakeJob, name: str, code: str) -> None:
    record = run(make_job(code))
    assert (record.status, record.failure.kind) == ("failed", "crash")
    assert record.failure.message.startswith(f"killed by {name}: ")


@linux_only
def test_a_kill_from_outside_is_told_from_a_lack_of_memory(make_job: MakeJob) -> None:
    job = make_job("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    record = run(job)
    seen = read_record(Path(job.folder) / "exit.json", Exit)
    assert record.exit_code == 137
    starved = seen.memory_scarce or seen.oom_kills != 0
    assert record.failure.kind == ("out-of-memory" if starved else "crash")
    assert starved or record.failure.message.startswith("killed by SIGKILL: by somebody else")


@linux_only
def test_the_kernel_would_kill_the_run_before_anybody_else(make_job: MakeJob) -> None:
    code = "import subprocess, sys; print(open('/proc/self/oom_score_adj').read())\n"
    job = make_job(code + "subprocess.run(['cat', '/proc/self/oom_score_adj'])", environment={"PATH": "/usr/bin:/bin"})
    assert run(job).status == "completed"
    assert (Path(job.folder) / "run.log").read_text().split() == ["500", "500"]


@linux_only
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("bytearray(2**33)", "MemoryError"),
        ("import numpy; numpy.ones(2**33)", "ArrayMemoryError: Unable to allocate"),
        ("import mmap; mmap.mmap(-1, 2**34)", "Cannot allocate memory"),
    ],
)
def test_memory_that_is_refused(make_job: MakeJob, code: str, words: str) -> None:
    record = run(make_job(f"import resource; resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n{code}"))
    assert (record.status, record.failure.kind) == ("failed", "out-of-memory")
    assert words in record.failure.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (exit code 1)"),
        ("from math import no_such_name", "ImportError: cannot import name 'no_such_name' from 'math'"),
        ("x = (", "SyntaxError: '(' was never closed (exit code 1)"),
        ("import sys; sys.exit('no data here')", "no data here (exit code 1)"),
        ("import os; os._exit(42)", "exit code 42"),
        ("raise ExceptionGroup('both', [ValueError('a'), TypeError('b')])", "ExceptionGroup: both (2 sub-exceptions)"),
        ("print('late'); assert False, 'width'", "AssertionError: width (exit code 1)"),
    ],
)
def test_crashes_are_named_by_their_exception(make_job: MakeJob, code: str, message: str) -> None:
    record = run(make_job(code))
    assert (record.status, record.failure.kind) == ("failed", "crash")
    assert record.failure.message.startswith(message)


def test_a_run_that_writes_too_much_is_stopped_and_cleared_away(make_job: MakeJob) -> None:
    code = "import time; open('small', 'wb').write(b'x'); open('big', 'wb').write(bytes(30_000_000)); time.sleep(60)"
    job = make_job(code, disk_bytes=25_000_000, outputs=["small", "big"])
    record = run(job)
    assert (record.status, record.failure.kind) == ("failed", "disk")
    assert record.failure.message.endswith("MB of 23.8 MB allowed")
    assert record.wall_seconds < 10
    assert sorted(path.name for path in Path(job.folder).iterdir()) == ["exit.json", "job.json", "run.log", "small"]


DISK = r"""
import sys, time, json
from pathlib import Path
from dialectic.errors import StorageError
from dialectic.executors.local import LocalExecutor
from dialectic.state.run import Job, Limits
executor = LocalExecutor()
def run(name, code, **limits):
    folder = Path(sys.argv[1]) / name
    job = Job(job_id="s:001:1", folder=str(folder), command=["{python}", "-c", code], outputs=["model"],
              limits=Limits(wall_seconds=20, **limits))
    handle = executor.submit(job)
    while executor.poll(handle).state == "running":
        time.sleep(0.01)
    print(executor.poll(handle).state, json.loads((folder / "exit.json").read_text())["exit_code"])
    try:
        record = executor.collect(handle)
        print(record.failure.kind, record.failure.message)
    except StorageError as error:
        print(error)
fill = "f = open('model', 'wb', 0); f.write(bytes(3_000_000))"
run("first", "print('x' * 3_000_000); print('end')")
run("first", fill + "\ntry: f.write(b'x')\nexcept OSError: f.truncate(500_000); raise")
run("first", fill + "; print('x' * 200_000)", disk_bytes=400_000)
(Path(sys.argv[1]) / "first" / "model").unlink()
run("second", "print('small')")
"""


@linux_only
def test_a_full_disk_is_the_machines_fault_unless_the_run_filled_it(tmp_path: Path) -> None:
    """On a file system of 1 MB of its own. The exit is never lost, and after a mended disk the run is started anew."""
    disk = tmp_path / "small disk"
    disk.mkdir()
    inside = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    answer = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "-", disk, sys.executable, DISK],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in answer.stderr or "mount" in answer.stderr:
        pytest.skip("this machine lets nobody mount a file system of his own")
    assert answer.stderr == ""
    flood, flooded, refused, full, greedy, wrote, last, fine = answer.stdout.splitlines()
    assert flood == "ended 0"
    assert "run.log: No space left on device; free some space and run again" in flooded
    assert refused == "ended 1"
    assert "No space left on device (the run failed because the disk is full); free some space and run again" in full
    assert greedy.startswith("ended ")
    assert wrote.startswith("disk wrote ")
    assert (last, fine) == ("ended 0", "none ")


@linux_only
def test_the_kernels_count_of_kills_is_found_wherever_it_stands(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    assert vitals.oom_kills(str(proc), str(groups)) is None
    (proc / "vmstat").write_text("pgfault 7\noom_kill 4\n")
    (proc / "self" / "cgroup").write_text("0::/\n")
    assert vitals.oom_kills(str(proc), str(groups)) == 4
    (proc / "self" / "cgroup").write_text("4:cpu,memory:/host/path\n1:cpu:/\n0::/\n")
    (groups / "memory").mkdir(parents=True)
    (groups / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert vitals.oom_kills(str(proc), str(groups)) == 2
    (proc / "self" / "cgroup").write_text("0::/user.slice/night\n")
    (groups / "user.slice" / "night").mkdir(parents=True)
    (groups / "user.slice" / "night" / "memory.events").write_text("low 0\noom 9\noom_kill 3\n")
    assert vitals.oom_kills(str(proc), str(groups)) == 3


def test_memory_that_is_available(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:  250 kB\nHugePages_Total: 0\n")
    assert vitals.available_share(str(tmp_path / "meminfo")) == 0.25
    assert vitals.available_share(str(tmp_path / "none")) == 1.0
