"""Record an example session: run one in a scratch folder, strip what belongs to the machine, and check that it reads.

::

    python examples/record.py first-night --profile cpu --budget 20 --iterations 6
    python examples/record.py first-night --from RESEARCH/experiment_logs/SESSION

The second form takes a session that is there already. Either way ``examples/<name>/experiment_logs/`` is replaced.

Left out are model files, locks, caches, what a run had in its own folder, and three of four training steps among the
live events. Both poles of every tension as runnable files are kept for iteration 002 only: forty kilobytes each, they
would be four fifths of the example, and ``meta.json`` says of each which edits make it. Paths, processor and process
ids become general words.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dialectic import read
from dialectic.state.files import read_json, to_json, write_text

EXAMPLES = Path(__file__).resolve().parent
LOGS = "experiment_logs"
TOP_FILES = ("train.py", "prepare.py", "program.md")
SUFFIXES = {".json", ".log", ".md", ".ndjson", ".patch", ".png", ".py", ".tsv", ".txt"}
LEFT_OUT = {"__pycache__", "work"}
POLES_OF = "002"
STEPS_PER_STEP = 4
MAX_BYTES = 2_000_000


def main() -> None:
    """Parse the command line, then record."""
    parser = argparse.ArgumentParser(description="Record an example session.")
    parser.add_argument("name", help="the example: examples/NAME, and the session's id when it is run here")
    parser.add_argument("--from", dest="source", type=Path, help="a session's folder, instead of running one")
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--budget", default="20")
    parser.add_argument("--iterations", default="6")
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = given.source or run(Path(scratch), given)
        target = place(source.resolve(), EXAMPLES / given.name)
    print(f"{target}: {len(read.session(target).iterations)} iterations, {size(target) / 1e6:.2f} MB")


def run(scratch: Path, given: argparse.Namespace) -> Path:
    """Run the session in ``scratch``; its folder."""
    for name in TOP_FILES:
        shutil.copy(EXAMPLES.parent / name, scratch)
    flags = ("profile", "budget", "iterations", "seed")
    settings = [word for name in flags for word in (f"--{name}", getattr(given, name))]
    command = [sys.executable, "-m", "dialectic", "run", "--root", str(scratch), "--session", given.name, "--no-adopt"]
    subprocess.run([*command, *settings, "--corpus", "stdlib"], check=True)
    return scratch / LOGS / str(given.name)


def place(source: Path, example: Path) -> Path:
    """Strip the session in ``source``, check it, and only then replace the example by it; its new folder."""
    words = replacements(source)
    with tempfile.TemporaryDirectory(dir=EXAMPLES) as scratch:
        stripped = Path(scratch) / LOGS / source.name
        for path in sorted(source.rglob("*")):
            below = path.relative_to(source)
            if path.is_file() and wanted(below):
                copy(path, stripped / below, words)
        check(stripped, words)
        shutil.rmtree(example / LOGS, ignore_errors=True)
        example.mkdir(exist_ok=True)
        (Path(scratch) / LOGS).rename(example / LOGS)
    return example / LOGS / source.name


def wanted(below: Path) -> bool:
    """Whether a file of the session belongs into the example."""
    parts = below.parts
    if below.suffix not in SUFFIXES or LEFT_OUT & set(parts):
        return False
    pole = "tensions" in parts and below.name == "train.py"
    synthesis = "transcendent" in parts and below.name == "train.py"
    return not (pole or synthesis) or POLES_OF in parts


def replacements(source: Path) -> dict[str, str]:
    """What the machine is called → the general word; longer ones first, for one path may begin another."""
    record = read_json(source / "session.json")
    words = {str(source.parent.parent): "/research", str(Path.home()): "/home/user"}
    if record.get("data"):
        words[str(Path(record["data"]["folder"]).parent)] = "/cache"
    if record.get("machine"):
        words[record["machine"]["platform"]] = platform.system()
        words[record["machine"]["cpu"]] = f"{platform.machine()} processor"
    for path in source.rglob("job.json"):
        words[read_json(path)["boot_id"]] = "00000000-0000-0000-0000-000000000000"
    words[sys.prefix] = "/venv"
    return {word: words[word] for word in sorted(words, key=len, reverse=True) if len(word) > 1}


def copy(path: Path, target: Path, words: dict[str, str]) -> None:
    """Copy one file without what belongs to the machine."""
    if path.suffix == ".png":
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return
    text = path.read_text("utf-8")
    # Candidates are identified by their bytes; they hold no word of the machine, which the check confirms.
    if path.suffix != ".py":
        for word, general in words.items():
            text = text.replace(word, general)
    if path.suffix == ".ndjson":
        text = thinned(text)
    if path.name == "job.json":
        text = to_json(json.loads(text) | {"pid": 1, "started": 0.0})
    write_text(target, text)


def thinned(events: str) -> str:
    """Live events with every fourth training step, and all that is none."""
    lines = events.splitlines(keepends=True)
    steps = [line for line in lines if json.loads(line)["type"] == "train_step"]
    left_out = set(steps) - set(steps[::STEPS_PER_STEP])
    return "".join(line for line in lines if line not in left_out)


def check(stripped: Path, words: dict[str, str]) -> None:
    """Refuse an example that does not read, is too large, or still names the machine."""
    session = read.session(stripped)
    if session.troubles or any(one.result is None for one in session.iterations):
        sys.exit(f"not every iteration can be read: {session.troubles or 'one has no result'}")
    if size(stripped) > MAX_BYTES:
        sys.exit(f"{size(stripped) / 1e6:.1f} MB is more than an example may have; record fewer iterations")
    private = {*words, platform.node(), getpass.getuser(), tempfile.gettempdir() + os.sep, str(Path.cwd())}
    names = [name for name in sorted(private) if len(name) > 4]  # a host called "vm" would be found in every text
    for path in stripped.rglob("*"):
        if path.is_file() and path.suffix != ".png":
            text = path.read_text("utf-8")
            left = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
            if left:
                sys.exit(f"{path.relative_to(stripped)} still names {left[0]!r}")


def size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
