"""Sessions of the reference system: no verdict, no noise, metrics as strings, almost anything null."""

from __future__ import annotations

from pathlib import Path

from dialectic.report import Material, write_report
from dialectic.report.poles import axes_of
from dialectic.report.progress import progress
from dialectic.state.files import read_record
from dialectic.state.session import SessionRecord
from tests.knowledge.test_version_one import KIND, iteration, put
from tests.report.nights import material


def old(folder: Path) -> Material:
    """A baseline, both poles of one tension, and a run that never ended."""
    session = put(folder / "session.json", {"session_id": "old", "created_at": "x", "updated_at": "x", "branch": None})
    moves = ((1, None, "0.9962"), (2, "exploit", "1.0105"), (3, "negate", "0.9951"), (4, None, None))
    rows = [iteration(folder, number, move, score, "room" if move else None) for number, move, score in moves]
    return material(rows, read_record(session, SessionRecord))


def test_the_lowest_score_stands_for_the_incumbent_and_there_is_no_band(tmp_path: Path) -> None:
    series = progress(old(tmp_path))
    assert series.line == [(1.0, 0.9962), (2.0, 0.9962), (3.0, 0.9951)]
    assert series.band == []
    assert series.baseline == [(1.0, 0.9962)]
    assert series.discards == [(2.0, 1.0105), (3.0, 0.9951)]
    assert series.crashes == [4.0]


def test_effects_have_no_interval_where_nobody_knows_the_noise(tmp_path: Path) -> None:
    (axis,) = axes_of(old(tmp_path))
    assert axis.kind == KIND
    thesis, antithesis, synthesis = axis.rows
    assert [mark.delta for mark in thesis.marks] == [1.0105 - 0.9962]
    assert [mark.sd for mark in (*thesis.marks, *antithesis.marks)] == [None, None]
    assert (thesis.sd, synthesis.mean) == (None, None)


def test_the_whole_report_can_be_written(tmp_path: Path) -> None:
    written = write_report(tmp_path / "report", old(tmp_path))
    assert written.trouble == ""
    assert all(path.stat().st_size > 0 for path in written.files)
    first = written.files[0].read_text("utf-8").split("\n")[:3]
    assert first[0] == "# Session old: lowest val_bpb 0.9951, not judged"
    assert "The lowest val_bpb of 3 scores is 0.9951, in iteration 003." in first[1]
    assert "not recorded" not in "\n".join(first)
