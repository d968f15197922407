"""Whether this machine and this research folder have what a session needs, one finding a line; nothing is written."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psutil

from dialectic import agents, workspace
from dialectic.config import load
from dialectic.errors import DialecticError
from dialectic.loop import cage, facts
from dialectic.sandbox.plan import forecast
from dialectic.state.base import Value
from dialectic.state.cage import LEVELS, Cage
from dialectic.state.session import DataFacts, ProfileFacts

LITTLE_DISK = {"cpu": 2.0, "mps": 5.0, "cuda": 20.0}
"""Free GB below which a night may end early: data, a model file for each keep, logs."""
NO_DISK = 0.5
LITTLE_MEMORY = 4.0
"""GB of memory below which the ``cpu`` profile's run, its scorer and the runner do not fit together."""
PYTHONS = ((3, 11), (3, 14))

State = Literal["ok", "warning", "missing"]


class Finding(Value):
    """One thing that was looked at; ``todo`` is empty where nothing needs doing."""

    name: str
    state: State
    text: str
    todo: str = ""


def examine(root: Path, profile: str | None, corpus: str | None) -> Iterator[Finding]:
    """Look at everything, the quick things first; a thing that is ``missing`` keeps a session from starting."""
    yield _python()
    yield from _folder(root)
    yield _git(root)
    described = _described(root, profile, corpus)
    if isinstance(described, Finding):
        yield described
    else:
        told, data, ready = described
        yield from _hardware(told)
        yield _data(data, ready, told)
        yield _compiler(told)
        yield _disk(root, told.device, "disk")
        yield _disk(Path(data.folder), told.device, "disk of the data")
    yield from _sandbox()
    yield _agent(root)


def _python() -> Finding:
    version = f"Python {platform.python_version()}, torch {importlib.metadata.version('torch')}"
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return Finding(name="python", state="ok", text=version)
    todo = "install dialectic in an environment with Python 3.11, 3.12 or 3.13"
    return Finding(name="python", state="warning", text=f"{version}: not tried with this version", todo=todo)


def _folder(root: Path) -> Iterator[Finding]:
    """The three files, and the settings."""
    missing = [name for name in ("train.py", "prepare.py", "program.md") if not (root / name).is_file()]
    if missing:
        todo = "name the research folder with --root, or make one with `dialectic init DIR`"
        yield Finding(name="folder", state="missing", text=f"{root}: no {', '.join(missing)}", todo=todo)
        return
    try:
        knobs = workspace.read_knobs((root / "train.py").read_text("utf-8"))
        steering = workspace.read_steering((root / "program.md").read_text("utf-8"))
        load(root, {})
    except (DialecticError, OSError, UnicodeDecodeError) as error:
        yield Finding(name="files", state="missing", text=str(error), todo="mend that file")
        return
    try:
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        text, todo = f"{root}: cannot be written ({error.strerror})", "mend its permissions, or copy it elsewhere"
        yield Finding(name="folder", state="missing", text=text, todo=todo)
        return
    yield Finding(name="folder", state="ok", text=f"{root}: train.py with {len(knobs)} knobs")
    strange = sorted({*steering.freeze, *steering.ranges} - {*knobs})
    if strange:
        text = f"program.md steers {', '.join(strange)}, and train.py has no such knob"
        yield Finding(name="steering", state="warning", text=text, todo="correct the name in program.md")


def _git(root: Path) -> Finding:
    if shutil.which("git") is None:
        todo = "install git to have every candidate as a commit"
        return Finding(name="git", state="warning", text="git is not installed; sessions work without it", todo=todo)
    found = workspace.facts(root)
    if not found.commit:
        text, todo = "no repository here, or no commit in it; sessions work without one", "git init, then commit once"
        return Finding(name="git", state="warning", text=text, todo=todo)
    dirty = ", with uncommitted changes (a session leaves them alone)" if found.dirty else ""
    return Finding(name="git", state="ok", text=f"at {found.commit[:10]}{dirty}")


