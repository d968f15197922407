"""Predictions are scored as numbers."""

from __future__ import annotations

import pytest

from dialectic.state.proposal import Prediction
from dialectic.verdict import score_prediction


def prediction(delta: float, low: float, high: float, confidence: float = 0.6827) -> Prediction:
    return Prediction(
        direction="decrease", expected_delta=delta, interval=(low, high), confidence=confidence, mechanism="m"
    )


def test_the_interval_at_its_confidence_is_a_gaussian() -> None:
    score = score_prediction(prediction(-0.02, -0.05, 0.01), measured=0.02, noise=0.04)
    assert score.error == pytest.approx(0.04)
    assert score.z == pytest.approx(0.04 / 0.05, rel=1e-3)
    assert score.surprise == pytest.approx(score.z**2 / 2)


def test_a_point_prediction_without_noise_does_not_divide_by_zero() -> None:
    assert score_prediction(prediction(0.0, 0.0, 0.0), measured=0.0, noise=0.0).z == 0.0
