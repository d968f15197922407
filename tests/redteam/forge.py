"""Files that are handed over in place of a trained model: graphs that cheat, and archives that attack their reader."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from tests.redteam.attack import Places

BATCH, LENGTH, VOCABULARY = 32, 64, 512  # of the smoke profile
Members = dict[str, bytes]


@functools.cache
def graph(name: str) -> bytes:
    """A graph of :mod:`tests.redteam.cheats` as an exported model file."""
    import torch

    from tests.redteam import cheats

    tokens = torch.zeros(BATCH, LENGTH, dtype=torch.int64)
    buffer = io.BytesIO()
    with torch.no_grad():
        torch.export.save(torch.export.export(cheats.GRAPHS[name]().eval(), (tokens,)), buffer)
    return buffer.getvalue()


def honest(_: Places) -> bytes:
    """An honest model that knows nothing."""
    return graph("honest")


def exported(name: str) -> Callable[[Places], bytes]:
    """Makes one of the graphs."""
    return lambda _: graph(name)


def members(archive: bytes) -> Members:
    """Name → content."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(parts: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def edited(name: str, change: Callable[[Any], None]) -> bytes:
    """The honest archive with one JSON member changed in place."""
    parts = members(graph("honest"))
    (path,) = (path for path in parts if path.endswith(name))
    value = json.loads(parts[path])
    change(value)
    parts[path] = json.dumps(value).encode()
    return packed(parts)


def command(code: str) -> bytes:
    """A pickle that runs ``code`` when it is read."""
    import pickle

    return pickle.dumps(_Runs(code), protocol=2)


class _Runs:
    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


def torch_pickle(code: str) -> bytes:
    """What ``torch.save`` would have written for an object that runs ``code`` when it is loaded."""
    parts = {"archive/data.pkl": command(code), "archive/byteorder": b"little", "archive/version": b"3\n"}
    return packed(parts)
