"""``knowledge_base/`` on disk: written from the tension graph, never read back.

It is derived (design, rule 5): the same graph always gives the same bytes, a file that is damaged or missing is
written again, and one whose experiment or session left the logs goes.
"""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.errors import StorageError
from dialectic.knowledge.fold import TensionGraph
from dialectic.knowledge.records import experiment_knowledge, incumbents, session_knowledge
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
    records = {one.id: experiment_knowledge(graph, one) for one in graph.history.experiments}
    schema = {
        "schema_version": SCHEMA_VERSION,
        "description": "What the experiment logs say, derived from them; rebuilt at any time.",
        "files": FILES,
    }
    files = {
        "schema.json": to_json(schema),
        "experiments.jsonl": "".join(_line(record) for record in records.values()),
        "tensions.jsonl": "".join(_line(record.default_tension_pair) for record in records.values()),
        "incumbents.json": _page(incumbents(graph)),
        "graph.json": graph_json(graph),
    }
    for name in graph.sessions:
        files[f"sessions/{name}.json"] = _page(session_knowledge(graph, name))
    for record in records.values():
        files[record.knowledge_ref.removeprefix("knowledge_base/")] = _page(record)
    return files


def graph_json(graph: TensionGraph) -> str:
    """The network as JSON with one node or edge a line, sorted: a line that changes shows in a diff."""
    network = graph.network
    nodes = [{"id": name, "type": network.nodes[name]["type"]} for name in sorted(network.nodes)]
    edges = sorted(
        (source, target, data["relation"], data["axis"]) for source, target, data in network.edges(data=True)
    )
    names = ("source", "target", "relation", "axis")
    lines = {
        "edges": [_compact(dict(zip(names, edge, strict=True))) for edge in edges],
        "nodes": [_compact(node) for node in nodes],
    }
    parts = [f'  "{name}": [' + ",".join(f"\n    {line}" for line in items) + "\n  ]" for name, items in lines.items()]
    return "{\n" + ",\n".join([*parts, f'  "schema_version": {SCHEMA_VERSION}']) + "\n}\n"


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
