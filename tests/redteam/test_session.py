"""The same attacks in a session, past the static signs: none reaches its goal, moves the incumbent or harms a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dialectic.sandbox.plan import forecast
from dialectic.state.cage import Cage
from tests.redteam.arena import Arena, Fate
from tests.redteam.attacks import ARCHIVES, ATTACKS, CLAIMS, DATA, MACHINE, REACH

TRAINED = ("printed-score", "memorised-validation", "full-attention", "trained-afterwards")
"""One of each kind of those that train; ``python -m benchmarks.redteam session`` runs them all."""
LOADED = ("leak-of-real-text", "leak-after-checks", "nested-leak", "not-a-number", "neighbour-row", "huge-vocabulary")
"""One of each kind of those that are rejected by their logits; the scorer's own tests hold the others."""
QUICK = [attack.name for group in (CLAIMS, DATA, REACH, MACHINE) for attack in group if not attack.trains]
FORGED = [attack.name for attack in ARCHIVES]

sealed = pytest.mark.skipif(
    sys.platform != "linux" or not forecast(Cage()).reaches("sealed"),
    reason="this machine has not the whole cage: what each level holds is tested in tests/sandbox",
)
ENDS = {"rejected", "failed", "timed_out", "completed"}


def held(arena: Arena, name: str) -> Fate:
    """Let an attack loose and see that it comes to nothing."""
    fate = arena.let_loose(ATTACKS[name])
    assert fate.status in ENDS
    assert fate.held, f"reached {fate.reached}, kept {fate.kept}, spoiled {fate.spoiled}: {fate.told}"
    assert arena.house.incumbent_iteration == 1
    return fate


@sealed
@pytest.mark.parametrize("name", QUICK)
def test_an_attack_on_anything_outside_comes_to_nothing(name: str, arena: Arena) -> None:
    fate = held(arena, name)
    # It trained nothing and handed over nothing, or an untaught model.
    assert fate.status != "completed" or fate.outcome.score is not None


@sealed
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_runs_no_code_and_gets_no_score_of_a_lie(name: str, arena: Arena) -> None:
    fate = held(arena, name)
    assert fate.status in ("rejected", "failed", "completed")
    assert arena.ground.victim_bytes() == len("untouched\n")


@sealed
@pytest.mark.parametrize("name", LOADED)
def test_a_graph_that_is_no_language_model_is_rejected(name: str, arena: Arena) -> None:
    fate = held(arena, name)
    assert (fate.status, fate.failure) in {("rejected", "check"), ("failed", "score")}, fate.told


@sealed
@pytest.mark.parametrize("name", TRAINED)
def test_a_training_that_cheats_comes_to_nothing(name: str, arena: Arena) -> None:
    held(arena, name)


@sealed
def test_the_session_goes_on_after_all_of_them(arena: Arena, tmp_path: Path) -> None:
    house = arena.house
    assert [plan.iteration for plan, _, _ in house.history] == list(range(1, len(house.history) + 1))
    assert all(result is not None and result.summary_text for _, result, _ in house.history)
    assert arena.ground.survivors() == []
