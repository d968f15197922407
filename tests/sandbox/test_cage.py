"""Runs in their cage: how they start, stop, end and are measured, at every level that this machine reaches."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from dialectic.errors import ExecutorError
from dialectic.executors.folder import prepare
from dialectic.executors.local import LocalExecutor
from dialectic.sandbox import levels, paths
from dialectic.sandbox.plan import forecast
from dialectic.sandbox.survey import survey
from dialectic.state.cage import LEVELS, Cage, Level
from tests.executors.conftest import AWKWARD, until, wait
from tests.executors.test_local import gone, private_folders
from tests.sandbox.conftest import ENVIRONMENT, caged_job, needs, run

OUTSIDE_PID = """
import os, sys
pid = os.getpid()
open("pid.tmp", "w").write(str(pid)); os.rename("pid.tmp", "pid")
"""


@pytest.fixture(params=LEVELS[1:])
def level(request: pytest.FixtureRequest) -> Level:
    """Each level that this machine reaches."""
    found: Level = request.param
    needs(found)
    return found


def log(folder: Path) -> str:
    """The text of ``run.log``."""
    return (folder / "run.log").read_text()


def inside(handle_pid: int) -> list[psutil.Process]:
    """Every process below a supervisor."""
    return psutil.Process(handle_pid).children(recursive=True)


def test_a_run_finds_itself_as_outside_of_a_cage(tmp_path: Path, level: Level) -> None:
    code = (
        "import json, os, signal, sys; print(json.dumps([dict(os.environ), os.getcwd(), os.listdir(), "
        "[s.name for s in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(s) in (1,)], "
        "[*signal.pthread_sigmask(0, [])], sys.stdin.read(), len(os.listdir('/proc/self/fd'))])); sys.exit(3)"
    )
    place = tmp_path / AWKWARD
    record = run(caged_job(place, code, level, environment=ENVIRONMENT | {"ODD": "{work}"}))
    environment, folder, files, ignored, blocked, told, open_files = json.loads(log(place).splitlines()[0])
    assert environment == {
        "HOME": environment["HOME"],
        "TMPDIR": environment["HOME"].replace("/home", "/tmp"),
        "LANG": "C.UTF-8",
        "ODD": str(place / "work"),
    }
    assert (folder, files, ignored, blocked, told) == (str(place / "work"), [], [], [], "")
    assert open_files == 4  # input, output, errors, and the folder that is being listed
    assert record.exit_code == 3


def test_a_signal_ends_it_with_the_usual_code(tmp_path: Path, level: Level) -> None:
    assert run(caged_job(tmp_path / "run", "import os; os.kill(os.getpid(), 11)", level)).exit_code == 139
    assert run(caged_job(tmp_path / "asked", "import time; time.sleep(60)", level, wall_seconds=1.0)).exit_code == 143


def test_a_graceful_stop_reaches_the_run(tmp_path: Path, level: Level) -> None:
    code = """
