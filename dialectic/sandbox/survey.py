"""Which layers work here: each is tried once, in a process that does nothing, the same way as a run gets it."""

from __future__ import annotations

import contextlib
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dialectic.sandbox import bubblewrap, levels, macos, paths, proof
from dialectic.state.base import JsonObject
from dialectic.state.cage import Layer, LayerName, LayerState

SECONDS = 10.0
USERS = (61_184, 65_519)
"""User ids that nobody has: the range in which systemd draws users for a service's lifetime."""
SANDBOX_FOLDER = str(Path(__file__).parent)

ENTER = "import sys; from dialectic.sandbox.enter import main; sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))"
"""Quicker than ``-m``, which imports what finds modules."""

NO_ROOT = "only root can start a process as another user"
NOT_LINUX = "only Linux has it"
INSTALL = "not installed: apt, dnf or pacman install bubblewrap"


@dataclass(frozen=True)
class Survey:
    """What works: ``wrapper`` is the program to start with, empty for none."""

    layers: tuple[Layer, ...]
    wrapper: str = ""
    user_namespace: bool = False
    change_user: bool = False

    def works(self, name: LayerName) -> bool:
        """Whether a layer was applied in the trial."""
        return any(layer.name == name and layer.state == "applied" for layer in self.layers)


@dataclass(frozen=True)
class Start:
    """How a process is started in its cage: a command, its environment, and what the last step reads."""

    command: list[str]
    environment: dict[str, str]
    config: JsonObject


@cache
def survey(wrapped: bool = True) -> Survey:
    """Try the layers: ``wrapped`` with a wrapper around the process, else those that it can apply to itself.

    Where no wrapper works the layers of the bare trial are told together with what the wrapper lacks.
    """
    if not wrapped:
        return _bare()
    if sys.platform == "darwin":
        return _macos()
    program = shutil.which("bwrap")
    reason: tuple[LayerState, str] = ("absent", INSTALL if sys.platform == "linux" else NOT_LINUX)
    if program is not None:
        for user_namespace in (False, True) if os.geteuid() == 0 else (True,):
            found = _try(program, user_namespace)
            if isinstance(found, Survey) and all(found.works(name) for name in levels.WRAPPED):
                return found
            told = found if isinstance(found, str) else "the namespaces are the machine's own"
            reason = ("failed", f"bubblewrap: {told}")
    bare = survey(wrapped=False)
    lacking = tuple(Layer(name=name, state=reason[0], detail=reason[1]) for name in levels.WRAPPED)
    return Survey((*bare.layers, *lacking), change_user=bare.change_user)


def unused(name: LayerName) -> Layer:
    """A layer that nobody asked for."""
    return Layer(name=name, state="unused")


def user_for(folder: str) -> int:
    """A user id for the run in ``folder``, the same every time."""
    import hashlib

    first, last = USERS
    return first + int.from_bytes(hashlib.sha256(folder.encode()).digest()[:4], "big") % (last - first + 1)


def start(prefix: list[str], config: JsonObject) -> Start:
    """The command that ends in the last step; the two descriptors' numbers are appended by whoever starts it."""
    command = [*prefix, sys.executable, "-S", "-P", "-c", ENTER]
    return Start(command, {"PYTHONPATH": paths.package_root(), "LC_ALL": "C.UTF-8"}, config)


def _try(program: str, user_namespace: bool) -> Survey | str:
    change_user = os.geteuid() == 0 and not user_namespace
    with _folders() as (work, private):
        read = paths.both([*paths.SYSTEM, *paths.SYSTEM_FACTS, *paths.python(), SANDBOX_FOLDER])
        write = [work, f"{private}/home"]
        prefix = bubblewrap.wrap(program, user_namespace, read, [], write, [], f"{private}/shm")
        config = _config(work, ["/"], [*write, paths.SHARED_MEMORY], change_user)
        told = _report(start(prefix, config | {"sockets": True}))
    if isinstance(told, str):
        return told
    layers = _layers(told, (*levels.BARE["offline"], *levels.WRAPPED))
    survey = Survey(layers, program, user_namespace)
    return Survey(layers, program, user_namespace, change_user and survey.works("other user"))


