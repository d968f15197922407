"""Labels that cover neither each other nor the points. Everything is in pixels, the origin at the lower left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

DISTANCES = (9.0, 20.0, 34.0, 52.0, 74.0, 100.0, 130.0, 165.0, 205.0)
"""How far a label may lie from its point, nearest first."""
DIRECTIONS = (60, 120, 25, 155, 90, -60, -120, -25, -155, -90, 0, 180)
"""Degrees, in the order in which they are tried at each distance: up and to the right reads best."""
GAP = 3.0
STEP = 6.0
"""Pixels between the points of a leading line that are looked at."""

Point = tuple[float, float]


class Box(NamedTuple):
    """A rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether both share any ground."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def holds(self, other: Box) -> bool:
        """Whether ``other`` lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.bottom <= other.bottom
            and other.top <= self.top
        )


def around(x: float, y: float, radius: float) -> Box:
    """The square around a point."""
    return Box(x - radius, y - radius, x + radius, y + radius)


def place(
    points: Sequence[Point],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
    taken: Sequence[Box],
    avoided: Sequence[Box] = (),
) -> list[Box | None]:
    """Where the label of each point goes; None where there is no room.

    Earlier labels choose first. No label meets another one, the line that leads to another one, what is ``taken``, or
    the edge of ``bounds``; what is ``avoided`` is met only by a label that finds no place otherwise.
    """
    blocked = list(taken)
    labels: list[Box] = []
    found: list[Box | None] = []
    for point, size in zip(points, sizes, strict=True):
        best = _free(point, size, bounds, [*blocked, *avoided], labels) or _free(point, size, bounds, blocked, labels)
        if best is not None:
            labels.append(best)
            blocked += [best, *(around(x, y, 1) for x, y in _leader(point, best))]
        found.append(best)
    return found


def nearest(point: Point, box: Box) -> Point:
    """The point of ``box`` that is nearest to ``point``."""
    return min(max(point[0], box.left), box.right), min(max(point[1], box.bottom), box.top)


def _free(
    point: Point, size: tuple[float, float], bounds: Box, blocked: Sequence[Box], labels: Sequence[Box]
) -> Box | None:
    for distance in DISTANCES:
        for degrees in DIRECTIONS:
            box = _at(point, size, distance, math.radians(degrees))
            grown = Box(box.left - GAP, box.bottom - GAP, box.right + GAP, box.top + GAP)
            if not bounds.holds(box) or any(grown.meets(other) for other in blocked):
                continue
            if not any(label.meets(around(x, y, 1)) for x, y in _leader(point, box) for label in labels):
                return box
    return None


def _leader(point: Point, box: Box) -> list[Point]:
    """Points of the line from a point to its label, a few pixels apart."""
    end = nearest(point, box)
    count = int(math.dist(point, end) // STEP) + 1
    return [
        (point[0] + (end[0] - point[0]) * k / count, point[1] + (end[1] - point[1]) * k / count)
        for k in range(1, count + 1)
    ]


def _at(point: Point, size: tuple[float, float], distance: float, angle: float) -> Box:
    """The label whose nearest edge or corner lies ``distance`` from the point in the direction ``angle``."""
    across, along = math.cos(angle), math.sin(angle)
    x, y = point[0] + distance * across, point[1] + distance * along
    width, height = size
    left = x - width * (1 - across) / 2
    bottom = y - height * (1 - along) / 2
    return Box(left, bottom, left + width, bottom + height)
