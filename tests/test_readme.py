"""The README is true: its tree matches the files, both ways."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(r"^(?P<indent> *)(?P<name>[\w.-]+/?)(?: {2,}(?P<comment>\S.*))?$")
FOLDERS_ONLY = ("tests/", "benchmarks/results/", "examples/first-night/")
"""Of these the tree names folders, not files."""


def tree() -> dict[str, str]:
    """Path → comment, from the fenced block after the heading ``The files``."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.split("## The files", 1)[1].split("```", 2)[1]
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in block.strip("\n").splitlines():
        match = ENTRY.match(line)
        assert match, f"the tree has an odd line: {line!r}"
        depth = len(match["indent"]) // 2
        parents[depth:] = [match["name"]]
        found["".join(parents)] = match["comment"] or ""
    return found


def tracked() -> set[str]:
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
    paths = {path for path in listed.split() if (ROOT / path).exists()}
    files = {path for path in paths if not path.startswith(FOLDERS_ONLY)}
    folders = {
        "/".join(path.split("/")[:2]) + "/" for path in paths if path.startswith("tests/") and path.count("/") > 1
    }
    return {path for path in files if not path.endswith("/__init__.py") or path == "dialectic/__init__.py"} | folders


def test_every_file_stands_in_the_tree_and_every_entry_is_a_file() -> None:
    entries = tree()
    missing = sorted(tracked() - set(entries))
    assert not missing, f"not in the README's tree: {missing}"
    gone = sorted(entry for entry in entries if not (ROOT / entry).exists())
    assert not gone, f"in the README's tree but not there: {gone}"


def test_every_file_has_a_comment() -> None:
    silent = [entry for entry, comment in tree().items() if not comment and not entry.endswith("/")]
    assert not silent
