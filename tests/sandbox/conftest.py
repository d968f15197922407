"""A machine full of victims, and one run of the attacker at each level."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dialectic.executors.local import LocalExecutor
from dialectic.sandbox.plan import forecast
from dialectic.state.cage import LEVELS, Cage, Level
from dialectic.state.run import Job, Limits, RunRecord
from tests.executors.conftest import wait

ENVIRONMENT = {"HOME": "{private}/home", "TMPDIR": "{private}/tmp", "LANG": "C.UTF-8"}
SMALL = {"processes": 100, "open_files": 200, "file_bytes": 32 * 2**20}


@dataclass
class Attacked:
    """One run of the attacker."""

    level: Level
    told: dict[str, str]
    record: RunRecord
    folder: Path


def needs(level: Level) -> None:
    """Skip where this machine does not reach a level."""
    found = forecast(Cage(level=level))
    if not found.reaches(level):
        pytest.skip(f"this machine reaches {found.level}: {found.missing}")


def run(job: Job) -> RunRecord:
    """The record of ``job``, run to its end."""
    executor = LocalExecutor()
    handle = executor.submit(job)
    wait(executor, handle, 90.0)
    return executor.collect(handle)


def caged_job(folder: Path, code: str, level: Level = "sealed", **fields: object) -> Job:
    """A job of Python code in a cage."""
    cage = Cage(level=level, **{name: fields.pop(name) for name in list(fields) if name in Cage.model_fields})
    limits = {"wall_seconds": 60.0, "grace_seconds": 5.0}
    limits |= {name: fields.pop(name) for name in list(fields) if name in Limits.model_fields}  # type: ignore[misc]
    job = {
        "job_id": "s:001:1",
        "folder": str(folder),
        "command": ["{python}", "-c", code],
        "environment": ENVIRONMENT,
        "limits": limits,
        "cage": cage,
    }
    return Job.model_validate(job | fields)


def _answering(kind: int, family: int, address: object) -> socket.socket:
    server = socket.socket(family, kind)
    server.bind(address)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        server.listen()
        return server

    def answer() -> None:
        try:
            while True:
                _, sender = server.recvfrom(100)
                server.sendto(b"heard", sender)
        except OSError:
            return

    threading.Thread(target=answer, daemon=True).start()
    return server


@pytest.fixture(scope="session", params=LEVELS[1:])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """The attacker at each level that this machine reaches; each level is tried with no more than it needs."""
    level: Level = request.param
    needs(level)
    home = tmp_path_factory.mktemp(f"machine-{level}")
    home.chmod(0o755)
    for name in ("outside", "data/train", "data/validation", "data/holdout", "session/001", "session/002", "keys"):
        (home / name).mkdir(parents=True)
    files = {
        "key": home / "keys" / "id_rsa",
        "plan": home / "session" / "002" / "plan.json",
        "other": home / "session" / "001" / "weights",
        "validation": home / "data" / "validation" / "shard",
        "holdout": home / "data" / "holdout" / "shard",
        "train": home / "data" / "train" / "shard",
        "victim": home / "outside" / "victim",
        "kept": home / "outside" / "kept",
    }
    for path in files.values():
        path.write_text("secret")
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    prey, traced = subprocess.Popen(sleeper), subprocess.Popen(sleeper)
    token = f"dialectic-test-{os.getpid()}-{level}"
    short = tmp_path_factory.mktemp("s")
    short.chmod(0o755)
    tcp = _answering(socket.SOCK_STREAM, socket.AF_INET, ("127.0.0.1", 0))
    udp = _answering(socket.SOCK_DGRAM, socket.AF_INET, ("127.0.0.1", 0))
    by_path = _answering(socket.SOCK_STREAM, socket.AF_UNIX, str(short / "s"))
    abstract = _answering(socket.SOCK_STREAM, socket.AF_UNIX, "\0" + token)
    (short / "s").chmod(0o777)
    places = {name: str(path) for name, path in files.items()} | {
        "level": level,
        "links": "{links}",
        "outside": str(home / "outside"),
        "data": str(home / "data"),
        "token": token,
        "tcp": str(tcp.getsockname()[1]),
        "udp": str(udp.getsockname()[1]),
        "socket": str(short / "s"),
        "prey": str(prey.pid),
        "traced": str(traced.pid),
        "runner": str(os.getpid()),
        "command": Path("/proc/self/cmdline").read_bytes().hex() if sys.platform == "linux" else "",
    }
    job = caged_job(
        home / "session" / "002" / "execution",
        "",
        level,
        command=["{python}", "attacker.py", json.dumps(places)],
        inputs={"attacker.py": str(Path(__file__).parent / "attacker.py")},
        links={"train": str(home / "data" / "train")},
        answer="told.json",
        hidden=[str(home / "session"), str(home / "data")],
        **SMALL,
    )
    try:
        record = run(job)
        answer = Path(job.folder) / "told.json"
        assert answer.stat().st_size, (record, (Path(job.folder) / "run.log").read_text())
        yield Attacked(level, json.loads(answer.read_text()), record, home)
    finally:
        for process in (prey, traced):
            process.kill()
            process.wait()
        for server in (tcp, udp, by_path, abstract):
            server.close()
