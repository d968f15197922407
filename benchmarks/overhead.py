"""What an iteration costs beside its training: start, export, score and bookkeeping, in seconds of wall time.

    python -m benchmarks.overhead                          five iterations of the cpu profile at a budget of 10 s
    python -m benchmarks.overhead --profile smoke --iterations 20

A real session runs in a temporary research folder; the split comes from the times that its files carry. ``start`` is
from the start of the process to the start of the training clock, ``export`` from the clock's end to the end of the
process, ``score`` the scorer's process, ``bookkeeping`` everything else: prepare, plan, verdict, reflect, result,
knowledge base, git, and waiting for processes to be seen. ``cage`` is part of ``start`` and of ``score`` and stands
beside them: what the cage adds to the start of a process, the median of pairs of ``python -c pass`` through the local
executor, with and without it.

    python -m benchmarks.overhead --only-cage              that row alone
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from benchmarks.bench import RESULTS, ROOT, machine, save
from dialectic.executors.local import LocalExecutor
from dialectic.sandbox.plan import forecast
from dialectic.state.cage import LEVELS, Cage, Level
from dialectic.state.run import Job, Limits

PARTS = ("start", "training", "export", "score", "bookkeeping")


def seconds(stamp: str) -> float:
    """An ISO 8601 time as seconds since the epoch."""
    return datetime.fromisoformat(stamp).timestamp()


def lines(path: Path) -> list[dict[str, object]]:
    """The objects of an NDJSON file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def span(folder: Path) -> tuple[float, float]:
    """Start and end of a job's process."""
    ended = json.loads((folder / "exit.json").read_text("utf-8"))
    return seconds(ended["started_at"]), seconds(ended["ended_at"])


def split(execution: Path, whole: float) -> dict[str, float]:
    """The parts of one iteration whose wall time is ``whole``; it ran once."""
    begun, ended = span(execution)
    score_begun, score_ended = span(execution / "score")
    events = lines(execution / "live-events.ndjson")
    first = next(event for event in events if event["type"] == "train_step")
    clock = seconds(str(first["timestamp"])) - float(str(first["step_dt_ms"])) / 1000
    stopped = seconds(next(str(event["timestamp"]) for event in events if event["type"] == "eval_started"))
    parts = {
        "start": clock - begun,
        "training": stopped - clock,
        "export": ended - stopped,
        "score": score_ended - score_begun,
    }
    return parts | {"bookkeeping": whole - sum(parts.values())}


def measure(profile: str, iterations: int, budget: float) -> list[dict[str, float]]:
    """Run a session and split every candidate's iteration; the baseline's first imports are not counted."""
    with tempfile.TemporaryDirectory(prefix="dialectic-overhead-") as name:
        root = Path(name)
        for file in ("train.py", "prepare.py", "program.md"):
            shutil.copy(ROOT / file, root)
        subprocess.run(["git", "init", "-q", name], check=True)
        command = [sys.executable, "-m", "dialectic", "run", "--root", name, "--session", "overhead", "--no-adopt"]
        flags = ["--profile", profile, "--budget", str(budget), "--iterations", str(iterations)]
        subprocess.run([*command, *flags], check=True, cwd=ROOT)
        session = root / "experiment_logs" / "overhead"
        events = lines(session / "live" / "events.ndjson")
        marks = [event for event in events if event["type"] in ("prepare_started", "session_completed")]
        found = []
        for begin, end in itertools.pairwise(marks):
            execution = session / "iterations" / str(begin["iteration_label"]) / "execution"
            if begin["iteration_label"] != "001" and (execution / "score" / "exit.json").exists():
                whole = seconds(str(end["timestamp"])) - seconds(str(begin["timestamp"]))
                found.append(split(execution, whole))
    return found


def start_once(folder: Path, cage: Cage | None) -> tuple[float, float]:
    """Seconds of wall and of CPU time that ``python -c pass`` takes from start to end, as the supervisor measures."""
    job = Job(
        job_id="overhead:000:1",
        folder=str(folder),
        command=["{python}", "-I", "-S", "-c", "pass"],
        environment={"HOME": "{private}/home", "TMPDIR": "{private}/tmp", "LANG": "C.UTF-8"},
        limits=Limits(wall_seconds=60, memory_bytes=2**32),
        cage=cage,
    )
    executor = LocalExecutor()
    handle = executor.submit(job)
    while executor.poll(handle).state == "running":
        time.sleep(0.005)
    record = executor.collect(handle)
    return record.wall_seconds, record.cpu_seconds


def measure_cage(pairs: int) -> dict[str, object]:
    """What each level adds to a start: medians over ``pairs`` of starts, in turns, so that other load meets both."""
    with tempfile.TemporaryDirectory(prefix="dialectic-overhead-") as name:
        labels: list[Level] = list(LEVELS)
        found: dict[str, list[tuple[float, float]]] = {label: [] for label in labels}
        began = time.perf_counter()
        reached = forecast(Cage())
        trial = time.perf_counter() - began
        for number in range(pairs + 1):
            for label in labels:
                took = start_once(Path(name) / f"{label}-{number}", Cage(level=label))
                if number:  # the first of each fills the disk's cache
                    found[label].append(took)
    told: dict[str, object] = {"pairs": pairs, "reached": reached.level, "trial_seconds": trial}
    for which, kind in enumerate(("wall", "cpu")):
        told[f"median_{kind}_seconds"] = {one: statistics.median(t[which] for t in found[one]) for one in labels}
        told[f"added_{kind}_seconds"] = {
            one: statistics.median(b[which] - a[which] for a, b in zip(found["none"], found[one], strict=True))
            for one in labels[1:]
        }
    return told


def print_cage(told: dict[str, object]) -> None:
    """The row of the cage, a level a line."""
    wall, cpu = told["added_wall_seconds"], told["added_cpu_seconds"]
    assert isinstance(wall, dict)
    assert isinstance(cpu, dict)
    for level in wall:
        added = f"{1000 * wall[level]:.1f} ms added to a start, {1000 * cpu[level]:.1f} ms of CPU time"
        print(f"{'cage ' + level:12} {added} ({told['pairs']} pairs)")


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--budget", type=float, default=10.0)
    parser.add_argument("--pairs", type=int, default=21, help="starts with and without the cage")
    parser.add_argument("--only-cage", action="store_true")
    arguments = parser.parse_args()
    facts = machine()
    cage = measure_cage(arguments.pairs)
    if arguments.only_cage:
        print_cage(cage)
        save(RESULTS / "overhead" / "cage.json", {"cage": cage, "machine": facts})
        return
    found = measure(arguments.profile, arguments.iterations, arguments.budget)
    print(f"{'part':12} {'median s':>9} {'min':>7} {'max':>7}   ({len(found)} iterations)")
    for part in PARTS:
        values = [one[part] for one in found]
        print(f"{part:12} {statistics.median(values):9.2f} {min(values):7.2f} {max(values):7.2f}")
    print_cage(cage)
    overhead = [sum(one[part] for part in PARTS if part != "training") for one in found]
    print(f"{'overhead':12} {statistics.median(overhead):9.2f} {min(overhead):7.2f} {max(overhead):7.2f}")
    result = {
        "profile": arguments.profile,
        "budget": arguments.budget,
        "iterations": found,
        "cage": cage,
        "machine": facts,
    }
    save(RESULTS / "overhead" / f"{arguments.profile}.json", result)


if __name__ == "__main__":
    main()
