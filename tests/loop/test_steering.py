"""What program.md names without effect is said aloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loop.conftest import RunScript


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('prefer = ["speed-vs-taste"]', "program.md prefers speed-vs-taste, which is no tension of the builtin agent"),
        ('freeze = ["NO_SUCH_KNOB"]', "program.md steers NO_SUCH_KNOB, but train.py has no such knob"),
        ('freeze = ["PREVIOUS_TOKEN"]', ""),
    ],
)
def test_it_is_noted(run_script: RunScript, root: Path, line: str, told: str) -> None:
    text = (root / "program.md").read_text("utf-8")
    name = line.split(" = ")[0]
    (root / "program.md").write_text(text.replace(f"\n{name} = []\n", f"\n{line}\n"), "utf-8")
    _, observer = run_script({"default": {"val_bpb": 2.0}}, iterations=1)
    notes = [note for note in observer.notes if note.startswith("program.md")]
    assert all(told and told in note for note in notes)
    assert bool(notes) == bool(told)
