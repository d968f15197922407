"""Knobs: the upper-case constants of ``train.py``, found by its syntax tree."""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache

import libcst as cst

from dialectic.errors import EditError
from dialectic.state.arithmetic import Evaluated, Scalar, evaluate, number

__all__ = [
    "Evaluated",
    "Scalar",
    "bindings",
    "evaluate",
    "number",
    "parse",
    "read_constants",
    "read_knobs",
    "set_knob",
    "set_knobs",
]

NAME = re.compile(r"[A-Z][A-Z0-9_]*")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line as Python counts lines, with its end."""


@lru_cache(maxsize=16)
def parse(text: str) -> ast.Module:
    """The syntax tree of ``text``, which must also compile. It is shared: never change it.

    Raises:
        EditError: it is not Python; the message names the line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compile(text, "train.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise EditError(f"train.py does not parse: line {error.lineno or 1}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise EditError(f"train.py does not parse: {str(error) or type(error).__name__}") from error
    return tree


def read_constants(text: str) -> dict[str, str]:
    """Every upper-case name that a statement of the module itself assigns, with its source text on one line.

    Tables are among them; the last assignment of a name counts, as it does for Python.

    Raises:
        EditError: ``text`` does not parse.
    """
    lines = [line.encode() for line in re.split(r"\r\n|\r|\n", text)]
    found: dict[str, str] = {}
    for statement in parse(text).body:
        name, value = _assignment(statement)
        if value is not None:
            found[name] = _source(lines, value)
    return found


def read_knobs(text: str) -> dict[str, str]:
    """Knob → source text, in the order of the file.

    A knob is a constant made of numbers, texts, truth values, other knobs and the profile; tables and objects are none.

    Raises:
        EditError: ``text`` does not parse; the message names the line.
    """
    constants = read_constants(text)
    return {
        name: source
        for name, source in constants.items()
        if _is_arithmetic(ast.parse(source, mode="eval").body, constants)
    }


def bindings(text: str, name: str) -> list[str]:
    """Every statement that gives ``name`` a value, wherever it stands, normalised; in the order of the file.

    Raises:
        EditError: ``text`` does not parse.
    """
    return [
        ast.dump(statement)
        for statement in ast.walk(parse(text))
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Global | ast.NamedExpr)
        and name in _targets(statement)
    ]


def set_knob(text: str, name: str, source: str) -> str:
    """:func:`set_knobs` of one knob."""
    return set_knobs(text, {name: source})


def set_knobs(text: str, changes: Mapping[str, str]) -> str:
    """``text`` with each knob's source text replaced; comments and formatting stay.

    Raises:
        EditError: there is no such constant (the message lists the nearest names), a new source is not an expression,
            or ``text`` does not parse.
    """
    return _set_knobs(text, tuple(sorted(changes.items())))


@lru_cache(maxsize=64)
def _set_knobs(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    # Only the lines of a knob go through libcst: writing a whole file back from its tree takes a tenth of a second.
    lines = LINE.findall(text)
    places: dict[tuple[int, int], list[tuple[str, cst.BaseExpression]]] = {}
    for name, source in changes:
        span = _lines_of(parse(text).body, name)
        if span is None:
            raise EditError(_unknown(name, read_constants(text)))
        places.setdefault(span, []).append((name, _expression(name, source)))
    for first, last in sorted(places, reverse=True):
        part = cst.parse_module("".join(lines[first:last]))
        for name, value in places[first, last]:
            part = _with_value(part, name, value)
        lines[first:last] = [part.code]
    return "".join(lines)


def _lines_of(body: list[ast.stmt], name: str) -> tuple[int, int] | None:
    """The lines, from the first up to but not with the last, of the last statement that sets ``name``, and of those
    that share a line with it."""
    found = [place for place, statement in enumerate(body) if _sets(statement, name)]
    if not found:
        return None
    first = last = found[-1]
    while first and (body[first - 1].end_lineno or 0) >= body[first].lineno:
        first -= 1
    while last + 1 < len(body) and body[last + 1].lineno <= (body[last].end_lineno or 0):
        last += 1
    return body[first].lineno - 1, body[last].end_lineno or body[last].lineno


def _sets(statement: ast.stmt, name: str) -> bool:
    found, value = _assignment(statement)
    return found == name and value is not None


def _expression(name: str, source: str) -> cst.BaseExpression:
    try:
        expression = cst.parse_expression(source.strip())
        ast.parse(source.strip(), mode="eval")
    except (cst.ParserSyntaxError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EditError(f"{name} cannot become {source!r}: that is not a Python expression") from error
    return expression


def _assigns(line: cst.BaseStatement | cst.SimpleStatementLine, name: str) -> bool:
    if not isinstance(line, cst.SimpleStatementLine):
        return False
    return any(_is_target(part, name) for part in line.body)


def _is_target(part: cst.BaseSmallStatement, name: str) -> bool:
    if isinstance(part, cst.AnnAssign):
        return part.value is not None and isinstance(part.target, cst.Name) and part.target.value == name
    if isinstance(part, cst.Assign) and len(part.targets) == 1:
        target = part.targets[0].target
        return isinstance(target, cst.Name) and target.value == name
    return False


def _with_value(part: cst.Module, name: str, value: cst.BaseExpression) -> cst.Module:
    """``part`` with the value of the last assignment of ``name`` replaced."""
    body = list(part.body)
    place = next(place for place in reversed(range(len(body))) if _assigns(body[place], name))
    line = body[place]
    assert isinstance(line, cst.SimpleStatementLine)
    small = list(line.body)
    last = next(at for at in reversed(range(len(small))) if _is_target(small[at], name))
    small[last] = small[last].with_changes(value=value)
    body[place] = line.with_changes(body=small)
    return part.with_changes(body=body)


def _unknown(name: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)[:3]
    return f"train.py has no knob {name}; the nearest are {', '.join(near) or 'none: it has no knobs'}"


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return "", None
    if isinstance(target, ast.Name) and NAME.fullmatch(target.id):
        return target.id, statement.value
    return "", None


def _targets(statement: ast.AST) -> set[str]:
    if isinstance(statement, ast.Global):
        return set(statement.names)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {
        node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)
    }


def _source(lines: list[bytes], node: ast.expr) -> str:
    if node.end_lineno == node.lineno:
        return lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
    return ast.unparse(node)


def _is_arithmetic(node: ast.expr, constants: Mapping[str, str]) -> bool:
    """Whether the expression has the form of a knob's value; the profile is not needed to tell."""
    if isinstance(node, ast.Tuple):
        return all(not isinstance(part, ast.Tuple) and _is_arithmetic(part, constants) for part in node.elts)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float | str)
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "PROFILE"
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.UAdd | ast.USub) and _is_arithmetic(node.operand, constants)
    if isinstance(node, ast.BinOp):
        return _is_arithmetic(node.left, constants) and _is_arithmetic(node.right, constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return node.func.id in {"min", "max", "round", "int"} and all(_is_arithmetic(a, constants) for a in node.args)
    return False
