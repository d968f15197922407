"""Structural changes of a program: found by its syntax tree, spliced into its text.

A pattern is a piece of Python in which a name like ``_x`` stands for any expression and ``*_rest`` for any further
arguments of a call. What a pattern matches decides the tree alone, so layout and comments do not matter; what is put
there replaces exactly the span of the matched node, so everything else of the file stays as it was written.
"""

from __future__ import annotations

import ast
import difflib
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dialectic.state.proposal import ReplaceEdit

ANY = re.compile(r"_[a-z]\w*")
"""A name in a pattern that stands for any expression."""

DEFINITION = re.compile(r"(?:class|def) (\w+)")

ATOMS = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant)
"""Expressions that need no parentheses wherever they are put."""

Bindings = dict[str, tuple[ast.expr, ...]]


@dataclass(frozen=True)
class Rewrite:
    """One change at the one place that a pattern matches."""

    scope: str
    """Class or function in which to look, such as ``Block.forward``; empty for the whole file."""
    find: str
    """Pattern of an expression or a statement; ``class Name`` and ``def name`` find a definition."""
    put: str = ""
    """What replaces it; its ``_x`` become what they matched. Empty leaves the match as it is."""
    before: str = ""
    """Lines before the statement, at its indentation."""
    after: str = ""
    """Lines after it."""
    optional: bool = False
    """Whether the change still applies where the pattern matches nothing."""


@dataclass(frozen=True)
class _Splice:
    start: int
    end: int
    text: str


def rewritten(text: str, rewrites: Sequence[Rewrite]) -> str | None:
    """``text`` after all ``rewrites``, each found in the tree of ``text`` itself; None where one does not apply.

    A pattern that matches several places does not apply either: nobody could say which one is meant.
    """
    try:
        tree = _tree(text)
    except (SyntaxError, ValueError):
        return None
    splices: list[_Splice] = []
    data = text.encode()
    starts = _line_starts(data)
    for rewrite in rewrites:
        found = list(_matches(tree, rewrite))
        if len(found) != 1:
            if rewrite.optional and not found:
                continue
            return None
        splices += _spliced(data, starts, rewrite, *found[0])
    for splice in sorted(splices, key=lambda one: (one.start, one.end), reverse=True):
        data = data[: splice.start] + splice.text.encode() + data[splice.end :]
    return data.decode()


def replacements(before: str, after: str) -> list[ReplaceEdit]:
    """The way from one text to the other as small replacements of whole lines, to be applied in their order."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    edits: list[ReplaceEdit] = []
    text = before
    hunks = [
        code for code in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    for _, first, last, start, end in reversed(hunks):
        low, high = first, last
        # An insertion needs a line to hold on to, and every text to search must stand in one place only.
        while low == high or text.count("".join(old[low:high])) != 1:
            if low == 0 and high == len(old):
                break
            low, high = (low - 1, high) if low and (low == high or high - last >= first - low) else (low, high + 1)
        search = "".join(old[low:high])
        replace = "".join([*old[low:first], *new[start:end], *old[last:high]])
        edits.append(ReplaceEdit(search=search, replace=replace))
        text = text.replace(search, replace, 1)
    return edits


@lru_cache(maxsize=8)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@lru_cache(maxsize=256)
def _pattern(find: str, whole: bool) -> ast.stmt | ast.expr:
    """The tree of a pattern; an expression alone is a statement only where a ``whole`` one is wanted."""
    statement = ast.parse(find).body[0]
    return statement.value if isinstance(statement, ast.Expr) and not whole else statement


def _scope(tree: ast.Module, name: str) -> ast.AST | None:
    """The class or function called ``name``, dots between an outer and an inner one."""
    found: ast.AST | None = tree
    for part in filter(None, name.split(".")):
        body: list[ast.stmt] = getattr(found, "body", [])
        found = next((one for one in body if getattr(one, "name", None) == part), None)
    return found


def _matches(tree: ast.Module, rewrite: Rewrite) -> Iterator[tuple[ast.stmt | ast.expr, Bindings]]:
    scope = _scope(tree, rewrite.scope)
    if scope is None:
        return
    definition = DEFINITION.fullmatch(rewrite.find)
    if definition:
        yield from ((one, {}) for one in getattr(scope, "body", []) if getattr(one, "name", None) == definition[1])
        return
    pattern = _pattern(rewrite.find, bool(rewrite.before or rewrite.after))
    for node in ast.walk(scope):
        bindings: Bindings = {}
        if isinstance(node, ast.stmt | ast.expr) and _same(pattern, node, bindings):
            yield node, bindings


def _same(pattern: object, node: object, bindings: Bindings) -> bool:
    if isinstance(pattern, ast.Name) and ANY.fullmatch(pattern.id):
        if not isinstance(node, ast.expr):
            return False
        bound = bindings.setdefault(pattern.id, (node,))
        return len(bound) == 1 and ast.dump(bound[0]) == ast.dump(node)
    if isinstance(pattern, ast.AST):
        return type(pattern) is type(node) and all(
            _same(getattr(pattern, name), getattr(node, name, None), bindings)
            for name in pattern._fields
            if name not in ("ctx", "type_comment", "kind")
        )
    if isinstance(pattern, list):
        return isinstance(node, list) and _same_items(pattern, node, bindings)
    return type(pattern) is type(node) and pattern == node


def _same_items(pattern: list[object], items: list[object], bindings: Bindings) -> bool:
    last = pattern[-1] if pattern else None
    rest = last.value.id if isinstance(last, ast.Starred) and isinstance(last.value, ast.Name) else ""
    if ANY.fullmatch(rest) and len(items) >= len(pattern) - 1:
        further = items[len(pattern) - 1 :]
        bindings[rest] = tuple(item for item in further if isinstance(item, ast.expr))
        pattern, items = pattern[:-1], items[: len(pattern) - 1]
    return len(pattern) == len(items) and all(_same(*pair, bindings) for pair in zip(pattern, items, strict=True))


def _line_starts(data: bytes) -> list[int]:
    """Byte offset of each line, and of the end."""
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _spliced(
    data: bytes, starts: list[int], rewrite: Rewrite, node: ast.stmt | ast.expr, bindings: Bindings
) -> Iterator[_Splice]:
    indent = " " * node.col_offset if isinstance(node, ast.stmt) else ""
    names = {name: _source(data, starts, nodes) for name, nodes in bindings.items()}
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    if rewrite.before:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        line = min([node.lineno, *(one.lineno for one in decorators)])
        yield _Splice(starts[line - 1], starts[line - 1], _filled(rewrite.before, names, indent) + "\n")
    if rewrite.put:
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        yield _Splice(start, end, _filled(rewrite.put, names, indent).removeprefix(indent))
    if rewrite.after:
        yield _Splice(starts[node.end_lineno], starts[node.end_lineno], _filled(rewrite.after, names, indent) + "\n")


def _source(data: bytes, starts: list[int], nodes: tuple[ast.expr, ...]) -> str:
    parts = []
    for node in nodes:
        if node.end_lineno == node.lineno:
            start = starts[node.lineno - 1]
            source = data[start + node.col_offset : start + (node.end_col_offset or 0)].decode()
        else:
            source = ast.unparse(node)
        parts.append(source if len(nodes) > 1 or isinstance(node, (*ATOMS, ast.Starred)) else f"({source})")
    return ", ".join(parts)


def _filled(template: str, names: Mapping[str, str], indent: str) -> str:
    filled = re.sub(r"\*?\b(_[a-z]\w*)\b", lambda match: names.get(match[1], match[0]), template)
    return textwrap.indent(filled, indent)
