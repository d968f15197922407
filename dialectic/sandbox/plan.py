"""The cage of one job: the layers that it gets, and everything that its start needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dialectic.sandbox import bubblewrap, levels, macos, paths
from dialectic.sandbox.survey import SANDBOX_FOLDER, Survey, start, survey, unused, user_for
from dialectic.state.base import JsonObject
from dialectic.state.cage import Cage, CageRecord, Layer, LayerName


@dataclass(frozen=True)
class Places:
    """Where a job's own folders are."""

    folder: str
    work: str
    private: str
    links: Mapping[str, str]
    """Name in ``{links}`` → what it stands for."""

    @property
    def write(self) -> list[str]:
        """The folders that the job may write in; what it keeps in shared memory is one of them."""
        return [self.work, *(f"{self.private}/{name}" for name in ("home", "tmp", "shm"))]


NOWHERE = Places("", "", "", {})


def forecast(cage: Cage) -> CageRecord:
    """The layers that a job with this cage gets here, and the level that they make."""
    return _decide(cage, NOWHERE)[1]


def plan(cage: Cage, places: Places, memory_bytes: int | None) -> JsonObject:
    """What the supervisor needs to start a job in its cage, as plain data.

    ``level`` and ``layers`` say what must hold; ``command`` ends in the last step, which reads ``config``, in which the
    job's own command and environment are still missing; an empty one means that there is nothing to apply.
    """
    found, record = _decide(cage, places)
    told = record.model_dump(mode="json")
    applied = {layer.name for layer in record.layers if layer.state == "applied"}
    if not applied:
        return told | {"command": [], "environment": {}, "config": {}, "user": None, "processes": 0}
    user = user_for(places.folder) if "other user" in applied else None
    wrapped = bool({*levels.WRAPPED} & applied)
    devices, files = paths.accelerator(cage.accelerator)
    read = paths.both(_readable(cage, places) + files)
    use = [*paths.DEVICES, *devices]
    prefix: list[str] = []
    if wrapped:
        inner = paths.both([*read, SANDBOX_FOLDER])
        prefix = bubblewrap.wrap(
            found.wrapper,
            found.user_namespace,
            inner,
            paths.both(cage.hidden),
            places.write,
            use,
            f"{places.private}/shm",
        )
    elif "sandbox-exec" in applied:
        prefix = macos.wrap(paths.both([*read, SANDBOX_FOLDER]), cage.hidden, places.write)
    config = {
        "trial": False,
        "work": places.work,
        # With a mount namespace there is nothing else to see; Landlock then keeps the writing in, and the signals.
        "read": ["/"] if wrapped else read,
        "write": [*places.write, *([paths.SHARED_MEMORY] if wrapped else [])],
        "use": use,
        "landlock": "landlock" in applied,
        "sockets": wrapped if "system-call filter" in applied else None,
        "user": user,
        "limits": {
            "processes": cage.processes,
            "open_files": cage.open_files,
            "file_bytes": cage.file_bytes,
            # A driver reserves more address space than a machine has memory.
            "data_bytes": None if cage.accelerator else memory_bytes,
            "count_user": True,
        },
    }
    begin = start(prefix, config)
    return told | {
        "command": begin.command,
        "environment": begin.environment,
        "config": config,
        "user": user,
        "processes": cage.processes,
    }


def _readable(cage: Cage, places: Places) -> list[str]:
    own = [*cage.read, *places.links.values(), *cage.home.values()]
    if places.private:
        own.append(f"{places.private}/links")
    return [*paths.SYSTEM, *paths.SYSTEM_FACTS, *paths.python(), *own]


def _decide(cage: Cage, places: Places) -> tuple[Survey, CageRecord]:
    """Which layers this job gets: those that work here, less those that its paths do not allow."""
    wanted = levels.wanted(cage.level)
    found = survey(wrapped=cage.level == "sealed")
    read = paths.both(_readable(cage, places))
    layers: list[Layer] = []
    for layer in found.layers:
        if layer.name not in wanted and not (layer.name == "sandbox-exec" and cage.level in ("sealed", "offline")):
            layers.append(unused(layer.name))
        elif layer.state == "applied" and (reason := _in_the_way(layer.name, found, cage, places, read)):
            layers.append(Layer(name=layer.name, state="failed", detail=reason))
        else:
            layers.append(layer)
    told = {layer.name for layer in layers}
    layers += [unused(name) for name in levels.LAYERS if name not in told]
    level = levels.reached([layer.name for layer in layers if layer.state == "applied"])
    return found, CageRecord(level=level, layers=sorted(layers, key=lambda layer: levels.LAYERS.index(layer.name)))


def _in_the_way(name: LayerName, found: Survey, cage: Cage, places: Places, read: list[str]) -> str:
    """Why a layer that works here does not work for this job; empty when it does."""
    bare = not found.works("mount namespace")
    if name == "landlock" and bare:
        for path in paths.both(cage.hidden):
            if path not in read and (above := paths.inside(path, read)):
                return f"{path} lies in {above}, which must be readable"
    if name == "other user":
        needed = [*paths.both(paths.python()), *cage.read, *places.links.values(), *cage.home.values()]
        if blocked := paths.closed([*needed, *([places.folder] if bare and places.folder else [])], ways=bare):
            return f"{blocked} is closed to other users"
        if blocked := next((path for path in paths.accelerator(cage.accelerator)[0] if not paths.usable(path)), ""):
            return f"{blocked} is closed to other users"
    return ""


def hand_over(cage: JsonObject, places: Places) -> None:
    """Give a job's folders to the user that it will be.

    Raises:
        OSError: a folder cannot be given away.
    """
    user = cage["user"]
    if user is None:
        return
    for top in (places.work, places.private):
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files, ""):
                os.lchown(str(Path(folder) / name), user, user)
