"""Anchor and opponent: the incumbent's experiment, and what speaks most strongly against where it stands.

Only what compares can be an opponent: the same profile, budget and data, of whatever session. What the anchor is built
on is none, because its gain is in the anchor already; what is built on the anchor is one: it was measured against it.

``total = relevance * opposition``, each in 0..1:

* relevance = 0.4 * nearness + 0.3 * 0.5 ** (age / 10) + 0.3 * evidence strength. Nearness is 1 in the same session and
  0.7 in another one; the age is in experiments.
* opposition = (1 - product over opposed axes of (1 - w)) * (0.25 + 0.75 * P(opponent was better)). The weight w is 0.8
  where the anchor stands on the other pole and 0.4 where it took no side: there the opponent departs from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialectic.knowledge.history import Comparison, Experiment, History
from dialectic.state.base import iteration_label
from dialectic.state.knowledge import DefaultTensionPair

HALF_LIFE = 10.0
"""Experiments after which recency has halved."""

TAKEN, NOT_TAKEN = 0.8, 0.4

NO_HISTORY = "No experiment has been scored yet, so there is neither an anchor nor an opponent."


@dataclass(frozen=True)
class Viewpoint:
    """From where the history is looked at: the iteration that is about to begin, and the incumbent."""

    session_id: str
    iteration: int
    comparison: Comparison
    anchor_id: str | None
    estimate: float | None
    """The incumbent's estimated ``val_bpb``."""


@dataclass(frozen=True)
class Opponent:
    """A possible opponent with its scores."""

    experiment: Experiment
    opposed_axes: tuple[str, ...]
    relevance: float
    opposition: float

    @property
    def total(self) -> float:
        """Relevance times opposition."""
        return self.relevance * self.opposition


def _opposed(anchor: Experiment | None, candidate: Experiment) -> dict[str, float]:
    """Axis → weight, for every axis on which the candidate embodies a pole that the anchor does not stand on."""
    stance = anchor.stance if anchor else {}
    return {
        axis: TAKEN if axis in stance else NOT_TAKEN
        for axis, side in sorted(candidate.polarity.items())
        if stance.get(axis) != side
    }


def ancestors(history: History, name: str | None) -> set[str]:
    """The experiment and everything that it is built on."""
    found: set[str] = set()
    while name and name not in found:
        found.add(name)
        experiment = history.get(name)
        name = experiment.plan.base_experiment_id if experiment else None
    return found


def _measured(history: History, view: Viewpoint) -> Iterator[Experiment]:
    seen = ancestors(history, view.anchor_id)
    for name in history.names("measured", view.comparison):
        experiment = history.get(name)
        if experiment is not None and experiment.polarity and name not in seen:
            yield experiment


def _relevance(history: History, view: Viewpoint, candidate: Experiment) -> float:
    nearness = 1.0 if candidate.session_id == view.session_id else 0.7
    recency: float = 0.5 ** (history.age(candidate.id) / HALF_LIFE)
    return 0.4 * nearness + 0.3 * recency + 0.3 * history.strength(candidate)


def opponents(history: History, view: Viewpoint) -> list[Opponent]:
    """Every measured experiment that opposes the anchor, strongest first; O(n log n) in experiments."""
    anchor = history.get(view.anchor_id)
    found = []
    for candidate in _measured(history, view):
        weights = _opposed(anchor, candidate)
        if not weights:
            continue
        doubt = 1.0
        for weight in weights.values():
            doubt *= 1.0 - weight
        opposition = (1.0 - doubt) * (0.25 + 0.75 * candidate.effect.probability_better)
        found.append(Opponent(candidate, tuple(weights), _relevance(history, view, candidate), opposition))
    return sorted(found, key=lambda one: (-one.total, history.age(one.experiment.id)))


def strongest(history: History, view: Viewpoint, axis: str = "") -> Opponent | None:
    """The strongest opponent, on ``axis`` where there is one; the nearest rival where no pole opposes the anchor."""
    found = opponents(history, view)
    return next((one for one in found if axis in one.opposed_axes), found[0] if found else nearest_rival(history, view))


def nearest_rival(history: History, view: Viewpoint) -> Opponent | None:
    """Another experiment of this session that was scored: the most relevant one. It opposes the anchor on no axis.

    What the anchor is built on comes last: it is named only where there is nothing else.
    """
    built_on = ancestors(history, view.anchor_id)
    scored = [
        one
        for one in history.at("session", view.session_id)
        if one.id != view.anchor_id and one.iteration < view.iteration and one.effect.val_bpb is not None
    ]
    best = max(
        scored,
        key=lambda one: (one.id not in built_on, _relevance(history, view, one), one.iteration),
        default=None,
    )
    return Opponent(best, (), _relevance(history, view, best), 0.0) if best else None


