"""Repeats: what is bought, where it lies, what it costs, and how many there may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialectic import verdict
from dialectic.config import Settings, SettingValue, load
from dialectic.loop.house import House
from dialectic.loop.opening import announcement, open_house
from dialectic.loop.runs import run_of, run_seed
from dialectic.loop.share import extras, pairs_at_end, repeats_left
from dialectic.loop.turn import prepare, turn
from dialectic.session import MODEL
from dialectic.state.base import Compared
from dialectic.state.files import read_record
from dialectic.state.result import Result
from dialectic.state.run import RunNote
from tests.loop.conftest import Remembering

NOISE = 0.02
"""Prior noise of a profile on which the baseline of a longer session runs twice."""
PLANNED = 20
"""Candidates of a session of which the first few are run: it may buy three repeats, or nine without final pairs."""
Begin = Callable[..., House]


@pytest.fixture
def begin(root: Path) -> Begin:
    """Begins a session and runs its first iterations: ``begin({executor…}, 3)``."""

    def begun(executor: dict[str, object], turns: int, **flags: SettingValue) -> House:
        script = root / "script.json"
        script.write_text(json.dumps({"executor": executor}), "utf-8")
        given: dict[str, SettingValue] = {"profile": "smoke", "executor": "scripted", "script": script}
        house = open_house(root, load(root, given | {"iterations": PLANNED, "session": "night"} | flags), Remembering())
        for iteration in range(1, turns + 1):
            turn(house, iteration)
        return house

    return begun


@pytest.fixture
def buying(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Compared | None]]:
    """What the verdict asks for, one answer a question; nothing when the list is empty."""
    asked: list[Compared | None] = []

    def next_run(*_: object, **told: int | None) -> Compared | None:
        assert told["allowance"]
        return asked.pop(0) if asked else None

    monkeypatch.setattr(verdict, "next_run", next_run)
    yield asked
    assert not asked


def observer_of(house: House) -> Remembering:
    assert isinstance(house.observer, Remembering)
    return house.observer


def result_of(house: House, iteration: int) -> Result:
    result = house.session.read(iteration)[1]
    assert result is not None
    return result


def test_repeats_of_both_are_run_scored_and_judged(begin: Begin, buying: list[Compared | None]) -> None:
    buying += [None, "incumbent", "candidate"]
    scores = {"1": {"val_bpb": 2.0}, "2": [{"val_bpb": 1.8}, {"val_bpb": 1.82}], "3": {"val_bpb": 1.81}}
    house = begin({"iterations": scores}, 3)
    third = result_of(house, 3)
    made = sorted(third.verdict.runs, key=lambda run: run.k)
    # The incumbent's repeat ends like the last run of its own iteration.
    assert [(run.of, run.k, run.val_bpb) for run in made] == [
        ("candidate", 1, 1.81),
        ("incumbent", 2, 1.82),
        ("candidate", 3, 1.81),
    ]
    assert [run.seed for run in made] == [run_seed(1, 3, k) for k in (1, 2, 3)]
    note = read_record(house.session.iteration(3).run(2) / "run.json", RunNote)
    assert (note.k, note.of, note.experiment_id, note.seed) == (2, "incumbent", "night:002", run_seed(1, 3, 2))
    told = [run for run in observer_of(house).runs if run[0].startswith("3:")]
    assert told == [("3:1", "candidate"), ("3:2", "incumbent"), ("3:3", "candidate")]
    assert third.cost.wall_seconds == 3 * result_of(house, 2).cost.wall_seconds
    assert third.cost.train_seconds == 3.0
    kept = [path for path in house.session.folder.rglob(MODEL) if path.parent.name != "work"]
    assert kept == [house.session.iteration(house.incumbent_iteration).run(1) / MODEL]


def test_the_incumbent_is_run_from_its_own_file(begin: Begin) -> None:
    house = begin({"iterations": {"2": {"val_bpb": 1.2}}}, 2)
    plan = prepare(house, 3)
    again = run_of(house, plan, 2, "incumbent")
    assert again.train_py == house.session.iteration(2).train_py
    assert again.train_py.read_bytes() != house.session.iteration(3).train_py.read_bytes()
    assert (again.job_id, again.folder) == ("night:003:2", house.session.iteration(3).run(2))
    assert run_of(house, plan, 2, "candidate").train_py == house.session.iteration(3).train_py


def test_a_repeat_that_fails_costs_only_itself(begin: Begin, buying: list[Compared | None]) -> None:
    buying += ["candidate", "candidate"]
    entries = [{"val_bpb": 1.5}, {"val_bpb": 1.52}, {"failure": "timeout", "message": "too slow"}]
    house = begin({"iterations": {"2": entries}}, 2)
    result = result_of(house, 2)
    assert (result.status, result.keep_discard_status) == ("completed", "keep")
    assert [run.val_bpb for run in result.verdict.runs] == [1.5, 1.52]
    assert [(run.of, run.k, run.failure.kind) for run in result.failed_repeats] == [("candidate", 3, "timeout")]
    assert "run 3 of iteration 2 has no score (timeout): too slow" in observer_of(house).notes
    # It was a run, so it counts against the share.
    assert repeats_left(house.settings, NOISE, house.history) == extras(PLANNED + 2) - 6 - 2


def test_a_candidate_that_fails_a_check_in_any_run_is_rejected(begin: Begin, buying: list[Compared | None]) -> None:
    buying += ["candidate"]
    caught = {"checks": {"causal": {"passed": False, "value": 0.5}}, "val_bpb": 0.5}
    result = result_of(begin({"iterations": {"2": [{"val_bpb": 1.5}, caught]}}, 2), 2)
    assert (result.status, result.keep_discard_status, result.failure.kind) == ("rejected", "crash", "check")
    assert result.score is None
    assert result.verdict.runs == []


def test_after_a_second_chance_the_repeats_are_numbered_on(begin: Begin, buying: list[Compared | None]) -> None:
    buying += ["incumbent"]
    early = {"failure": "out-of-memory", "training_started": False}
    house = begin({"iterations": {"2": [early, {"val_bpb": 1.9}]}}, 2)
    result = result_of(house, 2)
    assert result.second_chance.kind == "out-of-memory"
    assert [(run.of, run.k) for run in result.verdict.runs] == [("candidate", 2), ("incumbent", 3)]
    folder = house.session.iteration(2)
    assert (folder.run(3) / "exit.json").exists()
    assert (folder.path / "attempts" / "1" / "execution" / "exit.json").exists()


@pytest.mark.parametrize(
    ("flags", "runs"),
    [
        ({}, [2, 4, 1]),
        ({"max_repeats": 2}, [2, 3, 2]),
        ({"max_repeats": 0}, [2, 1, 1]),
        ({"rule": "greedy"}, [2, 1, 1]),
    ],
    ids=["by default", "two a candidate", "never", "greedy"],
)
def test_never_more_than_allowed(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, flags: dict[str, SettingValue], runs: list[int]
) -> None:
    monkeypatch.setattr(verdict, "next_run", lambda *_, **__: "candidate")
    house = begin({"iterations": {"3": {"val_bpb": 1.5}}}, 3, **flags)
    assert [len(result_of(house, iteration).verdict.runs) for iteration in (1, 2, 3)] == runs


def test_the_plain_rule_is_recorded_and_said(begin: Begin) -> None:
    house = begin({"default": {"val_bpb": 2.0}, "iterations": {"2": {"val_bpb": 1.9999}}}, 2, rule="greedy")
    assert house.record.config["rule"] == "greedy"
    announced = observer_of(house).announcement
    assert announced is not None
    assert (announced.rule, announced.repeats) == ("greedy", 0)
    verdict = result_of(house, 2).verdict
    assert verdict.decision == "keep"
    assert verdict.rule.startswith("greedy")


def settings(**flags: SettingValue) -> Settings:
    return Settings(**flags)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "pairs", "repeats"),
    [
        ({"iterations": 4}, 0, 2),
        ({"iterations": 5}, 2, 0),
        ({"iterations": 10}, 2, 1),
        ({"iterations": 12}, 3, 0),
        ({"iterations": 20}, 3, 3),
        ({"iterations": 100}, 3, 37),
        ({"iterations": 100, "confirm": False}, 0, 43),
        ({"iterations": 3, "confirm": True}, 3, 0),
        ({"iterations": 20, "pairs": 4}, 4, 1),
        ({"iterations": 20, "pairs": 9}, 9, 0),
        ({"iterations": 20, "rule": "greedy"}, 3, 0),
        ({"iterations": 20, "max_repeats": 0}, 3, 0),
    ],
)
def test_repeats_and_pairs_share_three_runs_in_ten(flags: dict[str, SettingValue], pairs: int, repeats: int) -> None:
    asked = settings(**flags)
    candidates = asked.iterations or 0
    assert pairs_at_end(asked, NOISE, candidates) == pairs
    assert repeats_left(asked, NOISE, []) == repeats
    # With five to seven candidates two pairs are a run more: one alone would have no interval.
    if "pairs" not in flags and "confirm" not in flags and candidates != 5:
        whole = candidates + 1 + (candidates >= 5) + repeats + 2 * pairs
        assert repeats + 2 * pairs <= 0.3 * whole


def test_without_end_the_share_is_that_of_the_runs_so_far(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "next_run", lambda *_, **__: "candidate")
    house = begin({"default": {"val_bpb": 2.0}}, 4, iterations=None)
    assert [len(result_of(house, iteration).verdict.runs) for iteration in (1, 2, 3, 4)] == [2, 2, 1, 2]
    assert announcement(house.record, house.settings, house.profile).repeats == 0
