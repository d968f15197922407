"""What each side of each tension measured, as the rows of ``tensions.png``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev
from textwrap import shorten
from typing import Literal

from dialectic.report.material import Material
from dialectic.report.writing import one_line
from dialectic.state.base import Side
from dialectic.state.briefing import TensionEvidence

Role = Literal["thesis", "antithesis", "synthesis"]

SPREAD = 1.96
"""SDs on each side of an effect that make its interval of 95 %."""
SUMMARY = 50
"""Characters of what a pole says."""


@dataclass(frozen=True)
class Mark:
    """One experiment's effect against the incumbent of its time, in bpb; ``sd`` is None where nobody knows it."""

    label: str
    delta: float
    sd: float | None
    kept: bool


@dataclass(frozen=True)
class Row:
    """What one pole, or the third forms out of both, measured."""

    role: Role
    text: str
    """What the pole says; foreign text on one line."""
    marks: list[Mark]
    mean: float | None
    """Of the effects, as ``dialectic graph`` prints it; None where nothing was measured."""
    sd: float | None
    """Of the mean; None where nobody knows those of the effects."""
    failures: int
    """Experiments that ended without a score."""


@dataclass(frozen=True)
class Axis:
    """One tension with its three rows."""

    kind: str
    label: str
    rows: tuple[Row, Row, Row]

    @property
    def name(self) -> str:
        """The kind, and the label where it says more than that."""
        said = set(self.label.lower().replace("against", "vs").replace("-", " ").split())
        return self.kind if said <= set(self.kind.lower().split("-")) else f"{self.kind}: {self.label}"


def axes_of(material: Material) -> list[Axis]:
    """Every tension on which something was tested, the most recently active first."""
    return [
        Axis(one_line(evidence.kind, SUMMARY), one_line(evidence.label, SUMMARY), _rows(material, evidence))
        for evidence in material.briefing.tensions
        if evidence.thesis.experiments or evidence.antithesis.experiments or evidence.syntheses
    ]


def untested(material: Material) -> list[str]:
    """Kinds of the tensions that were held and never tested."""
    return [
        one_line(evidence.kind, SUMMARY)
        for evidence in material.briefing.tensions
        if not (evidence.thesis.experiments or evidence.antithesis.experiments or evidence.syntheses)
    ]


def _rows(material: Material, evidence: TensionEvidence) -> tuple[Row, Row, Row]:
    said = _summaries(material, evidence.kind)
    return (
        _row(material, "thesis", said[0], evidence.thesis.experiments, _crashed(material, evidence.kind, "thesis")),
        _row(
            material, "antithesis", said[1], evidence.antithesis.experiments,
            _crashed(material, evidence.kind, "antithesis"),
        ),
        _row(material, "synthesis", "a third form out of both", evidence.syntheses, 0),
    )  # fmt: skip


def _crashed(material: Material, kind: str, side: Side) -> int:
    """How many of the session's candidates on this side have no score: no evidence on the pole, but worth telling."""
    crashed = (turn for turn in material.turns if turn.fate == "crash")
    known = (material.knowledge.get(turn.id) for turn in crashed)
    return sum(one is not None and one.polarity.get(kind) == side for one in known)


def _row(material: Material, role: Role, said: str, experiments: Sequence[str], failures: int) -> Row:
    turns = [turn for turn in map(material.turn, experiments) if turn is not None]
    marks = [
        Mark(turn.label, turn.delta, turn.delta_sd, turn.fate == "keep") for turn in turns if turn.delta is not None
    ]
    mean = math.fsum(mark.delta for mark in marks) / len(marks) if marks else None
    return Row(
        role, shorten(one_line(said).split(". ")[0], SUMMARY, placeholder=" …"), marks, mean, _sd(marks), failures
    )


def _sd(marks: Sequence[Mark]) -> float | None:
    """SD of the mean effect: from the SDs of the effects, as if they were independent, or from how the effects differ
    among themselves where that is more: one side is more than one change."""
    known = [mark.sd for mark in marks if mark.sd is not None]
    if not known or len(known) < len(marks):
        return None
    measured = math.hypot(*known) / len(marks)
    differing = stdev(mark.delta for mark in marks) / math.sqrt(len(marks)) if len(marks) > 1 else 0.0
    return max(measured, differing)


def _summaries(material: Material, kind: str) -> tuple[str, str]:
    """What both poles of a tension said the last time that it was held."""
    sides: tuple[Side, Side] = ("thesis", "antithesis")
    for turn in reversed(material.turns):
        for tension in turn.tensions:
            if tension.kind == kind:
                return tension.thesis_summary, tension.antithesis_summary
    return sides
