"""Real git repositories in temporary folders."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A person", "-c", "user.email=person@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip("\n")


def repository(top: Path, text: str, folder: str = "") -> Path:
    """A repository with one commit on ``main``; returns the research folder inside it."""
    root = top / folder
    root.mkdir(parents=True)
    git(top, "init", "-q", "-b", "main")
    (root / "train.py").write_text(text, "utf-8")
    (top / "notes.txt").write_text("mine\n", "utf-8")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "first")
    return root
