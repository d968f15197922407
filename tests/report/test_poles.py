"""tensions.png: a row a pole, with what the verdicts say of each experiment."""

from __future__ import annotations

from math import hypot, sqrt
from statistics import stdev
from typing import Any

import pytest

from dialectic.report.figure import HEIGHT, png
from dialectic.report.poles import SPREAD, axes_of, untested
from dialectic.report.poles_plot import limits, tensions_figure
from tests.knowledge.histories import AXES, CAPACITY, LOCALITY, STABILITY, baseline, synthesis, turn
from tests.report.nights import judged, long_night, material

NIGHT = [
    baseline(),
    turn(2, CAPACITY, "thesis", -0.01),
    turn(3, CAPACITY, "thesis", 0.002),
    turn(4, CAPACITY, "antithesis", None, failure="nan"),
    turn(5, CAPACITY, "antithesis", 0.004),
    synthesis(6, CAPACITY, -0.002),
]


def drawn(tensions: Any, noise: float = 0.002) -> Any:
    """The axes of the picture."""
    return tensions_figure(tensions, noise, "title", "foot").axes[0]


def dots(axes: Any) -> list[tuple[float, bool]]:
    """(effect, whether it is filled with its own colour) of every mark, from the top down."""
    found = []
    for one in axes.collections:
        ((x, y),) = one.get_offsets()
        found.append((float(y), float(x), tuple(one.get_facecolor()[0]) == tuple(one.get_edgecolor()[0])))
    return [(x, filled) for _, x, filled in sorted(found)]


def test_each_side_has_its_experiments_with_their_intervals() -> None:
    night = material(NIGHT)
    (axis,) = axes_of(night)
    thesis, antithesis, third = axis.rows
    assert [(mark.label, mark.delta, mark.kept) for mark in thesis.marks] == [
        ("002", -0.01, True),
        ("003", 0.002, False),
    ]
    assert [(mark.label, mark.delta) for mark in antithesis.marks] == [("005", 0.004)]
    assert [(mark.label, mark.delta, mark.kept) for mark in third.marks] == [("006", -0.002, True)]
    assert (thesis.failures, antithesis.failures, third.failures) == (0, 1, 0)
    assert thesis.marks[0].sd == 0.001
    assert untested(night) == [STABILITY]


def test_means_are_those_of_the_tension_graph() -> None:
    night = long_night(40)
    evidence = {one.kind: one for one in night.briefing.tensions}
    found = axes_of(night)
    assert {axis.kind for axis in found} == set(AXES)
    for axis in found:
        thesis, antithesis, third = axis.rows
        assert thesis.mean == pytest.approx(evidence[axis.kind].thesis.mean_delta)
        assert antithesis.mean == pytest.approx(evidence[axis.kind].antithesis.mean_delta)
        assert len(third.marks) + third.failures == len(evidence[axis.kind].syntheses)


def test_the_spread_of_a_mean_is_never_less_than_how_its_effects_differ() -> None:
    (axis,) = axes_of(material(NIGHT))
    thesis, antithesis, _ = axis.rows
    assert thesis.sd == pytest.approx(stdev([-0.01, 0.002]) / sqrt(2))
    assert antithesis.sd == 0.001
    alike = [baseline(), turn(2, CAPACITY, "thesis", -0.01), turn(3, CAPACITY, "thesis", -0.01)]
    assert axes_of(material(alike))[0].rows[0].sd == pytest.approx(hypot(0.001, 0.001) / 2)


def test_the_axes_are_given_the_effects() -> None:
    axes = drawn(axes_of(material(NIGHT)))
    mean = (-0.01 + 0.002) / 2
    assert dots(axes) == [(-0.01, True), (0.002, False), (mean, True), (0.004, False), (-0.002, True)]
    spans = [(float(a), float(b)) for a, b in (line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2)]
    assert any(span == pytest.approx((0.004 - SPREAD * 0.001, 0.004 + SPREAD * 0.001)) for span in spans)
    words = [one.get_text() for one in axes.texts]
    assert CAPACITY in words
    assert {"thesis", "antithesis", "synthesis"} <= set(words)
    assert "+0.0040 ± 0.0020  (n 1, 1 crashed)" in words


def test_a_far_effect_becomes_an_arrow_at_the_edge() -> None:
    changes = [0.004, 0.005, -0.003, 0.004, 0.006, 0.004, 0.003, 2.0]
    found = axes_of(material(judged(changes)))
    high = limits(found, 0.002)[1]
    assert high < 0.1
    assert max(x for x, _ in dots(drawn(found))) == pytest.approx(high)


@pytest.mark.parametrize("count", [1, 4, 14])
def test_the_picture_grows_with_its_tensions(count: int) -> None:
    (axis,) = axes_of(material(NIGHT))
    picture = png(tensions_figure([axis] * count, 0.002, "title", "foot"))
    height = int.from_bytes(picture[20:24])
    assert int.from_bytes(picture[16:20]) == 1200
    assert height == HEIGHT if count <= 4 else height > 1.5 * HEIGHT


def test_words_stay_left_of_the_effects_and_inside_the_picture() -> None:
    axes = drawn(axes_of(long_night(300)))
    for one in axes.texts:
        box = one.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= 1200


def test_without_tensions_the_picture_says_so() -> None:
    figure = tensions_figure(axes_of(material([baseline()])), 0.0, "title", "foot")
    assert "No tension has been tested yet." in [one.get_text() for one in figure.texts]


def test_a_label_is_shown_where_it_says_more_than_the_kind() -> None:
    (axis,) = axes_of(material([baseline(), turn(2, LOCALITY, "thesis", 0.1)]))
    assert axis.name == LOCALITY
    mine, ended, held = turn(2, LOCALITY, "thesis", 0.1)
    held = [held[0].model_copy(update={"label": "Near or far"}), *held[1:]]
    (axis,) = axes_of(material([baseline(), (mine, ended, held)]))
    assert axis.name == f"{LOCALITY}: Near or far"
