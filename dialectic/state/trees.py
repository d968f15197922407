"""Removing a folder that a run has filled as it liked. Standard library only: the supervisor needs it, too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator


def remove_tree(path: str) -> None:
    """Remove a folder with everything in it; what cannot be removed stays, and nothing is raised.

    A run may have taken away its own permissions, or made folders inside of folders until no path reaches the last one
    and no function that calls itself (``shutil.rmtree``) comes back from it. So what lies inside of an inner folder is
    moved up beside it before that is removed: no path here is longer than ``path`` and two names.
    """
    fresh = (os.path.join(path, f".removed-{number}") for number in itertools.count())  # noqa: PTH118
    if os.path.islink(path):  # noqa: PTH114
        return
    while entries := _entries(path):
        removed = [_remove(entry, fresh) for entry in entries]
        if not any(removed):
            break
    _succeeds(lambda: os.rmdir(path))  # noqa: PTH106


def _remove(entry: os.DirEntry[str], fresh: Iterator[str]) -> bool:
    """Remove a file, or a folder whose own folders are moved to ``fresh`` names; whether that changed anything."""
    if not entry.is_dir(follow_symlinks=False):
        return _succeeds(lambda: os.unlink(entry.path))  # noqa: PTH108
    changed = False
    for inner in _entries(entry.path):
        if inner.is_dir(follow_symlinks=False):
            _succeeds(lambda path=inner.path: os.chmod(path, 0o700))  # type: ignore[misc]  # noqa: PTH101
            changed |= _succeeds(lambda path=inner.path: os.rename(path, next(fresh)))  # type: ignore[misc]  # noqa: PTH104
        else:
            changed |= _succeeds(lambda path=inner.path: os.unlink(path))  # type: ignore[misc]  # noqa: PTH108
    return _succeeds(lambda: os.rmdir(entry.path)) or changed  # noqa: PTH106


def _entries(path: str) -> list[os.DirEntry[str]]:
    _succeeds(lambda: os.chmod(path, 0o700))  # noqa: PTH101
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError:
        return []


def _succeeds(change: Callable[[], None]) -> bool:
    try:
        change()
    except OSError:
        return False
    return True
