"""What the supervisor does when the run has ended: hand over the files, tidy up, write ``exit.json``."""

from __future__ import annotations

import errno
import json
import os
import stat

from dialectic.state.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXIT_NAME = "exit.json"
SUPERVISOR_LOG_NAME = "supervisor.log"
RESERVE_NAME = ".exit.reserve"
EVENTS_NAME = "live-events.ndjson"
EVENTS_BYTES = 8 * 2**20
"""Of a run's live events so much is kept and read: five hours of one a second. They are read whole, by the runner."""
SMALL_BYTES = 20_000_000
"""Of a run that filled the disk only outputs up to this size are kept."""


def reserve(folder: str, size: int) -> None:
    """Set ``size`` bytes of the disk aside; without room for them the run simply starts without."""
    try:
        write_durably(os.path.join(folder, RESERVE_NAME), bytes(size))  # noqa: PTH118
    except OSError:
        return


def finish(spec: dict[str, Any], record: dict[str, object]) -> int:
    """Move the output files, remove the private folder and write ``exit.json``; 1 when that could not be written."""
    folder, work = str(spec["folder"]), str(spec["work"])
    greedy = record["reason"] == "disk"
    try:
        move_outputs(work, folder, spec["outputs"], SMALL_BYTES if greedy else None)
        sync(folder, ["run.log", spec["answer"], *spec["outputs"]])
    except OSError as error:
        record["storage_error"] = record["storage_error"] or f"{error.filename}: {error.strerror}"
    if greedy:
        remove_tree(work)
    remove_tree(str(spec["private"]))
    remove_empty(os.path.join(folder, SUPERVISOR_LOG_NAME))  # noqa: PTH118
    return 0 if write_exit(folder, json.dumps(record, indent=2, sort_keys=True).encode() + b"\n") else 1


def move_outputs(work: str, folder: str, names: list[str], largest: int | None = None) -> None:
    """Move regular files, up to ``largest`` bytes, from ``work`` to ``folder``; a link or a pipe is no output."""
    for name in names:
        source = os.path.join(work, name)  # noqa: PTH118
        try:
            facts = os.lstat(source)
            if stat.S_ISREG(facts.st_mode) and (largest is None or facts.st_size <= largest):
                target = os.path.join(folder, name)  # noqa: PTH118
                os.replace(source, target)  # noqa: PTH105
                take_back(target, facts)
                if name == EVENTS_NAME and facts.st_size > EVENTS_BYTES and facts.st_nlink == 1:
                    os.truncate(target, EVENTS_BYTES)
        except FileNotFoundError:
            continue


def take_back(path: str, facts: os.stat_result) -> None:
    """Make the file of a run that was another user ours; one with a second name may be somebody else's."""
    if facts.st_uid != os.geteuid() and facts.st_nlink == 1:
        os.chown(path, os.geteuid(), os.getegid())
        os.chmod(path, 0o644)  # noqa: PTH101


def sync(folder: str, names: list[str]) -> None:
    """Make the files that are there durable: when the power goes, ``exit.json`` must not outlive what it speaks of."""
    for name in filter(None, names):
        try:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)  # noqa: PTH118
        except OSError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_empty(path: str) -> None:
    """Remove a file that has nothing to say."""
    try:
        if os.stat(path).st_size == 0:  # noqa: PTH116
            os.unlink(path)  # noqa: PTH108
    except OSError:
        return


def write_exit(folder: str, content: bytes) -> bool:
    """Write ``exit.json``; on a full disk first give back the reserve, then the end of ``run.log``."""
    path = os.path.join(folder, EXIT_NAME)  # noqa: PTH118
    give_back(folder)
    for last_try in (False, True):
        try:
            write_durably(path, content)
        except OSError as error:
            if last_try or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return False
            shorten(os.path.join(folder, "run.log"), 2 * len(content) + 65_536)  # noqa: PTH118
        else:
            return True
    return False


def give_back(folder: str) -> None:
    """Free the reserve."""
    try:
        os.unlink(os.path.join(folder, RESERVE_NAME))  # noqa: PTH108, PTH118
    except OSError:
        return


def shorten(path: str, size: int) -> None:
    """Cut ``size`` bytes off the end of a file."""
    try:
        os.truncate(path, max(os.stat(path).st_size - size, 0))  # noqa: PTH116
    except OSError:
        return


def write_durably(path: str, content: bytes) -> None:
    """Write a file atomically: temporary file, fsync, rename, fsync of the folder (design, rule 4)."""
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        os.replace(temporary, path)  # noqa: PTH105
    except OSError:
        os.unlink(temporary)  # noqa: PTH108
        raise
    finally:
        os.close(descriptor)
    parent = os.open(os.path.dirname(path), os.O_RDONLY)  # noqa: PTH120
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
