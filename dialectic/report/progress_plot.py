"""``progress.png``, drawn from its series in the manner of the published autoresearch plots."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dialectic.report.figure import FAINT, GREEN, GREY, INK, ORANGE, blank, headed, style, text_size
from dialectic.report.placing import Box, around, nearest, place
from dialectic.report.progress import Points, Progress
from dialectic.state.words import bpb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, BOTTOM, HEADER = 0.075, 0.895, 0.1, 0.155
"""Margins in parts of the picture."""
LABEL_SIZE = 9.0
END_HEIGHT = 40.0
"""Pixels that a number at the right edge takes."""
MANY = 60
"""Iterations from which points become smaller and labels may lie over discards at once."""


def progress_figure(series: Progress, title: str, below: str, foot: str) -> Figure:
    """The picture; its axes carry the series as they are, each under its name in the legend."""
    with style():
        from matplotlib.ticker import MaxNLocator

        figure = blank()
        headed(figure, title, below, foot, LEFT)
        axes = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, 1 - HEADER - BOTTOM))
        axes.set_ylim(series.low, series.high)
        axes.set_xlim(0.4, max(series.last, 3.0) * 1.015 + 0.6)
        axes.set_xlabel("iteration")
        axes.set_ylabel("val_bpb (lower is better)")
        ticks = MaxNLocator(integer=True).tick_values(1, max(series.last, 3.0))
        axes.set_xticks([x for x in ticks if 1 <= x <= series.last and x == int(x)])
        if not series.line:
            axes.set_yticks([])
            axes.text(0.5, 0.5, "Nothing has a score yet.", ha="center", color=FAINT, size=14, transform=axes.transAxes)
        _incumbent(axes, series)
        _scores(axes, series)
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.008, 1.0),
            ncols=8,
            fontsize=9.5,
            handlelength=1.6,
            handletextpad=0.4,
            columnspacing=1.3,
        )
        figure.draw_without_rendering()
        _labels(axes, series)
        _ends(axes, series)
        return figure


def _incumbent(axes: Axes, series: Progress) -> None:
    """The step line goes on to the last iteration; the band around it is what a rerun would look like."""
    if not series.line:
        return
    end = max(series.last, series.line[-1][0]) + 0.5
    xs = [x for x, _ in series.line] + [end]
    ys = [y for _, y in series.line] + [series.line[-1][1]]
    name = "incumbent, estimated" if series.band else "lowest score so far"
    axes.step(xs, ys, where="post", color=GREEN, linewidth=1.8, label=name)
    if series.band:
        lows = [low for _, low, _ in series.band] + [series.band[-1][1]]
        highs = [high for _, _, high in series.band] + [series.band[-1][2]]
        axes.fill_between(
            xs, lows, highs, step="post", color=GREEN, alpha=0.11, linewidth=0, label="95 % of its reruns"
        )
    if series.start is not None:
        axes.axhline(series.start, color=FAINT, linewidth=0.9, linestyle=(0, (4, 4)))


def _ends(axes: Axes, series: Progress) -> None:
    """Baseline and incumbent in numbers, at the right edge, kept apart from each other."""
    if not series.line:
        return
    ends = [(series.line[-1][1], "incumbent" if series.band else "lowest", GREEN)]
    if series.start is not None and series.start != ends[0][0]:
        ends.append((series.start, "baseline", FAINT))
    least = END_HEIGHT * (series.high - series.low) / axes.get_window_extent().height
    above = 0.0
    for y, name, colour in sorted(ends):
        at = max(y, above)
        above = at + least
        axes.text(
            1.008,
            at,
            f"{name}\n{bpb(y)}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=10,
            color=colour,
            fontweight="bold" if colour == GREEN else "normal",
        )


def _scores(axes: Axes, series: Progress) -> None:
    size = 34.0 if series.last <= MANY else 16.0
    shapes: list[tuple[Points, str, dict[str, Any]]] = [
        (series.discards, "discarded", {"color": GREY, "s": 0.8 * size, "linewidths": 0, "zorder": 3}),
        (series.baseline, "baseline", {"color": INK, "s": 1.3 * size, "marker": "s", "zorder": 5}),
        (
            series.provisional,
            "kept, provisional",
            {"facecolor": "white", "edgecolor": GREEN, "linewidths": 1.8, "s": 1.5 * size, "zorder": 6},
        ),
        (series.proven, "kept, proven", {"color": GREEN, "s": 1.9 * size, "marker": "D", "zorder": 7}),
    ]
    for points, name, shown in shapes:
        if points:
            axes.scatter([x for x, _ in points], [y for _, y in points], label=name, **shown)
    at_edge = axes.get_xaxis_transform()
    if series.above:
        axes.scatter(
            series.above,
            [0.99] * len(series.above),
            marker="^",
            color=GREY,
            s=30,
            transform=at_edge,
            clip_on=False,
            label="above the picture",
        )
    if series.crashes:
        axes.scatter(
            series.crashes,
            [0.018] * len(series.crashes),
            marker="x",
            color=ORANGE,
            s=30,
            linewidths=1.6,
            transform=at_edge,
            label="crash",
            zorder=4,
        )


def _labels(axes: Axes, series: Progress) -> None:
    """What was changed, beside each kept candidate; those with the largest gain choose first, and none may overlap."""
    from matplotlib.patheffects import withStroke

    inside = axes.get_window_extent()
    bounds = Box(inside.x0 + 4, inside.y0 + 4, inside.x1 - 2, inside.y1 - 2)
    shown = [(x, y, words) for x, y, words in series.labels if y <= series.high]
    points = [_pixel(axes, (x, y)) for x, y, _ in shown]
    sizes = [text_size(axes, words, LABEL_SIZE) for *_, words in shown]
    kept: Points = [_pixel(axes, point) for point in (*series.baseline, *series.provisional, *series.proven)]
    grey: Points = [_pixel(axes, point) for point in series.discards]
    steps = [around(x, y, 3) for x, y in _along(axes, series)]
    places = place(
        points,
        sizes,
        bounds,
        [around(x, y, 6) for x, y in kept],
        [*(around(x, y, 4) for x, y in grey), *steps],
    )
    for (x, y, words), point, box in zip(shown, points, places, strict=True):
        if box is None:
            continue
        end = nearest(point, box)
        if max(abs(end[0] - point[0]), abs(end[1] - point[1])) > 12:
            start = axes.transData.inverted().transform(end)
            axes.plot([x, start[0]], [y, start[1]], color=FAINT, linewidth=0.7, zorder=2)
        corner = axes.transData.inverted().transform((box.left, box.bottom))
        label = axes.text(corner[0], corner[1], words, fontsize=LABEL_SIZE, color=INK, va="bottom", zorder=8)
        label.set_path_effects([withStroke(linewidth=2.0, foreground="white")])


def _pixel(axes: Axes, point: tuple[float, float]) -> tuple[float, float]:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _along(axes: Axes, series: Progress, step: float = 14.0) -> Points:
    """Points of the step line in pixels, ``step`` pixels apart at most."""
    corners: Points = []
    for (x, y), (after, _) in pairwise([*series.line, (series.last + 0.5, 0.0)]):
        corners += [_pixel(axes, (x, y)), _pixel(axes, (after, y))]
    found: Points = []
    for (x, y), (right, top) in pairwise(corners):
        count = int(max(abs(right - x), abs(top - y)) // step) + 1
        found += [(x + (right - x) * k / count, y + (top - y) * k / count) for k in range(count)]
    return found