import signal, sys, time
def leave(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
open("ready", "w").close()
time.sleep(60)
"""
    executor, job = LocalExecutor(), caged_job(tmp_path / "run", code, level)
    handle = executor.submit(job)
    until(lambda: (tmp_path / "run" / "work" / "ready").exists())
    executor.cancel(handle)
    record = executor.collect(handle)
    assert (record.status, record.exit_code) == ("interrupted", 0)
    assert log(tmp_path / "run") == "saved\n"
    assert private_folders(job) == []


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        open(os.environ["TMPDIR"] + "/there", "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(os.environ["TMPDIR"] + "/there"):
    time.sleep(0.01)
"""


def test_a_daemon_does_not_outlive_its_run(tmp_path: Path, level: Level) -> None:
    run(caged_job(tmp_path / "run", DAEMON, level))
    assert running(DAEMON) == []


def running(code: str) -> list[int]:
    """Processes of Python that execute this code."""
    return [process.pid for process in psutil.process_iter() if code in command_of(process)]


def test_a_killed_supervisor_takes_the_run_along(tmp_path: Path, level: Level) -> None:
    """A sealed run's daemons go with it, wherever they hid; below that whoever collects the run looks for them."""
    executor = LocalExecutor()
    job = caged_job(tmp_path / "run", DAEMON + "open('ready', 'w').close(); time.sleep(600)", level)
    handle = executor.submit(job)
    until(lambda: (tmp_path / "run" / "work" / "ready").exists())
    family = inside(handle.pid)
    leader = next(process for process in family if process.pid == os.getpgid(process.pid))
    os.kill(handle.pid, signal.SIGKILL)
    if level == "sealed":
        until(lambda: all(gone(process.pid) for process in family))
    until(lambda: gone(leader.pid) and executor.poll(handle).state == "lost")
    assert executor.collect(handle).failure.kind == "lost"
    for process in family:
        if not gone(process.pid):
            assert level != "sealed"
            process.kill()


@pytest.mark.parametrize("level", ["limits", "sealed"])
def test_a_supervisor_killed_while_it_makes_the_cage_leaves_nothing(tmp_path: Path, level: Level) -> None:
    needs(level)
    executor = LocalExecutor()
    for number in range(12):
        job = caged_job(tmp_path / f"run{number}", "import time; time.sleep(600)  # " + str(tmp_path), level)
        handle = executor.submit(job)
        time.sleep(0.012 * number)
        os.kill(handle.pid, signal.SIGKILL)
        assert wait(executor, handle) == "lost"
        executor.collect(handle)
    until(lambda: not [one for one in psutil.process_iter() if str(tmp_path) in command_of(one)])


def command_of(process: psutil.Process) -> str:
    """A process's command line; empty when it is gone or another's."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_fork_bomb_is_bounded(tmp_path: Path, level: Level) -> None:
    code = """
import os, time
try:
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(60)
except OSError as error:
    print("refused", error.errno, flush=True)
    raise SystemExit(5)
time.sleep(60)
"""
    record = run(caged_job(tmp_path / "run", code, level, processes=60, memory_bytes=8 * 2**30))
    told = record.failure.message
    assert "processes and threads of 60 allowed" in told or log(tmp_path / "run") == "refused 11\n", told


def test_memory_is_limited_for_one_process_and_for_all(tmp_path: Path, level: Level) -> None:
    one = run(caged_job(tmp_path / "one", "bytearray(900 * 2**20)", level, memory_bytes=500 * 2**20))
    assert one.failure.kind == "out-of-memory"
    code = "import os, time; all(os.fork() for _ in range(3)); held = bytearray(90 * 2**20); time.sleep(60)"
    every = run(caged_job(tmp_path / "every", code, level, memory_bytes=200 * 2**20))
    assert every.failure.message.endswith("MB of 200 MB allowed")


def test_the_cpu_time_of_the_whole_tree_is_measured(tmp_path: Path, level: Level) -> None:
    code = """
import os, time
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        spin(0.4)
        os._exit(0)
    os._exit(0)
os.close(write)
os.read(read, 1)
spin(0.4)
"""
    assert 0.8 <= run(caged_job(tmp_path / "run", code, level)).cpu_seconds < 2.5


def test_a_cage_that_does_not_hold_starts_nothing(tmp_path: Path) -> None:
    """The plan says what must hold; what the last step finds decides."""
    needs("sealed")
    for name, cut in (("bare", 0), ("broken", None)):
        job = caged_job(tmp_path / name, "open('started', 'w').close()")
        spec = prepare(job)
        command = spec["cage"]["command"]
        if cut is None:
            command[command.index("--proc") : command.index("--proc") + 1] = ["--no-such-flag"]
        else:
            del command[: command.index("--") + 1]
        executor = LocalExecutor()
        handle = executor._start(spec)
        wait(executor, handle)
        expected = "does not hold .mount namespace: mnt is the machine's own" if cut == 0 else "cage could not be made"
        with pytest.raises(ExecutorError, match=expected):
            executor.collect(handle)
        assert not (tmp_path / name / "work" / "started").exists()


def test_a_required_level_that_is_not_reached_is_an_error_of_the_machine(tmp_path: Path) -> None:
    job = caged_job(tmp_path / "run", "open('started', 'w').close()", "limits", require="files")
    with pytest.raises(ExecutorError, match="its cage would be limits, and files is required"):
        LocalExecutor().submit(job)
    assert list((tmp_path / "run" / "work").iterdir()) == []
    assert private_folders(job) == []


def test_only_what_is_linked_is_seen_of_the_data(tmp_path: Path) -> None:
    needs("sealed")
    for name in ("tokenizer", "train", "validation"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "shard").write_text(name)
    code = (
        "import os, sys; links = sys.argv[1]; print(sorted(os.listdir(links)), "
        "open(links + '/train/shard').read(), sorted(os.listdir(os.path.realpath(links + '/train') + '/..')))\n"
        "try: open(links + '/mine', 'w')\nexcept OSError: print('closed')"
    )
    links = {name: str(tmp_path / "data" / name) for name in ("tokenizer", "train")}
    run(caged_job(tmp_path / "run", code, command=["{python}", "-c", code, "{links}"], links=links))
    assert log(tmp_path / "run") == "['tokenizer', 'train'] train ['tokenizer', 'train']\nclosed\n"


def test_what_is_hidden_stays_hidden_inside_of_what_may_be_read(tmp_path: Path) -> None:
    for name in ("open", "open/closed", "open/closed/again"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    read, hidden = [str(tmp_path / "open"), str(tmp_path / "open/closed/again")], [str(tmp_path / "open" / "closed")]
    code = f"""
for name in ("open", "open/closed", "open/closed/again"):
    try: print(open({str(tmp_path)!r} + "/" + name + "/file").read())
    except OSError as error: print(type(error).__name__)
"""
    needs("sealed")
    run(caged_job(tmp_path / "run", code, read=read, hidden=hidden))
    assert log(tmp_path / "run") == "open\nFileNotFoundError\nopen/closed/again\n"
    bare = forecast(Cage(level="offline", read=read, hidden=hidden))
    assert bare.level == "limits"
    assert next(one for one in bare.layers if one.name == "landlock").detail == (
        f"{hidden[0]} lies in {read[0]}, which must be readable"
    )


def test_a_folder_filled_before_is_read_below_home(tmp_path: Path, level: Level) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "kernel.so").write_text("machine code")
    code = """
import os
place = os.environ["HOME"] + "/.cache/kernels"
print(open(place + "/kernel.so").read())
try: print(open(place + "/planted", "w"))
except OSError as error: print("closed")
"""
    run(caged_job(tmp_path / "run", code, level, home={".cache/kernels": str(tmp_path / "kernels")}))
    assert log(tmp_path / "run").startswith("machine code\n")
    assert log(tmp_path / "run").endswith("closed\n") or level == "limits"


def test_the_compilers_cache_is_the_runs_own_and_a_compiler_is_there(tmp_path: Path, level: Level) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    code = """
import os, subprocess
from torch._inductor.runtime.cache_dir_utils import cache_dir
assert cache_dir().startswith(os.environ["TMPDIR"]), cache_dir()
open("a.c", "w").write('#include <stdio.h>\\nint main() { puts("compiled"); }')
subprocess.run(["cc", "a.c", "-o", "a"], check=True)
subprocess.run(["./a"], check=True)
"""
    environment = ENVIRONMENT | {"PATH": os.defpath}
    record = run(caged_job(tmp_path / "run", code, level, environment=environment))
    assert record.exit_code == 0, log(tmp_path / "run")
    assert log(tmp_path / "run") == "compiled\n"


def test_a_candidate_sees_neither_the_package_nor_its_session(tmp_path: Path) -> None:
    needs("sealed")
    hidden = Path(paths.package_root())
    code = f"import os; os.chdir({str(hidden)!r}); print(sorted(os.listdir('dialectic')), os.path.exists('README.md'))"
    if hidden.name == "site-packages":
        pytest.skip("an installed package is among the libraries")
    run(caged_job(tmp_path / "run", code))
    assert log(tmp_path / "run") == "['sandbox'] False\n"


@pytest.mark.parametrize(
    ("applied", "level"),
    [
        ([], "none"),
        (["landlock"], "none"),
        (["resource limits", "system-call filter"], "limits"),
        (["resource limits", "landlock"], "files"),
        (["resource limits", "landlock", "system-call filter"], "offline"),
        (["resource limits", "sandbox-exec"], "offline"),
        (["resource limits", "mount namespace", "network namespace"], "offline"),
        (["resource limits", *levels.WRAPPED], "sealed"),
    ],
)
def test_layers_make_a_level_only_together(applied: list[str], level: Level) -> None:
    assert levels.reached(applied) == level


ORDINARY = """
import json, sys, tempfile
from pathlib import Path
from dialectic.executors.local import LocalExecutor
from tests.sandbox.conftest import caged_job, run
told = []
for level in ("offline", "sealed"):
    folder = Path(tempfile.mkdtemp()) / "run"
    code = "import os; print(os.getuid(), sorted(os.listdir('/')) if %r == 'sealed' else '')" % level
    record = run(caged_job(folder, code, level))
    told.append([record.cage.level, record.exit_code, (folder / "run.log").read_text().split()[0]])
print(json.dumps(told))
"""


def test_an_ordinary_user_gets_the_same_levels(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("whoever runs this is one: every other test here shows it")
    needs("sealed")
    python = next(
        (one for one in (sys.executable, "/usr/bin/python3") if not paths.closed([os.path.realpath(one)], ways=True)),
        "",
    )
    version = subprocess.run([python or "false", "-V"], capture_output=True, text=True, check=False).stdout
    if version.split()[-1:] != [".".join(map(str, sys.version_info[:2])) + version[version.rfind(".") :].strip()]:
        pytest.skip("no Python of this version is open to other users")
    root = Path(__file__).parents[2]
    found = [str(root), *(path for path in sys.path if path.endswith("site-packages"))]
    if blocked := paths.closed(found, ways=True):
        pytest.skip(f"{blocked} is closed to other users")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65_534, 65_534)
        environment = {
            "PYTHONPATH": ":".join(found),
            "TMPDIR": folder,
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [python, "-c", ORDINARY],
            user=65_534,
            group=65_534,
            extra_groups=[],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["offline", 0, "65534"], ["sealed", 0, "65534"]]


LIAR = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


@pytest.mark.parametrize(
    ("program", "state", "detail"),
    [
        (None, "absent", "not installed: apt, dnf or pacman install bubblewrap"),
        ("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n", "failed", "bubblewrap: bwrap: No permissions"),
        (LIAR, "failed", "bubblewrap: the namespaces are the machine's own"),
    ],
)
def test_without_namespaces_the_rest_holds_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, state: str, detail: str
) -> None:
    if program is not None:
        (tmp_path / "bwrap").write_text(program)
        (tmp_path / "bwrap").chmod(0o755)
    less = forecast(Cage(level="offline"))
    monkeypatch.setenv("PATH", str(tmp_path))
    survey.cache_clear()
    try:
        record = forecast(Cage())
    finally:
        survey.cache_clear()
    told = {layer.name: (layer.state, layer.detail) for layer in record.layers}
    assert [told[name] for name in levels.WRAPPED] == [(state, detail)] * 3
    assert record.level == less.level
    assert {name for name, one in told.items() if one[0] == "applied"} == {
        layer.name for layer in less.layers if layer.state == "applied"
    }


def test_packages_installed_in_place_are_found_but_not_a_whole_home(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "site-packages").mkdir()
    lines = [tmp_path / "library", tmp_path / "gone", Path.home(), paths.package_root(), "import sys"]
    (tmp_path / "site-packages" / "some.pth").write_text("\n".join(map(str, lines)))
    assert paths._installed_elsewhere(tmp_path / "site-packages") == [str(tmp_path / "library")]


def test_a_command_that_is_not_there_is_told_through_the_cage(tmp_path: Path, level: Level) -> None:
    executor, job = LocalExecutor(), caged_job(tmp_path / "run", "", level, command=["/no/such/python"])
    handle = executor.submit(job)
    wait(executor, handle)
    with pytest.raises(ExecutorError, match="could not be started: /no/such/python: No such file"):
        executor.collect(handle)
