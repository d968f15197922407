"""The two clocks of the time budget."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest

import prepare

CPU = replace(prepare.PROFILES["cpu"], clock="cpu")
WALL = replace(prepare.PROFILES["cpu"], clock="wall")


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_cpu_clock_counts_work_and_not_waiting() -> None:
    clock = prepare.Clock(CPU)
    clock.start()
    time.sleep(0.2)
    waited = clock.elapsed()
    burn(0.3)
    worked = clock.elapsed() - waited
    assert waited < 0.05
    assert worked * prepare.GRANTED_CORES == pytest.approx(0.3, abs=0.1)


def test_the_cpu_clock_counts_children() -> None:
    clock = prepare.Clock(CPU)
    clock.start()
    code = "import time\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert clock.elapsed() * prepare.GRANTED_CORES >= 0.35


def test_the_wall_clock_counts_everything() -> None:
    clock = prepare.Clock(WALL)
    clock.start()
    time.sleep(0.1)
    assert 0.1 <= clock.elapsed() < 5


def test_a_thread_setting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    code = "import prepare; print(prepare.GRANTED_CORES)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=prepare.__file__[:-10]
    )
    assert float(done.stdout) == prepare.GRANTED_CORES


def test_a_clock_that_was_not_started() -> None:
    with pytest.raises(RuntimeError):
        prepare.Clock(WALL).elapsed()
