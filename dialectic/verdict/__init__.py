"""Keep or discard, and what may be claimed: adopt to make progress, claim only what is proven (design, section 7).

**Adoption** is decision theory: the true ``val_bpb`` of baseline and incumbent are jointly Gaussian, every run is the
true value of its file plus noise, and a candidate is adopted when its posterior effect is an improvement. It then
carries its own posterior along, so one lucky run is shrunk towards what is plausible instead of being believed.

**Claims** are statistics: each scored candidate is one test of "not better than the incumbent", under an online
procedure that bounds the false discovery rate however long the session goes on.

belief      what a session knows about baseline and incumbent, and how a run changes it
judge       the verdict
repeats     which further run is worth buying
claims      the test and its level
confirm     the total improvement, from fresh pairs
prediction  how a prediction fared
"""

from dialectic.verdict.belief import Belief
from dialectic.verdict.confirm import confirm, informed
from dialectic.verdict.judge import ADOPTION_PROBABILITY, REPEATS_FROM, Rule, baseline_runs, judge, replay, retrace
from dialectic.verdict.prediction import score_prediction
from dialectic.verdict.repeats import next_run

__all__ = [
    "ADOPTION_PROBABILITY",
    "REPEATS_FROM",
    "Belief",
    "Rule",
    "baseline_runs",
    "confirm",
    "informed",
    "judge",
    "next_run",
    "replay",
    "retrace",
    "score_prediction",
]
