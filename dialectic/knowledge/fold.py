"""The tension graph: a pure fold over plans, results and tensions, in one order, one experiment at a time.

Nodes are experiments, tensions (axes), their two poles and syntheses. Edges carry ``relation``:

* experiment ``held`` tension, ``tested`` pole (``attempted`` where it failed without a score), ``tested``,
  ``attempted`` or ``proposed`` synthesis, ``built-on`` experiment;
* synthesis ``emerged-from`` poles;
* experiment ``corroborates``, ``supports`` or ``opposes`` an earlier experiment, with the ``axis``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import networkx as nx

from dialectic.knowledge.effect import measure
from dialectic.knowledge.history import Experiment, History, Key, comparison
from dialectic.knowledge.opposition import Viewpoint, pair, strongest
from dialectic.knowledge.poles import SIDES, embodied, in_plan_order, is_baseline, source_axes
from dialectic.state.base import Side, experiment_id
from dialectic.state.knowledge import DefaultTensionPair
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord

Iteration = tuple[Plan, Result | None, list[TensionRecord]]
"""What a fold takes of one iteration; the result is missing while it is planned."""


class Entry(NamedTuple):
    """What was added, kept so that a late arrival can be folded in its place."""

    plan: Plan
    result: Result | None
    tensions: tuple[TensionRecord, ...]

    @property
    def id(self) -> str:
        """The experiment id."""
        return experiment_id(self.plan.session_id, self.plan.iteration)


def pole_node(axis: str, side: Side) -> str:
    """The name of a pole's node, ``pole:<axis>:<side>``; the other nodes are named in the same way."""
    return f"pole:{axis}:{side}"


