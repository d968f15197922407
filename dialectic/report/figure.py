"""What both pictures share: size, colours, type, and the same bytes for the same values.

Only matplotlib's objects are used, never its pyplot: a picture leaves no state behind. matplotlib is imported where a
picture is drawn, because a command that draws none need not wait for it.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1200, 700
"""Pixels."""
DPI = 100

INK, FAINT, GRID = "#222222", "#767676", "#e4e4e4"
GREEN, GREY, BLUE, ORANGE, PURPLE = "#00855f", "#a9a9a9", "#0072b2", "#d55e00", "#a0548a"
"""Told apart by all common kinds of colour vision (after Okabe and Ito); shape or filling says the same once more."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}
"""Over matplotlib's own defaults, not over those of the user: a report looks the same everywhere."""


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings while a picture is drawn.

    A character that the typeface lacks becomes a box, not a warning on the user's terminal, and neither does
    matplotlib tell there that it keeps its cache in another folder.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def blank(height: int = HEIGHT) -> Figure:
    """An empty picture of 1200 by ``height`` pixels that can measure its text."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def headed(figure: Figure, title: str, below: str, foot: str, left: float) -> None:
    """Title and a line under it, flush with ``left`` (in parts of the picture's width), and small print at the foot."""
    height = figure.get_figheight() * DPI
    figure.text(left, 1 - 26 / height, title, fontsize=15, fontweight="bold", va="center")
    figure.text(left, 1 - 51 / height, below, fontsize=10.5, color=FAINT, va="center")
    figure.text(left, 12 / height, foot, fontsize=8.5, color=FAINT, va="center")


def png(figure: Figure) -> bytes:
    """The picture as PNG, without the name and version of what drew it."""
    stream = io.BytesIO()
    with style():  # ticks and their labels are made when it is drawn
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def text_size(axes: Axes, words: str, size: float) -> tuple[float, float]:
    """Width and height of ``words`` in pixels."""
    probe = axes.text(0, 0, words, fontsize=size)
    box = probe.get_window_extent()
    probe.remove()
    return float(box.width), float(box.height)