def pair(history: History, view: Viewpoint, opponent: Opponent | None) -> DefaultTensionPair:
    """Anchor and opponent as a record, with the reason and the expectation in sentences."""
    anchor = history.get(view.anchor_id)
    mine = set(anchor.axes) | set(anchor.stance) if anchor else set()
    theirs = set(opponent.experiment.axes) | set(opponent.opposed_axes) if opponent else set()
    return DefaultTensionPair(
        experiment_id=f"{view.session_id}:{iteration_label(view.iteration)}",
        session_id=view.session_id,
        iteration=view.iteration,
        iteration_label=iteration_label(view.iteration),
        anchor_experiment_id=view.anchor_id,
        opposing_experiment_id=opponent.experiment.id if opponent else None,
        selection_reason=_reason(view, anchor, opponent),
        shared_axes=sorted(mine & theirs),
        opposed_axes=sorted(opponent.opposed_axes) if opponent else [],
        relevance_score=round(opponent.relevance, 6) if opponent else 0.0,
        opposition_score=round(opponent.opposition, 6) if opponent else 0.0,
        total_score=round(opponent.total, 6) if opponent else 0.0,
        transcendent_prediction=_expectation(view, opponent),
    )


def called(name: str, session_id: str) -> str:
    """How a sentence names an experiment: ``iteration 002`` of the own session, the whole id of another one's."""
    own = name.startswith(f"{session_id}:")
    return f"iteration {name.removeprefix(f'{session_id}:')}" if own else name


def _reason(view: Viewpoint, anchor: Experiment | None, opponent: Opponent | None) -> str:
    if view.anchor_id is None:
        return NO_HISTORY
    own = view.anchor_id.startswith(f"{view.session_id}:")
    what = "the incumbent" if own else "the best of earlier sessions under these conditions"
    measured = "" if view.estimate is None else f", estimated at val_bpb {view.estimate:.4f}"
    first = f"The anchor is {what}, {called(view.anchor_id, view.session_id)}{measured}."
    if opponent is None:
        return f"{first} Nothing else was measured under these conditions yet, so there is no opponent."
    rival = opponent.experiment
    name = called(rival.id, view.session_id)
    if not opponent.opposed_axes:
        return (
            f"{first} No measured pole stands against it yet; {name} is named beside it only because it was scored "
            f"as well (val_bpb {rival.effect.val_bpb:.4f})."
        )
    stance = anchor.stance if anchor else {}
    axes = " and ".join(
        f"the {rival.polarity[axis]} of {axis}, where the anchor "
        + (f"stands on the {stance[axis]}" if axis in stance else "took no side")
        for axis in opponent.opposed_axes
    )
    scores = f"relevance {opponent.relevance:.2f}, opposition {opponent.opposition:.2f}, total {opponent.total:.2f}"
    return f"{first} Its strongest opponent is {name}: it tested {axes}, and {_came_to(rival, view)} ({scores})."


def _came_to(rival: Experiment, view: Viewpoint) -> str:
    """What the opponent measured, and what of it is believed."""
    effect = rival.effect
    if effect.change is None or effect.delta_sd is None:
        return f"changed val_bpb by {effect.delta or 0.0:+.4f} against the best of its time"
    whom = "it" if rival.plan.base_experiment_id == view.anchor_id else "the incumbent of its time"
    return f"measured {effect.change:+.4f} bpb against {whom}, an estimated effect of {effect.delta or 0.0:+.4f}"


def _expectation(view: Viewpoint, opponent: Opponent | None) -> str:
    """Half of the opponent's gain: the anchor's own is in its estimate, and two gains on one axis rarely add up."""
    if opponent is None or not opponent.opposed_axes:
        return (
            "No measured pole stands against the anchor yet, so no gain of a third form can be foretold from numbers."
        )
    rival, axis = opponent.experiment, opponent.opposed_axes[0]
    pole, name = f"the {rival.polarity[axis]} of {axis}", called(rival.id, view.session_id)
    anchor = called(view.anchor_id, view.session_id) if view.anchor_id else "the incumbent"
    level = f"the val_bpb of {anchor}" + ("" if view.estimate is None else f", {view.estimate:.4f}")
    effect = rival.effect.delta or 0.0
    if not rival.effect.sign:
        return (
            f"What {name} came to with {pole} cannot be told from noise. No gain of a third form can be foretold from "
            f"it: going by the numbers it stays at {level}."
        )
    if effect > 0:
        return (
            f"With {pole} {name} lost an estimated {effect:.4f} bpb. A third form would have to take what that pole "
            f"holds without this cost; going by the numbers it stays at {level}."
        )
    target = "" if view.estimate is None else f", to about {view.estimate + effect / 2:.4f}"
    return (
        f"With {pole} {name} gained an estimated {-effect:.4f} bpb. A third form that brings it to {anchor} is "
        f"expected to lower val_bpb by half of that, {-effect / 2:.4f}{target}: two gains on one axis rarely add up."
    )
