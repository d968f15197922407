"""The value of a knob: a small arithmetic over numbers, texts, other knobs and the session's profile.

Nothing is ever executed. ``2**19``, ``PROFILE.depth + 1``, ``"S" * 3 + "L"`` and ``max(DEPTH // 2, 1)`` have a value;
a call of anything else, an attribute of anything else, a list and a dictionary have none.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache

from dialectic.errors import EditError

Scalar = float | int | str | bool
Evaluated = Scalar | tuple[Scalar, ...]
"""What a knob can be."""

MAX_EXPONENT = 128
MAX_SIZE = 2**63
MAX_TEXT_SIZE = 1_000
MAX_NESTING = 40

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "round": round, "int": int}


@lru_cache(maxsize=1024)
def parse_expression(source: str) -> ast.expr:
    """The syntax tree of one expression. It is shared: never change it.

    Raises:
        EditError: it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EditError(
            f"{source!r} is not a Python expression; write a number or such as PROFILE.depth + 1"
        ) from error


def evaluate(source: str, profile_values: Mapping[str, Scalar], knobs: Mapping[str, str]) -> Evaluated:
    """The value of a knob's source text.

    ``knobs`` maps the other knobs to their source texts and is looked into when the text names one.

    Raises:
        EditError: the text is not arithmetic, is too large, or its knobs name each other in a circle.
    """
    return _Evaluator(profile_values, knobs, source).value(parse_expression(source), frozenset(), 0)


def number(source: str, profile_values: Mapping[str, Scalar], knobs: Mapping[str, str]) -> float | None:
    """The value where it is a number, None for everything else; truth values count as none."""
    try:
        value = evaluate(source, profile_values, knobs)
    except EditError:
        return None
    return None if isinstance(value, bool | str | tuple) else float(value)


class _Evaluator:
    def __init__(self, profile_values: Mapping[str, Scalar], knobs: Mapping[str, str], source: str) -> None:
        self.profile_values = profile_values
        self.knobs = knobs
        self.source = source

    def refuse(self, why: str) -> EditError:
        return EditError(f"{self.source!r} has no value: {why}")

    def value(self, node: ast.expr, seen: frozenset[str], depth: int) -> Evaluated:
        if depth > MAX_NESTING:
            raise self.refuse("it is nested too deeply")
        if isinstance(node, ast.Tuple):
            return tuple(self.scalar(part, seen, depth + 1) for part in node.elts)
        if isinstance(node, ast.Name):
            return self.knob(node.id, seen, depth)
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.Constant):
            return self.constant(node.value)
        return self.operation(node, seen, depth)

    def scalar(self, node: ast.expr, seen: frozenset[str], depth: int) -> Scalar:
        found = self.value(node, seen, depth)
        if isinstance(found, tuple):
            raise self.refuse("a tuple holds a tuple")
        return found

    def constant(self, value: object) -> Scalar:
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return self.bounded(value)
        raise self.refuse(f"{type(value).__name__} is not a number, a text or a truth value")

    def knob(self, name: str, seen: frozenset[str], depth: int) -> Evaluated:
        if name in seen:
            raise self.refuse(f"{name} is defined by itself")
        if name not in self.knobs:
            raise self.refuse(f"{name} is not a knob")
        return self.value(parse_expression(self.knobs[name]), seen | {name}, depth + 1)

    def attribute(self, node: ast.Attribute) -> Scalar:
        if not (isinstance(node.value, ast.Name) and node.value.id == "PROFILE"):
            raise self.refuse("only PROFILE has fields")
        if node.attr not in self.profile_values:
            raise self.refuse(f"the profile has no field {node.attr}")
        return self.profile_values[node.attr]

    def operation(self, node: ast.expr, seen: frozenset[str], depth: int) -> Scalar:
        if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
            return self.bounded(SIGNS[type(node.op)](self.number(node.operand, seen, depth)))
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return self.binary(node, seen, depth)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            return self.call(node.func.id, node, seen, depth)
        raise self.refuse(f"{ast.unparse(node)[:60]} is not arithmetic")

    def binary(self, node: ast.BinOp, seen: frozenset[str], depth: int) -> Scalar:
        left, right = self.scalar(node.left, seen, depth + 1), self.scalar(node.right, seen, depth + 1)
        if isinstance(left, str) or isinstance(right, str):
            return self.joined(node.op, left, right)
        if isinstance(node.op, ast.Pow) and (abs(right) > MAX_EXPONENT or abs(left) > MAX_SIZE):
            raise self.refuse("it is too large")
        try:
            return self.bounded(OPERATORS[type(node.op)](left, right))
        except ArithmeticError as error:
            raise self.refuse(str(error)) from error

    def joined(self, op: ast.operator, left: Scalar, right: Scalar) -> str:
        if isinstance(op, ast.Add) and isinstance(left, str) and isinstance(right, str):
            return self.short(left, right)
        if isinstance(op, ast.Mult) and isinstance(left, str) and isinstance(right, int):
            return self.short(*[left] * min(right, MAX_TEXT_SIZE + 1))
        raise self.refuse("a text can only be joined or repeated")

    def short(self, *parts: str) -> str:
        if sum(len(part) for part in parts) > MAX_TEXT_SIZE:
            raise self.refuse("it is too long")
        return "".join(parts)

    def call(self, name: str, node: ast.Call, seen: frozenset[str], depth: int) -> Scalar:
        if node.keywords or not node.args:
            raise self.refuse(f"{name} takes plain numbers")
        numbers = [self.number(part, seen, depth) for part in node.args]
        try:
            return self.bounded(FUNCTIONS[name](*numbers))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self.refuse(str(error)) from error

    def number(self, node: ast.expr, seen: frozenset[str], depth: int) -> float:
        found = self.scalar(node, seen, depth + 1)
        if isinstance(found, str):
            raise self.refuse(f"{ast.unparse(node)[:60]} is a text, not a number")
        return found

    def bounded(self, value: object) -> float:
        if not isinstance(value, bool | int | float):
            raise self.refuse("it is not a real number")
        if not abs(value) <= MAX_SIZE:
            raise self.refuse("it is too large")
        return value
