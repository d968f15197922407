"""A checked graph as a function: its operators are called one by one, in our own loop.

torch's loader is not used, because it evaluates strings (sizes, guards) and unpickles objects of a file; this loop can
do nothing but call operators of the allowed set on tensors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialectic.scorer.archive import open_archive
from dialectic.scorer.operators import ASSERTION, AUTOCAST, SET_GRAD, UNWRITTEN, bind, operator, short_name
from dialectic.scorer.program import Graph, Node, Program, names, read_program, refs
from dialectic.scorer.refusal import quoted, refuse, require
from dialectic.scorer.tensors import dtype_of, read_weights
from dialectic.scorer.values import Code, Ref

if TYPE_CHECKING:
    from torch import Tensor

    Values = dict[str, Any]
    Step = Callable[[Values], None]

LAYOUT = 7
MEMORY_FORMATS = {1: "contiguous_format", 2: "channels_last", 3: "channels_last_3d", 4: "preserve_format"}


def load_graph(path: Path, device: str, batch: int, length: int) -> Model:
    """The model at ``path``, read and checked from the archive's first byte on, with its weights on ``device``.

    Raises:
        Refused: it breaks a rule of hand-overs.
        OSError, ValueError, RuntimeError: it cannot be read, or does not fit into memory.
    """
    with open_archive(path, device) as archive:
        program = read_program(archive.json("models/model.json"), batch, length)
        steps = compile_graph(program.graph, device)
        return Model(program, steps, read_weights(archive, program, device), device)


class Model:
    """A function from token ids [eval_batch, T] to what the graph answers; it keeps nothing from call to call."""

    def __init__(self, program: Program, steps: list[Step], weights: dict[str, Tensor], device: str) -> None:
        self._program = program
        self._steps = steps
        self._weights = weights
        self._device = device
        self._versions = self._count_writes()

    def __call__(self, tokens: Tensor) -> Any:
        """What the graph answers to ``tokens``, a tensor. Raises `Refused` when it wrote into its own weights."""
        import torch

        # Not in inference mode, which counts no writes. The copy is the graph's own to write into.
        with torch.no_grad():
            values: Values = {**self._weights, self._program.tokens: tokens.to(self._device, copy=True)}
            (answer,) = _play(self._steps, values, self._program.graph.outputs)
        require(self._count_writes() == self._versions, "state", "the graph writes into its own weights")
        return answer

    def _count_writes(self) -> list[int]:
        return [weight._version for weight in self._weights.values()]


def compile_graph(graph: Graph, device: str) -> list[Step]:
    """One step for each call: it takes the values by name, adds its own and lets go of what no later one needs.

    Raises `Refused` for an operator or arguments outside of the allowed set, also in graphs within the graph.
    """
    last = {
        name: number
        for number, node in enumerate(graph.nodes)
        for name in [*names(node.outputs), *refs(node.arguments)]
    }
    for name in graph.outputs:
        last.pop(name, None)
    gone: list[list[str]] = [[] for _ in graph.nodes]
    for name, number in last.items():
        gone[number].append(name)
    return [_step(node, drop, device) for node, drop in zip(graph.nodes, gone, strict=True)]


def _play(steps: list[Step], values: Values, outputs: list[str]) -> list[Any]:
    for step in steps:
        step(values)
    return [values[name] for name in outputs]


def _step(node: Node, drop: list[str], device: str) -> Step:
    call = _wrapped(node, device) if node.target in (AUTOCAST, SET_GRAD) else _operator_call(node, device)

    def step(values: Values) -> None:
        _store(node, call(values), values)
        for name in drop:
            del values[name]

    return step


def _store(node: Node, answer: Any, values: Values) -> None:
    answers = answer if len(node.outputs) != 1 and isinstance(answer, tuple | list) else [answer]
    if len(node.outputs) == 0:
        return
    if len(answers) != len(node.outputs):
        raise ValueError(f"{node.target} gave {len(answers)} answers instead of {len(node.outputs)}")
    for name, one in zip(node.outputs, answers, strict=True):
        if isinstance(name, str):
            values[name] = one
        elif name is not None:
            values.update(zip(name, one, strict=True))


def _operator_call(node: Node, device: str) -> Callable[[Values], Any]:
    function = operator(node.target)
    given = bind(node.target, node.arguments)
    if short_name(node.target) == ASSERTION:  # says what is known of a tensor, and does nothing
        return lambda _: None
    order = [argument.name for argument in function._schema.arguments if argument.name in given]
    fixed = {name: _plain(given[name], device) for name in order}
    open_ = [name for name in order if refs([("", given[name])])]

    def call(values: Values) -> Any:
        return function(**fixed | {name: _filled(given[name], values) for name in open_})

    return (lambda values: call(values).zero_()) if short_name(node.target) in UNWRITTEN else call


def _filled(value: Any, values: Values) -> Any:
    if isinstance(value, Ref):
        return values[value.name]
    return [_filled(entry, values) for entry in value] if isinstance(value, list) else value


def _plain(value: Any, device: str) -> Any:
    """An argument as torch takes it; tensors stay as they are."""
    import torch

    require(not isinstance(value, Graph), "operator", "a graph is given to a plain operator")
    if not isinstance(value, Code):
        return value
    if value.kind == "dtype":
        return dtype_of(int(value.value))
    if value.kind == "device":
        require(value.value in ("cpu", device), "device", f"{quoted(value.value)} in a graph for {device}")
        return torch.device(str(value.value))
    if value.kind == "layout":
        require(value.value == LAYOUT, "tensors", "a layout that is not dense")
        return torch.strided
    require(value.value in MEMORY_FORMATS, "tensors", f"memory format {quoted(value.value)}")
    return getattr(torch, MEMORY_FORMATS[int(value.value)])


def _wrapped(node: Node, device: str) -> Callable[[Values], Any]:
    """A graph played with autocast on or off, or with the recording of gradients, which is off here anyway."""
    import torch

    given = [_plain(value, device) if isinstance(value, Code) else value for _, value in node.arguments]
    settings = 4 if node.target == AUTOCAST else 1
    if len(given) <= settings or not isinstance(given[settings], Graph):
        refuse("program", f"arguments of {quoted(node.target)}")
    body: Graph = given[settings]
    operands = refs(node.arguments)
    require(len(operands) == len(given) - settings - 1 == len(body.inputs), "program", "operands of an inner graph")
    steps = compile_graph(body, device)
    kind, dtype, enabled, cached = given[:4] if settings == 4 else (device, None, False, False)
    right = (
        kind in ("cpu", device) and isinstance(dtype, torch.dtype | None) and {enabled, cached} <= {True, False, None}
    )
    require(right, "program", f"arguments of {quoted(node.target)}")

    def call(values: Values) -> Any:
        inner = dict(zip(body.inputs, (values[name] for name in operands), strict=True))
        context = torch.autocast(kind, dtype, enabled, cached) if settings == 4 else contextlib.nullcontext()
        with context:
            answers = _play(steps, inner, body.outputs)
        return answers[0] if len(node.outputs) == 1 else answers

    return call
