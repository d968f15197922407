"""Files of the reference system: metrics are strings, and almost anything may be null."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.knowledge import Iteration, TensionGraph, briefing, rebuild
from dialectic.knowledge.store import contents
from dialectic.state.base import JsonObject
from dialectic.state.files import read_record
from dialectic.state.knowledge import ExperimentKnowledge
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord

KIND = "memory-vs-quality"


def put(path: Path, data: JsonObject) -> Path:
    path.write_text(json.dumps({"schema_version": 1} | data))
    return path


def iteration(folder: Path, number: int, move: str | None, score: str | None, source: str | None = None) -> Iteration:
    """One iteration as an old writer left it, written by hand and read back."""
    common: JsonObject = {
        "session_id": "old",
        "iteration": number,
        "iteration_label": f"{number:03d}",
        "created_at": f"2026-03-12T1{number}:00:00Z",
    }
    empty = dict.fromkeys(("prediction", "why_now", "thesis", "antithesis", "prepare_summary", "parent_commit"))
    ids = ["room"] if move else []
    plan = put(folder / "plan.json", common | empty | {"move_type": move, "active_tension_ids": ids})
    third = {"source_tension_ids": [source] if source else [], "emergent_thought": None, "tested_in_iteration": None}
    nothing = dict.fromkeys(("outcome", "keep_discard_status", "framing_diagnosis", "summary_text", "next_move_type"))
    ended = {
        "status": "completed" if score else "failed",
        "summary": {"val_bpb": score, "depth": "8", "mfu_percent": "n/a"} if score else {},
        "transcendent_result": third,
        "completed_at": None,
    }
    result = put(folder / "result.json", common | nothing | ended)
    meta = put(folder / "meta.json", {"id": "room", "kind": KIND, "label": None, "favored_side": None})
    tensions = [read_record(meta, TensionRecord)] if move else []
    return read_record(plan, Plan), read_record(result, Result), tensions


def graph_of(folder: Path) -> TensionGraph:
    session = put(folder / "session.json", {"session_id": "old", "created_at": "x", "updated_at": "x", "branch": None})
    moves = ((1, None, "0.9962"), (2, "exploit", "1.0105"), (3, "negate", "1.0092"), (4, None, None))
    rows = [iteration(folder, number, move, score, "room" if move else None) for number, move, score in moves]
    return rebuild([(read_record(session, SessionRecord), rows)])


def test_old_iterations_fold_with_numbers_and_poles(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    records = [json.loads(line) for line in contents(graph)["experiments.jsonl"].splitlines()]
    assert [record["val_bpb"] for record in records] == [0.9962, 1.0105, 1.0092, None]
    assert records[0]["metrics"] == {"val_bpb": 0.9962, "depth": 8.0}
    assert [record["polarity"] for record in records] == [{}, {KIND: "thesis"}, {KIND: "antithesis"}, {}]
    assert [record["confidence"] for record in records] == ["weak", "weak", "weak", "failed"]
    assert records[0]["delta_vs_incumbent"] is None
    assert abs(records[2]["delta_vs_incumbent"] - 0.013) < 1e-9
    for record in records:
        assert {name for name, value in record.items() if value is None} <= ExperimentKnowledge.nullable


def test_an_opposed_axis_is_found_in_old_files(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    pair = graph.pairs["old:003"]
    assert (pair.anchor_experiment_id, pair.opposing_experiment_id) == ("old:001", "old:002")
    assert pair.opposed_axes == [KIND]
    advice = briefing(graph, "old", 5, None, 0.002)
    assert advice.knowledge_anchor_experiment_id == "old:001"
    assert (advice.suggested_move, advice.suggested_axis) == ("synthesize", KIND)


def test_an_old_knowledge_record_is_upgraded(tmp_path: Path) -> None:
    old: JsonObject = dict.fromkeys(ExperimentKnowledge.model_fields) | {
        "schema_version": 1,
        "experiment_id": "old:001",
        "session_id": "old",
        "iteration": 1,
        "iteration_label": "001",
        "status": "pending",
        "metrics": {"val_bpb": "1.01", "depth": "8"},
        "is_incumbent_candidate": False,
        "contradiction_class": "a sentence of prose",
        "mechanism_tags": [],
        "axis_tags": [],
        "polarity": {},
        "confidence": "pending",
        "evidence_strength": 0.1,
        "corroboration_count": 0,
        "takeaway": "Nothing yet.",
        "active_tension_ids": [],
        "tension_count": 0,
        "transcendent_role": "thesis",
        "default_tension_pair": {
            "selection_reason": "none",
            "shared_axes": [],
            "opposed_axes": [],
            "relevance_score": 0.0,
            "opposition_score": 0.0,
            "total_score": 0.0,
            "anchor_experiment_id": None,
        },
        "knowledge_ref": "knowledge_base/experiments/old/001.json",
        "source_iteration_path": "experiment_logs/old/iterations/001",
        "runner_mode": "runpod",
    }
    lists = [name for name in ExperimentKnowledge.model_fields if name.endswith("_experiment_ids")]
    record = read_record(put(tmp_path / "001.json", old | {name: [] for name in lists}), ExperimentKnowledge)
    assert (record.status, record.transcendent_role, record.contradiction_class) == ("planned", "none", None)
    assert record.metrics == {"val_bpb": 1.01, "depth": 8.0}
