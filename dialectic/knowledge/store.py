"""``knowledge_base/`` on disk: written from the tension graph, never read back.

It is derived (design, rule 5): the same graph always gives the same bytes, a file that is damaged or missing is
written again, and one whose experiment or session left the logs goes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from dialectic.errors import StorageError
from dialectic.knowledge.fold import TensionGraph
from dialectic.knowledge.history import Experiment
from dialectic.knowledge.records import corroborators, experiment_knowledge, incumbents, session_knowledge
from dialectic.state.base import SCHEMA_VERSION, Record
from dialectic.state.files import as_json, storage_error, to_json, write_text

FILES = {
    "experiments.jsonl": "One record an experiment, in the order in which they were planned.",
    "tensions.jsonl": "Anchor and opponent that the tension graph named when each experiment began, with the scores.",
    "incumbents.json": "The lowest scores: of all, of the kept, of each session and on each axis.",
    "graph.json": "The tension graph: experiments, tensions, poles and syntheses as nodes, and their edges.",
    "sessions/<session-id>.json": "A session in counts.",
    "experiments/<session-id>/<NNN>.json": "The record of one experiment, as in experiments.jsonl.",
}


def write(folder: Path, graph: TensionGraph, prune: bool = True) -> list[Path]:
    """Bring ``folder`` (``knowledge_base/``) in step with ``graph``; the paths that changed, sorted.

    Files whose bytes are right already are left alone; every other one is replaced atomically. With ``prune`` the files
    of experiments that the graph does not know are removed; without it they may be another runner's.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    wanted = contents(graph)
    changed = [
        folder / name
        for name, text in wanted.items()
        if not _holds(folder / name, text.encode("utf-8", errors="replace"))
    ]
    for path in changed:
        write_text(path, wanted[path.relative_to(folder).as_posix()])
    stale = [
        path
        for pattern in ("sessions/*.json", "experiments/*/*.json")
        for path in folder.glob(pattern)
        if prune and path.relative_to(folder).as_posix() not in wanted
    ]
    for path in stale:
        _remove(path)
    return sorted([*changed, *stale])


def contents(graph: TensionGraph) -> dict[str, str]:
    """Every file of the knowledge base: path below the folder → text."""
    texts = _texts(graph)
    schema = {
        "schema_version": SCHEMA_VERSION,
        "description": "What the experiment logs say, derived from them; rebuilt at any time.",
        "files": FILES,
    }
    files = {
        "schema.json": to_json(schema),
        "experiments.jsonl": "".join(text.line for text in texts),
        "tensions.jsonl": "".join(text.pair for text in texts),
        "incumbents.json": _page(incumbents(graph)),
        "graph.json": graph_json(graph),
    }
    for name in graph.sessions:
        files[f"sessions/{name}.json"] = _page(session_knowledge(graph, name))
    return files | {text.path: text.page for text in texts}


class Texts(NamedTuple):
    """What is written of one experiment, and what it was made of."""

    experiment: Experiment
    branch: str | None
    corroborators: list[str]
    path: str
    line: str
    pair: str
    page: str


_WRITTEN: WeakKeyDictionary[TensionGraph, dict[str, Texts]] = WeakKeyDictionary()
"""A graph's texts of last time. An experiment is immutable and made anew whenever it is folded again, so its identity,
its session's branch and who corroborates it say whether its text still holds; of the rest nothing is remembered."""


def _texts(graph: TensionGraph) -> list[Texts]:
    known = _WRITTEN.setdefault(graph, {})
    found = []
    for one in graph.history.experiments:
        text, branch, agreeing = known.get(one.id), graph.sessions[one.session_id].branch, corroborators(graph, one)
        if text is None or text.experiment is not one or (text.branch, text.corroborators) != (branch, agreeing):
            record = experiment_knowledge(graph, one)
            path = record.knowledge_ref.removeprefix("knowledge_base/")
            pair = _line(record.default_tension_pair)
            text = Texts(one, branch, agreeing, path, _line(record), pair, _page(record))
        found.append(text)
    _WRITTEN[graph] = {text.experiment.id: text for text in found}
    return found


def graph_json(graph: TensionGraph) -> str:
    """The network as JSON with one node or edge a line, sorted: a line that changes shows in a diff."""
    network = graph.network
    nodes = [{"id": name, "type": network.nodes[name]["type"]} for name in sorted(network.nodes)]
    edges = sorted(
        (source, target, data["relation"], data["axis"]) for source, target, data in network.edges(data=True)
    )
    lines = {
        "edges": [_edge(*edge) for edge in edges],
        "nodes": [_compact(node) for node in nodes],
    }
    parts = [f'  "{name}": [' + ",".join(f"\n    {line}" for line in items) + "\n  ]" for name, items in lines.items()]
    return "{\n" + ",\n".join([*parts, f'  "schema_version": {SCHEMA_VERSION}']) + "\n}\n"


@lru_cache(maxsize=100_000)
def _edge(source: str, target: str, relation: str, axis: str) -> str:
    return _compact({"source": source, "target": target, "relation": relation, "axis": axis})


def _compact(data: object) -> str:
    # Escaped to ASCII, because some readers take U+2028 and its like for the end of a line.
    return json.dumps(data, sort_keys=True, allow_nan=False)


def _line(record: Record) -> str:
    return _compact(as_json(record)) + "\n"


def _page(record: Record) -> str:
    return to_json(as_json(record))


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Unlink a stale file.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        failure: StorageError = storage_error(path, error)
        raise failure from error
