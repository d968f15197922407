"""A disk that is full and a folder that is read-only, for real: on file systems of the test's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.session import LOGS

RUN = (
    '"$3" -m dialectic run --root "$1/root" --profile smoke --executor scripted --script "$2/script.json" '
    "--iterations 3"
)


def inside(own: str, disk: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """Run shell lines in a name space where this process may mount; skips where the machine forbids that."""
    disk.mkdir()
    (root / "script.json").write_text('{"executor": {"default": {"val_bpb": 2.0}}, "agent": {}}', "utf-8")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", own, "-", disk, root, sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system of his own")
    return done


def test_a_full_disk_ends_the_session_in_one_line_and_loses_nothing(tmp_path: Path, root: Path) -> None:
    own = (
        'mount -t tmpfs -o size=1200k none "$1" && mkdir "$1/root" && cp "$2"/*.py "$2"/*.md "$1/root" && '
        f'{RUN}; code=$?; rm -r "$1/root/{LOGS}"/*/iterations/*/tensions; "$3" -m dialectic log --root "$1/root" >&2; '
        "exit $code"
    )
    done = inside(own, tmp_path / "disk", root)
    assert done.returncode == 1, done.stderr
    assert "the disk is full; free some space and run again" in done.stderr
    assert "Traceback" not in done.stderr
    assert "2.0000" in done.stderr, "what was finished can still be read"


def test_a_read_only_folder_is_one_line_and_nothing_is_run(tmp_path: Path, root: Path) -> None:
    own = (
        'mount -t tmpfs -o size=2m none "$1" && mkdir "$1/root" && cp "$2"/*.py "$2"/*.md "$1/root" && '
        f'mount -o remount,ro "$1" && {RUN}'
    )
    done = inside(own, tmp_path / "disk", root)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("this folder cannot be written; make it writable or choose another --root")
