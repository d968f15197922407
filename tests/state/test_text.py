"""Cleaning text that a run, a log or a model wrote."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialectic.state.text import clean, read_end, tail

ALPHABET = "ab\x1b[]0;1mPX^_\\\x07\r\n\t\x9b\x9c\x9d\x90\b\x00\u202e\u2066\ufeff\U000e0041é漢😀\u2028"


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("plain text, tab\tand\nline", "plain text, tab\tand\nline"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2K\x1b[1Gstep", "step"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://x.invalid\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred\x9d0;title\x9ctext", "redtext"),
        ("\x1bPdevice\x1b\\text\x1b_app\x1b\\", "text"),
        ("\x1b]0;never ended\nnext line", "\nnext line"),
        ("\x1b(Bcharset\x1b=", "charset"),
        ("\x1b\x1b[31m[31mnested", "[31mnested"),
        ("  5%\r 50%\r100%\ndone", "100%\ndone"),
        ("  5%\r 50%\r", " 50%"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("a\b\x00\x07\x7fb", "ab"),
        ("user\u202etxt.exe\u2066\u200f", "usertxt.exe"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("hidden\U000e0041\U000e0042\ufe0f", "hidden"),
        ("half\ud800", "half"),
        ("one\u2028two", "one\ntwo"),
        ("é 漢字 😀 نص", "é 漢字 😀 نص"),
    ],
)
def test_what_is_left(raw: str, seen: str) -> None:
    assert clean(raw, 1000) == seen


@pytest.mark.parametrize(("limit", "seen"), [(5, "abcde"), (4, "abc…"), (1, "…"), (0, "")])
def test_too_long_a_text_is_cut(limit: int, seen: str) -> None:
    assert clean("abcde", limit) == seen


@given(st.text(alphabet=ALPHABET), st.integers(0, 40))
def test_nothing_that_controls_a_terminal_survives(raw: str, limit: int) -> None:
    seen = clean(raw, limit)
    assert len(seen) <= limit
    assert all(unicodedata.category(character) not in {"Cc", "Cs"} for character in seen if character not in "\n\t")
    assert not set(seen) & {"\u202e", "\u2066", "\ufeff", "\U000e0041", "\x1b", "\r"}
    assert clean(seen, limit) == seen


def test_the_tail_of_a_long_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with path.open("wb") as stream:
        stream.truncate(2**36)  # 64 GB with nothing in it: reading it whole could not end
        stream.seek(0, os.SEEK_END)
        stream.write("\n\x1b[31mred\x1b[0m and the end é\n".encode())
    assert tail(path, 15) == "… and the end é"
    assert tail(path, 100_000) == "red and the end é"


def test_the_tail_of_a_short_file_is_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_bytes(b"  1%\r 99%\nlast \xff line\n\n")
    assert tail(tmp_path / "run.log", 100) == " 99%\nlast \ufffd line"


@pytest.mark.parametrize(("limit", "seen"), [(10, "0123456789"), (9, "…23456789"), (1, "…"), (0, "")])
def test_the_tail_keeps_the_end(tmp_path: Path, limit: int, seen: str) -> None:
    (tmp_path / "run.log").write_text("0123456789\n")
    assert tail(tmp_path / "run.log", limit) == seen


def test_what_is_no_regular_file_has_no_tail(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "target").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("pipe", "link", "missing", "."):
        assert tail(tmp_path / name, 100) == ""
    assert read_end(tmp_path / "target", 3) == b"ret"
