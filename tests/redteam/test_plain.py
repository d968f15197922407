"""Attacks are real: where nothing stops them they reach their goals."""

from __future__ import annotations

import pytest

from tests.redteam.attacks import ARCHIVES, ATTACKS, CLAIMS, DATA, MACHINE, REACH
from tests.redteam.ground import Ground
from tests.redteam.plain import PlainScorer, attack_plainly

TRAINED = ("memorised-validation", "custom-operator", "trained-afterwards")
"""Those that train take seconds each; ``python -m benchmarks.redteam plain`` runs them all."""
LONG = ("fifo", "hangs", "deaf", "archive-bomb", "hungry-weight")
"""Those that are seen by waiting, or by filling memory."""
GRAPHS = (
    "leak-of-real-text",
    "leak-after-checks",
    "nested-leak",
    "not-a-number",
    "neighbour-row",
    "bomb",
    "file-operator",
)
"""One of each kind of those that hand over a graph."""
QUICK = [
    attack.name
    for group in (CLAIMS, DATA, REACH, MACHINE, ARCHIVES)
    for attack in group
    if not attack.trains and attack.name not in LONG
]


@pytest.mark.parametrize("name", [*QUICK, *GRAPHS, *TRAINED, "hangs"])
def test_an_attack_reaches_its_goal_on_a_plain_runner(
    name: str, plain_ground: Ground, plain_scorer: PlainScorer, incumbent: tuple[bytes, float], honest: str
) -> None:
    done = attack_plainly(ATTACKS[name], plain_ground, plain_scorer, incumbent, honest)
    assert done.reached, done.outcome.log[-2000:]
    assert plain_ground.survivors() == []
    assert plain_ground.stashes() == []