class TensionGraph:
    """Everything that the logs say about poles, folded.

    The graph depends on what was added, never on the order or the number of times it was added. Adding the next
    experiment costs O(n); one that belongs further back makes the later ones be folded again.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, SessionRecord] = {}
        self.history = History()
        self.network: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        self.pairs: dict[str, DefaultTensionPair] = {}
        """Experiment → the anchor and opponent that the graph named when it began."""
        self._entries: dict[str, Entry] = {}

    def add_session(self, session: SessionRecord) -> None:
        """Make a session known; its experiments can be added afterwards.

        A later record of the same session replaces the earlier one; its times are never read.
        """
        known = self.sessions.get(session.session_id)
        self.sessions[session.session_id] = session
        if known is not None and comparison(known) != comparison(session):
            self._refold(list(self._entries.values()), keep=0)

    def add(self, plan: Plan, result: Result | None, tensions: Iterable[TensionRecord]) -> None:
        """Fold one iteration; adding it again, or again with its result, is the same as adding the last form once.

        Raises:
            ValueError: :meth:`add_session` was not called for its session.
        """
        self.add_all([(plan, result, list(tensions))])

    def add_all(self, iterations: Iterable[Iteration]) -> None:
        """Fold several iterations, in whatever order they come; :meth:`add` says the rest."""
        fresh: dict[str, Entry] = {}
        for plan, result, tensions in iterations:
            if plan.session_id not in self.sessions:
                raise ValueError(f"the session {plan.session_id} was not added before its experiments")
            entry = Entry(plan, result, in_plan_order(plan, tensions))
            fresh[entry.id] = entry
        fresh = {name: entry for name, entry in fresh.items() if self._entries.get(name) != entry}
        keep = min((self._below(entry.plan) for entry in fresh.values()), default=len(self.history))
        later = [one.id for one in self.history.experiments[keep:]]
        self._entries |= fresh
        self._refold([self._entries[name] for name in dict.fromkeys([*later, *fresh])], keep)

    def _below(self, plan: Plan) -> int:
        """How many experiments surely come before ``plan``: none of its session's later ones, none planned later."""
        keep = len(self.history)
        own = self.history.at("session", plan.session_id)
        if own and own[-1].iteration >= plan.iteration:
            first = next(one for one in own if one.iteration >= plan.iteration)
            keep -= self.history.age(first.id) + 1
        limit = (plan.created_at, plan.session_id, plan.iteration)
        while keep and self.history.experiments[keep - 1].key > limit:
            keep -= 1
        return keep

    def _refold(self, entries: list[Entry], keep: int) -> None:
        """Take everything above the first ``keep`` off and fold ``entries`` in their order."""
        while len(self.history) > keep:
            self._unfold()
        latest: dict[str, str] = {}
        keyed: list[tuple[Key, Entry]] = []
        for entry in sorted(entries, key=lambda one: (one.plan.session_id, one.plan.iteration)):
            session = entry.plan.session_id
            if session not in latest:
                before = self.history.at("session", session)
                latest[session] = before[-1].key[0] if before else ""
            latest[session] = max(latest[session], entry.plan.created_at)
            keyed.append(((latest[session], session, entry.plan.iteration), entry))
        for key, entry in sorted(keyed, key=lambda one: one[0]):
            self._fold(key, entry)

    def _fold(self, key: Key, entry: Entry) -> None:
        experiment = self._experiment(key, entry)
        anchor = self.history.get(entry.plan.base_experiment_id) or self.history.best(experiment.comparison)
        view = Viewpoint(
            session_id=experiment.session_id,
            iteration=experiment.iteration,
            comparison=experiment.comparison,
            anchor_id=anchor.id if anchor else None,
            estimate=self._estimate(anchor, experiment.session_id) if anchor else None,
        )
        self.pairs[experiment.id] = pair(self.history, view, strongest(self.history, view))
        self.history.push(experiment)
        self._draw(experiment)

    def _estimate(self, anchor: Experiment, session_id: str) -> float | None:
        """What the session last knew of the anchor's ``val_bpb``."""
        for one in reversed(self.history.at("session", session_id)):
            successor = one.result.verdict.successor if one.result else None
            if successor is not None and successor.experiment_id == anchor.id:
                return successor.estimate
        return anchor.effect.val_bpb

    def _experiment(self, key: Key, entry: Entry) -> Experiment:
        plan, result, tensions = entry
        compared = comparison(self.sessions[plan.session_id])
        scores = [one.effect.val_bpb for one in self.history.at("scored", compared) if one.effect.val_bpb is not None]
        effect = measure(result, min(scores, default=None))
        sources = result.transcendent_result.source_tension_ids if result else []
        form = embodied(plan, tensions, sources)
        base = self.history.get(plan.base_experiment_id)
        stance = {axis: side for axis, side in (base.stance if base else {}).items() if axis not in form.syntheses}
        primary = next(
            (axis for axis in source_axes(plan, tensions, sources) if axis in form.polarity or axis in form.syntheses),
            next(iter(sorted((*form.polarity, *form.syntheses))), ""),
        )
        rank = None
        if effect.val_bpb is not None:
            rank = 1 + sum(score < effect.val_bpb for score in scores)
        return Experiment(
            id=entry.id,
            key=key,
            comparison=compared,
            plan=plan,
            result=result,
            tensions=tensions,
            baseline=is_baseline(plan),
            effect=effect,
            axes=tuple(dict.fromkeys(tension.kind for tension in tensions)),
            primary_axis=primary,
            polarity=form.polarity,
            syntheses=form.syntheses,
            stance=stance | form.polarity,
            changed_knobs=_changed_knobs(plan, base),
            rank=rank,
            relations=self.history.relate(form.polarity, effect.sign, compared),
        )

    def _draw(self, experiment: Experiment) -> None:
        """The experiment's node, its edges, and the nodes they need."""
        graph, name = self.network, f"experiment:{experiment.id}"
        graph.add_node(name, type="experiment")
        for axis in experiment.axes:
            graph.add_node(f"tension:{axis}", type="tension")
            for side in SIDES:
                graph.add_node(pole_node(axis, side), type="pole")
            graph.add_edge(name, f"tension:{axis}", relation="held", axis=axis)
        if experiment.turn:
            relation = "attempted" if experiment.effect.failed else "tested"
            for axis, side in experiment.polarity.items():
                graph.add_edge(name, pole_node(axis, side), relation=relation, axis=axis)
        if experiment.plan.base_experiment_id in self.history:
            graph.add_edge(name, f"experiment:{experiment.plan.base_experiment_id}", relation="built-on", axis="")
        for link in experiment.relations:
            graph.add_edge(name, f"experiment:{link.target}", relation=link.kind, axis=link.axis)
        self._draw_synthesis(experiment)

    def _draw_synthesis(self, experiment: Experiment) -> None:
        third = experiment.result.transcendent_result if experiment.result else None
        if third is None or not (third.emergent_thought or experiment.syntheses):
            return
        node = f"synthesis:{experiment.id}"
        tested = bool(experiment.syntheses) and experiment.turn
        self.network.add_node(node, type="synthesis")
        relation = "tested" if tested or third.tested_in_iteration else "proposed"
        if relation == "tested" and experiment.effect.failed:
            relation = "attempted"
        self.network.add_edge(f"experiment:{experiment.id}", node, relation=relation, axis="")
        axes = experiment.syntheses or source_axes(experiment.plan, experiment.tensions, third.source_tension_ids)
        for axis in axes:
            for side in SIDES:
                self.network.add_edge(node, pole_node(axis, side), relation="emerged-from", axis=axis)

    def _unfold(self) -> None:
        """Take the latest experiment off, with every node that only it needed."""
        experiment = self.history.pop()
        del self.pairs[experiment.id]
        self.network.remove_node(f"experiment:{experiment.id}")
        if f"synthesis:{experiment.id}" in self.network:
            self.network.remove_node(f"synthesis:{experiment.id}")
        for axis in experiment.axes:
            if not self.history.names("held", axis):
                self.network.remove_nodes_from([f"tension:{axis}", *(pole_node(axis, side) for side in SIDES)])


def _changed_knobs(plan: Plan, base: Experiment | None) -> dict[str, tuple[str, str]]:
    """Knob → source text before and after; empty text where the knob is not there."""
    if base is None:
        return {}
    before, after = base.plan.knobs, plan.knobs
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)}


def rebuild(logs: Iterable[tuple[SessionRecord, Iterable[Iteration]]]) -> TensionGraph:
    """The tension graph of whole logs, whatever order they come in."""
    graph = TensionGraph()
    iterations: list[Iteration] = []
    for session, own in logs:
        graph.add_session(session)
        iterations += own
    # All at once: sessions that overlap in time would otherwise be folded again for each other.
    graph.add_all(iterations)
    return graph
