"""Keep or discard, and what may be claimed: adopt to make progress, claim only what is proven (design, section 7).

**Adoption** is decision theory: the true ``val_bpb`` of baseline and incumbent are jointly Gaussian, every run is the
true value of its file plus noise, a candidate's effect has a prior that the session learns, and a candidate is adopted
when its posterior effect is an improvement. It then carries its own posterior along, so one lucky run is shrunk towards
what is plausible instead of being believed. Another run is bought only where it is worth more than a new candidate.

**Claims** are statistics: each scored candidate is one test of "not better than the incumbent", under an online
procedure that bounds the false discovery rate however long the session goes on; and the total improvement has an
interval from fresh runs.

belief      what a session knows about baseline and incumbent, and how a run changes it
effects     what effects candidates have
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
