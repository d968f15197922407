"""progress.png: the series are the records' numbers, and the axes are given the series."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dialectic.report.figure import HEIGHT, WIDTH, png
from dialectic.report.progress import SPREAD, Progress, progress
from dialectic.report.progress_plot import progress_figure
from dialectic.state.proposal import KnobEdit
from tests.knowledge.histories import baseline, plan, result
from tests.report.nights import judged, long_night, material

CHANGES = [-0.05, 0.03, None, -0.003, 1.5, 0.01]


def drawn(series: Progress) -> Any:
    """The axes of the picture."""
    return progress_figure(series, "title", "below", "foot").axes[0]


def points(axes: Any, name: str) -> list[tuple[float, float]]:
    """The offsets of the scatter with this name in the legend."""
    (found,) = [one for one in axes.collections if one.get_label() == name]
    return [(float(x), float(y)) for x, y in found.get_offsets()]


def test_every_score_is_in_the_series_of_its_fate() -> None:
    night = material(judged(CHANGES))
    series = progress(night)
    scores = {turn.number: turn.val_bpb for turn in night.turns}
    assert series.baseline == [(1.0, 2.0)]
    assert series.proven == [(2.0, scores[2])]
    assert series.provisional == [(5.0, scores[5])]
    assert series.discards == [(3.0, scores[3]), (6.0, scores[6]), (7.0, scores[7])]
    assert series.crashes == [4.0]
    assert series.above == [6.0]
    assert [(x, words) for x, _, words in series.labels] == [
        (2.0, "WINDOW_PATTERN = 0.02"),
        (5.0, "WINDOW_PATTERN = 0.05"),
    ]


def test_the_line_is_the_verdicts_own_estimate_and_the_band_a_reruns_spread() -> None:
    night = material(judged(CHANGES))
    series = progress(night)
    verdicts = [turn.result.verdict for turn in night.turns if turn.result is not None]
    assert series.line == [(k, v.successor.estimate) for k, v in enumerate(verdicts, 1) if v.successor is not None]
    last = verdicts[-1]
    assert last.successor is not None
    reach = SPREAD * math.hypot(last.noise_sigma, last.successor.sd)
    assert series.band[-1] == pytest.approx((7.0, last.successor.estimate - reach, last.successor.estimate + reach))
    assert night.standing is not None
    assert series.start == night.standing.baseline.estimate
    assert series.line[-1][1] == pytest.approx(night.standing.incumbent.estimate)


def test_the_axes_are_given_the_series() -> None:
    series = progress(material(judged(CHANGES)))
    axes = drawn(series)
    assert points(axes, "discarded") == series.discards
    assert points(axes, "kept, proven") == series.proven
    assert points(axes, "kept, provisional") == series.provisional
    assert points(axes, "baseline") == series.baseline
    assert [x for x, _ in points(axes, "crash")] == series.crashes
    assert [x for x, _ in points(axes, "above the picture")] == series.above
    (line,) = [one for one in axes.lines if one.get_label() == "incumbent, estimated"]
    assert list(zip(line.get_xdata(), line.get_ydata(), strict=True))[:-1] == series.line
    (band,) = [one for one in axes.collections if one.get_label() == "95 % of its reruns"]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (min(low for _, low, _ in series.band), max(b[2] for b in series.band))
    assert axes.get_ylim() == (series.low, series.high)
    assert {"WINDOW_PATTERN = 0.02", "WINDOW_PATTERN = 0.05"} <= {one.get_text() for one in axes.texts}


@pytest.mark.parametrize("length", [1, 12, 60, 300])
def test_labels_do_not_overlap_and_every_usual_score_is_inside(length: int) -> None:
    series = progress(long_night(length))
    axes = drawn(series)
    known = {words for *_, words in series.labels}
    boxes = [one.get_window_extent() for one in axes.texts if one.get_text() in known]
    assert len(boxes) >= min(len(series.labels), 8)
    for index, box in enumerate(boxes):
        assert box.x0 > 0
        assert box.x1 < WIDTH
        assert not any(box.overlaps(other) for other in boxes[:index])
    shown = [y for _, y in (*series.discards, *series.provisional, *series.proven)]
    assert sum(series.low <= y <= series.high for y in shown) >= 0.75 * len(shown)
    assert all(y >= series.low for y in shown)


def test_several_knobs_are_named_without_their_values() -> None:
    few = [KnobEdit(knob=name, value="1") for name in ("DEPTH", "MATRIX_LR")]
    many = [KnobEdit(knob=f"{name}_OF_THE_MODEL", value="1") for name in ("DEPTH", "WIDTH", "HEIGHT")]
    night = [baseline()]
    for number, edits in ((2, few), (3, many)):
        mine = plan(number, edits=edits)
        night.append((mine, result(mine, -0.01 * number), []))
    labels = {words for *_, words in progress(material(night)).labels}
    assert labels == {"DEPTH + MATRIX_LR", "DEPTH_OF_THE_MODEL + 2 more"}


def test_foreign_text_is_drawn_as_text() -> None:
    mine = plan(2, edits=[])
    mine = mine.model_copy(update={"prediction": "Prediction: $x^{2$ \u6f22\u5b57 \x1b[2J"})
    series = progress(material([baseline(), (mine, result(mine, -0.1), [])]))
    assert [words for *_, words in series.labels] == ["$x^{2$ \u6f22\u5b57"]
    figure = progress_figure(series, "n" * 100 + ": $x^{2$ and more words", "below " * 30, "foot " * 50)
    assert png(figure).startswith(b"\x89PNG")
    assert [one.get_text()[:4] for one in figure.texts] == ["nnnn", "belo", "foot"]
    assert all(one.get_window_extent().x1 <= WIDTH for one in figure.texts)
    assert all(float(one.get_fontsize()) >= 7 for one in figure.texts)


@pytest.mark.parametrize("changes", [[], [None, None]])
def test_little_is_drawn_too(changes: list[float | None]) -> None:
    axes = drawn(progress(material(judged(changes))))
    assert points(axes, "baseline") == [(1.0, 2.0)]
    low, high = axes.get_ylim()
    assert low < 2.0 < high


def test_nothing_at_all_says_so() -> None:
    axes = drawn(progress(material([])))
    assert [one.get_text() for one in axes.texts] == ["Nothing has a score yet."]


def test_a_picture_has_its_size_and_the_same_bytes_each_time() -> None:
    series = progress(long_night(20))
    first, second = (png(progress_figure(series, "title", "below", "foot")) for _ in range(2))
    assert first == second
    assert int.from_bytes(first[16:20]) == WIDTH
    assert int.from_bytes(first[20:24]) == HEIGHT
    assert b"Matplotlib" not in first


def test_the_picture_is_the_same_whatever_the_user_has_set() -> None:
    import matplotlib as mpl

    series = progress(long_night(5))
    plain = png(progress_figure(series, "title", "below", "foot"))
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert png(progress_figure(series, "title", "below", "foot")) == plain
        assert mpl.rcParams["font.size"] == 30
