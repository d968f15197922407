from __future__ import annotations

from dataclasses import replace

import pytest

from dialectic.agents.evidence import COMPARED, Evidence
from dialectic.agents.options import Search
from dialectic.state.briefing import ExperimentBrief
from tests.agents.world import World, profile

NOISE = 0.05
"""Of one run, as measured in a session of minutes on a CPU."""
HALVED = {
    "TOTAL_BATCH_SIZE": ("PROFILE.total_batch_size", "PROFILE.total_batch_size // 2"),
    "DEVICE_BATCH_SIZE": ("PROFILE.device_batch_size", "PROFILE.device_batch_size // 2"),
}


def measured(change: float, changed: dict[str, tuple[str, str]], iteration: int = 8) -> ExperimentBrief:
    return ExperimentBrief(
        experiment_id=f"s:{iteration:03d}",
        status="completed",
        val_bpb=2.2 + change,
        delta=change / 2,
        move_type="negate",
        decision="keep" if change < 0 else "discard",
        outcome="inconclusive",
        tension_ids=["steps-vs-gradient-quality"],
        polarity={},
        changed_knobs=changed,
        takeaway="",
        change=change,
    )


def evidence(*told: ExperimentBrief, **knobs: str) -> Evidence:
    """The surrogate after ``told``, where the incumbent has ``knobs``."""
    context = World(1, profile("cpu", NOISE)).context()
    briefing = context.briefing.model_copy(update={"recent": list(told), "incumbent_estimate": 2.2})
    return Search(replace(context, briefing=briefing, knobs={**context.knobs, **knobs})).evidence


HALF = {"TOTAL_BATCH_SIZE": "PROFILE.total_batch_size // 2"}


def test_a_clear_loss_outvotes_the_prior() -> None:
    assert evidence().predict(HALF)[0] < 0
    mean, sd = evidence(measured(0.17, HALVED)).predict(HALF)
    assert 0.1 < mean < 0.17
    # One run of it cannot tell it better than to within its noise, and no belief in small effects can either.
    assert 0.8 * COMPARED * NOISE < sd <= COMPARED * NOISE


@pytest.mark.parametrize("other", ["0.03", "0.06"])
def test_a_clear_loss_stays_one_in_a_combination_and_further_on(other: str) -> None:
    found = evidence(measured(0.17, HALVED))
    assert found.predict(HALF | {"MATRIX_LR": other})[0] > 0.05
    assert found.predict({"TOTAL_BATCH_SIZE": "PROFILE.total_batch_size // 4"})[0] > 0.1
    # The next one that was measured with it shares what it measured, and does not take the loss back.
    joint = measured(0.05, HALVED | {"MATRIX_LR": ("0.04", other)}, 10)
    assert evidence(measured(0.17, HALVED), joint).predict(HALF | {"MATRIX_LR": other})[0] > 0


def test_a_clear_loss_counts_when_the_incumbent_has_moved() -> None:
    moved = evidence(measured(0.17, HALVED), MATRIX_LR="0.06", DEPTH="5")
    assert moved.predict(HALF)[0] > 0.1
    # From the lost setting back: the same interval, the other way.
    back = evidence(measured(0.17, HALVED), **{knob: new for knob, (_, new) in HALVED.items()})
    assert back.predict({"TOTAL_BATCH_SIZE": "PROFILE.total_batch_size"})[0] < -0.1


def test_what_a_lever_alone_explains_is_not_laid_to_its_partner() -> None:
    joint = measured(0.17, HALVED | {"MATRIX_LR": ("0.04", "0.06")}, 10)
    alone = evidence(joint).predict({"MATRIX_LR": "0.06"})[0]
    explained = evidence(joint, measured(0.17, HALVED)).predict({"MATRIX_LR": "0.06"})[0]
    assert abs(explained) < abs(alone)


def test_what_was_foreseen_within_the_noise_changes_little() -> None:
    before, after = evidence().predict(HALF), evidence(measured(0.02, HALVED)).predict(HALF)
    assert after[0] == pytest.approx(before[0], abs=0.01)
    assert after[1] <= before[1]
