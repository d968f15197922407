"""The verdict: what is kept, how the incumbent is carried along, and what may be claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dialectic.state.result import ScoredRun
from dialectic.verdict import Belief, baseline_runs, judge, replay
from dialectic.verdict.belief import PRIOR_NOISE_RUNS
from dialectic.verdict.effects import FIELD, SCALES
from dialectic.verdict.judge import CONCESSIONS, GREEDY, RULE, SIMPLER


def runs(*values: float) -> list[ScoredRun]:
    return [ScoredRun(of="candidate", seed=index, val_bpb=value) for index, value in enumerate(values)]


def started(*values: float, noise: float = 0.01) -> Belief:
    return judge(Belief(prior_noise=noise), "s:001", runs(*values))[1]


def test_the_baseline_is_kept_and_its_repeats_tell_the_noise() -> None:
    verdict, belief = judge(Belief(prior_noise=0.01), "s:001", runs(2.0, 2.1))
    assert (verdict.decision, verdict.claim, verdict.delta) == ("keep", "provisional", None)
    assert belief.incumbent.estimate == pytest.approx(2.05)
    # Three prior degrees of freedom at 0.01 and one at a sample SD of 0.1 / sqrt(2).
    assert PRIOR_NOISE_RUNS == 3
    assert belief.noise == pytest.approx(math.sqrt((3 * 0.01**2 + 0.005) / 4))
    assert belief.incumbent.sd == pytest.approx(belief.noise / math.sqrt(2))


def test_a_candidate_against_the_posterior_on_a_grid() -> None:
    belief = started(2.0)
    verdict, after = judge(belief, "s:002", runs(1.98, 1.985))
    # Incumbent and effect on a grid: prior N(2, noise²) times the mixture, likelihood of the two runs' mean.
    noise = belief.noise
    pooled = math.sqrt((3 * noise**2 + 2 * 0.0025**2) / 4)
    effect = np.linspace(-0.12, 0.12, 12_001)
    step = effect[1] - effect[0]
    density = np.zeros_like(effect)
    for index, scale in enumerate(SCALES):
        half = 2 * np.exp(-0.5 * (effect / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
        density += half * (effect > 0) * FIELD.weights[1 + index]
        density += half * (effect < 0) * FIELD.weights[1 + len(SCALES) + index]
    density[effect == 0] = 0.0
    density[np.argmin(abs(effect))] = FIELD.weights[0] / step
    known = np.linspace(1.95, 2.04, 91)[:, None]
    joint = density * np.exp(-0.5 * ((known - 2) / noise) ** 2 - (1.9825 - known - effect) ** 2 / pooled**2)
    joint /= joint.sum()
    mean = float((joint * effect).sum())
    assert verdict.delta == pytest.approx(mean, rel=5e-3)
    assert verdict.delta_sd == pytest.approx(math.sqrt(float((joint * effect**2).sum()) - mean**2), rel=5e-3)
    assert verdict.probability_better == pytest.approx(float((joint * (effect < -step / 2)).sum()), rel=5e-3)
    assert (verdict.decision, verdict.claim, verdict.rule) == ("keep", "provisional", RULE)
    centre = float((joint * (known + effect)).sum())
    assert after.incumbent.experiment_id == "s:002"
    assert after.incumbent.estimate == pytest.approx(centre, abs=1e-5)
    assert after.incumbent.sd == pytest.approx(
        math.sqrt(float((joint * (known + effect - centre) ** 2).sum())), rel=5e-3
    )
    assert after.baseline.estimate == pytest.approx(float((joint * known).sum()), abs=1e-5)


def test_a_catastrophe_says_nothing_of_the_incumbent() -> None:
    belief = started(2.0, noise=0.009)
    bad, belief = judge(belief, "s:002", runs(3.0))
    assert bad.decision == "discard"
    assert belief.incumbent.estimate == pytest.approx(2.0, abs=1e-3)
    worse, belief = judge(belief, "s:003", runs(2.05))
    assert worse.decision == "discard"
    assert belief.probability_better_than_baseline() == 0.0


def test_a_large_gain_is_believed_and_a_smaller_one_after_it_is_not_kept() -> None:
    belief = judge(started(1.0, noise=2e-4), "s:002", runs(0.98))[1]
    assert belief.incumbent.estimate == pytest.approx(0.98, abs=1e-4)
    assert judge(belief, "s:003", runs(0.981))[0].decision == "discard"


def test_a_lucky_run_is_shrunk_and_does_not_wedge_the_session() -> None:
    belief = started(2.0)
    verdict, belief = judge(belief, "s:002", runs(1.90))
    assert verdict.successor is not None
    assert 1.90 < verdict.successor.estimate < 2.0
    lucky = verdict.successor.estimate
    for iteration in range(3, 8):
        verdict, belief = judge(belief, f"s:{iteration:03d}", runs(1.99))
    # What came after pulls the lucky incumbent's estimate up again.
    assert belief.incumbent.estimate > lucky


def test_repeats_of_the_incumbent_move_its_estimate() -> None:
    belief = started(2.0)
    incumbent = [ScoredRun(of="incumbent", seed=k, val_bpb=value) for k, value in enumerate((2.03, 2.02, 2.04))]
    verdict, after = judge(belief, "s:002", runs(1.995), incumbent)
    assert after.baseline.estimate > 2.012
    assert (after.freedom, verdict.decision) == (3, "keep")
    assert judge(belief, "s:002", runs(1.995))[0].decision == "discard"


def test_the_order_of_repeats_does_not_matter() -> None:
    belief = started(2.0, 2.01)
    incumbent = [ScoredRun(of="incumbent", seed=k, val_bpb=value) for k, value in enumerate((2.0, 2.02))]
    one = judge(belief, "s:002", runs(1.99, 1.98, 2.0), incumbent)[1]
    other = judge(belief, "s:002", runs(1.99, 2.0, 1.98), incumbent[::-1])[1]
    assert one.incumbent.estimate == pytest.approx(other.incumbent.estimate, abs=1e-12)
    assert one.noise == pytest.approx(other.noise, abs=1e-12)


def test_without_a_score_nothing_changes() -> None:
    belief = started(2.0)
    verdict, after = judge(belief, "s:002", [])
    assert after == belief
    assert (verdict.decision, verdict.claim, verdict.delta, verdict.p_value) == ("discard", None, None, 1.0)
    assert verdict.successor == belief.incumbent


def test_replay_gives_the_same_belief() -> None:
    generator = np.random.default_rng(0)
    belief = Belief(prior_noise=0.01)
    replayed = belief
    for iteration in range(1, 30):
        scores = runs() if iteration % 7 == 0 else runs(*(2 + 0.02 * generator.standard_normal(1 + (iteration == 1))))
        verdict, belief = judge(belief, f"s:{iteration:03d}", scores)
        replayed = replay(replayed, f"s:{iteration:03d}", verdict)
        assert replayed == belief


def test_probability_against_the_baseline() -> None:
    belief = started(2.0, 2.0)
    assert belief.probability_better_than_baseline() == 0.0
    for iteration, value in enumerate((1.97, 1.94, 1.91), start=2):
        belief = judge(belief, f"s:{iteration:03d}", runs(value))[1]
    assert 0.95 < belief.probability_better_than_baseline() < 1.0


@pytest.mark.parametrize(("candidates", "expected"), [(1, 1), (4, 1), (5, 2), (20, 2), (0, 2)])
def test_the_baseline_runs_twice_in_longer_sessions(candidates: int, expected: int) -> None:
    assert baseline_runs(candidates, 2e-3) == baseline_runs(candidates) == expected
    # Noise that drowns nothing need not be known.
    assert baseline_runs(candidates, 1e-4) == 1


def test_the_greedy_rule_compares_first_runs_and_says_so() -> None:
    belief = started(2.0)
    verdict, after = judge(belief, "s:002", runs(1.9999, 2.5), rule="greedy")
    assert (verdict.decision, verdict.rule) == ("keep", GREEDY)
    assert judge(after, "s:003", runs(1.9999), rule="greedy")[0].decision == "discard"
    assert judge(after, "s:003", runs(1.9998), rule="greedy")[0].decision == "keep"


def test_a_simplification_is_kept_within_the_noise_and_its_harm_is_bounded() -> None:
    belief = started(2.0)
    verdict, after = judge(belief, "s:002", runs(2.001), deletes=3)
    assert (verdict.decision, verdict.claim, verdict.rule) == ("keep", "provisional", SIMPLER)
    assert judge(belief, "s:002", runs(2.001))[0].decision == "discard"
    assert judge(belief, "s:002", runs(2.03), deletes=30)[0].decision == "discard"
    assert replay(belief, "s:002", verdict) == after
    kept = 0
    for iteration in range(2, 60):
        # Each is a little worse than the one before it, and each deletes code.
        verdict, belief = judge(belief, f"s:{iteration:03d}", runs(belief.incumbent.estimate + 0.001), deletes=1)
        kept += verdict.decision == "keep"
    assert 0 < kept < 58
    assert belief.incumbent.estimate < 2.0 + CONCESSIONS * 0.01 + 0.001


def test_under_the_null_hardly_anything_is_proven_and_real_gains_are() -> None:
    generator = np.random.default_rng(1)
    false = sum(_proven(generator, effect=0.0) for _ in range(60))
    assert false <= 60 * 30 * 0.01
    assert _proven(generator, effect=-0.1) >= 5


def _proven(generator: np.random.Generator, effect: float) -> int:
    """Claims of ``proven`` in a session of 30 candidates, each better than the incumbent by ``effect``."""
    noise, truth, proven = 0.01, 2.0, 0
    belief = judge(Belief(prior_noise=noise), "s:001", runs(truth + noise * generator.standard_normal()))[1]
    for iteration in range(2, 32):
        value = truth + effect + noise * generator.standard_normal()
        verdict, belief = judge(belief, f"s:{iteration:03d}", runs(value))
        truth += effect if verdict.decision == "keep" else 0.0
        proven += verdict.claim == "proven"
    return proven


def test_the_posterior_beats_the_plain_rule_when_noise_is_large() -> None:
    generator = np.random.default_rng(2)
    gains = np.array([_progress(generator) for _ in range(60)])
    posterior, plain = gains.mean(axis=0)
    assert posterior > plain


def _progress(generator: np.random.Generator) -> tuple[float, float]:
    """True improvement after 60 candidates under our rule and under "any lower number is kept", on one history."""
    noise = 0.003
    first = 2.0 + noise * generator.standard_normal()
    belief = judge(Belief(prior_noise=noise), "s:001", runs(first))[1]
    ours = plain = 2.0
    best = first
    for iteration in range(2, 62):
        kind = generator.random()
        effect = generator.normal(5e-3, 2e-3) if kind < 0.6 else 0.0 if kind < 0.85 else generator.normal(-2e-3, 1e-3)
        luck = noise * generator.standard_normal()
        verdict, belief = judge(belief, f"s:{iteration:03d}", runs(ours + effect + luck))
        ours += effect if verdict.decision == "keep" else 0.0
        if plain + effect + luck < best:
            best, plain = plain + effect + luck, plain + effect
    return 2.0 - ours, 2.0 - plain
