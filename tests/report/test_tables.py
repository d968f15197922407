"""results.tsv and research_journal.tsv, cell by cell."""

from __future__ import annotations

import csv
import io

from dialectic.report.tables import journal_tsv, results_tsv
from dialectic.state.proposal import KnobEdit, ReplaceEdit
from tests.knowledge.histories import CAPACITY, baseline, plan, result, tension
from tests.report.nights import judged, material

HOSTILE = "Prediction: a\tb\nc \x1b]0;title\x07\x1b[2J\u202ed"


def test_results_have_the_five_columns_of_the_field() -> None:
    first, second, third = judged([-0.02, 0.03])
    commit = {"candidate_commit": "0123456789abcdef0123456789abcdef01234567"}
    assert second[1] is not None
    memory = {"summary": {"val_bpb": 1.98, "peak_vram_mb": 2560.0}}
    second = second[0].model_copy(update=commit), second[1].model_copy(update=memory), second[2]
    crash = judged([-0.02, 0.03, None])[3]
    assert results_tsv(material([first, second, third, crash])).splitlines() == [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "-\t2.000000\t0.0\tkeep\tbaseline",
        '0123456\t1.980000\t2.5\tkeep\tWINDOW_PATTERN "SSSL" → 0.02',
        f"-\t{third[1].score.val_bpb:.6f}\t0.0\tdiscard\tDEPTH 4 → 0.03",  # type: ignore[union-attr]
        "-\t0.000000\t0.0\tcrash\tMATRIX_LR 0.04 → 0.04 (nan)",
    ]


def test_an_edit_of_the_code_is_counted_and_not_told_by_its_prediction() -> None:
    mine = plan(2, edits=[KnobEdit(knob="DEPTH", value="5"), ReplaceEdit(search="a", replace="b")])
    line = results_tsv(material([baseline(), (mine, result(mine, 0.1), [])])).splitlines()[2]
    assert line.endswith("\tDEPTH 4 → 5, 1 edit of the code")


def test_the_journal_says_what_was_learnt() -> None:
    night = judged([-0.02, 0.03])
    lines = [line.split("\t") for line in journal_tsv(material(night)).splitlines()]
    assert lines[0] == [
        "experiment", "parent_commit", "prediction", "outcome", "contradicted_assumption", "tension", "move_type",
        "synthesis_note",
    ]  # fmt: skip
    assert lines[2] == [
        "s:002", "-", "Prediction: changing it will improve val_bpb because of the budget.", "contradicted", "-",
        "locality-vs-global-context", "exploit", "A narrower and deeper network keeps both.",
    ]  # fmt: skip
    assert lines[3][4] == "It was assumed that 0.03 is better."


def test_foreign_text_cannot_break_a_table() -> None:
    mine = plan(2, edits=[]).model_copy(update={"prediction": HOSTILE})
    ended = result(mine, 0.1).model_copy(update={"contradicted_assumption": '"an open quotation'})
    night = material([baseline(), (mine, ended, [tension(CAPACITY).model_copy(update={"kind": "memory\tquality"})])])
    for text, columns in ((results_tsv(night), 5), (journal_tsv(night), 8)):
        assert [line.count("\t") for line in text.splitlines()] == [columns - 1] * 3
        assert text.replace("\t", "").replace("\n", "").isprintable()
    assert "\ta b c d" in results_tsv(night)
    read = list(csv.reader(io.StringIO(journal_tsv(night)), dialect="excel-tab"))
    assert read[2][4] == '"an open quotation'


def test_an_open_iteration_is_in_no_table() -> None:
    mine = plan(2, edits=[KnobEdit(knob="DEPTH", value="5")])
    night = material([baseline(), (mine, None, [])])
    assert len(results_tsv(night).splitlines()) == 2
    assert len(journal_tsv(night).splitlines()) == 2
