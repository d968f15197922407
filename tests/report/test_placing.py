"""Labels stay inside, apart from each other and off what is taken."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dialectic.report.placing import Box, around, place

BOUNDS = Box(0, 0, 1000, 500)
POINTS = st.lists(st.tuples(st.floats(10, 990), st.floats(10, 490)), min_size=1, max_size=30)
WIDTHS = st.floats(20, 240)


@settings(max_examples=60, deadline=None)
@given(POINTS, WIDTHS)
def test_no_label_meets_another_one_or_a_point(points: list[tuple[float, float]], width: float) -> None:
    taken = [around(x, y, 5) for x, y in points]
    boxes = [box for box in place(points, [(width, 14.0)] * len(points), BOUNDS, taken) if box is not None]
    for index, box in enumerate(boxes):
        assert BOUNDS.holds(box)
        assert not any(box.meets(other) for other in [*boxes[:index], *taken])


def test_a_single_label_stands_close_to_its_point() -> None:
    (box,) = place([(500, 250)], [(100, 14)], BOUNDS, [around(500, 250, 5)])
    assert box is not None
    assert box.left < 520
    assert 0 < box.bottom - 250 < 20


def test_a_label_without_room_is_left_out() -> None:
    tight = Box(0, 0, 120, 50)
    found = place([(60, 20)] * 4, [(100, 14)] * 4, tight, [around(60, 20, 4)])
    assert found[0] is not None
    assert found[-1] is None


def test_what_is_avoided_gives_way_when_there_is_no_other_place() -> None:
    everywhere = [BOUNDS]
    (box,) = place([(500, 250)], [(100, 14)], BOUNDS, [around(500, 250, 5)], everywhere)
    assert box is not None
