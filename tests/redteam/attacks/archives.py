"""Handed-over files that attack whoever opens them."""

from __future__ import annotations

import json
import zipfile
from typing import Any

from tests.redteam import forge
from tests.redteam.attack import Places, suffered, touched
from tests.redteam.attacks.models import handed_over

Json = dict[str, Any]


def payload(places: Places) -> str:
    """Code that leaves a mark."""
    return f"open({places['victim']!r}, 'a').write({places['mark']!r})"


def expression(places: Places) -> bytes:
    """A symbolic size whose text is evaluated when it is read."""

    def change(model: Json) -> None:
        forged = {"as_expr": {"expr_str": f"exec({payload(places)!r})", "hint": {"as_int": forge.BATCH}}}
        tensors = model["graph_module"]["graph"]["tensor_values"]
        next(iter(tensors.values()))["sizes"][0] = forged

    return forge.edited("models/model.json", change)


def guards(places: Places) -> bytes:
    """A guard whose text becomes Python code."""

    def change(model: Json) -> None:
        model["guards_code"] = [f"{payload(places)} > 0"]

    return forge.edited("models/model.json", change)


def weight(places: Places) -> bytes:
    """A weight that is marked as pickled."""
    parts = forge.members(forge.graph("honest"))
    (config,) = (name for name in parts if name.endswith("model_weights_config.json"))
    told: Json = json.loads(parts[config])
    entry = next(iter(told["config"].values()))
    entry["use_pickle"] = True
    parts[config] = json.dumps(told).encode()
    (path,) = (name for name in parts if name.endswith(f"weights/{entry['path_name']}"))
    parts[path] = forge.torch_pickle(payload(places))
    return forge.packed(parts)


def constant(places: Places) -> bytes:
    """A constant of a kind that is always unpickled."""
    parts = forge.members(forge.graph("honest"))
    (config,) = (name for name in parts if name.endswith("model_constants_config.json"))
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    parts[config] = json.dumps({"config": {"odd": entry}}).encode()
    parts[config.replace("model_constants_config.json", "opaque_obj_0")] = forge.command(payload(places))
    return forge.packed(parts)


def samples(places: Places) -> bytes:
    """Sample inputs as a pickle; torch tries the safe way first and then the other."""
    parts = forge.members(forge.graph("honest"))
    (path,) = (name for name in parts if "sample_inputs" in name)
    parts[path] = forge.torch_pickle(payload(places))
    return forge.packed(parts)


def archive_bomb(_: Places) -> bytes:
    """A member of 768 MB that takes less than one."""
    parts = forge.members(forge.graph("honest"))
    (path,) = (name for name in parts if name.endswith("weights/weight_0"))
    parts[path] = bytes(3 * 2**28)
    return forge.packed(parts, zipfile.ZIP_DEFLATED)


def hungry(_: Places) -> bytes:
    """A weight that says it is 64 GB large; its bytes are a few."""
    parts = forge.members(forge.graph("honest"))
    (config,) = (name for name in parts if name.endswith("model_weights_config.json"))
    told: Json = json.loads(parts[config])
    for entry in told["config"].values():
        entry["tensor_meta"]["sizes"] = [{"as_int": 2**17}, {"as_int": 2**17}]
        entry["tensor_meta"]["strides"] = [{"as_int": 0}, {"as_int": 0}]
    parts[config] = json.dumps(told).encode()
    return forge.packed(parts)


def duplicates(places: Places) -> bytes:
    """Two members of one name: whoever looks at the first one sees an honest graph, torch reads the last."""
    parts = forge.members(forge.graph("honest"))
    forged = forge.members(expression(places))
    (name,) = (name for name in parts if name.endswith("models/model.json"))
    other = name[:-1] + "X"
    both: forge.Members = {}
    for one, content in parts.items():
        both[one] = content
        if one == name:
            both[other] = forged[name]
    return forge.packed(both).replace(other.encode(), name.encode())


ARCHIVES = (
    handed_over("forged-expression", "a symbolic size that runs code when it is read", touched("victim"), expression),
    handed_over("forged-guard", "a guard that becomes code", touched("victim"), guards),
    handed_over("pickled-weight", "a weight as a pickle that runs code", touched("victim"), weight),
    handed_over("pickled-constant", "a constant as a pickle that runs code", touched("victim"), constant),
    handed_over("pickled-samples", "sample inputs as a pickle that runs code", touched("victim"), samples),
    handed_over("archive-bomb", "less than a megabyte that becomes 768", suffered("BLOATED"), archive_bomb),
    handed_over("hungry-weight", "a weight that says it is 64 GB large", suffered("BROKEN"), hungry),
    handed_over("duplicate-members", "two graphs of one name, the honest one first", touched("victim"), duplicates),
)
