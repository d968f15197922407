"""Sessions that are killed with -9 at a random instant and resumed; tests and benchmarks share it.

The runner is the real command in a process of its own, forked from a server that has imported the program already, so
that a random instant falls into the session's work and not into its imports.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from dialectic.cli.border import call
from tests.masking import differences, masked

REPOSITORY = Path(__file__).resolve().parent.parent
SESSION = "night"
PATIENCE_SECONDS = 300.0
SETTLE_SECONDS = 0.3
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["dialectic.loop", "dialectic.cli.app", "dialectic.cli.run", "tests.killing"])

RESUME = ["--resume"]
SCRIPT: dict[str, Any] = {
    "agent": {"iterations": {"5": [{"fault": "invalid"}, {"knobs": {"MATRIX_LR": "0.05"}}]}},
    "executor": {
        "default": {"val_bpb": 2.0, "noise": 0.01, "wait": 0.1},
        "iterations": {
            "2": [{"failure": "out-of-memory", "training_started": False}, {"val_bpb": 1.95}],
            "3": {"failure": "nan"},
            "4": [{"failure": "crash", "training_started": False}, {"val_bpb": 1.9}],
            "5": {"val_bpb": 1.7},
            "6": {"val_bpb": 1.7},
        },
    },
}
"""A session in which something of every kind happens: keeps, a failure, a refusal, both second chances; with five
candidates also a close call, for which a run is bought again, and a final pair."""


@dataclass
class Killed:
    """How one killed and resumed session compares with the undisturbed one."""

    number: int
    instant: float
    """Seconds after the session's folder was there."""
    phase: str
    iteration: str
    """What ``live/state.json`` said when it was killed."""
    files: list[str]
    """Which of the iteration's files there were: plan, job, exit, score, result."""
    runs_before: int
    """Runs and scorings that had been started when the runner was killed."""
    pause: float = 0.0
    """Seconds without a runner."""
    started_again: list[str] = field(default_factory=list)
    """Those of them that were started once more although they were alive or had ended."""
    exit_code: int = -1
    differences: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        """Whether nothing tells the session from the undisturbed one, and nothing ran twice."""
        return self.exit_code == 0 and not self.differences and not self.started_again

    def to_json(self) -> dict[str, Any]:
        """As one piece of a benchmark."""
        return asdict(self) | {"fine": self.fine}


def research_folder(folder: Path, train_py: str, script: dict[str, Any] | None = None) -> Path:
    """A research folder in a git repository of its own, with a script when there is one."""
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(train_py, "utf-8")
    for name in ("prepare.py", "program.md"):
        shutil.copy(REPOSITORY / name, folder)
    if script is not None:
        (folder / "script.json").write_text(json.dumps(script), "utf-8")
    identity = ["-c", "user.name=A person", "-c", "user.email=person@localhost"]
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "train.py", "prepare.py", "program.md"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "first"], cwd=folder, check=True)
    return folder


def runner(root: Path, arguments: Sequence[str]) -> ForkServerProcess:
    """``dialectic run`` in ``root`` as a process; what it says goes to ``runner.log`` there."""
    process = SERVER.Process(target=_command, args=(["run", "--root", str(root), *arguments], str(root / "runner.log")))
    process.start()
    return process


def _command(arguments: list[str], log: str) -> None:
    with open(log, "ab", buffering=0) as stream:  # noqa: PTH123
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    sys.exit(call(arguments))


def whole_session(root: Path, arguments: Sequence[str], total: int) -> float:
    """Run an undisturbed session; seconds from the appearance of its folder to its end."""
    process = runner(root, [*arguments, "--iterations", str(total), "--session", SESSION])
    began = _appeared(root, process)
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == 0, (root / "runner.log").read_text("utf-8")
    return time.monotonic() - began


def kill(number: int, root: Path, arguments: Sequence[str], total: int, within: float) -> Killed | None:
    """Start or resume a session and kill it at a random instant of ``within`` seconds; None when it ended before."""
    instant = random.Random(number).uniform(0.0, within)
    process = runner(root, [*arguments, "--iterations", str(total), "--session", SESSION])
    time.sleep(max(_appeared(root, process) + instant - time.monotonic(), 0.0))
    process.kill()
    process.join()
    if process.exitcode == 0:
        return None
    # A supervisor that was never let go notices that its runner is gone, and ends.
    time.sleep(SETTLE_SECONDS)
    return _look(root, number, instant)


def resume(killed: Killed, root: Path, total: int, longest_pause: float) -> Killed:
    """Let the killed session go on to its end, after a random time without a runner."""
    handles = _handles(root)
    killed.pause = round(random.Random(-1 - killed.number).uniform(0.0, longest_pause), 3)
    time.sleep(killed.pause)
    process = runner(root, [*RESUME, "--session", SESSION, "--iterations", str(total)])
    process.join(PATIENCE_SECONDS)
    killed.exit_code = process.exitcode if process.exitcode is not None else -1
    after = _handles(root)
    killed.started_again = sorted(name for name, handle in handles.items() if after.get(name) != handle)
    return killed


def repeats_and_pairs(root: Path) -> tuple[int, int]:
    """How many runs the session made again, beside the baseline's, and how many for its final pairs."""
    session = root / "experiment_logs" / SESSION
    again = [path for path in session.glob("iterations/*/execution/runs/*/exit.json") if path.parts[-5] != "001"]
    return len(again), len(list(session.glob("confirm/*/exit.json")))


def compare(killed: Killed, root: Path, whole: Path) -> Killed:
    """Fill in what tells the resumed session from the undisturbed one."""
    killed.differences = differences(masked(whole), masked(root))
    return killed


def _appeared(root: Path, process: ForkServerProcess) -> float:
    """Wait for the session's first file; the moment when it was there."""
    folder = root / "experiment_logs" / SESSION
    while not folder.exists():
        assert process.exitcode is None, (root / "runner.log").read_text("utf-8")
        time.sleep(0.005)
    return time.monotonic()


def _look(root: Path, number: int, instant: float) -> Killed:
    session = root / "experiment_logs" / SESSION
    live = session / "live" / "state.json"
    state = json.loads(live.read_text("utf-8")) if live.exists() else {}
    label = state.get("current_iteration_label", "000")
    folder = session / "iterations" / label
    places = {
        "plan": "plan.json",
        "job": "execution/job.json",
        "exit": "execution/exit.json",
        "score": "execution/score/exit.json",
        "result": "result.json",
    }
    files = [name for name, place in places.items() if (folder / place).exists()]
    phase = state.get("phase", "opening")
    if phase == "run" and state["k"] > 1:
        phase = "run again"
    return Killed(number, round(instant, 3), phase, label, files, len(_handles(root)))


def _handles(root: Path) -> dict[str, str]:
    """Job id → saved handle, of jobs whose process was let go: those that run or that have ended.

    By the job's id, not by its folder: a second chance moves the first attempt's run away and takes its place.
    """
    from dialectic.executors.handles import alive
    from dialectic.state.files import read_record
    from dialectic.state.run import JobHandle

    found = {}
    for path in (root / "experiment_logs" / SESSION).rglob("job.json"):
        handle = read_record(path, JobHandle)
        ended = any((path.parent / name).exists() for name in ("exit.json", "work/scripted-exit.json"))
        if ended or alive(handle):
            found[handle.job_id] = path.read_text("utf-8")
    return found
