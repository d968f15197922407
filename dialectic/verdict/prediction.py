"""How a prediction fared."""

from __future__ import annotations

import math
from statistics import NormalDist

from dialectic.state.proposal import Prediction
from dialectic.state.result import PredictionScore


def score_prediction(prediction: Prediction, measured: float, noise: float) -> PredictionScore:
    """How a prediction fared: ``measured`` is the measured change in bpb, ``noise`` the SD of one run.

    The predicted interval at its confidence is read as a Gaussian around ``expected_delta``.
    """
    confidence = min(max(prediction.confidence, 0.05), 0.99)
    half_width = (prediction.interval[1] - prediction.interval[0]) / 2
    own = half_width / NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = math.sqrt(own**2 + noise**2)
    error = measured - prediction.expected_delta
    z = error / spread if spread > 0 else 0.0
    return PredictionScore(error=error, z=z, surprise=z**2 / 2)
