"""The experiments in their one order, with what each adds; a stack, so that the latest can be taken off again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from dialectic.knowledge.effect import Effect, evidence_strength
from dialectic.knowledge.poles import other
from dialectic.state.base import Side
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord

NEIGHBOURS = 5
"""Earlier experiments of one kind that a new one is related to; older ones are reached through these."""

Key = tuple[str, str, int]
"""Order of experiments: when planned (never before the session's previous one), session, iteration."""

Comparison = tuple[str, float, str]
"""Profile, budget and data: only within one of these do scores compare."""


def comparison(session: SessionRecord | None) -> Comparison:
    """What the session's scores compare with; sessions of the reference system share the empty one."""
    if session is None or session.profile is None:
        return ("", 0.0, "")
    return (session.profile.name, session.profile.time_budget, session.data.fingerprint if session.data else "")


@dataclass(frozen=True)
class Relation:
    """A later experiment's stand towards an earlier one on ``axis``."""

    kind: str
    axis: str
    target: str


@dataclass(frozen=True)
class Experiment:
    """One experiment as the graph knows it; everything in it was known when it ended."""

    id: str
    key: Key
    comparison: Comparison
    plan: Plan
    result: Result | None
    tensions: tuple[TensionRecord, ...]
    baseline: bool
    effect: Effect
    axes: tuple[str, ...]
    """Kinds of its tensions, in the plan's order."""
    primary_axis: str
    """The axis that its move was about; empty for a baseline."""
    polarity: dict[str, Side]
    syntheses: tuple[str, ...]
    stance: dict[str, Side]
    """Axis → the pole its ``train.py`` stands on, by its own change or that of an experiment it is built on."""
    changed_knobs: dict[str, tuple[str, str]]
    rank: int | None
    relations: tuple[Relation, ...] = field(default=())

    @property
    def session_id(self) -> str:
        """The session it belongs to."""
        return self.key[1]

    @property
    def iteration(self) -> int:
        """Its number in the session."""
        return self.key[2]

    @property
    def kept(self) -> bool:
        """Whether the verdict kept it."""
        return self.result is not None and self.result.verdict.decision == "keep" and self.effect.val_bpb is not None

    @property
    def gained(self) -> bool:
        """Whether it was kept for an effect that leans clearly enough to be built on; noise keeps half of its draws."""
        return self.kept and self.effect.sign < 0

    @property
    def turn(self) -> bool:
        """Whether it counts as a move that was made: it has an end that says something."""
        return not self.baseline and (self.effect.val_bpb is not None or self.effect.failed)


Place = tuple[object, ...]
"""Where an experiment is listed: a word and what it is about."""


def places(experiment: Experiment) -> Iterator[Place]:
    """Every list that the experiment appears in."""
    yield ("session", experiment.session_id)
    for axis in experiment.axes:
        yield ("held", axis)
    if experiment.effect.val_bpb is not None:
        yield ("scored", experiment.comparison)
    if experiment.effect.delta is not None:
        yield ("measured", experiment.comparison)
    if experiment.turn:
        # A run without a score is evidence against its change, not against the pole: that was not measured.
        failed = experiment.effect.failed
        for axis, side in experiment.polarity.items():
            yield ("failed" if failed else "tested", axis, side)
        for axis in () if failed else experiment.syntheses:
            yield ("synthesis", axis)
    if experiment.effect.sign:
        for axis, side in experiment.polarity.items():
            yield ("voice", experiment.comparison, axis, side, experiment.effect.sign)


class History:
    """A stack of experiments with an index of them; pushing costs the number of lists an experiment appears in."""

    def __init__(self) -> None:
        self.experiments: list[Experiment] = []
        self._position: dict[str, int] = {}
        self._places: dict[Place, list[str]] = defaultdict(list)
        self._agreements: dict[str, int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self.experiments)

    def __contains__(self, name: object) -> bool:
        return name in self._position

    def get(self, name: str | None) -> Experiment | None:
        """The experiment called ``name``, if it is known."""
        position = self._position.get(name) if name else None
        return None if position is None else self.experiments[position]

    def age(self, name: str) -> int:
        """How many experiments began after it."""
        return len(self.experiments) - 1 - self._position[name]

    def names(self, *place: object) -> list[str]:
        """Experiments listed at ``place``, oldest first; not to be changed."""
        return self._places.get(place, [])

    def at(self, *place: object) -> list[Experiment]:
        """The experiments of :meth:`names`."""
        return [self.experiments[self._position[name]] for name in self.names(*place)]

    def axes(self) -> list[str]:
        """Every axis that an experiment held."""
        return sorted(str(place[1]) for place, names in self._places.items() if place[0] == "held" and names)

    def corroborations(self, name: str) -> int:
        """How many experiments agree with it, earlier and later ones."""
        return self._agreements.get(name, 0)

    def strength(self, experiment: Experiment) -> float:
        """Evidence in 0..1, as of now."""
        return evidence_strength(experiment.effect, self.corroborations(experiment.id))

    def best(self, wanted: Comparison) -> Experiment | None:
        """The lowest score among the kept experiments that compare, or else among all of them."""
        scored = self.at("scored", wanted)
        pool = [experiment for experiment in scored if experiment.kept] or scored
        return min(pool, key=lambda experiment: (experiment.effect.val_bpb or 0.0, experiment.key), default=None)

    def relate(self, polarity: dict[str, Side], sign: int, wanted: Comparison) -> tuple[Relation, ...]:
        """How a new effect stands towards earlier ones on the same axes.

        An experiment speaks for the pole it tested when it was better, for the other when it was worse. Speaking for
        the same pole it corroborates those that tested the same side and supports those that tested the other;
        speaking for another pole it opposes.
        """
        if not sign:
            return ()
        found: list[Relation] = []
        for axis, side in sorted(polarity.items()):
            groups = (
                ("corroborates", side, sign),
                ("supports", other(side), -sign),
                ("opposes", side, -sign),
                ("opposes", other(side), sign),
            )
            for kind, tested, effect in groups:
                recent = self.names("voice", wanted, axis, tested, effect)[-NEIGHBOURS:]
                found += [Relation(kind, axis, target) for target in recent]
        return tuple(found)

    def push(self, experiment: Experiment) -> None:
        """Put the next experiment on top."""
        self._position[experiment.id] = len(self.experiments)
        self.experiments.append(experiment)
        for place in places(experiment):
            self._places[place].append(experiment.id)
        for name in _agreeing(experiment):
            self._agreements[name] += 1
            self._agreements[experiment.id] += 1

    def pop(self) -> Experiment:
        """Take the latest off; afterwards everything is as before it was pushed."""
        experiment = self.experiments.pop()
        del self._position[experiment.id]
        for place in places(experiment):
            self._places[place].pop()
        for name in _agreeing(experiment):
            self._agreements[name] -= 1
        self._agreements.pop(experiment.id, None)
        return experiment


def _agreeing(experiment: Experiment) -> list[str]:
    return list(dict.fromkeys(link.target for link in experiment.relations if link.kind == "corroborates"))
