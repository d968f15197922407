"""A research folder with everything masked that two equal sessions may differ in (formats, last paragraph).

Times, process ids, boot ids, host names, commits, wall and CPU seconds, and absolute paths; further what is measured of
the machine and not of the candidate: memory, and speed. Of the live events of a training run the number of steps told
depends on the clock (at most one a second), so each kind of event counts once, with its last line. What a run printed
while it trained tells the same speed; of ``run.log`` the summary is compared.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

MASKED = {
    *("created_at", "updated_at", "completed_at", "started_at", "ended_at", "timestamp", "sampled_at"),
    *("pid", "started", "boot_id"),
    *("parent_commit", "candidate_commit", "current_kept_commit", "commit"),
    *("wall_seconds", "cpu_seconds", "train_seconds", "training_seconds", "total_seconds", "seconds"),
    *("training_seconds_elapsed", "remaining_seconds", "step_dt_ms", "tokens_per_second", "mfu_percent_instant"),
    *("max_rss_mb", "mfu_percent", "cuda", "output_bytes", "seq"),
}
"""Fields whose values are masked wherever they stand; that they are there still counts."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)")
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
SECONDS = re.compile(r"^((?:training|total)_seconds|mfu_percent): .*$", re.MULTILINE)
FOLDERS = ("experiment_logs", "knowledge_base", "research_state")
IGNORED = {".lock"}
"""The lock's file stays when its holder has gone; it holds nothing."""


def masked(root: Path, *places: Path) -> dict[str, str]:
    """Path below ``root`` → masked content, of every file that sessions write; ``places`` are further machine paths."""
    paths = [root / "train.py", *(path for folder in FOLDERS for path in (root / folder).rglob("*"))]
    names = [str(place) for place in (root, *places)]
    files = [path for path in paths if path.is_file() and path.name not in IGNORED]
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
            events = list({event["type"]: event for event in events}.values())
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
