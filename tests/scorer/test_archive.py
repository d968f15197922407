"""The file itself: what it may be, hold and weigh."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dialectic.scorer import archive
from dialectic.scorer.graph import load_graph
from dialectic.scorer.refusal import Refused
from tests.forging import PROGRAM, ROOT, SAMPLES, Members, forged, write


def load(path: Path) -> None:
    load_graph(path, "cpu", 32, 64)


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        load(path)
    return caught.value.rule


def test_an_honest_file_is_read(honest: Path) -> None:
    load(honest)


def test_a_link_is_not_followed(honest: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pt2").symlink_to(honest)
    assert refusal(tmp_path / "model.pt2") == "file"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.pt2")
    assert refusal(tmp_path / "model.pt2") == "file"


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "archive/../x", "/etc/x", "archive/extra/x", "other/byteorder"])
def test_a_member_that_does_not_belong_is_refused(name: str, honest: Path, tmp_path: Path) -> None:
    def forge(members: Members, _: Path) -> None:
        members[name] = b"little"

    assert refusal(forged(honest, tmp_path / "model.pt2", forge, tmp_path)) == "members"


def test_a_member_that_is_there_twice_is_refused(honest: Path, tmp_path: Path) -> None:
    path = forged(honest, tmp_path / "model.pt2", lambda _members, _marker: None, tmp_path)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr(PROGRAM, b"{}")
    assert refusal(path) == "members"


def test_an_archive_bomb_is_refused_before_it_is_unpacked(honest: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(honest) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members[f"{ROOT}/data/weights/weight_0"] = bytes(100_000_000)
    write(tmp_path / "model.pt2", members, zipfile.ZIP_DEFLATED)
    assert (tmp_path / "model.pt2").stat().st_size < 1_000_000
    assert refusal(tmp_path / "model.pt2") == "members"


def test_members_that_overlap_are_refused(honest: Path, tmp_path: Path) -> None:
    """The same bytes, listed many times under many names, would be many times the file."""
    path = forged(honest, tmp_path / "model.pt2", lambda _members, _marker: None, tmp_path)
    with zipfile.ZipFile(path, "a") as file:
        large = max(file.infolist(), key=lambda info: info.file_size)
        for number in range(100, 105):
            copy = zipfile.ZipInfo(f"{ROOT}/data/weights/weight_{number}")
            copy.header_offset, copy.CRC = large.header_offset, large.CRC
            copy.compress_size = copy.file_size = large.file_size
            file.filelist.append(copy)
            file.NameToInfo[copy.filename] = copy
        file._didModify = True  # type: ignore[attr-defined]
    assert refusal(path) == "size"


def test_a_file_over_the_limit_is_refused(honest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(archive.LARGEST, "cpu", honest.stat().st_size - 1)
    assert refusal(honest) == "size"


def test_a_huge_sparse_file_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "model.pt2").open("wb") as file:
        file.truncate(2**40)
    assert refusal(tmp_path / "model.pt2") == "size"


def drop(name: str) -> Callable[[Members, Path], None]:
    def forge(members: Members, _: Path) -> None:
        del members[name]

    return forge


def test_a_missing_member_is_named(honest: Path, tmp_path: Path) -> None:
    path = forged(honest, tmp_path / "model.pt2", drop(PROGRAM), tmp_path)
    with pytest.raises(Refused, match=r"members: 'models/model.json' is missing"):
        load(path)
    load(forged(honest, tmp_path / "without.pt2", drop(SAMPLES), tmp_path))


def test_another_version_is_refused(honest: Path, tmp_path: Path) -> None:
    def forge(members: Members, _: Path) -> None:
        members[f"{ROOT}/byteorder"] = b"big"

    assert refusal(forged(honest, tmp_path / "model.pt2", forge, tmp_path)) == "version"


def test_json_without_end_is_refused(honest: Path, tmp_path: Path) -> None:
    def forge(members: Members, _: Path) -> None:
        members[PROGRAM] = b"[" * 1_000_000

    assert refusal(forged(honest, tmp_path / "model.pt2", forge, tmp_path)) == "program"


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"not an archive" + data[:50]])
def test_a_damaged_file_is_no_forgery(damage: Callable[[bytes], bytes], honest: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(damage(honest.read_bytes()))
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "model.pt2")


def test_bytes_that_changed_on_the_way_are_seen(honest: Path, tmp_path: Path) -> None:
    data = bytearray(honest.read_bytes())
    with zipfile.ZipFile(honest) as file:
        place = file.getinfo(f"{ROOT}/data/weights/weight_0").header_offset
    data[place + 5_000] ^= 1
    (tmp_path / "model.pt2").write_bytes(data)
    with pytest.raises(ValueError, match="CRC"):
        load(tmp_path / "model.pt2")
