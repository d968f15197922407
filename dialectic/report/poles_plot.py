"""``tensions.png``, drawn as a forest plot: a row a pole, a dot an experiment, a diamond the mean, lines of 95 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dialectic.report.figure import BLUE, EDGE, FAINT, HEIGHT, INK, ORANGE, PURPLE, WIDTH, blank, fit, headed, style
from dialectic.report.poles import SPREAD, Axis, Role, Row
from dialectic.state.words import signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: dict[Role, str] = {"thesis": BLUE, "antithesis": ORANGE, "synthesis": PURPLE}
LEFT, RIGHT, MARGIN = 0.40, 0.775, 0.02
"""Where the effects begin and end, and where the words begin, in parts of the picture's width."""
HEADER, FOOTER = 92, 74
"""Pixels above and below the rows."""
SAID = 0.2
"""Where the words of a pole begin, from the left edge on, in parts of the axes' width."""
LEAST_UNIT, LARGEST_UNIT = 25.0, 40.0
"""Pixels of one row."""
SINGLE = 8
"""Experiments of a row up to which each shows its own interval."""
ROWS = 4.4
"""Rows that a tension takes: its name, three rows and the space below."""
LEGEND = "dot: one experiment, filled when kept · diamond: mean of the side · lines: 95 % intervals"
NOISE = " · grey: ± 1 SD between runs of one file"
TALLEST = 20_000
"""Pixels; a picture that is taller no reader opens."""


