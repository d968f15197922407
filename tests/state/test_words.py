"""What a plan changes, in values."""

from __future__ import annotations

from pathlib import Path

from dialectic.state.proposal import Edit, KnobEdit, ReplaceEdit
from dialectic.state.words import changes
from tests.cli.build import Builder

BEFORE = {
    "DEPTH": "PROFILE.depth",
    "TOTAL_BATCH_SIZE": "2**12",
    "DEVICE_BATCH_SIZE": "TOTAL_BATCH_SIZE // 256",
    "FUNCTION": "f(3)",
}
VALUES = {"depth": 3}


def test_changes_are_told_in_values_and_what_follows_after_what_it_follows(tmp_path: Path) -> None:
    read = Builder(tmp_path).plan(1)

    def told(*edits: Edit, **knobs: str) -> str:
        written = {edit.knob: edit.value for edit in edits if isinstance(edit, KnobEdit)}
        one = read.model_copy(update={"edits": list(edits), "knobs": {**BEFORE, **written, **knobs}})
        return changes(one, BEFORE, VALUES)

    deeper = KnobEdit(knob="DEPTH", value="PROFILE.depth + 1")
    assert told(deeper) == "DEPTH 3 → 4"
    batch = KnobEdit(knob="TOTAL_BATCH_SIZE", value="2**11")
    device = KnobEdit(knob="DEVICE_BATCH_SIZE", value="8")
    assert told(device, batch) == "TOTAL_BATCH_SIZE 4096 → 2048, DEVICE_BATCH_SIZE 16 → 8"
    assert told(KnobEdit(knob="FUNCTION", value="g(3)")) == "FUNCTION f(3) → g(3)"
    assert told(KnobEdit(knob="DEPTH", value="3")) == "DEPTH PROFILE.depth → 3"
    graft = ReplaceEdit(search="A = 1", replace="A = 1\nPREVIOUS_TOKEN = 0.0  # share\n")
    use = ReplaceEdit(search="x = x", replace="x = mix(x)")
    new = KnobEdit(knob="PREVIOUS_TOKEN", value="0.6")
    assert told(graft, use, new) == "PREVIOUS_TOKEN 0.6 (new)"
    assert told(use, deeper) == "DEPTH 3 → 4, 1 edit of the code"
