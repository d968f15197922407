"""The weights of a hand-over: raw bytes that become tensors by dtype, sizes and strides. Nothing is unpickled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dialectic.scorer.refusal import quoted, refuse, require
from dialectic.scorer.values import fixed, record, sizes, text, whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dialectic.scorer.archive import Archive
    from dialectic.scorer.program import Program

DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
}
"""Numbers of the format (``ScalarType`` of its schema) → names in torch."""
PLACES = {"weights": re.compile(r"weight_\d{1,6}", re.ASCII), "constants": re.compile(r"tensor_\d{1,6}", re.ASCII)}


@dataclass(frozen=True)
class Layout:
    """A tensor within the bytes of one member."""

    member: str
    dtype: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


def read_weights(archive: Archive, program: Program, device: str) -> dict[str, Tensor]:
    """The tensors that the graph is given beside the tokens, by input, on ``device``, sharing bytes as before.

    Raises:
        Refused: one is pickled, not dense, symbolic, missing, or does not lie within its bytes.
    """
    configs = {place: read_config(archive, place) for place in PLACES}
    storages: dict[str, Tensor] = {}
    tensors = {}
    for name, (place, key) in program.weights.items():
        layout = configs[place].get(key)
        if layout is None:
            refuse("tensors", f"there is no tensor {quoted(key)} in its {place}")
        if layout.member not in storages:
            storages[layout.member] = _bytes(archive, layout.member).to(device)
        tensors[name] = _tensor(storages[layout.member], layout)
    return tensors


def read_config(archive: Archive, place: str) -> dict[str, Layout]:
    """What ``weights`` or ``constants`` hold, by name. Raises `Refused`."""
    config = record(archive.json(f"data/{place}/model_{place}_config.json"), "config")
    entries = record(config.get("config"), "config").items()
    return {name: _layout(place, record(entry, "tensor"), archive) for name, entry in entries}


def dtype_of(number: int) -> torch.dtype:
    """The dtype of that number in the format. Raises `Refused` for one that no language model needs."""
    import torch

    require(number in DTYPES, "tensors", f"dtype {quoted(number)} is not supported")
    dtype: torch.dtype = getattr(torch, DTYPES[number])
    return dtype


def _layout(place: str, entry: dict[str, Any], archive: Archive) -> Layout:
    path = text(entry.get("path_name"))
    require(entry.get("use_pickle") is False, "pickle", f"{quoted(path)} in its {place} is pickled")
    require(bool(PLACES[place].fullmatch(path)), "object", f"{quoted(path)} in its {place} is not a tensor")
    meta = record(entry.get("tensor_meta"), "tensor_meta")
    shape, strides = sizes(meta.get("sizes")), sizes(meta.get("strides"))
    offset, dtype = fixed(meta.get("storage_offset")), whole(meta.get("dtype"))
    require(len(shape) == len(strides) and min([0, offset, *shape, *strides]) >= 0, "tensors", f"sizes of {path}")
    member, width = f"data/{place}/{path}", dtype_of(dtype).itemsize
    size = archive.size(member)
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    inside = 0 in shape or (last + 1) * width <= size
    require(inside and size % width == 0, "tensors", f"{member} has {size} bytes, too few for {shape}")
    return Layout(member, dtype, tuple(shape), tuple(strides), offset)


def _bytes(archive: Archive, member: str) -> Tensor:
    import torch

    held = torch.empty(archive.size(member), dtype=torch.uint8)
    filled = 0
    with archive.open(member) as file:
        view = memoryview(held.numpy().data)
        while count := file.readinto(view[filled : filled + 2**24]):  # type: ignore[attr-defined]
            filled += count
    if filled != len(view):
        raise ValueError(f"{member} ends after {filled} of {len(view)} bytes")
    return held


def _tensor(storage: Tensor, layout: Layout) -> Tensor:
    flat = storage.view(dtype_of(layout.dtype))
    return flat.as_strided(layout.sizes, layout.strides, layout.offset)
