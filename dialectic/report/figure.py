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
    from matplotlib.text import Text

WIDTH, HEIGHT = 1200, 700
"""Pixels."""
DPI = 100
EDGE = 12
"""Pixels that words keep from the picture's edge."""
SMALLEST = 7.0
"""Size of the smallest type, in points."""

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
    for words, y, size, weight, colour in (
        (title, 1 - 26 / height, 15.0, "bold", INK),
        (below, 1 - 51 / height, 10.5, "normal", FAINT),
        (foot, 12 / height, 8.5, "normal", FAINT),
    ):
        line = figure.text(left, y, words, fontsize=size, fontweight=weight, color=colour, va="center")
        fit(line, (1 - left) * WIDTH - EDGE)


def fit(text: Text, width: float) -> None:
    """Make ``text`` smaller until it is ``width`` pixels wide at most, and cut what is still too long at the least."""
    size = float(text.get_fontsize())
    while text.get_window_extent().width > width and size > SMALLEST:
        size = max(size * 0.94, SMALLEST)
        text.set_fontsize(size)
    words = text.get_text()
    while text.get_window_extent().width > width and len(words) > 1:
        words = words[: len(words) * 9 // 10]
        text.set_text(words + "…")


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
