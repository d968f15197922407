"""Predictions are scored as numbers."""

from __future__ import annotations

import pytest

from dialectic.state.measured import Change
from dialectic.state.proposal import Prediction
from dialectic.verdict import score_prediction


def prediction(delta: float, low: float, high: float, confidence: float = 0.6827) -> Prediction:
    return Prediction(
        direction="decrease", expected_delta=delta, interval=(low, high), confidence=confidence, mechanism="m"
    )


def test_the_interval_at_its_confidence_is_a_gaussian_that_grants_the_noise() -> None:
    score = score_prediction(prediction(-0.02, -0.07, 0.03), Change(0.02, 0.04, 1))
    assert score.error == pytest.approx(0.04)
    assert score.z == pytest.approx(0.04 / 0.05, rel=1e-3)
    assert score.surprise == pytest.approx(score.z**2 / 2)


def test_an_interval_narrower_than_the_noise_counts_as_wide_as_the_noise() -> None:
    assert score_prediction(prediction(-0.02, -0.021, -0.019), Change(0.02, 0.04, 1)).z == pytest.approx(1.0)


def test_a_point_prediction_without_noise_does_not_divide_by_zero() -> None:
    assert score_prediction(prediction(0.0, 0.0, 0.0), Change(0.0, 0.0, 1)).z == 0.0
