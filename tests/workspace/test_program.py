from __future__ import annotations

import pytest

from dialectic.errors import WorkspaceError
from dialectic.state.program import Steering
from dialectic.workspace import read_steering

WORDS = "# Method\n\nRead this.\n\n"


def fenced(text: str) -> str:
    return f"{WORDS}```toml\n{text}\n```\n\nMore words with `code`.\n"


def test_without_a_block_nothing_is_steered() -> None:
    assert read_steering(WORDS + "```python\nfreeze = 3\n```\n") == Steering()
    assert read_steering("") == Steering()


def test_the_block_of_the_design() -> None:
    block = (
        'freeze = ["DEPTH"]\nranges = {MATRIX_LR = [0.01, 1]}\nprefer = ["capacity-vs-throughput"]\nallow = ["threads"]'
    )
    assert read_steering(fenced(block)) == Steering(
        freeze=["DEPTH"], ranges={"MATRIX_LR": (0.01, 1.0)}, prefer=["capacity-vs-throughput"], allow=["threads"]
    )
    assert read_steering(fenced(block).replace("\n", "\r\n")).freeze == ["DEPTH"]


def test_other_fences_around_it_do_not_count() -> None:
    inner = "````markdown\n```toml\nfreeze = 3\n```\n````\n\n~~~toml\nfreeze = ['A']\n~~~\n"
    assert read_steering(inner) == Steering(freeze=["A"])


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (fenced("freeze = ["), "the end of the block"),
        (fenced("prefer = []\nfreeze = = 1"), "line 7"),
        (fenced('freze = ["DEPTH"]'), "does not know freze; it may hold freeze, ranges, prefer, allow"),
        (fenced('freeze = "DEPTH"'), "freeze: "),
        (fenced("ranges = {A = [1]}"), "ranges.A"),
        (fenced("ranges = {A = [2, 1]}"), "ranges.A: 2 is more than 1"),
        (fenced("ranges = {A = [0, inf]}"), "ranges.A"),
        (fenced('allow = ["everything"]'), "no sign everything; it may name custom-operator, environment, file"),
        (fenced('allow = ["thread"]'), "no sign thread; did you mean threads?"),
        (fenced('allow = ["file", "seed"]'), "seed is refused whatever the block says"),
        (fenced("allow = [1]"), "no sign 1; it may name"),
        (fenced('allow = "file"'), "allow: "),
        (fenced("") + fenced(""), r"2 TOML blocks \(lines 5 and 14\)"),
        (WORDS + "```toml\nfreeze = []\n", "line 5 is not closed"),
    ],
)
def test_a_broken_block_is_one_clear_line(program: str, words: str) -> None:
    with pytest.raises(WorkspaceError, match=words) as error:
        read_steering(program)
    assert str(error.value).startswith("program.md")
    assert "\n" not in str(error.value)
