"""A session and its iterations as they were read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dialectic.errors import UsageError
from dialectic.read.network import as_networkx, tested_sides
from dialectic.read.table import COLUMNS, WORDS, Cell, row
from dialectic.state.base import experiment_id
from dialectic.state.confirmation import Confirmation
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from dialectic.knowledge import TensionGraph


@dataclass(frozen=True)
class Iteration:
    """One iteration; ``result`` is None while it runs, or for ever when it was abandoned."""

    plan: Plan
    result: Result | None
    tensions: list[TensionRecord]
    folder: Path

    @property
    def number(self) -> int:
        """1 for the baseline."""
        return self.plan.iteration

    @property
    def experiment_id(self) -> str:
        """Its global name, ``<session-id>:<NNN>``."""
        return experiment_id(self.plan.session_id, self.plan.iteration)

    @property
    def train_py(self) -> str:
        """The candidate's text."""
        return (self.folder / "actual" / "train.py").read_text("utf-8", errors="replace")

    @property
    def patch(self) -> str:
        """What it changed in the incumbent, as a unified diff; empty for the baseline."""
        return (self.folder / "actual" / "train.diff.patch").read_text("utf-8", errors="replace")

    def curve(self) -> list[dict[str, Cell]]:
        """What its first run told of training, one flat dict a ``train_step`` event: step, seconds, losses, speed."""
        path = self.folder / "execution" / "live-events.ndjson"
        lines = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else []
        return [event for event in map(_train_step, lines) if event]


@dataclass(frozen=True)
class Session:
    """One session as it lies on disk when it is read; read it again to see what came since."""

    id: str
    folder: Path
    record: SessionRecord
    iterations: list[Iteration]
    troubles: dict[int, str] = field(default_factory=dict)
    """Number of an iteration that cannot be read → why."""
    confirmation: Confirmation | None = None
    """What fresh pairs of baseline and incumbent said last; None where there were none."""

    @cached_property
    def _folded(self) -> TensionGraph:
        return fold([self])

    def table(self) -> list[dict[str, Cell]]:
        """One flat dict an iteration, every one with the same keys.

        ``val_bpb``, ``delta`` and their like are in bits per byte; differences are candidate minus incumbent.
        ``change`` is what its runs measured against the incumbent's estimate, ``delta`` with ``delta_sd`` the verdict's
        estimate of the true effect. ``incumbent`` and ``estimate`` with ``estimate_sd`` say what was kept afterwards.
        """
        return [row(one.plan, one.result, self._axis(one)) for one in self.iterations]

    def knobs(self) -> list[dict[str, Cell]]:
        """One flat dict for each knob of each iteration: its source text, and whether the candidate changed it."""
        known = {one.experiment_id: one.plan.knobs for one in self.iterations}
        return [
            {
                "iteration": one.number,
                "experiment_id": one.experiment_id,
                "knob": name,
                "value": value,
                "changed": int(known.get(one.plan.base_experiment_id, one.plan.knobs).get(name) != value),
            }
            for one in self.iterations
            for name, value in sorted(one.plan.knobs.items())
        ]

    def evidence(self) -> list[dict[str, Cell]]:
        """One flat dict for each side of a tension that an experiment tested.

        ``side`` is ``thesis``, ``antithesis`` or ``synthesis``; ``delta`` with ``delta_sd`` is the estimated effect in
        bits per byte against the incumbent of its time, None for a run without a score. For the reference system's
        sessions, which had no verdict, it is the difference to the best score before.
        """
        return tested_sides(self._folded)

    def graph(self) -> nx.MultiDiGraph[str]:
        """The tension graph of this session alone: see :func:`dialectic.read.graph`."""
        return as_networkx(self._folded)

    def frame(self) -> pd.DataFrame:
        """:meth:`table` as a pandas DataFrame, indexed by the iteration's number; numbers are floats, NaN for None.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise UsageError(
                "frame() needs pandas; install it: pip install pandas (table() gives the same without)"
            ) from error
        table = pd.DataFrame(self.table(), columns=list(COLUMNS)).set_index("iteration")
        return table.astype({name: "float64" for name in table.columns if name not in WORDS})

    def _axis(self, one: Iteration) -> str:
        found = self._folded.history.get(one.experiment_id)
        return found.primary_axis if found else ""


def fold(found: Sequence[Session]) -> TensionGraph:
    """The tension graph of these sessions."""
    # networkx comes with it; whoever only reads records need not wait for it.
    from dialectic.knowledge import rebuild

    return rebuild([(one.record, [(i.plan, i.result, i.tensions) for i in one.iterations]) for one in found])


def _train_step(line: str) -> dict[str, Cell]:
    """The flat numbers of one ``train_step`` line; empty for any other line, also one that was left half."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict) or event.get("type") != "train_step":
        return {}
    return {name: value for name, value in event.items() if isinstance(value, int | float)}
