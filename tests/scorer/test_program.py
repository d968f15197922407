"""What a graph may say: operators, signature, weights, also in graphs within the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dialectic.scorer.graph import load_graph
from dialectic.scorer.refusal import Refused
from tests.forging import CONSTANTS, PROGRAM, WEIGHTS, Edit, Members, body, change, forged, hand_over

Refusal = Callable[[str, Edit], str]


@pytest.fixture
def refusal(honest: Path, tmp_path: Path) -> Refusal:
    """Changes one JSON member of an honest file, plays the graph once and answers with the refusal."""

    def run(member: str, edit: Edit) -> str:
        def forge(members: Members, _: Path) -> None:
            change(members, member, edit)

        path = forged(honest, tmp_path / "model.pt2", forge, tmp_path)
        with pytest.raises(Refused) as caught:
            load_graph(path, "cpu", 32, 64)(torch.zeros(32, 64, dtype=torch.int64))
        return str(caught.value)

    return run


def argument(name: str, kind: str, value: object) -> dict[str, Any]:
    return {"name": name, "arg": {kind: value}, "kind": 1}


SELF = argument("self", "as_tensor", {"name": "p_table_weight"})


def call(target: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    outputs = [{"as_tensor": {"name": "more"}}]
    return {"target": target, "inputs": list(arguments), "outputs": outputs, "metadata": {}, "name": "more"}


def added(node: dict[str, Any]) -> Edit:
    return lambda program: body(program)["nodes"].insert(0, node)


def within_autocast(node: dict[str, Any]) -> dict[str, Any]:
    inner = {
        "inputs": [{"as_tensor": {"name": "p_table_weight"}}],
        "outputs": [{"as_tensor": {"name": "more"}}],
        "nodes": [node],
        "tensor_values": {},
        "sym_int_values": {},
        "sym_bool_values": {},
    }
    settings = [("as_string", "cpu"), ("as_scalar_type", 13), ("as_bool", True), ("as_bool", False)]
    return call(
        "torch.ops.higher_order.wrap_with_autocast",
        *(argument("", kind, value) for kind, value in settings),
        argument("", "as_graph", {"name": "inner", "graph": inner}),
        SELF | {"name": ""},
    )


FORBIDDEN = [
    "torch.ops.aten.rand_like.default",
    "torch.ops.aten.bernoulli.default",
    "torch.ops.aten.empty_like.default",
    "torch.ops.aten.as_strided.default",
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.set_.source_Tensor",
    "torch.ops.aten.resize_.default",
    "torch.ops.aten.nonzero.default",
    "torch.ops.aten.abs.out",
    "torch.ops.aten.abs.nothing",
    "torch.ops.aten.__class__.default",
    "torch.ops.debug.print.default",
    "torch.ops.mine.peek.default",
    "torch.ops.higher_order.cond",
    "torch.ops.higher_order.print",
    "torch.load",
    "torch.hub.load",
    "_operator.add",
    "math.sqrt",
    "#extension:x",
    "torch.ops.aten.abs.default\n",
]


@pytest.mark.parametrize("target", FORBIDDEN)
@pytest.mark.parametrize("inside", [False, True])
def test_an_operator_outside_of_the_set_is_refused(target: str, inside: bool, refusal: Refusal) -> None:
    node = call(target, SELF)
    assert refusal(PROGRAM, added(within_autocast(node) if inside else node)).startswith("operator: ")


def test_a_graph_within_a_graph_is_played(honest: Path, tmp_path: Path) -> None:
    def forge(members: Members, _: Path) -> None:
        change(members, PROGRAM, added(within_autocast(call("torch.ops.aten.abs.default", SELF))))

    path = forged(honest, tmp_path / "model.pt2", forge, tmp_path)
    load_graph(path, "cpu", 32, 64)(torch.zeros(32, 64, dtype=torch.int64))


def test_graphs_without_end_are_refused(refusal: Refusal) -> None:
    node = call("torch.ops.aten.abs.default", SELF)
    for _ in range(20):
        node = within_autocast(node)
    assert "nested" in refusal(PROGRAM, added(node))


@pytest.mark.parametrize(("name", "value"), [("train", True), ("train", None), ("train", 1)])
def test_dropout_that_drops_is_refused(name: str, value: object, refusal: Refusal) -> None:
    kind = {bool: "as_bool", int: "as_int"}.get(type(value), "as_none")
    node = call("torch.ops.aten.dropout.default", SELF | {"name": "input"}, argument("p", "as_float", 0.5))
    node["inputs"].append(argument(name, kind, True if value is None else value))
    assert "is not a function of its row alone" in refusal(PROGRAM, added(node))


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("as_sym_int", {"as_name": "s0"}, "symbol"),
        ("as_sym_ints", [{"as_int": 1}], "symbol"),
        ("as_int", "1+1", "symbol"),
        ("as_int", 2**70, "symbol"),
        ("as_float", "__import__('os')", "symbol"),
        ("as_bool", "True", "symbol"),
        ("as_custom_obj", {"name": "x", "class_fqn": "y"}, "object"),
        ("as_operator", "torch.ops.aten.abs.default", "object"),
        ("as_layout", 1, "tensors"),
        ("as_device", {"type": "meta", "index": None}, "device"),
        ("as_scalar_type", 29, "tensors"),
    ],
)
def test_a_value_that_is_none_is_refused(kind: str, value: object, rule: str, refusal: Refusal) -> None:
    node = call("torch.ops.aten.clamp.default", SELF, argument("min", kind, value))
    assert refusal(PROGRAM, added(node)).startswith(f"{rule}: ")


def test_weights_that_are_written_into_are_refused(refusal: Refusal) -> None:
    node = call("torch.ops.aten.mul_.Tensor", SELF, argument("other", "as_float", 0.5))
    assert refusal(PROGRAM, added(node)) == "state: the graph writes into its own weights"


class Counting(nn.Module):
    """Knows how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(512, 512)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, tokens: Tensor) -> Tensor:
        self.calls.add_(1.0)  # type: ignore[operator]
        return self.table(tokens) * self.calls  # type: ignore[no-any-return]


