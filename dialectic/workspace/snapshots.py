"""Snapshots: the text of ``train.py`` behind every source, and what changed between two."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dialectic.errors import WorkspaceError
from dialectic.state.proposal import (
    CommitSource,
    CurrentSource,
    EditsSource,
    InlineSource,
    IterationSource,
    PathSource,
    Source,
)
from dialectic.workspace.edits import MAX_CHARACTERS, apply
from dialectic.workspace.git import Git

TRAIN_PY = "train.py"


@dataclass(frozen=True)
class Origins:
    """Where texts can come from."""

    root: Path
    """The research folder."""
    current: str
    """The incumbent's text."""
    iteration: Callable[[str], str | None]
    """The ``train.py`` that an experiment id ran; None when there is no such experiment."""


def resolve(source: Source, origins: Origins) -> str:
    """The text that ``source`` names.

    Raises:
        EditError: its edits do not apply.
        WorkspaceError: there is no such file, commit or experiment, or the path leaves the research folder.
    """
    if isinstance(source, CurrentSource):
        return origins.current
    if isinstance(source, InlineSource):
        return _inline(source)
    if isinstance(source, PathSource):
        return _read(origins.root, source.path)
    if isinstance(source, CommitSource):
        return _committed(origins.root, source.commit)
    if isinstance(source, IterationSource):
        return _of_iteration(source.experiment_id, origins)
    return _edited(source, origins)


def diff(old: str, new: str, names: tuple[str, str] = (TRAIN_PY, TRAIN_PY)) -> str:
    """A unified patch from ``old`` to ``new`` that ``git apply`` accepts; empty when they are equal."""
    if old == new:
        return ""
    head = f"diff --git a/{names[0]} b/{names[1]}\n" if names[0] == names[1] else ""
    lines = difflib.unified_diff(_lines(old), _lines(new), f"a/{names[0]}", f"b/{names[1]}")
    return head + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    # Only a line feed ends a line of a patch; str.splitlines would also break at a form feed.
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _inline(source: InlineSource) -> str:
    if not source.text.strip():
        raise WorkspaceError("an inline source holds no text; give the whole train.py or use edits")
    return source.text


def _read(root: Path, name: str) -> str:
    base = root.resolve()
    try:
        path = (base / name).resolve()
        if not path.is_relative_to(base):
            raise WorkspaceError(f"{name}: lies outside of the research folder; name a file inside it")
        if not path.is_file():
            raise WorkspaceError(f"{name}: there is no such file in the research folder")
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise WorkspaceError(f"{name}: is too large to be a train.py")
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{name}: cannot be read as text ({error})") from error


def _committed(root: Path, commit: str) -> str:
    git = Git.find(root)
    if git is None:
        raise WorkspaceError(f"commit {commit}: the research folder is in no git repository")
    text = git.show(commit, TRAIN_PY)
    if text is None:
        raise WorkspaceError(f"commit {commit}: git knows no {TRAIN_PY} of that commit")
    return text


def _of_iteration(experiment_id: str, origins: Origins) -> str:
    text = origins.iteration(experiment_id)
    if text is None:
        raise WorkspaceError(f"experiment {experiment_id}: there is no such experiment, or it kept no train.py")
    return text


def _edited(source: EditsSource, origins: Origins) -> str:
    base = origins.current if source.base == "current" else _of_iteration(source.base, origins)
    return apply(base, source.edits)
