"""The fold: one graph whatever the order, and the right nodes and edges."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialectic.knowledge import Iteration, TensionGraph, briefing, rebuild
from dialectic.knowledge.store import contents
from dialectic.state.result import Estimate
from tests.knowledge.histories import (
    CAPACITY,
    LOCALITY,
    STABILITY,
    baseline,
    plan,
    random_session,
    result,
    session,
    synthesis,
    turn,
)

TWO_SESSIONS = st.tuples(st.integers(0, 10_000), st.integers(1, 9), st.integers(0, 9)).map(
    lambda drawn: (random_session(drawn[0], drawn[1], "a"), random_session(drawn[0] + 1, drawn[2], "b"))
)


def folded(iterations: list[Iteration]) -> TensionGraph:
    return rebuild([(session(), iterations)])


def edges(graph: TensionGraph) -> set[tuple[str, str, str]]:
    return {(source, data["relation"], target) for source, target, data in graph.network.edges(data=True)}


@settings(max_examples=60, deadline=None)
@given(TWO_SESSIONS, st.data())
def test_any_order_of_adding_equals_a_rebuild(
    logs: tuple[list[Iteration], list[Iteration]], data: st.DataObject
) -> None:
    both = [*logs[0], *logs[1]]
    order = data.draw(st.permutations(range(len(both))))
    planned = data.draw(st.sets(st.sampled_from(range(len(both)))))
    twice = data.draw(st.sets(st.sampled_from(range(len(both)))))
    graph = TensionGraph()
    graph.add_session(session("b"))
    graph.add_session(session("a"))
    for position in order:
        if position in planned:
            graph.add(both[position][0], None, both[position][2])
    for position in order:
        graph.add(both[position][0], both[position][1], both[position][2][::-1])
        if position in twice:
            graph.add(*both[position])
    whole = rebuild([(session("a"), logs[0]), (session("b"), logs[1])])
    assert contents(graph) == contents(whole)
    assert graph.history.experiments == whole.history.experiments
    estimate = Estimate(experiment_id=both[0][0].session_id + ":001", estimate=2.0, sd=0.001)
    first, second = (briefing(one, "a", 99, estimate, 0.002) for one in (graph, whole))
    assert first == second


@settings(max_examples=20, deadline=None)
@given(TWO_SESSIONS)
def test_pairs_know_nothing_of_what_came_later(logs: tuple[list[Iteration], list[Iteration]]) -> None:
    whole = folded([(one.model_copy(update={"session_id": "s"}), *rest) for one, *rest in logs[0]])  # type: ignore[misc]
    graph = TensionGraph()
    graph.add_session(session())
    for experiment in whole.history.experiments:
        graph.add(experiment.plan, experiment.result, experiment.tensions)
        assert graph.pairs[experiment.id] == whole.pairs[experiment.id]


def test_a_session_whose_profile_becomes_known_is_folded_again() -> None:
    late = rebuild([(session(profile=None), random_session(3, 12))])
    late.add_session(session())
    assert contents(late) == contents(folded(random_session(3, 12)))


def test_an_unknown_session_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not added before"):
        TensionGraph().add(*baseline())


def test_nodes_and_edges_of_a_small_history() -> None:
    graph = folded([baseline(), turn(2, CAPACITY, "thesis", -0.004), synthesis(3, CAPACITY, -0.002, base=2)])
    first, second, third = (f"experiment:s:00{number}" for number in (1, 2, 3))
    thesis, antithesis = f"pole:{CAPACITY}:thesis", f"pole:{CAPACITY}:antithesis"
    found = edges(graph)
    assert {
        (second, "tested", thesis),
        (second, "held", f"tension:{CAPACITY}"),
        (second, "held", f"tension:{STABILITY}"),
        (second, "built-on", first),
        (third, "built-on", second),
        (third, "tested", "synthesis:s:003"),
        (second, "proposed", "synthesis:s:002"),
        ("synthesis:s:003", "emerged-from", thesis),
        ("synthesis:s:003", "emerged-from", antithesis),
    } <= found
    assert not [edge for edge in found if edge[0] == first and edge[1] in ("tested", "built-on")]
    assert not [edge for edge in found if edge[0] == third and edge[2] in (thesis, antithesis)]
    assert {data["type"] for _, data in graph.network.nodes(data=True)} == {
        "experiment",
        "tension",
        "pole",
        "synthesis",
    }


def test_a_plan_without_a_result_holds_but_does_not_test() -> None:
    mine, _, tensions = turn(2, CAPACITY, "thesis", -0.004)
    found = edges(folded([baseline(), (mine, None, tensions)]))
    assert ("experiment:s:002", "held", f"tension:{CAPACITY}") in found
    assert not [edge for edge in found if edge[1] == "tested"]


def test_agreement_and_opposition_between_effects() -> None:
    graph = folded(
        [
            baseline(),
            turn(2, CAPACITY, "thesis", -0.004),
            turn(3, CAPACITY, "thesis", -0.003),
            turn(4, CAPACITY, "antithesis", 0.005),
            turn(5, CAPACITY, "antithesis", -0.002),
            turn(6, CAPACITY, "thesis", 0.0001),
            turn(7, CAPACITY, "thesis", None, failure="crash"),
            turn(8, STABILITY, "thesis", -0.004),
        ]
    )
    stands = {edge for edge in edges(graph) if edge[1] in ("corroborates", "supports", "opposes")}
    named = {(source[-3:], relation, target[-3:]) for source, relation, target in stands}
    assert named == {
        ("003", "corroborates", "002"),
        ("004", "supports", "002"),
        ("004", "supports", "003"),
        ("005", "opposes", "002"),
        ("005", "opposes", "003"),
        ("005", "opposes", "004"),
    }
    assert graph.history.corroborations("s:002") == graph.history.corroborations("s:003") == 1


def test_experiments_of_another_profile_do_not_corroborate() -> None:
    graph = rebuild(
        [
            (session("a"), [baseline("a"), turn(2, CAPACITY, "thesis", -0.004, name="a")]),
            (session("b", profile="h100"), [baseline("b"), turn(2, CAPACITY, "thesis", -0.004, name="b")]),
        ]
    )
    assert not [edge for edge in edges(graph) if edge[1] == "corroborates"]


def test_the_clock_going_back_keeps_a_sessions_order() -> None:
    first, second = baseline(minute=50), turn(2, CAPACITY, "thesis", -0.004, minute=10)
    graph = folded([second, first])
    assert [one.id for one in graph.history.experiments] == ["s:001", "s:002"]
    assert graph.history.experiments[1].changed_knobs == {"DEPTH": ("PROFILE.depth", "PROFILE.depth + 1")}


def test_a_corrected_result_replaces_the_earlier_one() -> None:
    mine = plan(1)
    graph = folded([(mine, result(mine, failure="crash"), [])])
    graph.add(mine, result(mine), [])
    assert contents(graph) == contents(folded([(mine, result(mine), [])]))


def test_corrected_tensions_leave_no_node_behind() -> None:
    graph = folded([baseline(), turn(2, LOCALITY, "thesis", -0.004)])
    graph.add(*turn(2, CAPACITY, "thesis", -0.004))
    assert not [node for node in graph.network if LOCALITY in node]
    assert contents(graph) == contents(folded([baseline(), turn(2, CAPACITY, "thesis", -0.004)]))


def test_two_hundred_experiments_fold_quickly() -> None:
    iterations = random_session(7, 200)
    started = time.process_time()
    graph = folded(iterations)
    assert time.process_time() - started < 2.0
    assert len(graph.history) == 200
    opposed = [pair for pair in graph.pairs.values() if pair.opposed_axes]
    assert len(opposed) > 190
