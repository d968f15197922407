"""How a prediction fared, as numbers; how it fared in a word is :func:`dialectic.state.measured.outcome_of`."""

from __future__ import annotations

from statistics import NormalDist

from dialectic.state.measured import Change
from dialectic.state.proposal import Prediction
from dialectic.state.result import PredictionScore


def score_prediction(prediction: Prediction, change: Change) -> PredictionScore:
    """How a prediction fared against the measured change.

    The interval at its confidence is read as a Gaussian around ``expected_delta``. It is about the measured change, so
    the noise of the run is in it already; nobody can foretell noise, so one that is narrower counts as that wide.
    """
    confidence = min(max(prediction.confidence, 0.05), 0.99)
    half_width = (prediction.interval[1] - prediction.interval[0]) / 2
    spread = max(half_width / NormalDist().inv_cdf(0.5 + confidence / 2), change.sd)
    error = change.value - prediction.expected_delta
    z = error / spread if spread > 0 else 0.0
    return PredictionScore(error=error, z=z, surprise=z**2 / 2)