def _described(root: Path, profile: str | None, corpus: str | None) -> tuple[ProfileFacts, DataFacts, bool] | Finding:
    if not (root / "prepare.py").is_file():
        text = "unknown: it needs prepare.py"
        return Finding(name="profile", state="missing", text=text, todo="see the line `folder`")
    try:
        return facts.describe(root, profile, corpus, None)
    except DialecticError as error:
        return Finding(name="profile", state="missing", text=str(error), todo="mend that and look again")


def _hardware(told: ProfileFacts) -> Iterator[Finding]:
    machine = facts.machine(told)
    memory = machine.memory / 1024
    text = f"{machine.cpu}, {machine.cores} cores, {memory:.0f} GB, accelerator: {machine.gpu}"
    if memory < LITTLE_MEMORY:
        todo = "close other programs, or use --profile smoke"
        yield Finding(name="hardware", state="warning", text=f"{text}: little memory", todo=todo)
    else:
        yield Finding(name="hardware", state="ok", text=text)
    rules = f"{told.name} ({told.reason}): {told.time_budget:g} s of training by the {told.clock} clock"
    if told.device != "cpu" and told.gpu == "none":
        todo = "leave --profile out, or use a machine with that accelerator"
        yield Finding(name="profile", state="missing", text=f"{rules}; its accelerator is not here", todo=todo)
        return
    busy = psutil.getloadavg()[0] / max(machine.cores, 1)
    if told.device == "cpu" and busy > 1:
        todo = "stop what else runs: the CPU clock bears it, yet numbers become noisier and runs longer"
        yield Finding(name="profile", state="warning", text=f"{rules}; the machine is busy", todo=todo)
        return
    yield Finding(name="profile", state="ok", text=rules)


def _data(data: DataFacts, ready: bool, told: ProfileFacts) -> Finding:
    if ready:
        return Finding(name="data", state="ok", text=f"corpus {data.corpus} in {data.folder}")
    network = "" if data.corpus == "stdlib" else "; needs a network (--corpus stdlib does not)"
    text = f"corpus {data.corpus} is not prepared yet; the first `dialectic run` does it{network}"
    todo = f"or now: python prepare.py --profile {told.name} --corpus {data.corpus}"
    return Finding(name="data", state="warning", text=text, todo=todo)


def _compiler(told: ProfileFacts) -> Finding:
    found = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if found:
        return Finding(name="compiler", state="ok", text=found)
    if not told.values.get("compile"):
        return Finding(name="compiler", state="ok", text="none, and this profile needs none: it runs eager")
    text = "no C compiler, and torch.compile needs one on this profile"
    return Finding(name="compiler", state="missing", text=text, todo="install gcc or clang")


def _disk(folder: Path, device: str, name: str) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    text = f"{free:.1f} GB free at {folder}"
    if free < NO_DISK:
        return Finding(name=name, state="missing", text=text, todo="free some space")
    if free < LITTLE_DISK[device]:
        todo = f"free some space: {LITTLE_DISK[device]:g} GB carry a night"
        return Finding(name=name, state="warning", text=text, todo=todo)
    return Finding(name=name, state="ok", text=text)


def _sandbox() -> Iterator[Finding]:
    """The level that a run's cage reaches here, and its layers: each was tried just now."""
    record = forecast(Cage())
    whole = record.level == LEVELS[-1]
    text = f"level {record.level}" + ("" if whole else f" of {LEVELS[-1]}")
    yield Finding(name="sandbox", state="ok" if whole else "warning", text=text, todo="" if whole else cage.REMEDY)
    for layer in record.layers:
        if layer.state != "unused":
            text = layer.state + (f": {layer.detail}" if layer.detail else "")
            held = layer.state == "applied"
            yield Finding(name=f"sandbox: {layer.name}", state="ok" if held or whole else "warning", text=text)


def _agent(root: Path) -> Finding:
    try:
        settings = load(root, {})
        script = {"script": settings.script} if settings.agent == "scripted" else {}
        agent = agents.load(settings.agent, **script)
    except DialecticError as error:
        return Finding(name="agent", state="missing", text=str(error), todo="mend dialectic.toml or the environment")
    model = f", model {agent.model}" if agent.model else ", needs no model, no key and no network"
    return Finding(name="agent", state="ok", text=f"{agent.name}{model if agent.name != 'scripted' else ''}")
