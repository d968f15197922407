"""The package's public reading functions: sessions on disk as typed values, tables and a graph, for your own analysis.

::

    from dialectic import read

    read.sessions("examples/first-night")        # ids, oldest first
    night = read.session("examples/first-night") # the latest, or read.session(root, "first-night")
    night.record                                 # session.json: profile, data, machine, settings
    night.confirmation                           # what fresh pairs of baseline and incumbent said, or None
    night.iterations[1].plan.prediction          # plan, result and tensions of iteration 002
    night.table()                                # one flat dict an iteration; night.frame() as a pandas DataFrame
    night.evidence()                             # one flat dict for each pole that an experiment tested
    night.graph()                                # the tension graph as networkx.MultiDiGraph

These names, and the columns of the tables, stay: a version that changes one says so in the changelog. Nothing here
writes. Sessions of the reference system are read alike. A damaged iteration is left out and named in ``troubles``.

values      a session and its iterations
table       an iteration as one flat row
network     the tension graph as networkx and as a table
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dialectic import session as disk
from dialectic.errors import RecordError, UsageError
from dialectic.read.network import as_networkx
from dialectic.read.table import COLUMNS, WORDS, Cell
from dialectic.read.values import Iteration, Session, fold
from dialectic.state.confirmation import Confirmation

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["COLUMNS", "WORDS", "Cell", "Iteration", "Session", "graph", "session", "sessions"]


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
    return Session(found.id, found.folder, found.record(), iterations, troubles, _confirmation(found))


def _confirmation(found: disk.Session) -> Confirmation | None:
    try:
        return found.confirmation()
    except RecordError:
        return None


def graph(root: str | Path = ".") -> nx.MultiDiGraph[str]:
    """The tension graph of all sessions of a research folder.

    Nodes have a ``type``: experiment, tension, pole or synthesis; edges a ``relation`` and, where there is one, an
    ``axis`` (:mod:`dialectic.knowledge.fold` lists them). Experiments carry ``val_bpb``, ``delta``, ``move_type`` and
    ``keep_discard_status``, None where they have none.

    Raises:
        RecordError: a ``session.json`` cannot be used.
    """
    return as_networkx(fold([session(root, name) for name in sessions(root)]))
