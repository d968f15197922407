from __future__ import annotations

import pytest

from dialectic.agents.syntax import Rewrite, replacements, rewritten
from dialectic.workspace import apply

TEXT = """LIMIT = 3  # how far


class Block:
    def forward(self, x):
        # kept
        y = self.norm( x +
                       1 )  # and this
        return self.out(y, scale=2.0)


def forward(x):
    return norm(x)
"""


@pytest.mark.parametrize(
    ("rewrite", "expected"),
    [
        (Rewrite("Block.forward", "self.norm(_z)", put="f(_z)"), "        y = f((x + 1))  # and this\n"),
        (Rewrite("forward", "norm(_z)", put="_z * norm(_z)"), "    return x * norm(x)\n"),
        (Rewrite("", "self.out(*_rest, scale=_s)", put="self.out(_rest, scale=_s + 1)"), "self.out(y, scale=2.0 + 1)"),
        (Rewrite("", "LIMIT = _value", after="MORE = _value"), "LIMIT = 3  # how far\nMORE = 3\n"),
        (Rewrite("", "def forward", before="TABLE = 1\n\n"), "\n\nTABLE = 1\n\n\ndef forward(x):"),
        (Rewrite("Block.forward", "return _z", put="if LIMIT:\n    _z\nreturn _z"), "\n            self.out("),
    ],
)  # fmt: skip
def test_a_rewrite_finds_its_place_and_leaves_the_rest(rewrite: Rewrite, expected: str) -> None:
    after = rewritten(TEXT, [rewrite])
    assert after is not None
    assert expected in after
    compile(after, "train.py", "exec")
    assert "# kept" in after


@pytest.mark.parametrize(
    "rewrite",
    [
        Rewrite("Block.backward", "norm(_z)", put="_z"),
        Rewrite("forward", "self.norm(_z)", put="_z"),
        Rewrite("", "return _z", put="return 1"),
        Rewrite("forward", "norm(_z, _z)", put="_z"),
        Rewrite("", "class Attention", before="X = 1"),
    ],
    ids=["no such scope", "not in it", "two places", "other arguments", "no such class"],
)
def test_a_rewrite_without_its_one_place_does_not_apply(rewrite: Rewrite) -> None:
    assert rewritten(TEXT, [rewrite]) is None
    assert rewritten(TEXT, [Rewrite("", "LIMIT = _value", put="LIMIT = 4"), rewrite]) is None


def test_what_is_optional_may_be_missing_and_what_does_not_parse_takes_nothing() -> None:
    assert rewritten(TEXT, [Rewrite("", "nowhere(_z)", put="_z", optional=True)]) == TEXT
    assert rewritten("def (", []) is None


@pytest.mark.parametrize(
    "after",
    [
        TEXT,
        TEXT.replace("return norm(x)", "return x"),
        TEXT + "END = 1\n",
        "FIRST = 1\n" + TEXT,
        TEXT.replace("LIMIT = 3", "LIMIT = 4").replace("    return norm(x)\n", "    y = x\n    return norm(y)\n"),
        "",
    ],
)
def test_replacements_lead_from_one_text_to_the_other(after: str) -> None:
    assert apply(TEXT, replacements(TEXT, after)) == after


def test_a_replacement_is_small_and_searches_what_stands_once() -> None:
    before = "a = 1\n" * 20 + "b = 2\n" + "a = 1\n" * 20
    after = before.replace("b = 2\n", "b = 2\nc = 3\n")
    (edit,) = replacements(before, after)
    assert edit.search.count("\n") <= 2
    assert apply(before, [edit]) == after
