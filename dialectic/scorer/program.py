"""The graph of a hand-over as checked values; torch is not needed to read it.

What torch's own loader would evaluate or unpickle is refused wherever it stands: symbolic sizes, guards, constraints,
custom objects. What it only shows to people (stack traces, calling conventions) is not looked at. Format:
``torch/_export/serde/schema.py`` of torch 2.13, schema version 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dialectic.scorer.refusal import quoted, refuse, require
from dialectic.scorer.values import READERS, Ref, fixed, items, one, record, ref, sizes, text

SCHEMA_MAJOR = 8
MOST_NODES = 200_000
DEEPEST = 8
"""Graphs within graphs; autocast within autocast comes to three."""
LONG = 5
"""`torch.int64` as a number of the format."""
STRIDED = 7


@dataclass
class Node:
    """One operator call; each output is the name of a tensor, a list of them, or None."""

    target: str
    arguments: list[tuple[str, Any]]
    outputs: list[str | list[str] | None]


@dataclass
class Graph:
    """Calls in their order, each using only what came before it."""

    inputs: list[str]
    outputs: list[str]
    nodes: list[Node]


@dataclass
class Program:
    """The graph, the weights that it wants by the name of its inputs, and the one input that is the tokens."""

    graph: Graph
    tokens: str
    weights: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Input of the graph → (``weights`` or ``constants``, name of the tensor there)."""


def read_program(data: object, batch: int, length: int) -> Program:
    """The program of ``models/model.json``, wanted for tokens [batch, length].

    Raises:
        Refused: it is not the graph of a language model with fixed shapes and without symbols, state or objects.
    """
    program = record(data, "program")
    version = record(program.get("schema_version"), "schema_version").get("major")
    require(version == SCHEMA_MAJOR, "version", f"schema version {quoted(version)}, not {SCHEMA_MAJOR}")
    for name, rule in {"range_constraints": "symbol", "guards_code": "guard"}.items():
        require(not program.get(name), rule, f"{name} holds {quoted(program.get(name))}")
    module = record(program.get("graph_module"), "graph_module")
    signature = record(module.get("signature"), "signature")
    body = record(module.get("graph"), "graph")
    graph = _graph(body, 0)
    found = _signature(signature, graph)
    meta = record(record(body.get("tensor_values"), "tensor_values").get(found.tokens), "tokens")
    expected = meta.get("dtype") == LONG and sizes(meta.get("sizes")) == [batch, length]
    require(expected, "signature", f"its input is not int64 [{batch}, {length}]")
    return found


def _graph(data: dict[str, Any], depth: int) -> Graph:
    require(depth <= DEEPEST, "program", f"graphs are nested more than {DEEPEST} deep")
    for name in ("sym_int_values", "sym_bool_values", "sym_float_values"):
        require(not data.get(name), "symbol", f"{name} holds {quoted(data.get(name))}")
    require(not data.get("custom_obj_values"), "object", f"it holds {quoted(data.get('custom_obj_values'))}")
    for name, meta in record(data.get("tensor_values"), "tensor_values").items():
        _check_meta(name, record(meta, "tensor"))
    listed = items(data.get("nodes"), "nodes")
    require(len(listed) <= MOST_NODES, "size", f"a graph of {len(listed)} calls")
    inputs = [_tensor_name(entry) for entry in items(data.get("inputs"), "inputs")]
    nodes = [_node(record(entry, "node"), depth) for entry in listed]
    outputs = [_tensor_name(entry) for entry in items(data.get("outputs"), "outputs")]
    return _in_order(Graph(inputs, outputs, nodes))


def _check_meta(name: str, meta: dict[str, Any]) -> None:
    sizes(meta.get("sizes"))
    sizes(meta.get("strides"))
    fixed(meta.get("storage_offset"))
    require(meta.get("layout") == STRIDED, "tensors", f"{quoted(name)} is not a dense tensor")


