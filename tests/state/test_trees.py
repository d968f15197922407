"""Removing what a run left, however it left it, and seeing that it is there."""

from __future__ import annotations

import os
from pathlib import Path

from dialectic.executors.vitals import UNREACHABLE_BYTES, written
from dialectic.state.trees import remove_tree


def test_folders_deeper_than_any_path_are_removed(tmp_path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    (tmp_path / "work").mkdir()
    os.chdir(tmp_path / "work")
    try:
        for _ in range(3000):
            Path("d").mkdir()
            os.chdir("d")
            Path("f").touch()
    finally:
        os.fchdir(here)
        os.close(here)
    remove_tree(str(tmp_path / "work"))
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_what_they_name_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "inside"
    kept.mkdir(parents=True)
    (kept / "file").touch()
    work = tmp_path / "work"
    (work / "a" / "b").mkdir(parents=True)
    (work / "link").symlink_to(kept)
    (work / "a" / "link").symlink_to(kept)
    (work / "a" / "b" / ".removed-0").mkdir()
    os.mkfifo(work / "a" / "b" / "pipe")
    (work / "a").chmod(0)
    remove_tree(str(work))
    assert not work.exists()
    assert (kept / "file").exists()


def test_what_is_not_there_or_no_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "file").touch()
    for name in ("link", "file", "nothing"):
        remove_tree(str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


def test_what_no_path_reaches_counts_as_more_than_a_disk_holds(tmp_path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    assert written(str(tmp_path))[0] < UNREACHABLE_BYTES
    os.chdir(tmp_path)
    try:
        for _ in range(50):
            Path("d" * 100).mkdir()
            os.chdir("d" * 100)
    finally:
        os.fchdir(here)
        os.close(here)
    assert written(str(tmp_path))[0] >= UNREACHABLE_BYTES
    remove_tree(str(tmp_path / ("d" * 100)))
