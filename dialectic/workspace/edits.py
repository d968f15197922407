"""Edits: from the incumbent's text to a candidate's, and what makes two candidates the same."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence

from dialectic.errors import EditError
from dialectic.state.proposal import Edit, FileEdit, KnobEdit, ReplaceEdit
from dialectic.workspace.knobs import parse, set_knobs

MAX_CHARACTERS = 400_000
"""A longer ``train.py`` is refused: the published one has 25,000."""


def apply(text: str, edits: Sequence[Edit]) -> str:
    """``text`` after all ``edits``, in their order.

    Raises:
        EditError: an edit does not apply; the message says which one and why.
    """
    for place, edit in enumerate(_merged(edits), start=1):
        try:
            text = _apply(text, edit)
        except EditError as error:
            raise EditError(f"edit {place}: {error}" if len(edits) > 1 else str(error)) from error
    if len(text) > MAX_CHARACTERS:
        raise EditError(f"train.py would have {len(text):,} characters; keep it under {MAX_CHARACTERS:,}")
    return text


def fingerprint(text: str, profile: str, budget: float, data_fingerprint: str) -> str:
    """SHA-256 (hex) of the normalised syntax tree under a profile, a budget in seconds and the data.

    Comments, formatting and docstrings do not change it, nor does the version of Python that computes it.

    Raises:
        EditError: ``text`` does not parse.
    """
    key = json.dumps([normalised(text), profile, float(budget), data_fingerprint])
    return hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()


@functools.lru_cache(maxsize=32)
def normalised(text: str) -> str:
    """The syntax tree of ``text`` as one line, without comments, formatting and docstrings.

    Raises:
        EditError: ``text`` does not parse.
    """
    parts: list[str] = []
    _flatten(parse(text), parts)
    return "".join(parts)


def removed_statements(before: str, after: str) -> int:
    """How many statements fewer ``after`` has; docstrings and ``pass`` are none, so the number is negative where code
    was added.

    Raises:
        EditError: one of the texts does not parse.
    """
    return _statements(before) - _statements(after)


def _statements(text: str) -> int:
    found = [node for node in ast.walk(parse(text)) if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass)]
    return sum(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in found)


def _merged(edits: Sequence[Edit]) -> Iterator[Edit | dict[str, str]]:
    """The edits with neighbouring knob edits put together, so that the file is parsed once for them."""
    knobs: dict[str, str] = {}
    for edit in edits:
        if isinstance(edit, KnobEdit):
            knobs[edit.knob] = edit.value
            continue
        if knobs:
            yield knobs
            knobs = {}
        yield edit
    if knobs:
        yield knobs


def _apply(text: str, edit: Edit | dict[str, str]) -> str:
    if isinstance(edit, dict):
        return set_knobs(text, edit)
    if isinstance(edit, FileEdit):
        return edit.text
    if isinstance(edit, ReplaceEdit):
        return _replace(text, edit)
    return set_knobs(text, {edit.knob: edit.value})


def _replace(text: str, edit: ReplaceEdit) -> str:
    places = _places(text, edit.search)
    if not places:
        first = edit.search.strip().splitlines()[0][:60] if edit.search.strip() else edit.search
        raise EditError(f"the text to replace is nowhere in train.py (it begins {first!r}); copy it exactly")
    if len(places) > 1:
        lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in places[:5])
        raise EditError(
            f"the text to replace stands {len(places)} times (lines {lines}); include more of what is around"
        )
    return text[: places[0]] + edit.replace + text[places[0] + len(edit.search) :]


def _places(text: str, search: str) -> list[int]:
    """Where ``search`` begins, overlapping matches included."""
    places, start = [], text.find(search)
    while start >= 0:
        places.append(start)
        start = text.find(search, start + 1)
    return places


def _flatten(node: object, parts: list[str]) -> None:
    # Empty fields are left out because each version of Python adds some.
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name, value in ast.iter_fields(node):
            value = _without_docstring(node, name, value)
            if value is None or value == [] or (name == "kind" and isinstance(node, ast.Constant)):
                continue
            parts.append(f"{name}=")
            _flatten(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for part in node:
            _flatten(part, parts)
        parts.append("]")
    else:
        parts.append(f"{node!r},")


def _without_docstring(node: ast.AST, name: str, value: object) -> object:
    if name == "body" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return node.body[1:]
    return value