def _tensor_name(value: object) -> str:
    kind, content = one(value, "argument")
    require(kind == "as_tensor", _rule(kind), f"{quoted(value)} is not a tensor")
    return ref(content).name


def _rule(kind: str) -> str:
    if kind.startswith("as_sym"):
        return "symbol"
    return "object" if kind == "as_custom_obj" else "signature"


def _node(data: dict[str, Any], depth: int) -> Node:
    arguments = []
    for entry in items(data.get("inputs"), "inputs"):
        named = record(entry, "argument")
        arguments.append((text(named.get("name")), _argument(named.get("arg"), depth)))
    outputs = [_output(entry) for entry in items(data.get("outputs"), "outputs")]
    return Node(text(data.get("target")), arguments, outputs)


def _output(value: object) -> str | list[str] | None:
    kind, content = one(value, "output")
    if kind == "as_tensor":
        return ref(content).name
    if kind == "as_tensors":
        return [ref(entry).name for entry in items(content, "tensors")]
    require(kind == "as_none", _rule(kind), f"a call answers with {quoted(value)}")
    return None


def _argument(value: object, depth: int) -> Any:
    kind, content = one(value, "argument")
    if kind == "as_graph":
        return _graph(record(record(content, "graph").get("graph"), "graph"), depth + 1)
    reader = READERS.get(kind)
    if reader is None:
        refuse(_rule(kind) if kind.startswith("as_sym") else "object", f"a call takes {quoted(value)}")
    return reader(content)


def _in_order(graph: Graph) -> Graph:
    known = set(graph.inputs)
    require(len(known) == len(graph.inputs), "program", "two inputs have one name")
    for node in graph.nodes:
        for used in refs(node.arguments):
            require(used in known, "program", f"{quoted(used)} is used before it is there")
        for name in names(node.outputs):
            require(name not in known, "program", f"{quoted(name)} is there twice")
            known.add(name)
    for name in graph.outputs:
        require(name in known, "program", f"the output {quoted(name)} is not there")
    return graph


def refs(arguments: list[tuple[str, Any]]) -> list[str]:
    """Names of the tensors that a call uses."""
    values = [entry for _, value in arguments for entry in (value if isinstance(value, list) else [value])]
    return [value.name for value in values if isinstance(value, Ref)]


def names(outputs: list[str | list[str] | None]) -> list[str]:
    """Names of the tensors that a call makes."""
    return [name for entry in outputs for name in (entry if isinstance(entry, list) else [entry]) if name is not None]


def _signature(data: dict[str, Any], graph: Graph) -> Program:
    tokens: list[str] = []
    weights: dict[str, tuple[str, str]] = {}
    order = []
    for entry in items(data.get("input_specs"), "input_specs"):
        kind, spec = one(entry, "input")
        require(kind in ("user_input", "parameter", "buffer", "tensor_constant"), "signature", f"an input of {kind}")
        argument = record(spec, "input").get("arg")
        name = _tensor_name(argument) if kind == "user_input" else ref(argument).name
        order.append(name)
        if kind == "user_input":
            tokens.append(name)
        else:
            lies = "constants" if kind == "tensor_constant" or spec.get("persistent") is False else "weights"
            weights[name] = (lies, text(spec.get(f"{kind}_name")))
    require(order == graph.inputs, "signature", "its inputs are not those of the graph")
    require(len(tokens) == 1, "signature", f"{len(tokens)} inputs instead of one, the tokens")
    kinds = [one(entry, "output") for entry in items(data.get("output_specs"), "output_specs")]
    mutated = [kind for kind, _ in kinds if kind != "user_output"]
    require(not mutated, "state", f"it has the output {', '.join(map(quoted, mutated))}: a model keeps no state")
    require(len(kinds) == 1 and len(graph.outputs) == 1, "signature", f"{len(kinds)} outputs instead of one")
    require(_tensor_name(record(kinds[0][1], "output").get("arg")) == graph.outputs[0], "signature", "its output")
    return Program(graph, tokens[0], weights)
