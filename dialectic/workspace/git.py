"""git as a process that cannot disturb its user: no hooks, no signing, no prompts, no lock on the index."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60
COMMIT_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_./~^@{}-]{0,199}")

KEPT_VARIABLES = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"}

SETTINGS = {
    # A hook may do anything, and update-ref runs one too.
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "core.quotePath": "false",
}

IDENTITY = {
    "GIT_AUTHOR_NAME": "dialectic",
    "GIT_AUTHOR_EMAIL": "dialectic@localhost",
    "GIT_COMMITTER_NAME": "dialectic",
    "GIT_COMMITTER_EMAIL": "dialectic@localhost",
}
"""Who signs what the runner writes: it is not the user's work, and the user may have no name set."""


@dataclass(frozen=True)
class Git:
    """The repository around a folder."""

    binary: str
    folder: Path
    prefix: str
    """The folder's path inside the repository, empty or with a slash at its end."""

    @classmethod
    def find(cls, folder: Path) -> Git | None:
        """The repository that ``folder`` lies in; None without git, without one, or when it has no work tree."""
        binary = shutil.which("git")
        if binary is None or not folder.is_dir():
            return None
        git = cls(binary, folder, "")
        inside = git.ask("rev-parse", "--is-inside-work-tree")
        prefix = git.ask("rev-parse", "--show-prefix")
        if inside != "true" or prefix is None:
            return None
        return cls(binary, folder, prefix)

    def ask(self, *arguments: str, give: str | None = None, environment: Mapping[str, str] = IDENTITY) -> str | None:
        """What a git command prints, without its last line feed; None when git failed. ``give`` is its input."""
        printed = self.output(*arguments, give=give, environment=environment)
        return None if printed is None else printed.decode("utf-8", "surrogateescape").removesuffix("\n")

    def output(
        self, *arguments: str, give: str | None = None, environment: Mapping[str, str] = IDENTITY
    ) -> bytes | None:
        """:meth:`ask` as bytes, unchanged."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        try:
            done = subprocess.run(
                [self.binary, "--no-pager", *options, *arguments],
                cwd=self.folder,
                env=_environment() | dict(environment),
                input=b"" if give is None else give.encode("utf-8", "replace"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def commit_id(self, name: str) -> str | None:
        """The full id of a commit, None when there is none of that name."""
        if not COMMIT_NAME.fullmatch(name):
            return None
        return self.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def show(self, commit: str, name: str) -> str | None:
        """The text of the file ``name`` of this folder at ``commit``; None when there is no such text."""
        found = self.commit_id(commit)
        content = None if found is None else self.output("cat-file", "blob", f"{found}:{self.prefix}{name}")
        try:
            return None if content is None else content.decode("utf-8")
        except UnicodeDecodeError:
            return None


def _environment() -> dict[str, str]:
    # Variables such as GIT_DIR, set when dialectic is started by a hook, would point at another repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in KEPT_VARIABLES}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
