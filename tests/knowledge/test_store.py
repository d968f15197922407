"""``knowledge_base/`` on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialectic.errors import StorageError
from dialectic.knowledge import Iteration, rebuild, write
from dialectic.knowledge.store import contents
from dialectic.state.files import read_record
from dialectic.state.knowledge import DefaultTensionPair, ExperimentKnowledge, Incumbents, SessionKnowledge
from dialectic.state.result import ScoredRun
from tests.knowledge.histories import CAPACITY, STABILITY, baseline, edit, plan, random_session, session, turn


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_rebuilding_twice_gives_identical_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, length: int
) -> None:
    logs = [(session(), random_session(seed, length))]
    first, second = (tmp_path_factory.mktemp("base") for _ in range(2))
    write(first, rebuild(logs))
    write(second, rebuild(logs))
    assert snapshot(first) == snapshot(second)
    assert write(first, rebuild(logs)) == []


def test_every_file_of_formats_is_there_and_reads_back(tmp_path: Path) -> None:
    graph = rebuild([(session(), random_session(5, 12))])
    write(tmp_path, graph)
    lines = [json.loads(line) for line in (tmp_path / "experiments.jsonl").read_text().splitlines()]
    assert [line["experiment_id"] for line in lines] == [f"s:{number:03d}" for number in range(1, 13)]
    for line in lines:
        record = read_record(tmp_path / "experiments" / "s" / f"{line['iteration_label']}.json", ExperimentKnowledge)
        assert record == ExperimentKnowledge.model_validate(line)
    pairs = [json.loads(line) for line in (tmp_path / "tensions.jsonl").read_text().splitlines()]
    assert [DefaultTensionPair.model_validate(pair) for pair in pairs] == list(graph.pairs.values())
    assert read_record(tmp_path / "sessions" / "s.json", SessionKnowledge).iteration_count == 12
    best = read_record(tmp_path / "incumbents.json", Incumbents).global_best
    scores = [line["val_bpb"] for line in lines if line["val_bpb"] is not None]
    assert best is not None
    assert best.val_bpb == min(scores)
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert "generated_at" not in schema
    network = json.loads((tmp_path / "graph.json").read_text())
    names = {node["id"] for node in network["nodes"]}
    assert {edge[end] for edge in network["edges"] for end in ("source", "target")} <= names


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    graph = rebuild([(session(), [baseline(), turn(2, CAPACITY, "thesis", -0.004)])])
    write(tmp_path, graph)
    untouched = (tmp_path / "experiments" / "s" / "001.json").stat()
    graph.add(*turn(3, CAPACITY, "thesis", -0.003))
    changed = {path.relative_to(tmp_path).as_posix() for path in write(tmp_path, graph)}
    assert changed == {
        "experiments.jsonl",
        "tensions.jsonl",
        "graph.json",
        "incumbents.json",
        "sessions/s.json",
        "experiments/s/002.json",
        "experiments/s/003.json",
    }
    assert (tmp_path / "experiments" / "s" / "001.json").stat().st_ino == untouched.st_ino
    second = read_record(tmp_path / "experiments" / "s" / "002.json", ExperimentKnowledge)
    assert (second.corroborated_by_experiment_ids, second.corroboration_count) == (["s:003"], 1)
    assert second.evidence_strength == pytest.approx(1 - 0.1 * 0.8)


def test_the_best_of_other_conditions_is_kept_apart() -> None:
    short = [baseline("b"), turn(2, CAPACITY, "thesis", -0.5, name="b")]
    graph = rebuild([(session("a"), [baseline("a")]), (session("b", profile="smoke"), short)])
    best = json.loads(contents(graph)["incumbents.json"])["best_per_conditions"]
    assert {name: one["experiment_id"] for name, one in best.items()} == {
        "cpu, 60 s, f1": "a:001",
        "smoke, 60 s, f1": "b:002",
    }


def test_what_is_remembered_from_the_last_writing_is_what_a_rebuild_writes() -> None:
    logs, graph = random_session(5, 25), rebuild([(session(), [])])
    for count, one in enumerate(logs, 1):
        graph.add(one[0], None, one[2])
        contents(graph)
        graph.add(*one)
        assert contents(graph) == contents(rebuild([(session(), logs[:count])]))
    graph.add_session(session().model_copy(update={"branch": "elsewhere"}))
    assert '"branch": "elsewhere"' in contents(graph)["experiments.jsonl"]


def test_a_damaged_base_is_written_again(tmp_path: Path) -> None:
    graph = rebuild([(session(), random_session(2, 6))])
    write(tmp_path, graph)
    before = snapshot(tmp_path)
    (tmp_path / "experiments.jsonl").write_bytes(b"\xff{torn")
    (tmp_path / "experiments" / "s" / "002.json").unlink()
    (tmp_path / "experiments" / "s" / "777.json").write_text("{}")
    (tmp_path / "sessions" / "gone.json").write_text("{}")
    (tmp_path / "README.md").write_text("a person's note")
    write(tmp_path, graph)
    after = snapshot(tmp_path)
    assert after.pop("README.md") == b"a person's note"
    assert after == before


def test_an_empty_history_has_its_files_too() -> None:
    files = contents(rebuild([]))
    assert set(files) == {"schema.json", "experiments.jsonl", "tensions.jsonl", "incumbents.json", "graph.json"}
    assert json.loads(files["incumbents.json"])["global_best"] is None


def test_nothing_is_null_that_formats_does_not_allow() -> None:
    logs = random_session(11, 30)
    logs.append((plan(31), None, []))
    allowed = ExperimentKnowledge.nullable
    for line in contents(rebuild([(session(), logs)]))["experiments.jsonl"].splitlines():
        record = json.loads(line)
        assert {name for name, value in record.items() if value is None} <= allowed
        assert all(isinstance(value, float) for value in record["metrics"].values())
        if record["status"] == "completed" and record["iteration"] > 1:
            assert None not in (record["val_bpb"], record["delta_vs_incumbent"], record["incumbent_rank"])


def words(logs: list[Iteration]) -> list[str]:
    lines = contents(rebuild([(session(), logs)]))["experiments.jsonl"].splitlines()
    return [json.loads(line)["confidence"] for line in lines]


def test_confidence_words() -> None:
    sure, unsure = turn(2, CAPACITY, "thesis", -0.004, better=0.99), turn(3, CAPACITY, "antithesis", 0.001, better=0.4)
    logs = [baseline(), sure, unsure, turn(4, CAPACITY, "thesis", None, failure="nan"), (plan(5), None, [])]
    assert words(logs) == ["weak", "strong", "weak", "failed", "pending"]


def test_confidence_of_a_proven_a_confounded_and_a_seed_sensitive_change() -> None:
    mine, ended, tensions = turn(2, CAPACITY, "thesis", -0.004, better=0.6)
    assert ended is not None
    proven = ended.model_copy(update={"verdict": ended.verdict.model_copy(update={"claim": "proven"})})
    both = mine.model_copy(update={"edits": [edit(CAPACITY, "thesis"), edit(STABILITY, "thesis")]})
    runs = [ScoredRun(of="candidate", seed=1, val_bpb=1.9), ScoredRun(of="candidate", seed=2, val_bpb=2.1)]
    spread = ended.model_copy(update={"verdict": ended.verdict.model_copy(update={"runs": runs})})
    assert words([baseline(), (mine, proven, tensions)])[1] == "strong"
    assert words([baseline(), (both, ended, tensions)])[1] == "confounded"
    assert words([baseline(), (mine, spread, tensions)])[1] == "seed-sensitive"


def test_a_line_separator_in_an_agents_text_does_not_break_a_line(tmp_path: Path) -> None:
    mine, ended, tensions = turn(2, CAPACITY, "thesis", -0.004)
    odd = mine.model_copy(update={"prediction": "half \u2028 a line \x85 and more"})
    graph = rebuild([(session(), [baseline(), (odd, ended, tensions)])])
    write(tmp_path, graph)
    assert write(tmp_path, graph) == []
    lines = (tmp_path / "experiments.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["prediction"] == odd.prediction


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("a file, not a folder")
    with pytest.raises(StorageError):
        write(tmp_path / "base", rebuild([]))
