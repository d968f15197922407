"""The public reading functions, on sessions written through dialectic.session."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

from dialectic import read
from dialectic.errors import UsageError
from dialectic.session import LOGS
from tests.cli.build import Builder, build
from tests.knowledge import test_version_one as version_one


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Baseline at 2.0, a keep at 1.98, a discard at 2.01, a crash. Only to be read."""
    return build(tmp_path_factory.mktemp("research folder"))


def test_sessions_are_listed_oldest_first_and_the_latest_is_read(tmp_path: Path) -> None:
    Builder(tmp_path, "late", "2026-11-22T05:00:00.000Z")
    Builder(tmp_path, "early", "2026-11-21T05:00:00.000Z")
    assert read.sessions(tmp_path) == ["early", "late"]
    assert read.session(tmp_path).id == "late"
    assert read.session(str(tmp_path), "early").record.created_at.startswith("2026-11-21")


def test_a_sessions_own_folder_names_it(night: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read.session(night.session.folder).id == "night"
    monkeypatch.chdir(night.session.folder)
    assert len(read.session(".").iterations) == 4


def test_iterations_are_typed(night: Builder) -> None:
    first, second, *_ = read.session(night.root).iterations
    assert (first.number, first.experiment_id, first.patch) == (1, "night:001", "")
    assert second.plan.knobs["DEPTH"] == "PROFILE.depth + 1"
    assert second.result is not None
    assert second.result.verdict.decision == "keep"
    assert second.tensions[0].kind == "capacity-vs-throughput"
    assert "DEPTH = PROFILE.depth + 1" in second.train_py
    assert "+DEPTH = PROFILE.depth + 1" in second.patch


def test_the_table_is_flat_and_every_row_has_the_same_columns(night: Builder) -> None:
    table = read.session(night.root).table()
    assert [row["val_bpb"] for row in table] == [2.0, 1.98, 2.01, None]
    assert all(tuple(row) == read.COLUMNS for row in table)
    assert all(isinstance(cell, str | int | float | None) for row in table for cell in row.values())
    json.dumps(table, allow_nan=False)
    second, fourth = table[1], table[3]
    assert second["change"] == pytest.approx(-0.02)
    assert (second["predicted_low"], second["predicted_high"], second["confidence"]) == (-0.02, 0.0, 0.8)
    assert (second["incumbent"], second["estimate"]) == ("night:002", 1.98)
    assert (fourth["failure"], fourth["change"], fourth["keep_discard_status"]) == ("nan", None, "crash")
    assert table[0]["change"] is None


def test_the_frame_has_the_tables_columns(night: Builder) -> None:
    pytest.importorskip("pandas")
    frame = read.session(night.root).frame()
    assert list(frame.index) == [1, 2, 3, 4]
    assert list(frame.columns) == list(read.COLUMNS[1:])
    assert frame.loc[[2, 3], "val_bpb"].tolist() == [1.98, 2.01]
    assert {name for name, kind in frame.dtypes.items() if kind == "float64"} == {*read.COLUMNS[1:]} - read.WORDS


def test_knobs_say_what_a_candidate_changed(night: Builder) -> None:
    changed = [
        (row["iteration"], row["knob"], row["value"]) for row in read.session(night.root).knobs() if row["changed"]
    ]
    assert changed == [(2, "DEPTH", "PROFILE.depth + 1"), (3, "DEPTH", "PROFILE.depth - 1"), (4, "MATRIX_LR", "9.0")]


def test_the_graph_is_networkx_and_its_experiments_carry_numbers(night: Builder) -> None:
    network = read.graph(night.root)
    assert isinstance(network, nx.MultiDiGraph)
    node = network.nodes["experiment:night:002"]
    assert (node["type"], node["val_bpb"], node["keep_discard_status"]) == ("experiment", 1.98, "keep")
    assert nx.utils.graphs_equal(network, read.session(night.root).graph())


def test_evidence_names_the_side_that_an_experiment_tested(night: Builder) -> None:
    evidence = read.session(night.root).evidence()
    found = {(row["tension"], row["side"], row["iteration"]): row["delta"] for row in evidence}
    # Deeper is the thesis of capacity against throughput, shallower its antithesis.
    assert found["capacity-vs-throughput", "thesis", 2] == pytest.approx(-0.02)
    assert found["capacity-vs-throughput", "antithesis", 3] == pytest.approx(0.03)
    assert {row["side"] for row in evidence} <= {"thesis", "antithesis", "synthesis"}


def test_the_curve_passes_over_what_is_no_step(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    plan = builder.plan(1)
    folder = builder.session.iteration(plan.iteration).execution
    folder.mkdir(parents=True)
    step = {"type": "train_step", "step": 3, "train_loss_ema": 4.5, "cuda": {"memory_allocated_mb": 1}}
    lines = [json.dumps({"type": "run_started"}), json.dumps(step), '{"type": "train_s']
    (folder / "live-events.ndjson").write_text("\n".join(lines), "utf-8")
    (one,) = read.session(tmp_path).iterations
    assert one.curve() == [{"step": 3, "train_loss_ema": 4.5}]
    assert one.result is None


def test_a_session_of_the_reference_system_is_read_alike(tmp_path: Path) -> None:
    folder = tmp_path / LOGS / "old"
    for number, move, score in ((1, None, "0.9962"), (2, "exploit", "1.0105"), (3, None, None)):
        place = folder / "iterations" / f"{number:03d}"
        (place / "tensions" / "room").mkdir(parents=True)
        version_one.iteration(place, number, move, score, "room" if move else None)
        (place / "meta.json").rename(place / "tensions" / "room" / "meta.json")
    version_one.put(folder / "session.json", {"session_id": "old", "created_at": "x", "updated_at": "x"})
    old = read.session(tmp_path)
    assert [row["val_bpb"] for row in old.table()] == [0.9962, 1.0105, None]
    assert old.table()[1]["delta"] is None, "no verdict judged it"
    (tested,) = old.evidence()
    assert (tested["tension"], tested["side"], tested["delta_sd"]) == (version_one.KIND, "thesis", None)
    assert tested["delta"] == pytest.approx(0.0143)
    assert old.iterations[0].curve() == []


def test_a_damaged_iteration_is_left_out_and_named(tmp_path: Path) -> None:
    builder = build(tmp_path)
    builder.session.iteration(3).result.write_bytes(b"{")
    found = read.session(tmp_path)
    assert [one.number for one in found.iterations] == [1, 2, 4]
    assert list(found.troubles) == [3]
    assert "is not valid JSON" in found.troubles[3]


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path, night: Builder) -> None:
    with pytest.raises(UsageError, match="no session yet"):
        read.session(tmp_path)
    with pytest.raises(UsageError, match="there is no session day"):
        read.session(night.root, "day")
    (tmp_path / "session.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="a session's folder lies in experiment_logs"):
        read.session(tmp_path)


def test_importing_the_package_brings_no_library_and_reading_records_no_graph() -> None:
    lines = (
        "import sys, dialectic",
        "assert 'pydantic' not in sys.modules",
        "from dialectic import read",
        "assert not {'networkx', 'pandas', 'torch'} & sys.modules.keys()",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
