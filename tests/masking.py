"""A research folder with everything masked that two equal sessions may differ in (formats, last paragraph).

Times, process ids, boot ids, host names, commits, wall and CPU seconds, and absolute paths; further what is measured of
the machine and not of the candidate: memory, and speed. Which steps a run tells of, in its events and in its log,
depends on the clock too: of those events the names of their fields are compared, of ``run.log`` the summary. Of a model
file the tensors count; the archive around them is written with names of the process.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

MASKED = {
    *("created_at", "updated_at", "completed_at", "started_at", "ended_at", "timestamp", "sampled_at"),
    *("pid", "started", "boot_id"),
    *("parent_commit", "candidate_commit", "current_kept_commit", "commit"),
    *("wall_seconds", "cpu_seconds", "train_seconds", "training_seconds", "total_seconds", "seconds"),
    *("beside_seconds", "tokens_delivered"),
    *("training_seconds_elapsed", "remaining_seconds", "step_dt_ms", "tokens_per_second", "mfu_percent_instant"),
    *("max_rss_mb", "mfu_percent", "cuda", "output_bytes", "seq", "oom_kills", "memory_scarce", "free_bytes"),
}
"""Fields whose values are masked wherever they stand; that they are there still counts."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)")
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
SECONDS = re.compile(r"^((?:training|total)_seconds|mfu_percent): .*$", re.MULTILINE)
FOLDERS = ("experiment_logs", "knowledge_base", "research_state")
IGNORED = {".lock", "__pycache__", "report"}
"""The lock's file holds nothing, Python's cache holds the time of what it was made from, and a report is derived: it
tells durations and short names of commits in sentences."""


def masked(root: Path, *places: Path) -> dict[str, str]:
    """Path below ``root`` → masked content, of every file that sessions write; ``places`` are further machine paths."""
    paths = [root / "train.py", *(path for folder in FOLDERS for path in (root / folder).rglob("*"))]
    names = [str(place) for place in (root, *places)]
    files = [path for path in paths if path.is_file() and not IGNORED & {path.name, path.parent.name}]
    found = {path.relative_to(root).as_posix(): _masked_file(path, names) for path in files}
    return found | _masked_branches(root)


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """What differs between two masked folders, one line a file; empty when they are equal."""
    found = [f"only in the first: {name}" for name in sorted(one.keys() - other.keys())]
    found += [f"only in the second: {name}" for name in sorted(other.keys() - one.keys())]
    for name in sorted(one.keys() & other.keys()):
        if one[name] != other[name]:
            pairs = zip(one[name].splitlines(), other[name].splitlines(), strict=False)
            first = next((f"{left!r} and {right!r}" for left, right in pairs if left != right), "its length")
            found.append(f"{name}: {first}")
    return found


def _masked_file(path: Path, names: list[str]) -> str:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            tensors = [entry for entry in archive.infolist() if "/data/weights/weight" in entry.filename]
            return "\n".join(sorted(f"{entry.CRC:08x} {entry.file_size}" for entry in tensors))
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return hashlib.sha256(content).hexdigest()
    if path.suffix == ".json":
        text = json.dumps(_masked_value(json.loads(text)), indent=1, sort_keys=True)
    elif path.suffix in (".ndjson", ".jsonl"):
        events = [_masked_value(json.loads(line)) for line in text.splitlines()]
        if path.name == "live-events.ndjson":
            events = [event if event["type"] != "train_step" else sorted(event) for event in events]
            events = [event for number, event in enumerate(events) if event not in events[:number]]
        text = "\n".join(json.dumps(event, sort_keys=True) for event in events)
    elif path.name == "run.log":
        text = SECONDS.sub(r"\1", text[text.find("---\n") :] if "---\n" in text else text)
    for name in names:
        text = text.replace(name, "<place>")
    return COMMIT.sub("<commit>", TIME.sub("<time>", text))


def _masked_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "<masked>" if name in MASKED else _masked_value(part) for name, part in value.items()}
    return [_masked_value(part) for part in value] if isinstance(value, list) else value


def _masked_branches(root: Path) -> dict[str, str]:
    """Each session's branch: the messages of its commits, so that a doubled one shows."""
    if not (root / ".git").exists():
        return {}

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout

    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads/dialectic").split()
    return {f"branch {name}": git("log", "--topo-order", "--format=%s%n%T", name, "--") for name in branches}