def _bare() -> Survey:
    change_user = os.geteuid() == 0 and sys.platform == "linux"
    with _folders() as (work, private):
        read = paths.both([*paths.SYSTEM, *paths.SYSTEM_FACTS, *paths.python()])
        blocked = paths.closed(paths.both(paths.python()), ways=True) if change_user else ""
        config = _config(work, read, [work, private], change_user and not blocked)
        if sys.platform != "linux":
            config |= {"landlock": False, "sockets": None}
        told = _report(start([], config))
    if isinstance(told, str):
        return Survey((Layer(name="resource limits", state="failed", detail=told),))
    layers = _layers(told, levels.BARE["offline"] if sys.platform == "linux" else ("resource limits",))
    if blocked:
        said = Layer(name="other user", state="failed", detail=f"{blocked} is closed to other users")
        layers = tuple(said if layer.name == "other user" else layer for layer in layers)
    found = Survey(layers)
    return Survey(layers, change_user=found.works("other user"))


def _macos() -> Survey:
    with _folders() as (work, private):
        prefix = macos.wrap(paths.both([*paths.python(), SANDBOX_FOLDER]), [], [work, private])
        config = _config(work, [], [], change_user=False) | {"landlock": False, "sockets": None}
        told = _report(start(prefix, config))
    if not isinstance(told, str):
        return Survey(_layers(told, ("resource limits", "sandbox-exec")), macos.PROGRAM)
    said = Layer(name="sandbox-exec", state="failed", detail=told)
    return Survey((*survey(wrapped=False).layers, said))


@contextlib.contextmanager
def _folders() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="dialectic-trial-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        for part in ("work", "home", "tmp", "shm"):
            (folder / part).mkdir()
        yield str(folder / "work"), str(folder)


def _config(work: str, read: list[str], write: list[str], change_user: bool) -> JsonObject:
    return {
        "trial": True,
        "command": [sys.executable, "-I", "-S", "-c", "pass"],
        "environment": {},
        "work": work,
        "read": read,
        "write": write,
        "use": list(paths.DEVICES),
        "landlock": True,
        "sockets": False,
        "user": user_for(work) if change_user else None,
        "limits": {"processes": 64, "open_files": 64, "file_bytes": 2**20, "data_bytes": None, "count_user": True},
    }


def _report(begin: Start) -> JsonObject | str:
    """What the last step told, or in one line why it was not reached."""
    config_read, config_write = os.pipe()
    report_read, report_write = os.pipe()
    with os.fdopen(report_read, "rb") as told, os.fdopen(config_write, "wb", buffering=0) as config:
        try:
            process = subprocess.Popen(
                [*begin.command, str(config_read), str(report_write)],
                env=begin.environment,
                pass_fds=(config_read, report_write),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            return str(error.strerror)
        finally:
            os.close(config_read)
            os.close(report_write)
        with contextlib.suppress(BrokenPipeError):
            config.write(marshal.dumps(begin.config))
        config.close()
        try:
            _, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"it did not end within {SECONDS:g} s"
        lines = proof.read_report(told.fileno())
    if not lines or process.returncode:
        said = errors.strip().splitlines()[-1:] or [f"it ended with exit code {process.returncode}"]
        return " ".join(said[0].split())[:200]
    report: JsonObject = lines[0]
    return report


def _layers(report: JsonObject, names: tuple[LayerName, ...]) -> tuple[Layer, ...]:
    """Layers as the trial showed them."""
    outside, found = proof.own_namespaces(), []
    for name in names:
        if name == "other user" and os.geteuid() != 0:
            found.append(Layer(name=name, state="absent", detail=NO_ROOT))
            continue
        state, detail = proof.state_of(name, report, outside)
        found.append(Layer.model_validate({"name": name, "state": state, "detail": detail}))
    return tuple(found)
