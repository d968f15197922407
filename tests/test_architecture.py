"""The house rules that a machine can check: one direction of imports, small files, small functions."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dialectic"
FOUNDATION = {"errors", "state", "config"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "state": {"errors"},
    "config": {"errors", "state"},
    "executors": FOUNDATION | {"sandbox"},
    "read": FOUNDATION | {"session", "knowledge"},
}
"""What a room may import besides itself; a room that is not named here may import the foundation."""
EVERYTHING = {"loop", "cli", "__main__"}
"""The loop is where the rooms meet; the command line parses, calls one function of a room and prints."""
NEVER = {"cli", "read", "__main__"}
FILE_LINES, MEDIAN_LINES, FUNCTION_LINES = 350, 120, 60


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_research_folder" not in path.parts)


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            names |= {f"{base}.{alias.name}" for alias in node.names} if base == "dialectic" else {base}
    return {name.split(".")[1] for name in names if name.startswith("dialectic.")}


def allowed(room: str) -> set[str]:
    if room in EVERYTHING:
        return {room_of(path) for path in modules()} - (NEVER if room == "loop" else {"__main__"})
    return ALLOWED.get(room, FOUNDATION) | {room}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    strangers = imported_rooms(ast.parse(path.read_text("utf-8"))) - allowed(room)
    assert not strangers, f"{room} may not know {', '.join(sorted(strangers))}"


def test_prepare_and_train_import_nothing_of_dialectic() -> None:
    for name in ("prepare.py", "train.py"):
        assert not imported_rooms(ast.parse((ROOT / name).read_text("utf-8")))


def test_files_and_functions_stay_small() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in modules()}
    too_long = {str(path.relative_to(ROOT)): count for path, count in lengths.items() if count > FILE_LINES}
    assert not too_long
    assert statistics.median(lengths.values()) <= MEDIAN_LINES
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= FUNCTION_LINES, f"{path.name}: {node.name} has {lines} lines"


def test_the_check_finds_a_wrong_arrow() -> None:
    tree = ast.parse("from dialectic.loop import run_session\nfrom dialectic import verdict\n")
    assert imported_rooms(tree) == {"loop", "verdict"}
    assert "loop" not in allowed("verdict")
    assert "verdict" in allowed("loop")
    assert "cli" not in allowed("loop")
