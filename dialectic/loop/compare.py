"""From a candidate's first run to its verdict: further runs of candidate or incumbent are bought, then it is judged.

What was decided lies in files before it is done (:class:`~dialectic.state.run.RunNote`), so a runner that goes on where
another was killed finds every run that was begun, and asks anew only after the last of them.
"""

from __future__ import annotations

from dialectic import verdict, workspace
from dialectic.loop.house import House
from dialectic.loop.measure import Measurement, measure_once
from dialectic.loop.runs import noted_run
from dialectic.loop.share import repeats_left
from dialectic.state.base import Compared
from dialectic.state.plan import Plan
from dialectic.state.result import Verdict
from dialectic.verdict import Belief


def compare(house: House, plan: Plan, measurement: Measurement, buy: bool = True) -> tuple[Verdict, Belief]:
    """Buy what is worth another run, and judge; without ``buy`` only what was bought before counts."""
    if plan.iteration > 1:
        _repeat(house, plan, measurement, buy)
    house.enter(plan.iteration, "verdict")
    candidate = house.session.candidate(plan.iteration).decode("utf-8")
    deletes = workspace.removed_statements(house.incumbent_text, candidate)
    judged, belief = verdict.judge(
        house.belief,
        house.experiment_id(plan.iteration),
        measurement.of("candidate"),
        measurement.of("incumbent"),
        rule=house.settings.rule,
        deletes=deletes,
    )
    return judged.model_copy(update={"deletes": deletes}), belief


def _repeat(house: House, plan: Plan, measurement: Measurement, buy: bool) -> None:
    """Make one run after the other while one is worth it; the first that fails is the last."""
    while measurement.runs:
        of = _begun(house, plan, measurement) or (_worth(house, plan, measurement) if buy else None)
        if of is None or measure_once(house, plan, measurement, of).kind != "none":
            return


def _begun(house: House, plan: Plan, measurement: Measurement) -> Compared | None:
    """Whose run comes next, where a runner that was stopped had begun it."""
    number = plan.second_chance.runs + measurement.made + 1
    note = noted_run(house.session.iteration(plan.iteration).run(number))
    return None if note is None else "incumbent" if note.of == "incumbent" else "candidate"


def _worth(house: House, plan: Plan, measurement: Measurement) -> Compared | None:
    """Whose run is worth buying now; None where there is neither reason nor room nor time for one."""
    settings, bought = house.settings, measurement.made - 1
    allowance = repeats_left(settings, house.profile.noise_sigma, house.history, bought)
    if bought >= settings.max_repeats or allowance < 1 or house.longest_run > house.time_before_pairs():
        return None
    return verdict.next_run(
        house.belief,
        measurement.of("candidate"),
        measurement.of("incumbent"),
        remaining=settings.iterations - plan.iteration + 1 if settings.iterations else None,
        max_repeats=settings.max_repeats,
        allowance=allowance,
    )
