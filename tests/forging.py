"""Forged hand-overs: an honest ``model.pt2`` with one thing changed that torch's own loader would run or trust."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import prepare

ROOT = "archive"
PROGRAM = f"{ROOT}/models/model.json"
WEIGHTS = f"{ROOT}/data/weights/model_weights_config.json"
CONSTANTS = f"{ROOT}/data/constants/model_constants_config.json"
SAMPLES = f"{ROOT}/data/sample_inputs/model.pt"

Members = dict[str, bytes]
Edit = Callable[[dict[str, Any]], object]
"""Changes one JSON member; what it answers does not matter."""
Forge = Callable[[Members, Path], None]
"""Changes the members so that a loader which trusts them touches the file at the path."""


class Bigram(nn.Module):
    """An honest model of few operators: a table from a token to the logits of the next one."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, vocabulary)
        nn.init.zeros_(self.table.weight)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.table(tokens)
        return logits


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


def hand_over(model: nn.Module, path: Path) -> Path:
    """``model`` as its train.py would leave it, under the profile of DIALECTIC_PROFILE."""
    prepare.export_model(model, path)
    return path


def forged(honest: Path, target: Path, forge: Forge, marker: Path) -> Path:
    """A copy of ``honest`` at ``target``, with its members changed by ``forge``."""
    with zipfile.ZipFile(honest) as file:
        members = {name: file.read(name) for name in file.namelist()}
    forge(members, marker)
    write(target, members)
    return target


def write(target: Path, members: Members, compression: int = zipfile.ZIP_STORED) -> None:
    """The members as an archive."""
    with zipfile.ZipFile(target, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)


def change(members: Members, name: str, edit: Edit) -> None:
    """Edit one JSON member."""
    data = json.loads(members[name])
    edit(data)
    members[name] = json.dumps(data).encode()


def body(program: dict[str, Any]) -> dict[str, Any]:
    """The outermost graph."""
    graph: dict[str, Any] = program["graph_module"]["graph"]
    return graph


def _expression(marker: Path) -> dict[str, Any]:
    return {"as_expr": {"expr_str": f"open({str(marker)!r}, 'w').fileno()", "hint": None}}


def symbolic_size(members: Members, marker: Path) -> None:
    """A size of a tensor in the graph is an expression, which sympy evaluates."""

    def edit(program: dict[str, Any]) -> None:
        next(iter(body(program)["tensor_values"].values()))["sizes"][0] = _expression(marker)

    change(members, PROGRAM, edit)


def symbolic_value(members: Members, marker: Path) -> None:
    """The graph declares a symbol, which nothing uses."""
    change(members, PROGRAM, lambda program: body(program)["sym_int_values"].update(s0=_expression(marker)))


def symbolic_weight(members: Members, marker: Path) -> None:
    """The offset of a weight is an expression; torch refuses this one too."""

    def edit(config: dict[str, Any]) -> None:
        next(iter(config["config"].values()))["tensor_meta"]["storage_offset"] = _expression(marker)

    change(members, WEIGHTS, edit)


def guard(members: Members, marker: Path) -> None:
    """A guard is Python source that the loaded module executes at its first call."""
    change(members, PROGRAM, lambda program: program.update(guards_code=[f"open({str(marker)!r}, 'w').fileno() > 0"]))


def pickled_weight(members: Members, marker: Path) -> None:
    """A weight says that it is pickled."""

    def edit(config: dict[str, Any]) -> None:
        entry = next(iter(config["config"].values()))
        entry["use_pickle"] = True
        members[f"{ROOT}/data/weights/{entry['path_name']}"] = pickle.dumps(Bomb(marker))

    change(members, WEIGHTS, edit)


def legacy_weights(members: Members, marker: Path) -> None:
    """All weights in one pickle, as older versions wrote them."""
    members[f"{ROOT}/data/weights/model.pt"] = pickle.dumps(Bomb(marker))


def pickled_constant(members: Members, marker: Path) -> None:
    """A tensor constant says that it is pickled."""
    members[f"{ROOT}/data/constants/tensor_9"] = pickle.dumps(Bomb(marker))
    entry = {"path_name": "tensor_9", "is_param": False, "use_pickle": True, "tensor_meta": None}
    change(members, CONSTANTS, lambda config: config["config"].update(extra=entry))


def opaque_object(members: Members, marker: Path) -> None:
    """A constant that is an object and not a tensor."""
    members[f"{ROOT}/data/constants/opaque_obj_0"] = pickle.dumps(Bomb(marker))
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    change(members, CONSTANTS, lambda config: config["config"].update(extra=entry))


def sample_inputs(members: Members, marker: Path) -> None:
    """The example inputs, which are pickled in every archive."""
    members[SAMPLES] = pickle.dumps(Bomb(marker))


RUNS_CODE: dict[str, tuple[Forge, str]] = {
    "symbolic size": (symbolic_size, "symbol"),
    "guard": (guard, "guard"),
    "pickled weight": (pickled_weight, "pickle"),
    "legacy weights": (legacy_weights, "members"),
    "pickled constant": (pickled_constant, "pickle"),
    "opaque object": (opaque_object, "members"),
    "sample inputs": (sample_inputs, ""),
}
"""Name → what makes torch's loader run code, and the rule by which the scorer refuses it; "" where it scores the model
honestly, because it never looks there."""
