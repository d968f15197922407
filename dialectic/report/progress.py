"""``progress.png``: every score over the iterations, the incumbent as a step line, what its noise is, what was kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialectic.report.material import Material, Turn
from dialectic.report.writing import one_line
from dialectic.state.proposal import KnobEdit

SPREAD = 1.96
"""SDs on each side of the incumbent between which 95 % of its reruns fall."""
LABEL = 36
"""Characters of a label."""
ABOVE = 0.62
"""How far above the baseline the picture goes, as a part of the distance from there down to the best score."""
LEAST = 4.0
"""The same at least, in SDs of the noise."""
USUAL = 0.75
"""Part of the scores that always stays inside of the picture."""

Points = list[tuple[float, float]]
"""(iteration, bpb) each."""


@dataclass(frozen=True)
class Progress:
    """The series that are drawn. Iterations on the x axis, bpb on the y axis."""

    baseline: Points
    discards: Points
    provisional: Points
    proven: Points
    crashes: list[float]
    """Iterations without a score."""
    line: Points
    """The incumbent's estimate after each finished iteration; for the reference system the lowest score so far."""
    band: list[tuple[float, float, float]]
    """(iteration, low, high): where 95 % of the incumbent's reruns would fall; empty where nobody knows the noise."""
    labels: list[tuple[float, float, str]]
    """(iteration, bpb, what changed) of the kept candidates, the largest gain first."""
    low: float
    high: float
    """Limits of the y axis; a score above ``high`` is drawn on it."""
    last: float
    """The highest iteration there is."""
    start: float | None
    """The baseline as it is known at the end; None where it is not."""

    @property
    def above(self) -> list[float]:
        """Iterations whose score lies above the picture."""
        return [x for x, y in (*self.baseline, *self.discards, *self.provisional, *self.proven) if y > self.high]


def progress(material: Material) -> Progress:
    """The series out of the records."""
    scores = [turn for turn in material.turns if turn.val_bpb is not None and turn.fate != "crash"]
    kept = [turn for turn in scores if turn.fate == "keep"]
    line, band = _incumbents(material)
    low, high = _limits(_points(scores), line, band)
    return Progress(
        baseline=_points(turn for turn in scores if turn.fate == "baseline"),
        discards=_points(turn for turn in scores if turn.fate == "discard"),
        provisional=_points(turn for turn in kept if turn.claim != "proven"),
        proven=_points(turn for turn in kept if turn.claim == "proven"),
        crashes=[float(turn.number) for turn in material.turns if turn.fate == "crash"],
        line=line,
        band=band,
        labels=[_labelled(turn) for turn in sorted(kept, key=lambda turn: (turn.delta or 0.0, turn.number))],
        low=low,
        high=high,
        last=float(max((turn.number for turn in material.turns), default=1)),
        start=material.standing.baseline.estimate if material.standing else None,
    )


def _points(turns: Iterable[Turn]) -> Points:
    return [(float(turn.number), turn.val_bpb) for turn in turns if turn.val_bpb is not None]


def _labelled(turn: Turn) -> tuple[float, float, str]:
    assert turn.val_bpb is not None
    edits = turn.plan.edits
    knobs = [edit.knob for edit in edits if isinstance(edit, KnobEdit)]
    words = turn.short
    if len(knobs) > 1 and len(knobs) == len(edits):
        words = " + ".join(knobs)
        words = words if len(words) <= LABEL else f"{knobs[0]} + {len(knobs) - 1} more"
    return float(turn.number), turn.val_bpb, one_line(words, LABEL)


def _incumbents(material: Material) -> tuple[Points, list[tuple[float, float, float]]]:
    """The incumbent after each finished iteration, with the spread of a rerun where the noise is known."""
    line: Points = []
    band = []
    lowest = math.inf
    for turn in material.turns:
        if turn.result is None:
            continue
        judged = turn.result.verdict
        if judged.successor is not None and (judged.runs or line):
            centre = judged.successor.estimate
            rerun = SPREAD * math.hypot(judged.noise_sigma, judged.successor.sd)
            line.append((float(turn.number), centre))
            band.append((float(turn.number), centre - rerun, centre + rerun))
        elif judged.successor is None and turn.val_bpb is not None:
            lowest = min(lowest, turn.val_bpb)
            line.append((float(turn.number), lowest))
    return line, band if len(band) == len(line) else []


def _limits(scores: Points, line: Points, band: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """A candidate that is far worse than the rest must not press all others into one line."""
    if not scores:
        return 0.0, 1.0
    values = [y for _, y in scores]
    low = min([*values, *(edge for _, edge, _ in band)])
    start = max([line[0][1] if line else values[0], *(edge for _, _, edge in band)])
    noise = max((edge - centre for (_, _, edge), (_, centre) in zip(band, line, strict=False)), default=0.0) / SPREAD
    excess = sorted(max(value - start, 0.0) for value in values)
    usual = excess[math.ceil(USUAL * (len(excess) - 1))]
    room = max(ABOVE * (start - low), LEAST * noise, 1.5 * usual, 1e-3 * abs(start), 1e-6)
    high = max([start, *(value for value in values if value <= start + room)])
    margin = 0.06 * max(high - low, room)
    return low - margin, high + margin
