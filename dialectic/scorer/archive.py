"""The archive of a hand-over, read member by member; nothing is unpacked, and no loader of torch's ever sees it.

It is a zip file whose members are all stored, not compressed, which is how torch writes it. A member cannot be larger
than the file, so that there is no archive bomb. As this is the only reader, two readers cannot disagree about it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dialectic.scorer.refusal import Refused, quoted, refuse, require

LARGEST = {"cpu": 2**30, "mps": 4 * 2**30, "cuda": 8 * 2**30}
"""Bytes of a whole hand-over; the shipped models have 5 MB (cpu) to 200 MB (h100)."""
LARGEST_TEXT = 64 * 2**20
"""Bytes of one JSON member; the shipped ones have 0.2 MB."""
MOST_MEMBERS = 20_000
MEMBER = re.compile(
    r"(?P<root>[\w-]{1,64})/(?P<name>models/model\.json|data/weights/(?:weight_\d{1,6}|model_weights_config\.json)"
    r"|data/constants/(?:tensor_\d{1,6}|model_constants_config\.json)|data/sample_inputs/model\.pt"
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id)",
    re.ASCII,
)
FIXED = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}


class Archive:
    """The members of an archive by their names below its root; `open_archive` has checked them."""

    def __init__(self, file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> None:
        self._file = file
        self._members = members

    def size(self, name: str) -> int:
        """Bytes of a member. Raises `Refused` when there is none of that name."""
        require(name in self._members, "members", f"{quoted(name)} is missing")
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member's bytes as a file; their checksum is compared when the last one was read."""
        self.size(name)
        with self._file.open(self._members[name]) as member:
            yield member

    def json(self, name: str) -> object:
        """A member as JSON. Raises `Refused` when it is too large, `ValueError` when it is no JSON."""
        require(self.size(name) <= LARGEST_TEXT, "size", f"{name} has more than {LARGEST_TEXT >> 20} MB")
        with self.open(name) as member:
            try:
                return json.loads(member.read())
            except RecursionError:
                refuse("program", f"{name} is nested too deeply")


@contextmanager
def open_archive(path: Path, device: str) -> Iterator[Archive]:
    """The archive at ``path``, with its members checked.

    Raises:
        Refused: it is not a plain file, too large, or its members are not those of a hand-over.
        OSError, ValueError: it cannot be read, or is damaged.
    """
    try:
        # A named pipe would wait for its writer.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise Refused("file", f"{path.name} is a link or a socket, not a file of its own") from None
        raise
    with os.fdopen(number, "rb") as handle:
        about = os.fstat(number)
        require(stat.S_ISREG(about.st_mode), "file", f"{path.name} is not a plain file")
        limit = LARGEST[device]
        require(about.st_size <= limit, "size", f"{path.name} has more than {limit >> 20} MB")
        try:
            with zipfile.ZipFile(handle) as file:
                archive = Archive(file, _members(file, about.st_size))
                for name, content in FIXED.items():
                    with archive.open(name) as member:
                        require(member.read(64).strip() == content, "version", f"{name} is not {content.decode()}")
                yield archive
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ValueError(f"{path.name} is damaged or not an exported graph ({error})") from error


def _members(file: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    listed = file.infolist()
    if min((info.header_offset for info in listed), default=-1) != 0:  # an archive within a cut one is found so
        raise zipfile.BadZipFile("its first member does not stand at its beginning")
    require(len(listed) <= MOST_MEMBERS, "members", f"more than {MOST_MEMBERS} members")
    members: dict[str, zipfile.ZipInfo] = {}
    roots: set[str] = set()
    for info in listed:
        match = MEMBER.fullmatch(info.filename)
        if match is None:
            refuse("members", f"{quoted(info.filename)} does not belong into an exported graph")
        name = match.group("name")
        require(name not in members, "members", f"{name} is there twice")
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        require(stored and not info.flag_bits & 1, "members", f"{name} is compressed or encrypted")
        members[name] = info
        roots.add(match.group("root"))
    require(len(roots) <= 1, "members", "its members have several roots")
    require(sum(info.file_size for info in listed) <= size, "size", "its members overlap")
    return members
