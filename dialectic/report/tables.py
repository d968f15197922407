"""``results.tsv`` and ``research_journal.tsv`` (formats)."""

from __future__ import annotations

from dialectic.report.material import Material, Turn
from dialectic.report.writing import cell

RESULTS = ("commit", "val_bpb", "memory_gb", "status", "description")
JOURNAL = (
    "experiment",
    "parent_commit",
    "prediction",
    "outcome",
    "contradicted_assumption",
    "tension",
    "move_type",
    "synthesis_note",
)
SHORT_COMMIT = 7
MB_PER_GB = 1024.0
JOURNAL_TEXT = 1_000
"""Characters of one text in the journal."""


def results_tsv(material: Material) -> str:
    """The field's five columns, a line for each finished iteration; a crash has 0.000000 and 0.0."""
    rows = [_result(turn) for turn in material.turns if turn.result is not None]
    return _tsv([RESULTS, *rows])


def journal_tsv(material: Material) -> str:
    """Prediction, outcome and what was learnt, a line for each finished iteration."""
    return _tsv([JOURNAL, *(_entry(turn) for turn in material.turns if turn.result is not None)])


def _result(turn: Turn) -> tuple[str, ...]:
    assert turn.result is not None
    commit = cell(turn.plan.candidate_commit or "")[:SHORT_COMMIT]
    status = turn.result.keep_discard_status
    if status == "crash" or turn.val_bpb is None:
        kind = turn.result.failure.kind
        why = f" ({kind})" if kind != "none" else ""
        return commit, "0.000000", "0.0", status, cell(turn.change + why)
    memory = turn.result.summary.get("peak_vram_mb", 0.0) / MB_PER_GB
    return commit, f"{turn.val_bpb:.6f}", f"{memory:.1f}", status, cell(turn.change)


def _entry(turn: Turn) -> tuple[str, ...]:
    assert turn.result is not None
    third = turn.result.transcendent_result
    texts = (
        turn.id,
        (turn.plan.parent_commit or "")[:SHORT_COMMIT],
        turn.plan.prediction,
        turn.result.outcome,
        turn.result.contradicted_assumption or "",
        turn.axis,
        turn.plan.move_type,
        third.emergent_thought or turn.plan.synthesis_candidate,
    )
    return tuple(cell(text, JOURNAL_TEXT) for text in texts)


def _tsv(rows: list[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)
