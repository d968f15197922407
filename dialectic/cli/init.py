"""``dialectic init``: a research folder of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import dialectic
from dialectic.cli.output import show, text
from dialectic.errors import CorruptRecord, UsageError
from dialectic.state.files import write_bytes

PACKAGE = Path(dialectic.__file__).parent
TOP_FILES = ("train.py", "prepare.py", "program.md")
TEMPLATES = {"README.md": "README.md", ".gitignore": "gitignore"}
"""Name in the research folder → name among the templates."""


def init(directory: Path) -> None:
    """Write the files of a research folder; nothing is overwritten.

    Raises:
        UsageError: ``directory`` is a file, or one of the files is there already; nothing was written.
        StorageError: it cannot be written.
    """
    contents = {name: _read(origin) for name, origin in origins().items()}
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory}: is a file; name a folder")
    there = [name for name in contents if (directory / name).exists() or (directory / name).is_symlink()]
    if there:
        raise UsageError(f"{directory}: holds {', '.join(there)} already; nothing was written; name another folder")
    for name, content in contents.items():
        write_bytes(directory / name, content)
    show(text(f"{directory} is a research folder: {', '.join(contents)}", limit=1_000))
    show(text(f"next: cd {shlex.quote(str(directory))} && dialectic doctor, then dialectic run --iterations 3", "dim"))


def origins() -> dict[str, Path]:
    """Name of each file → where it comes from: the installed package, or the clone that this package is part of."""
    carried = PACKAGE / "_research_folder"
    top = carried if carried.is_dir() else PACKAGE.parent
    return {name: top / name for name in TOP_FILES} | {
        name: PACKAGE / "templates" / template for name, template in TEMPLATES.items()
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptRecord(f"{path}: cannot be read ({error.strerror}); install dialectic again") from error