def tensions_figure(tensions: Sequence[Axis], noise: float, title: str, foot: str) -> Figure:
    """The picture; ``noise`` is the SD of ``val_bpb`` between runs of one file, 0 where nobody knows it."""
    shown = list(tensions)[: int((TALLEST - HEADER - FOOTER) / (ROWS * LEAST_UNIT))]
    unit = min(max((HEIGHT - HEADER - FOOTER) / (ROWS * max(len(shown), 1)), LEAST_UNIT), LARGEST_UNIT)
    height = max(HEIGHT, math.ceil(HEADER + FOOTER + ROWS * unit * len(shown)))
    with style():
        figure = blank(height)
        headed(figure, title, LEGEND + (NOISE if noise > 0 else ""), foot, MARGIN)
        axes = figure.add_axes((LEFT, FOOTER / height, RIGHT - LEFT, 1 - (HEADER + FOOTER) / height))
        axes.set_ylim((height - HEADER - FOOTER) / unit, 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
        axes.set_xlim(*limits(shown, noise))
        axes.locator_params(axis="x", nbins=7)
        axes.set_xlabel("effect on val_bpb against the incumbent of its time, in bpb")
        if noise > 0:
            axes.axvspan(-noise, noise, color="#f0f0f0", linewidth=0, zorder=0)
        axes.axvline(0.0, color=INK, linewidth=1.0, zorder=1)
        for x, words, side in ((-8, "← better", "right"), (8, "worse →", "left")):
            axes.annotate(
                words, (0, 1), (x, 4), ("data", "axes fraction"), "offset points", ha=side, fontsize=9.5, color=FAINT
            )
        axes.annotate(
            "mean effect ± 95 %", (1.03, 1), (0, 4), "axes fraction", "offset points", fontsize=9.5, color=FAINT
        )
        for index, tension in enumerate(shown):
            _tension(axes, tension, index * ROWS)
        if not shown:
            figure.text(0.5, 0.5, "No tension has been tested yet.", ha="center", fontsize=14, color=FAINT)
        return figure


def limits(tensions: Sequence[Axis], noise: float) -> tuple[float, float]:
    """Of the x axis: most effects with their intervals; one that is far outside must not press the others together."""
    rows = [row for tension in tensions for row in tension.rows]
    marks = [mark for row in rows for mark in row.marks]
    sizes = sorted(abs(mark.delta) for mark in marks)
    usual = sizes[math.ceil(0.75 * (len(sizes) - 1))] if sizes else 0.0
    most = max(3.0 * usual, 6.0 * noise, 1e-6)
    edges = [mark.delta + side * SPREAD * (mark.sd or 0.0) for mark in marks for side in (-1, 1)]
    least = max(1.5 * noise, 0.25 * usual, 1e-6)
    low, high = min([-least, *edges]), max([least, *edges])
    return max(low, -most) - 0.04 * most, min(high, most) + 0.04 * most


def _tension(axes: Axes, tension: Axis, top: float) -> None:
    words: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    left = (MARGIN - LEFT) / (RIGHT - LEFT)
    axes.axhline(
        top + 0.12, xmin=left, xmax=1 + (1 - RIGHT - MARGIN) / (RIGHT - LEFT), color=FAINT, lw=0.6, clip_on=False
    )
    axes.text(left, top + 0.6, tension.name, fontsize=11, fontweight="bold", **words)
    for index, row in enumerate(tension.rows):
        y = top + 1.5 + index
        colour = COLOURS[row.role]
        axes.text(left, y, row.role, fontsize=10, fontweight="bold", color=colour, **words)
        said = axes.text(left + SAID, y, row.text, fontsize=9, color=INK, **words)
        fit(said, -(left + SAID) * (RIGHT - LEFT) * WIDTH - EDGE)
        axes.text(1.03, y, told(row), fontsize=9, color=INK if row.marks else FAINT, **words)
        _marks(axes, row, y)


def told(row: Row) -> str:
    """The numbers of a row."""
    failed = f", {row.failures} crashed" if row.failures else ""
    if row.mean is None:
        return f"nothing measured{failed}" if failed else "never tested"
    spread = f" ± {SPREAD * row.sd:.4f}" if row.sd is not None else ""
    return f"{signed(row.mean)}{spread}  (n {len(row.marks)}{failed})"


def _marks(axes: Axes, row: Row, y: float) -> None:
    """Dots with their intervals, side by side in the row's height; the mean once there are two of them."""
    colour = COLOURS[row.role]
    several = len(row.marks) > 1
    for index, mark in enumerate(row.marks):
        at = y + (0.5 * (index + 0.5) / len(row.marks) - 0.38 if several else 0.0)
        if mark.sd is not None and len(row.marks) <= SINGLE:
            _interval(axes, mark.delta, mark.sd, at, color=colour, linewidth=1.2, alpha=0.5)
        _dot(axes, mark.delta, at, "o", s=26, facecolor=colour if mark.kept else "white", edgecolor=colour)
    if several and row.mean is not None:
        if row.sd is not None:
            _interval(axes, row.mean, row.sd, y + 0.27, color=colour, linewidth=2.2)
        _dot(axes, row.mean, y + 0.27, "D", s=42, facecolor=colour, edgecolor=colour)


def _interval(axes: Axes, centre: float, sd: float, y: float, **shown: Any) -> None:
    """A line of 95 %; an arrow at the edge where it goes on outside of the picture."""
    ends = (centre - SPREAD * sd, centre + SPREAD * sd)
    axes.plot(ends, (y, y), zorder=2, solid_capstyle="butt", **shown)
    low, high = axes.get_xlim()
    for edge, cut, arrow in ((low, ends[0] < low <= centre, "<"), (high, ends[1] > high >= centre, ">")):
        if cut:
            axes.plot([edge], [y], marker=arrow, markersize=5, color=shown["color"], zorder=3, clip_on=False)


def _dot(axes: Axes, x: float, y: float, shape: str, **shown: Any) -> None:
    """A mark at (x, y); at the edge an arrow instead where x lies outside of the picture."""
    low, high = axes.get_xlim()
    inside = low <= x <= high
    arrow = ">" if x > high else "<"
    axes.scatter(
        [min(max(x, low), high)],
        [y],
        marker=shape if inside else arrow,
        linewidths=1.3,
        zorder=3,
        clip_on=False,
        **shown,
    )
