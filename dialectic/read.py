"""The package's public reading functions: sessions on disk as typed values, tables and a graph, for your own analysis.

::

    from dialectic import read

    read.sessions("examples/first-night")        # ids, oldest first
    night = read.session("examples/first-night") # the latest, or read.session(root, "first-night")
    night.record                                 # session.json: profile, data, machine, settings
    night.iterations[1].plan.prediction          # plan, result and tensions of iteration 002
    night.table()                                # one flat dict an iteration; night.frame() as a pandas DataFrame
    night.evidence()                             # one flat dict for each pole that an experiment tested
    night.graph()                                # the tension graph as networkx.MultiDiGraph

These names, and the columns of the tables, stay: a version that changes one says so in the changelog. Nothing here
writes. Sessions of the reference system are read alike. A damaged iteration is left out and named in ``troubles``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from dialectic import session as disk
from dialectic.errors import RecordError, UsageError
from dialectic.state.base import experiment_id
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.run import Failure
from dialectic.state.session import SessionRecord

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from dialectic.knowledge import TensionGraph

Cell = str | int | float | None
"""What a table holds; None where nothing was measured."""

__all__ = ["Cell", "Iteration", "Session", "graph", "session", "sessions"]


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

    @cached_property
    def _folded(self) -> TensionGraph:
        return _fold([self])

    def table(self) -> list[dict[str, Cell]]:
        """One flat dict an iteration, every one with the same keys.

        ``val_bpb``, ``delta`` and their like are in bits per byte; differences are candidate minus incumbent.
        ``change`` is what its runs measured against the incumbent's estimate, ``delta`` with ``delta_sd`` the verdict's
        estimate of the true effect. ``incumbent`` and ``estimate`` with ``estimate_sd`` say what was kept afterwards.
        """
        return [_row(one, self._axis(one)) for one in self.iterations]

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
        bits per byte against the incumbent of its time, None for a run without a score.
        """
        rows: list[dict[str, Cell]] = []
        for one in self._folded.history.experiments:
            if one.baseline or one.result is None:
                continue
            sides = {**one.polarity, **dict.fromkeys(one.syntheses, "synthesis")}
            for axis, side in sorted(sides.items()):
                verdict = one.result.verdict
                rows.append(
                    {
                        "tension": axis,
                        "side": side,
                        "iteration": one.iteration,
                        "experiment_id": one.id,
                        "delta": verdict.delta,
                        "delta_sd": verdict.delta_sd,
                        "keep_discard_status": one.result.keep_discard_status,
                    }
                )
        return sorted(rows, key=lambda row: (str(row["tension"]), str(row["side"]), row["iteration"]))

    def graph(self) -> nx.MultiDiGraph[str]:
        """The tension graph of this session alone: see :func:`graph`."""
        return _network(self._folded)

    def frame(self) -> pd.DataFrame:
        """:meth:`table` as a pandas DataFrame, indexed by the iteration's number.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError as error:
            raise UsageError(
                "frame() needs pandas; install it: pip install pandas (table() gives the same without)"
            ) from error
        table = pd.DataFrame(self.table(), columns=list(COLUMNS))
        return table.set_index("iteration")

    def _axis(self, one: Iteration) -> str:
        found = self._folded.history.get(one.experiment_id)
        return found.primary_axis if found else ""


COLUMNS = (
    "iteration",
    "experiment_id",
    "session_id",
    "created_at",
    "completed_at",
    "status",
    "failure",
    "move_type",
    "tension",
    "base_experiment_id",
    "predicted_delta",
    "predicted_low",
    "predicted_high",
    "confidence",
    "val_bpb",
    "holdout_bpb",
    "change",
    "delta",
    "delta_sd",
    "probability_better",
    "keep_discard_status",
    "claim",
    "outcome",
    "prediction_error",
    "prediction_z",
    "surprise",
    "incumbent",
    "estimate",
    "estimate_sd",
    "noise_sigma",
    "train_seconds",
    "wall_seconds",
    "num_steps",
    "total_tokens_M",
    "num_params_M",
    "peak_vram_mb",
)
"""The keys of :meth:`Session.table`, in order."""


def sessions(root: str | Path = ".") -> list[str]:
    """Ids of the sessions of a research folder, oldest first."""
    return disk.session_ids(Path(root))


def session(root: str | Path = ".", session_id: str | None = None) -> Session:
    """A session of a research folder: the one named, or the latest.

    Args:
        root: the research folder, or the folder of one session, ``…/experiment_logs/<session-id>``.
        session_id: not needed when ``root`` is a session's folder.

    Raises:
        UsageError: there is no such session.
        RecordError: its ``session.json`` cannot be used.
    """
    place = Path(root)
    if session_id is None and (place / "session.json").is_file():
        place = place.resolve()
        if place.parent.name != disk.LOGS:
            raise UsageError(f"{place}: a session's folder lies in {disk.LOGS}/ of a research folder; put it there")
        place, session_id = place.parent.parent, place.name
    found = disk.open_session(place, session_id)
    iterations, troubles = [], {}
    for number in found.numbers():
        try:
            iterations.append(Iteration(*found.read(number), folder=found.iteration(number).path))
        except RecordError as error:
            troubles[number] = str(error)
    return Session(found.id, found.folder, found.record(), iterations, troubles)


def graph(root: str | Path = ".") -> nx.MultiDiGraph[str]:
    """The tension graph of all sessions of a research folder.

    Nodes have a ``type``: experiment, tension, pole or synthesis; edges a ``relation`` and, where there is one, an
    ``axis`` (:mod:`dialectic.knowledge.fold` lists them). Experiments carry ``val_bpb``, ``delta``, ``move_type`` and
    ``keep_discard_status``, None where they have none.

    Raises:
        RecordError: a ``session.json`` cannot be used.
    """
    return _network(_fold([session(root, name) for name in sessions(root)]))


def _fold(found: list[Session]) -> TensionGraph:
    # networkx comes with it; whoever only reads records need not wait for it.
    from dialectic.knowledge import rebuild

    return rebuild([(one.record, [(i.plan, i.result, i.tensions) for i in one.iterations]) for one in found])


def _network(folded: TensionGraph) -> nx.MultiDiGraph[str]:
    network = folded.network.copy()
    for one in folded.history.experiments:
        network.nodes[f"experiment:{one.id}"].update(
            val_bpb=one.effect.val_bpb,
            delta=one.effect.delta,
            move_type=one.plan.move_type,
            keep_discard_status=one.result.keep_discard_status if one.result else None,
        )
    return network


def _row(one: Iteration, axis: str) -> dict[str, Cell]:
    """One line of the table; what is not there is None."""
    plan, result = one.plan, one.result
    predicted = plan.prediction_scored
    found: dict[str, Cell] = {
        "iteration": plan.iteration,
        "experiment_id": one.experiment_id,
        "session_id": plan.session_id,
        "created_at": plan.created_at,
        "status": plan.status,
        "move_type": plan.move_type,
        "tension": axis,
        "base_experiment_id": plan.base_experiment_id,
        "predicted_delta": predicted.expected_delta,
        "predicted_low": predicted.interval[0],
        "predicted_high": predicted.interval[1],
        "confidence": predicted.confidence,
    }
    if result is not None:
        found |= dict(_measured(result))
    return {name: found.get(name) for name in COLUMNS}


def _measured(result: Result) -> Iterator[tuple[str, Cell]]:
    verdict, score = result.verdict, result.score
    for name in ("completed_at", "status", "keep_discard_status", "outcome"):
        yield name, getattr(result, name)
    for name in ("delta", "delta_sd", "claim", "probability_better", "noise_sigma"):
        yield name, getattr(verdict, name)
    yield "failure", "" if result.failure == Failure() else result.failure.kind
    if score is not None:
        yield from (("val_bpb", score.val_bpb), ("holdout_bpb", score.holdout_bpb))
    elif result.status == "completed":  # the reference system printed its score
        yield "val_bpb", result.summary.get("val_bpb")
    runs = [run.val_bpb for run in verdict.runs if run.of == "candidate"]
    if runs and verdict.incumbent is not None and verdict.delta is not None:
        yield "change", fmean(runs) - verdict.incumbent.estimate
    if verdict.successor is not None:
        kept = verdict.successor
        yield from (("incumbent", kept.experiment_id), ("estimate", kept.estimate), ("estimate_sd", kept.sd))
    if result.prediction_score is not None:
        fared = result.prediction_score
        yield from (("prediction_error", fared.error), ("prediction_z", fared.z), ("surprise", fared.surprise))
    yield from (("train_seconds", result.cost.train_seconds), ("wall_seconds", result.cost.wall_seconds))
    for name in ("num_steps", "total_tokens_M", "num_params_M", "peak_vram_mb"):
        yield name, result.summary.get(name)


def _train_step(line: str) -> dict[str, Cell]:
    """The flat numbers of one ``train_step`` line; empty for any other line, also one that was left half."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict) or event.get("type") != "train_step":
        return {}
    return {name: value for name, value in event.items() if isinstance(value, int | float)}
