"""What a tension of the catalogue declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs
from dialectic.state.base import Side

SIDES: tuple[Side, Side] = ("thesis", "antithesis")

Steps = Mapping[str, float]
"""Knob → by how many steps it moves."""

Role = Literal["rate", "depth", "width", "heads", "batch", "schedule", "restraint", "inertia", "switch", "other"]
"""What a knob that the catalogue does not name seems to be."""


@dataclass(frozen=True)
class Opposition:
    """One tension as it is declared."""

    kind: str
    label: str
    thesis: str
    antithesis: str
    thesis_expects: str
    antithesis_expects: str
    levers: tuple[Lever, ...]
    """The first of each side are the clearest embodiments of a pole."""
    favoured: Side
    """The pole to begin with."""
    thesis_moves: tuple[Steps, ...] = ()
    """Moves of several knobs at once that embody the thesis; the knobs may belong to other tensions."""
    antithesis_moves: tuple[Steps, ...] = ()
    syntheses: tuple[Steps, ...] = ()
    """Third forms: knobs pulled to opposite poles at once."""
    roles: Mapping[Role, Side] | None = None
    """Roles of foreign knobs that belong here, and the pole of a larger value."""

    def holds(self, side: Side) -> str:
        """What ``side`` holds."""
        return self.thesis if side == "thesis" else self.antithesis

    def expects(self, side: Side) -> str:
        """What ``side`` expects to be measured."""
        return self.thesis_expects if side == "thesis" else self.antithesis_expects

    def moves(self, side: Side, knobs: Knobs) -> list[Steps]:
        """The smallest moves towards ``side``: every lever that the present ``train.py`` has, and every joint move."""
        joint = self.thesis_moves if side == "thesis" else self.antithesis_moves
        return [{lever.knob: float(lever.sign(side))} for lever in self.applicable(knobs)] + list(joint)

    def applicable(self, knobs: Knobs) -> list[Lever]:
        """The levers that the present ``train.py`` has, or can be given."""
        return [lever for lever in self.levers if lever.applies(knobs)]


def other(side: Side) -> Side:
    """The opposite pole."""
    return "antithesis" if side == "thesis" else "thesis"
