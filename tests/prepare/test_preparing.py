"""Preparing is atomic, repeatable and says in one line what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest

import prepare

PREPARE = Path(prepare.__file__)
SMOKE = prepare.PROFILES["smoke"]


def command(cache: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    env = os.environ | {"DIALECTIC_CACHE": str(cache)} | environment
    return subprocess.Popen(
        [sys.executable, str(PREPARE), "--profile", "smoke", *arguments],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def copied(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared cache that may be damaged; the answer is its data folder."""
    folder = prepare.data_folder().relative_to(smoke)
    shutil.copytree(smoke / folder, tmp_path / "cache" / folder)
    monkeypatch.setenv("DIALECTIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / folder


def test_prepared_data_are_left_alone(copied: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.parent.rglob("*")}
    assert prepare.prepare(SMOKE) == copied
    assert {path: path.stat().st_mtime_ns for path in copied.parent.rglob("*")} == before


def test_two_at_once_after_one_was_killed(smoke: Path, tmp_path: Path) -> None:
    """The damaged cache of a killed preparation is mended by two that start together, and all bytes repeat."""
    cache, folder = tmp_path / "cache", prepare.data_folder().name
    killed = command(cache)
    while not list(cache.glob(".building-*/*")) and killed.poll() is None:
        time.sleep(0.02)
    killed.kill()
    killed.communicate()
    assert not (cache / folder).exists()
    both = [command(cache) for _ in range(2)]
    for process in both:
        output, error = process.communicate()
        assert process.returncode == 0, error
        assert str(cache / folder) in output
    assert {path.name for path in cache.iterdir()} == {folder, "prepare.lock", "text"}
    made, shared = (
        {
            str(path.relative_to(root / folder)): path.read_bytes()
            for path in (root / folder).rglob("*")
            if path.is_file()
        }
        for root in (cache, smoke)
    )
    assert made == shared


@pytest.mark.parametrize("part", ["train/tokens_00000.npy", "holdout/offsets_00000.npy", "tokenizer/meta.json"])
def test_damaged_data_are_noticed(copied: Path, part: str) -> None:
    (copied / part).write_bytes((copied / part).read_bytes()[:100])
    assert not prepare.is_ready(copied)


def test_damaged_data_are_made_again(copied: Path) -> None:
    path = copied / "train" / "tokens_00000.npy"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"\xff")
    assert prepare.prepare(SMOKE) == copied
    assert path.read_bytes() == good


def test_a_changed_byte_is_noticed(copied: Path) -> None:
    path = copied / "train" / "tokens_00000.npy"
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    assert prepare.is_ready(copied)
    assert not prepare.is_ready(copied, content=True)


def test_a_damaged_data_folder_named_directly(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "train" / "tokens_00000.npy").unlink()
    monkeypatch.setenv("DIALECTIC_CACHE", str(copied))
    with pytest.raises(prepare.PrepareError, match="set DIALECTIC_CACHE to the folder above it"):
        prepare.prepare(SMOKE)


def test_a_newer_version_is_refused(tiny_data: Callable[..., Path]) -> None:
    path = tiny_data(["text"]) / "train" / "meta.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(prepare.PrepareError, match="newer version"):
        prepare.dataloader("train", 1, 4)


def test_missing_data_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(tmp_path))
    monkeypatch.setenv("DIALECTIC_PROFILE", "smoke")
    for read in (prepare.load_tokenizer, lambda: prepare.dataloader("train", 1, 4)):
        with pytest.raises(prepare.PrepareError, match=r"no prepared data in .*: run `python prepare\.py`"):
            read()


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    # A limit on file sizes stops writing as a full disk does.
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)); "
    run = f"sys.path.insert(0, {str(PREPARE.parent)!r}); import prepare; sys.exit(prepare.main(['--profile', 'smoke']))"
    env = os.environ | {"DIALECTIC_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", limited + run], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"no room left in {tmp_path}: set DIALECTIC_CACHE to another folder\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepare.lock", "text"]


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIALECTIC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(prepare.PrepareError, match=r"cannot write in .*: set DIALECTIC_CACHE to another folder"):
        prepare.prepare(SMOKE)


def test_a_read_only_cache(copied: Path) -> None:
    """Without data it is one line, with data it is enough."""
    cache = copied.parent
    cache.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        for folder in takewhile(lambda path: path != Path(tempfile.gettempdir()), cache.parents):
            folder.chmod(0o755)  # pytest's own are for its user alone
    _modules_read_before_the_user_changes(cache)
    try:
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        assert prepare.prepare(SMOKE) == copied
        with pytest.raises(prepare.PrepareError, match=r"cannot write in .*Permission denied.*: set DIALECTIC_CACHE"):
            prepare.prepare(SMOKE, "climbmix")
    finally:
        os.seteuid(user)
        cache.chmod(0o755)


def _modules_read_before_the_user_changes(cache: Path) -> None:
    import filelock

    prepare.fingerprint(SMOKE, "stdlib", 1)
    with filelock.FileLock(cache.parent / "any.lock"):
        pass


def test_the_command_reports_and_is_idempotent(smoke: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main([]) == 0
    output = capsys.readouterr().out
    assert "profile smoke (named by DIALECTIC_PROFILE), corpus stdlib" in output
    assert f"ready in 0.0 s: {prepare.data_folder()}" in output.replace("0.1 s", "0.0 s")
    assert "validation: " in output
