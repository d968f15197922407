"""The values of a hand-over's JSON, each read as what it must be; anything else is refused.

Symbols, custom objects and operators are no values here, so that what torch's loader would evaluate has no place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dialectic.scorer.refusal import quoted, refuse, require

LARGEST_INT = 2**63
INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


@dataclass(frozen=True)
class Ref:
    """The tensor of this name."""

    name: str


@dataclass(frozen=True)
class Code:
    """A dtype, a memory format or a device of an argument, as the format writes it."""

    kind: str
    value: int | str


def record(value: object, what: str) -> dict[str, Any]:
    """``value`` as a JSON object. Raises `Refused`."""
    if not isinstance(value, dict):
        refuse("program", f"{what} is {quoted(value)}, not an object")
    return value


def items(value: object, what: str) -> list[Any]:
    """``value`` as a JSON list. Raises `Refused`."""
    if not isinstance(value, list):
        refuse("program", f"{what} is {quoted(value)}, not a list")
    return value


def whole(value: object) -> int:
    """``value`` as a whole number of 64 bits. Raises `Refused`; anything else in its place is a symbol."""
    if not isinstance(value, int) or isinstance(value, bool) or not -LARGEST_INT <= value < LARGEST_INT:
        refuse("symbol", f"{quoted(value)} stands where a number belongs")
    return value


def text(value: object) -> str:
    """``value`` as a string. Raises `Refused`."""
    if not isinstance(value, str):
        refuse("program", f"{quoted(value)} stands where a name belongs")
    return value


def sizes(value: object) -> list[int]:
    """A list of fixed sizes, as tensors have them. Raises `Refused` for a symbolic one."""
    return [fixed(size) for size in items(value, "sizes")]


def fixed(value: object) -> int:
    """One fixed size. Raises `Refused` for a symbolic one."""
    entry = record(value, "size")
    require(list(entry) == ["as_int"], "symbol", f"{quoted(value)} is no fixed size")
    return whole(entry["as_int"])


def one(value: object, what: str) -> tuple[str, Any]:
    """Kind and content of a value of several kinds, an object with one key. Raises `Refused`."""
    entry = record(value, what)
    require(len(entry) == 1, "program", f"{what} has {len(entry)} kinds")
    return next(iter(entry.items()))


def ref(value: object) -> Ref:
    """A tensor by its name. Raises `Refused`."""
    return Ref(text(record(value, "tensor").get("name")))


def _float(value: object) -> float:
    if isinstance(value, str) and value in INFINITIES:
        return INFINITIES[value]
    return value if isinstance(value, float) else float(whole(value))


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        refuse("symbol", f"{quoted(value)} stands where true or false belongs")
    return value


def _optional(value: object) -> Ref | None:
    kind, content = one(value, "tensor")
    return ref(content) if kind == "as_tensor" else None


def _complex(value: object) -> complex:
    entry = record(value, "complex number")
    return complex(_float(entry.get("real")), _float(entry.get("imag")))


READERS: dict[str, Any] = {
    "as_none": lambda _: None,
    "as_tensor": ref,
    "as_tensors": lambda value: [ref(entry) for entry in items(value, "tensors")],
    "as_optional_tensor": _optional,
    "as_optional_tensors": lambda value: [_optional(entry) for entry in items(value, "tensors")],
    "as_int": whole,
    "as_ints": lambda value: [whole(entry) for entry in items(value, "numbers")],
    "as_float": _float,
    "as_floats": lambda value: [_float(entry) for entry in items(value, "numbers")],
    "as_bool": _bool,
    "as_bools": lambda value: [_bool(entry) for entry in items(value, "flags")],
    "as_string": text,
    "as_complex": _complex,
    "as_scalar_type": lambda value: Code("dtype", whole(value)),
    "as_memory_format": lambda value: Code("memory format", whole(value)),
    "as_layout": lambda value: Code("layout", whole(value)),
    "as_device": lambda value: Code("device", text(record(value, "device").get("type"))),
}
"""What a call may be given, and how it is read; symbols, custom objects and operators are not among it."""
