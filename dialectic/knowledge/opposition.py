"""Anchor and opponent: the incumbent's experiment, and what speaks most strongly against where it stands.

``total = relevance * opposition``, each in 0..1:

* relevance = 0.4 * nearness + 0.3 * 0.5 ** (age / 10) + 0.3 * evidence strength. Nearness is 1 in the same session, 0.7
  with the same profile, budget and data, 0.2 otherwise; the age is in experiments.
* opposition = (1 - product over opposed axes of (1 - w)) * (0.25 + 0.75 * P(opponent was better)). The weight w is 0.8
  where the anchor stands on the other pole and 0.4 where it took no side: there the opponent departs from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialectic.knowledge.history import Comparison, Experiment, History
from dialectic.knowledge.poles import SIDES
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


def _measured(history: History) -> Iterator[Experiment]:
    seen: set[str] = set()
    for axis in history.axes():
        for side in SIDES:
            for experiment in history.at("tested", axis, side):
                if experiment.effect.delta is not None and experiment.id not in seen:
                    seen.add(experiment.id)
                    yield experiment


def _relevance(history: History, view: Viewpoint, candidate: Experiment) -> float:
    if candidate.session_id == view.session_id:
        nearness = 1.0
    else:
        nearness = 0.7 if candidate.comparison == view.comparison else 0.2
    recency: float = 0.5 ** (history.age(candidate.id) / HALF_LIFE)
    return 0.4 * nearness + 0.3 * recency + 0.3 * history.strength(candidate)


def opponents(history: History, view: Viewpoint) -> list[Opponent]:
    """Every measured experiment that opposes the anchor, strongest first; O(n log n) in experiments."""
    anchor = history.get(view.anchor_id)
    found = []
    for candidate in _measured(history):
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
    """Another experiment of this session that was scored: the most relevant one. It opposes the anchor on no axis."""
    scored = [
        one
        for one in history.at("session", view.session_id)
        if one.id != view.anchor_id and one.iteration < view.iteration and one.effect.val_bpb is not None
    ]
    best = max(scored, key=lambda one: (_relevance(history, view, one), one.iteration), default=None)
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
        transcendent_prediction=_expectation(view, anchor, opponent),
    )


def _reason(view: Viewpoint, anchor: Experiment | None, opponent: Opponent | None) -> str:
    if view.anchor_id is None:
        return NO_HISTORY
    measured = "" if view.estimate is None else f" at val_bpb {view.estimate:.4f}"
    first = f"The anchor is the incumbent {view.anchor_id}{measured}."
    if opponent is None:
        return f"{first} No measured experiment embodies a pole against it yet, so there is no opponent."
    rival = opponent.experiment
    if not opponent.opposed_axes:
        return (
            f"{first} No measured experiment embodies a pole against it yet; its nearest rival is {rival.id} at "
            f"val_bpb {rival.effect.val_bpb:.4f} (relevance {opponent.relevance:.2f})."
        )
    stance = anchor.stance if anchor else {}
    axes = ", ".join(
        f"the {rival.polarity[axis]} of {axis}, where the anchor "
        + (f"stands on the {stance[axis]}" if axis in stance else "took no side")
        for axis in opponent.opposed_axes
    )
    scores = f"relevance {opponent.relevance:.2f}, opposition {opponent.opposition:.2f}, total {opponent.total:.2f}"
    return f"{first} Its strongest opponent is {rival.id} with {axes}: it measured {_delta(rival)} ({scores})."


def _delta(experiment: Experiment) -> str:
    return f"{experiment.effect.delta or 0.0:+.4f} bpb against the incumbent of its time"


def _expectation(view: Viewpoint, anchor: Experiment | None, opponent: Opponent | None) -> str:
    """Half of what both sides gained, because two gains on one axis rarely add up."""
    if opponent is None or not opponent.opposed_axes:
        return "Nothing opposes the anchor yet: measure a pole first, then a third form can be predicted from numbers."
    rival = opponent.experiment
    axis = opponent.opposed_axes[0]
    own = (anchor.effect.delta or 0.0) if anchor else 0.0
    gain = 0.5 * (max(0.0, -own) + max(0.0, -(rival.effect.delta or 0.0)))
    name = view.anchor_id or "the incumbent"
    start = f"A third form that keeps what {name} ({own:+.4f}) and {rival.id} ({rival.effect.delta or 0.0:+.4f}) gained"
    target = "" if view.estimate is None else f", to about {view.estimate - gain:.4f}"
    if not gain:
        return f"{start} on {axis} is expected to leave val_bpb unchanged, because neither side gained anything."
    return f"{start} on {axis} is expected to lower val_bpb by {gain:.4f}{target}, half of both gains together."
