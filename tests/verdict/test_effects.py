"""The prior on effects: conserved probability, a monotone posterior, and learning from the session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialectic.verdict import Belief
from dialectic.verdict.effects import FIELD, SIZES, Prior, expected, learn, posterior
from tests.workspace.sample import PROFILE

MEASURED = st.floats(-1.0, 1.0)
VARIANCE = st.floats(1e-9, 1e-2)


@given(MEASURED, VARIANCE)
def test_the_posterior_is_a_distribution(measured: float, variance: float) -> None:
    effect = posterior(FIELD, measured, variance)
    assert 0 <= effect.better <= 1
    assert effect.variance >= 0
    assert effect.gain >= max(0.0, -effect.mean) * (1 - 1e-6)
    # It lies between nothing and what was measured, but for the prior's lean to the worse side.
    assert abs(effect.mean) <= abs(measured) + 3 * variance**0.5


@given(MEASURED, st.floats(1e-4, 0.1), VARIANCE)
def test_a_lower_number_never_speaks_for_a_worse_candidate(measured: float, lower: float, variance: float) -> None:
    one, other = posterior(FIELD, measured, variance), posterior(FIELD, measured - lower, variance)
    assert other.mean <= one.mean + 1e-9
    assert other.better >= one.better - 1e-9


@given(st.lists(MEASURED, max_size=8), VARIANCE)
def test_learning_conserves_probability(measured: list[float], variance: float) -> None:
    prior = FIELD
    for value in measured:
        prior = learn(prior, posterior(prior, value, variance))
    assert sum(prior.sizes) == pytest.approx(1, abs=1e-5)
    assert sum(prior.weights) == pytest.approx(1, abs=1e-5)
    for counts, before in zip(prior.counts, FIELD.counts, strict=True):
        assert sum(counts) == pytest.approx(sum(before) + len(measured))


def test_a_session_learns_how_large_its_effects_are() -> None:
    generator = np.random.default_rng(4)
    for size, index in ((10.0, 3), (1.0, 1)):
        prior = FIELD
        for _ in range(40):
            amount = size * 5e-3 * generator.exponential()
            prior = learn(prior, posterior(prior, amount + 1e-3 * generator.standard_normal(), 1e-6))
        assert max(range(len(SIZES)), key=lambda at: prior.sizes[at]) == index


def test_where_nothing_gets_better_a_low_number_is_believed_less() -> None:
    prior: Prior = FIELD
    for _ in range(40):
        prior = learn(prior, posterior(prior, 5e-3, 1e-6))
    assert posterior(prior, -3e-3, 1e-5).mean > posterior(FIELD, -3e-3, 1e-5).mean


def test_where_effects_are_large_a_low_number_is_believed_more() -> None:
    """What two noise SDs of gain are worth depends on how large changes usually are."""
    noise = 0.018
    assert posterior(expected(8.0), -2 * noise, noise**2).mean < posterior(FIELD, -2 * noise, noise**2).mean < 0
    belief = Belief.under(PROFILE.model_copy(update={"noise_sigma": noise, "effect_scale": 8.0}))
    assert (belief.noise, belief.effects) == (noise, expected(8.0))
