"""What an adapter must do: four calls, in one thread of their own, one run of the tool at a time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from dialectic.state.base import Metrics


class Begun(NamedTuple):
    """An iteration that begins."""

    session_id: str
    iteration: int
    label: str
    """``002``: the name of its run."""
    params: dict[str, str]
    tags: dict[str, str]


class Ended(NamedTuple):
    """How it ended."""

    iteration: int
    completed: bool
    """Whether its training ran to the end and was scored."""
    metrics: Metrics
    tags: dict[str, str]
    files: list[Path]
    """The candidate, its diff, plan and result; all exist."""


class Backend(Protocol):
    """A tracking tool. Whatever it raises ends the tracking, never the session."""

    where: str
    """Where it writes and how to look at it, one line."""

    def begin(self, begun: Begun) -> None:
        """Open the iteration's run."""

    def step(self, step: int, metrics: Metrics) -> None:
        """What training told at one step."""

    def end(self, ended: Ended) -> None:
        """Write down what the iteration came to, and close its run."""

    def close(self) -> None:
        """Close the run that is open, if there is one: it was interrupted, or will be begun anew."""
