"""A runner that is killed with -9 at any instant loses nothing: the resumed session equals an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import killing

KILLS = 6
TOTAL = 5
SCRIPTED = ["--profile", "smoke", "--pairs", "1", "--agent", "scripted", "--executor", "scripted", "--script"]


def test_killed_at_random_instants_and_resumed_it_equals_an_undisturbed_session(
    tmp_path: Path, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session, killed again and again; ``python -m benchmarks.kill`` kills fifty and ten of them."""
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    train_py = (killing.REPOSITORY / "train.py").read_text("utf-8")
    whole, root = (killing.research_folder(tmp_path / name, train_py, killing.SCRIPT) for name in ("whole", "killed"))
    within = killing.whole_session(whole, [*SCRIPTED, str(whole / "script.json")], TOTAL)
    assert killing.repeats_and_pairs(whole) == (1, 2)
    killed = killing.kill(0, root, [*SCRIPTED, str(root / "script.json")], TOTAL, within / 2)
    assert killed is not None
    for number in range(1, KILLS):
        killed = killing.kill(number, root, killing.RESUME, TOTAL, within / 2) or killed
    killing.compare(killing.resume(killed, root, TOTAL, 0.0), root, whole)
    assert killed.fine, f"{killed}\n" + (root / "runner.log").read_text("utf-8")
