"""The clock cannot be stretched: processes that work outside of it, each measured by a real supervisor."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dialectic.executors.local import LocalExecutor
from dialectic.loop.clock import Yardstick, beside, doubts, false_claim, overspent
from dialectic.state.run import Job, Limits, RunRecord
from dialectic.state.session import ProfileFacts
from tests.loop.conftest import REPOSITORY

BUDGET = 0.5

START = """
import os, sys, threading, time
import prepare

def work(seconds, clock=time.thread_time):
    until = clock() + seconds
    while clock() < until:
        sum(range(1000))

def summary(seconds):
    print("---")
    print(f"training_seconds: {seconds}")

work(0.1)
"""
"""What a train.py does before it trains; work stands for update steps."""
TRAIN = """
clock = prepare.Clock()
clock.start()
while clock.elapsed() < prepare.PROFILE.time_budget:
    work(0.01)
"""
END = "summary(clock.elapsed())\n"
CHEATED = 4.0
"""CPU seconds that a cheat works more: eight times the budget."""

CHEATS = {
    "in warm-up": START + f"work({CHEATED})" + TRAIN + END,
    "after the clock": START + TRAIN + "told = clock.elapsed()\n" + f"work({CHEATED})\nsummary(told)\n",
    "in a thread": START
    + f"thread = threading.Thread(target=work, args=({CHEATED},))\nthread.start()"
    + TRAIN
    + "told = clock.elapsed()\nthread.join()\nsummary(told)\n",
    "in children that are waited for late": START
    + f"import subprocess\ncode = 'import time\\nwhile time.process_time() < {CHEATED / 2}: pass'\n"
    + "children = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(2)]"
    + TRAIN
    + "told = clock.elapsed()\n[child.wait() for child in children]\nsummary(told)\n",
    "in an orphan": START
    + f"if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        work({CHEATED})\n"
    + "        open('done', 'w').close()\n    os._exit(0)\n"
    + TRAIN
    + "told = clock.elapsed()\nwhile not os.path.exists('done'):\n    time.sleep(0.05)\nsummary(told)\n",
    "in atexit": START + f"import atexit\natexit.register(work, {CHEATED})" + TRAIN + END,
    "with patched os.times": START + "real = os.times\nos.times = lambda: [x / 10 for x in real()]\n" + TRAIN + END,
    "with a changed clock": START + "prepare.Clock._now = lambda self: sum(os.times()[:4]) / 10\n" + TRAIN + END,
    "with another number of cores": START + "prepare.GRANTED_CORES = 10\n" + TRAIN + END,
    "with another budget": START + "object.__setattr__(prepare.PROFILE, 'time_budget', 9)\n"
    "own = prepare.PROFILES['smoke']\nobject.__setattr__(own, 'time_budget', 5.0)\n"
    "os.environ.pop('DIALECTIC_BUDGET')\n" + TRAIN + END,
}


def facts(clock: str = "cpu", budget: float = BUDGET, **values: object) -> ProfileFacts:
    return ProfileFacts.model_validate(
        {
            "name": "smoke",
            "device": "cpu",
            "sequence_length": 64,
            "vocab_size": 512,
            "time_budget": budget,
            "clock": clock,
            "eval_tokens": 8192,
            "noise_sigma": 0.05,
            "values": values,
            "reason": "",
            "cores": 1.0,
        }
    )


def run(text: str, folder: Path) -> RunRecord:
    """The record of a train.py of this text, by the local executor, on one core."""
    folder.mkdir()
    (folder / "text.py").write_text(text, "utf-8")
    job = Job(
        job_id="s:002:1",
        folder=str(folder),
        command=["{python}", "train.py"],
        inputs={"train.py": str(folder / "text.py"), "prepare.py": str(REPOSITORY / "prepare.py")},
        outputs=["live-events.ndjson"],
        environment={
            "HOME": "{private}/home",
            "DIALECTIC_PROFILE": "smoke",
            "DIALECTIC_BUDGET": str(BUDGET),
            "DIALECTIC_LIVE_EVENTS": "{work}/live-events.ndjson",
        },
        limits=Limits(wall_seconds=120, memory_bytes=2**34),
        cores=1,
    )
    executor = LocalExecutor()
    handle = executor.submit(job)
    while executor.poll(handle).state == "running":
        time.sleep(0.05)
    return executor.collect(handle)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Yardstick:
    """What the baseline needed beside its training."""
    record = run(START + TRAIN + END, tmp_path_factory.mktemp("base") / "run")
    assert record.status == "completed", record.failure
    assert overspent(facts(), record, Yardstick()) is None
    return Yardstick(beside(facts(), record))


def test_the_baseline_is_the_yardstick_and_passes_by_it(base: Yardstick, tmp_path: Path) -> None:
    assert 0.05 < base.beside_seconds < 3
    again = run(START + TRAIN + END, tmp_path / "run")
    assert again.status == "completed"
    assert overspent(facts(), again, base) is None
    assert false_claim(facts(), again, base) is None
    assert doubts(facts(), again, tmp_path / "run", base) == []


@pytest.mark.parametrize("cheat", CHEATS)
def test_work_outside_of_the_clock_is_seen_from_outside(cheat: str, base: Yardstick, tmp_path: Path) -> None:
    record = run(CHEATS[cheat], tmp_path / "run")
    assert record.status == "completed", record.failure
    failure = overspent(facts(), record, base)
    assert failure is not None
    assert failure.kind == "timeout"
    assert "measured from outside" in failure.message


def record_of(
    cpu: float = 64.0, wall: float = 70.0, told: dict[str, float] | None = None, handed: dict[str, float] | None = None
) -> RunRecord:
    return RunRecord(
        execution_id="s:002:1",
        status="completed",
        exit_code=0,
        metrics=told or {},
        handed_over=handed or {},
        started_at="",
        ended_at="",
        wall_seconds=wall,
        cpu_seconds=cpu,
        max_rss_mb=1.0,
    )


def two_cores(clock: str = "cpu", **values: object) -> ProfileFacts:
    return facts(clock, 60.0, **values).model_copy(update={"cores": 2.0})


BASE = Yardstick(beside_seconds=3.0, tokens_per_second=10_000.0)


@pytest.mark.parametrize(
    ("cpu_seconds", "refused"),
    # Two cores: 60 s, 3 s as the baseline, and 1.8 + 1.5 + 0.5 s to spare.
    [(126, False), (131, False), (133.5, False), (133.7, True), (420, True)],
)
def test_what_is_allowed_on_the_cpu_clock(cpu_seconds: float, refused: bool) -> None:
    assert (overspent(two_cores(), record_of(cpu_seconds), BASE) is not None) == refused


@pytest.mark.parametrize(
    ("wall", "compiles", "refused"), [(66, False, False), (68, False, True), (90, True, False), (98, True, True)]
)
def test_what_is_allowed_on_the_wall_clock(wall: float, compiles: bool, refused: bool) -> None:
    failure = overspent(two_cores("wall", compile=compiles), record_of(900.0, wall), BASE)
    assert (failure is not None) == refused


def test_without_a_yardstick_the_limit_is_wide() -> None:
    assert overspent(two_cores(), record_of(250.0), Yardstick()) is None
    assert overspent(two_cores(), record_of(280.0), Yardstick()) is not None


def test_the_baselines_word_for_its_training_is_the_preparers_before_the_files_own() -> None:
    assert beside(two_cores(), record_of(126.0)) == 0.0
    assert beside(two_cores(), record_of(126.0, told={"training_seconds": 61.0})) == 2.0
    handed = {"training_seconds_elapsed": 60.0}
    assert beside(two_cores(), record_of(126.0, told={"training_seconds": 1.0}, handed=handed)) == 3.0


def test_a_claim_of_less_time_than_was_seen_is_refused() -> None:
    low = record_of(126.0, told={"training_seconds": 30.0})
    failure = false_claim(two_cores(), low, BASE)
    assert failure is not None
    assert (failure.kind, overspent(two_cores(), low, BASE)) == ("claims", None)
    assert "30.0 s" in failure.message
    assert "63.0 s of CPU time a core" in failure.message
    assert false_claim(two_cores(), record_of(126.0, told={"training_seconds": 60.1}), BASE) is None
    assert false_claim(two_cores(), record_of(126.0), BASE) is None
    assert false_claim(two_cores(), low, replace(BASE, beside_seconds=0.0)) is None


def events(folder: Path, *steps: tuple[str, float]) -> None:
    lines = [
        {"type": "train_step", "timestamp": f"2026-11-21T10:{at}Z", "seq": n, "training_seconds_elapsed": elapsed}
        for n, (at, elapsed) in enumerate(steps)
    ]
    (folder / "live-events.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


HONEST = {"training_seconds": 60.0, "total_tokens_M": 0.6}


@pytest.mark.parametrize(
    ("told", "steps", "expected"),
    [
        (HONEST, [("00:01.000", 1.0), ("01:00.000", 60.0)], ""),
        (HONEST, [("00:01.000", 1.0), ("03:00.000", 60.0)], ""),  # others used the machine
        (HONEST, [("00:01.000", 1.0), ("00:31.000", 60.0)], "counted 59.0 s between two steps that are 30.0 s apart"),
        (HONEST, [("no time", 1.0), ("00:31.000", 60.0)], ""),
        (HONEST | {"training_seconds": 66.0}, [], "trained for 66.0 s, and used 63.0 s in all|"),
        (HONEST | {"training_seconds": 90.0}, [], "trained for 90.0 s, and used 63.0 s in all"),
        (HONEST | {"training_seconds": 40.0}, [("00:01.000", 1.0), ("01:00.000", 60.0)], "told of 60.0 s before"),
        (HONEST | {"total_tokens_M": 1.2}, [], "saw 1,200,000 tokens, and the dataloader gave out 604,096"),
        (HONEST | {"total_tokens_M": 60.0}, [], "1,000,000 tokens a second, 100 times as many as the baseline"),
        ({}, [], ""),
    ],
)
def test_claims_that_do_not_agree_are_told(
    told: dict[str, float], steps: list[tuple[str, float]], expected: str, tmp_path: Path
) -> None:
    events(tmp_path, *steps)
    record = record_of(126.0, told=told, handed={"tokens_delivered": 604_096.0})
    found = [str(sign) for sign in doubts(two_cores(), record, tmp_path, BASE)]
    if not expected or expected.endswith("|"):
        assert found == []
    else:
        assert any(expected in text for text in found), found
