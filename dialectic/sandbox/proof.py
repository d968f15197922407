"""What really holds a run: the report of its last step, held against what was planned.

Standard library only: the supervisor starts with it.
"""

from __future__ import annotations

import io
import marshal
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = 30.0
"""The last step may take; it takes a fiftieth of a second."""
OF_NAMESPACES = {"mount namespace": ("mnt",), "network namespace": ("net",), "process namespace": ("pid", "ipc")}
OF_WRAPPERS = ("sandbox-exec",)
"""Layers that a wrapper applies before the last step: that it was reached shows that they hold."""


def read_report(descriptor: int, seconds: float = SECONDS) -> list[Any]:
    """What the last step wrote until it became the run: its report, and an error's number if it could not."""
    told = b""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    while poller.poll(seconds * 1000):
        chunk = os.read(descriptor, 65_536)
        if not chunk:
            break
        told += chunk
    stream, lines = io.BytesIO(told), []
    while stream.tell() < len(told):
        lines.append(marshal.load(stream))  # noqa: S302 (our own last step wrote it)
    return lines


def own_namespaces() -> dict[str, str]:
    """The namespaces that this process is in, as the last step tells its own."""
    found = {}
    for name in ("mnt", "net", "pid", "ipc"):
        try:
            found[name] = os.readlink(f"/proc/self/ns/{name}")  # noqa: PTH115
        except OSError:
            continue
    return found


def state_of(name: str, report: dict[str, Any], outside: dict[str, str]) -> tuple[str, str]:
    """Whether layer ``name`` holds, ``applied`` or ``failed``, and what is to be said of it."""
    if name in report["failed"]:
        return "failed", report["failed"][name]
    inside = report["namespaces"]
    if name in OF_NAMESPACES:
        shared = [kind for kind in OF_NAMESPACES[name] if inside.get(kind) in (None, outside.get(kind))]
        return ("failed", f"{', '.join(shared)} is the machine's own") if shared else ("applied", "")
    if name in report["applied"] or name in OF_WRAPPERS:
        return "applied", report["applied"].get(name, "")
    return "failed", "it was not reached"


def confirm(layers: list[dict[str, str]], report: dict[str, Any]) -> tuple[list[dict[str, str]], str]:
    """The planned ``layers`` as they turned out, and which of those that must hold does not; empty when all do."""
    outside, told, broken = own_namespaces(), [], ""
    for layer in layers:
        if layer["state"] != "applied":
            told.append(layer)
            continue
        state, detail = state_of(layer["name"], report, outside)
        told.append({"name": layer["name"], "state": state, "detail": detail or layer["detail"]})
        if state == "failed":
            broken = broken or f"{layer['name']}: {detail}"
    if "folder" in report["failed"]:
        broken = broken or f"its folder: {report['failed']['folder']}"
    return told, broken
