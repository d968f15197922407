"""Files on disk: atomic writing, and reading that says in one line what is wrong (design, rule 4)."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from dialectic.errors import CorruptRecord, NewerSchema, StorageError
from dialectic.state.base import SCHEMA_VERSION, JsonObject, Record

R = TypeVar("R", bound=Record)
TEMPORARY = ".tmp"


def storage_error(path: Path, error: OSError) -> StorageError:
    """The one line for a write that the system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{path}: the disk is full; free some space and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path.parent}: this folder cannot be written; make it writable or choose another --root")
    return StorageError(f"{path}: could not be written ({error.strerror or error}); mend that and run again")


def make_folder(path: Path) -> Path:
    """Create ``path`` with its parents.

    Raises:
        StorageError: the system refused.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
    return path


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` always holds either the old bytes or all of the new ones.

    A temporary file in the same folder is synchronised to the disk and renamed; the folder is synchronised after it,
    so that the name outlives a power cut too.

    Raises:
        StorageError: the disk is full or the folder cannot be written; ``path`` is as it was.
    """
    make_folder(path.parent)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(TEMPORARY, temporary_prefix(path.name), path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
        temporary = ""
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def temporary_prefix(name: str) -> str:
    """The beginning of a temporary name for ``name`` that tells which process it belongs to."""
    return f".{name}.{os.getpid()}."


def sweep(paths: Iterable[Path]) -> None:
    """Remove the temporary files and folders among ``paths`` whose process was killed before it could."""
    for path in paths:
        # Ours end in the process id and something random, a supervisor's in the process id alone.
        owner = [part for part in path.name.removesuffix(TEMPORARY).split(".")[-2:] if part.isdecimal()]
        if not path.name.endswith(TEMPORARY) or not owner:
            continue
        try:
            os.kill(int(owner[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        except (OSError, OverflowError):
            continue


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """:func:`write_bytes` of ``text`` as UTF-8; lone surrogates of a model's answer become question marks."""
    write_bytes(path, text.encode("utf-8", errors="replace"))


def to_json(data: object) -> str:
    """JSON with sorted keys and a final newline: the same value always gives the same bytes."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_json(record: Record) -> JsonObject:
    """A record as it is written.

    Raises:
        ValueError: a field is null that formats does not allow to be: a mistake of ours, never of the user.
    """
    data = record.model_dump(mode="json")
    empty = sorted(name for name, value in data.items() if value is None and name not in record.nullable)
    if empty:
        raise ValueError(f"{type(record).__name__} may not be written with null {', '.join(empty)}")
    return data


def write_record(path: Path, record: Record) -> None:
    """Write a record atomically; raises as :func:`as_json` and :func:`write_bytes` do."""
    write_text(path, to_json(as_json(record)))


def read_json(path: Path) -> JsonObject:
    """The JSON object in ``path``.

    Raises:
        CorruptRecord: the file is missing, is not JSON or is not an object.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CorruptRecord(f"{path}: there is no such file") from error
    except OSError as error:
        raise CorruptRecord(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise CorruptRecord(f"{path}: is not valid JSON ({error}); restore it or move it away") from error
    if not isinstance(data, dict):
        raise CorruptRecord(f"{path}: holds no JSON object; restore it or move it away")
    return data


def _upgraded(path: Path, data: JsonObject, kind: type[Record]) -> JsonObject:
    """An older file as today's. What an upgrade stumbles over is damage: it was written for valid older files."""
    try:
        return kind.upgrade(data) | {"schema_version": SCHEMA_VERSION}
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CorruptRecord(f"{path}: is damaged ({error}); restore it or move it away") from error


def read_record(path: Path, kind: type[R]) -> R:
    """Read and validate one record; an older version is upgraded in memory, the file is left alone.

    Raises:
        CorruptRecord: missing, damaged, or not a record of this kind.
        NewerSchema: a newer dialectic wrote it.
    """
    data = read_json(path)
    version = data.get("schema_version", 1)
    if not isinstance(version, int):
        raise CorruptRecord(f"{path}: its schema_version is not a whole number; restore it or move it away")
    if version > SCHEMA_VERSION:
        raise NewerSchema(
            f"{path}: has schema version {version}, this dialectic reads up to {SCHEMA_VERSION}; update dialectic"
        )
    if version < SCHEMA_VERSION:
        data = _upgraded(path, data, kind)
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CorruptRecord(f"{path}: {where}: {first['msg']}; restore it or move it away") from error