def test_a_real_model_that_counts_its_calls_is_refused(smoke: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="state"):
        load_graph(hand_over(Counting(), tmp_path / "model.pt2"), "cpu", 32, 64)(torch.zeros(32, 64, dtype=torch.int64))


def signature(program: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = program["graph_module"]["signature"]
    return found


MUTATION = {"buffer_mutation": {"arg": {"name": "p_table_weight"}, "buffer_name": "x"}}


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (lambda program: signature(program)["output_specs"].append(MUTATION), "state"),
        (lambda program: signature(program)["output_specs"].clear(), "signature"),
        (lambda program: signature(program)["input_specs"].reverse(), "signature"),
        (lambda program: signature(program)["input_specs"].append({"token": {"arg": {"name": "t"}}}), "signature"),
        (lambda program: body(program)["tensor_values"]["tokens"].update(dtype=7), "signature"),
        (lambda program: body(program)["tensor_values"]["tokens"].update(sizes=[{"as_int": 1}]), "signature"),
        (lambda program: body(program)["custom_obj_values"].update(x={"name": "x", "class_fqn": "y"}), "object"),
        (lambda program: program["range_constraints"].update(s0={"min_val": 0, "max_val": 9}), "symbol"),
        (lambda program: program["schema_version"].update(major=9), "version"),
        (lambda program: body(program)["outputs"][0]["as_tensor"].update(name="nowhere"), "program"),
        (lambda program: body(program)["nodes"].append(body(program)["nodes"][0]), "program"),
        (lambda program: body(program).update(nodes="none"), "program"),
    ],
)
def test_a_signature_that_is_not_a_language_models_is_refused(edit: Edit, rule: str, refusal: Refusal) -> None:
    assert refusal(PROGRAM, edit).startswith(f"{rule}: ")


def meta(**values: object) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        next(iter(config["config"].values()))["tensor_meta"].update(values)

    return edit


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (meta(sizes=[{"as_int": 512}, {"as_int": 513}]), "tensors"),
        (meta(storage_offset={"as_int": 1}), "tensors"),
        (meta(storage_offset={"as_int": -1}), "tensors"),
        (meta(strides=[{"as_int": -512}, {"as_int": 1}]), "tensors"),
        (meta(strides=[{"as_int": 2**62}, {"as_int": 1}]), "tensors"),
        (meta(dtype=29), "tensors"),
        (lambda config: next(iter(config["config"].values())).update(path_name="../byteorder"), "object"),
        (lambda config: next(iter(config["config"].values())).update(path_name="weight_77"), "members"),
        (lambda config: config["config"].clear(), "tensors"),
    ],
)
def test_weights_that_do_not_lie_in_their_bytes_are_refused(edit: Edit, rule: str, refusal: Refusal) -> None:
    assert refusal(WEIGHTS, edit).startswith(f"{rule}: ")


def test_constants_are_read_by_the_same_rules(refusal: Refusal) -> None:
    entry = {"path_name": "custom_obj_0", "is_param": False, "use_pickle": False, "tensor_meta": None}
    assert refusal(CONSTANTS, lambda config: config["config"].update(x=entry)).startswith("object: ")
