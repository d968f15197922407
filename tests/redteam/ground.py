"""The ground that attacks are let loose on: a research folder with a session, bait outside, and who listens there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KEY = "sk-bait-4711"
CLEAR_SECONDS = 10.0
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # what every process of the machine sees


class Ground:
    """A folder with everything that an attacker wants, and the means to see what it got.

    ``session`` is the id of the session whose candidates attack; ``data`` is the smoke profile's prepared
    folder and copied, because attacks poison it.
    """

    def __init__(self, place: Path, data: Path, session: str = "night") -> None:
        self.token = f"redteam-{uuid.uuid4().hex[:8]}"
        self.mark = f"{self.token} was here"
        self.place, self.root = place, place / "research"
        self.session = self.root / "experiment_logs" / session
        self.cache = place / "cache"
        self.heard: set[str] = set()
        self._sockets: list[socket.socket] = []
        self._bait: subprocess.Popen[bytes] | None = None
        self._kept: dict[Path, bytes] = {}
        self.data = self.cache / data.name
        shutil.copytree(data, self.data)
        self._lay_out()

    def _lay_out(self) -> None:
        home = self.place / "home"
        for folder in (self.root, home / ".ssh", self.place / "outside"):
            folder.mkdir(parents=True)
        for name in ("train.py", "prepare.py", "program.md"):
            shutil.copy(REPOSITORY / name, self.root)
        (home / ".netrc").write_text(f"machine example.org password {KEY}\n")
        (home / ".ssh" / "id_ed25519").write_text(f"{KEY}\n")
        (self.place / "outside" / "victim.txt").write_text("untouched\n")
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def __enter__(self) -> Ground:
        """Listen, and start a process that holds a key in its environment, as the user's shell does."""
        for kind, name in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
            self._listen(socket.AF_INET, kind, ("127.0.0.1", 0), name)
        self._listen(socket.AF_UNIX, socket.SOCK_DGRAM, str(self.place / "socket"), "unix")
        self._listen(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{self.token}", "abstract")
        command = [sys.executable, "-S", "-c", "import time; time.sleep(7200)"]
        self._bait = subprocess.Popen(command, env={"OPENAI_API_KEY": KEY})
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and clear away whatever an attack left on the machine."""
        for listening in self._sockets:
            listening.close()
        if self._bait is not None:
            self._bait.kill()
            self._bait.wait()
        self.clear()

    def _listen(self, family: int, kind: int, address: tuple[str, int] | str, name: str) -> None:
        listening = socket.socket(family, kind)
        listening.bind(address)
        if kind == socket.SOCK_STREAM:
            listening.listen()
        self._sockets.append(listening)

        def hear() -> None:
            while True:
                try:
                    if kind == socket.SOCK_STREAM:
                        with listening.accept()[0] as source:
                            message = source.recv(1000)
                    else:
                        message = listening.recv(1000)
                    if self.token.encode() in message:
                        self.heard.add(name)
                except OSError:
                    return

        threading.Thread(target=hear, daemon=True).start()

    def places(self) -> dict[str, str]:
        """What the attacker is told."""
        session = self.session
        found = {
            "token": self.token,
            "mark": self.mark,
            "home": self.place / "home",
            "victim": self.place / "outside" / "victim.txt",
            "root": self.root,
            "train_py": self.root / "train.py",
            "knowledge": self.root / "knowledge_base",
            "repository": self.root / ".git",
            "session": session,
            "pinned": session / "prepare.py",
            "first": session / "iterations" / "001",
            "data": self.data,
            "tokenizer": self.data / "tokenizer",
            "site": sysconfig.get_path("purelib"),
            "socket": self.place / "socket",
            "tcp": self._sockets[0].getsockname()[1] if self._sockets else 0,
            "udp": self._sockets[1].getsockname()[1] if self._sockets else 0,
        }
        return {name: str(value) for name, value in found.items()}

    def marked(self, name: str) -> bool:
        """Whether the attacker's mark stands in a place, a folder's own files and those below it included.

        Not looked into are candidates, which carry the mark in their text, and what runs may write themselves.
        """
        place = Path(self.places()[name])
        if name == "site":
            return (place / f"{self.token}.txt").exists()
        paths = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
        own = {"actual", "work", "agent", "tensions"}
        return any(
            self.mark.encode() in path.read_bytes()
            for path in paths
            if path.is_file() and not own & set(path.parts[-4:]) and path.suffix not in (".log", ".pt2")
        )

    def keep(self) -> None:
        """Remember what attacks may spoil and no runner changes: data, the user's files, what a session wrote once."""
        paths = list((self.data / "tokenizer").iterdir())
        paths += [place / name for place in (self.root, self.session) for name in ("train.py", "prepare.py")]
        ended = [path.parent for path in self.session.glob("iterations/*/result.json")]
        paths += [folder / name for folder in ended for name in ("plan.json", "result.json")]
        self._kept = {path: path.read_bytes() for path in paths if path.is_file()}

    def mend(self) -> list[str]:
        """Put back what :meth:`keep` remembered; the names of what had been changed."""
        changed = []
        for path, content in self._kept.items():
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                changed.append(str(path.relative_to(self.place)))
        (self.place / "outside" / "victim.txt").write_text("untouched\n")
        shutil.rmtree(self.root / "__pycache__", ignore_errors=True)
        shutil.rmtree(self.session / "__pycache__", ignore_errors=True)
        return changed

    def victim_bytes(self) -> int:
        """Size of the user's file, ten bytes as long as nobody touched it."""
        return (self.place / "outside" / "victim.txt").stat().st_size

    def survivors(self) -> list[int]:
        """Processes that carry our token in their command line."""
        alive = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if self.token.encode() in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                    alive.append(int(entry.name))
            except OSError:
                continue
        return alive

    def stashes(self) -> list[Path]:
        """What was put aside under our token where a later run could find it."""
        wide = [Path(name) for name in {*SHARED, tempfile.gettempdir()}]
        found = [path for folder in wide if folder.is_dir() for path in folder.glob(f"{self.token}*")]
        found += [path for folder in wide for path in folder.glob(f"torchinductor_*/{self.token}*")]
        return found + [path for place in (self.cache, self.place / "home") for path in place.rglob(f"{self.token}*")]

    def clear(self) -> None:
        """End survivors and remove stashes."""
        give_up = time.monotonic() + CLEAR_SECONDS
        while (pids := self.survivors()) and time.monotonic() < give_up:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for path in self.stashes():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (Path(sysconfig.get_path("purelib")) / f"{self.token}.txt").unlink(missing_ok=True)
        self.heard.clear()

    def settle(self, seconds: float = 0.1) -> None:
        """Give what was sent the time to arrive."""
        time.sleep(seconds)


def lay_iteration(session: Path, number: int, train_py: str, model: bytes | None = None) -> Path:
    """An iteration's folder as a session has it, for a runner that keeps no session; its run's ``work/``."""
    folder = session / "iterations" / f"{number:03d}"
    work = folder / "execution" / "work"
    work.mkdir(parents=True)
    (folder / "actual").mkdir()
    (folder / "actual" / "train.py").write_text(train_py, "utf-8")
    (folder / "plan.json").write_text(json.dumps({"prediction": "a plan that only the runner may read"}))
    if model is not None:
        (folder / "result.json").write_text(json.dumps({"holdout_bpb": 1.0}))
        (folder / "execution" / "model.pt2").write_bytes(model)
    return work
