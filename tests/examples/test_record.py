"""The recording script: what it strips, and what it refuses."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from dialectic import read
from tests.cli.build import build

SCRIPT = Path(__file__).resolve().parent.parent.parent / "examples" / "record.py"


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """The script's functions, writing into a folder of the test."""
    names = runpy.run_path(str(SCRIPT), run_name="record")
    names["place"].__globals__["EXAMPLES"] = tmp_path
    return names


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A session with what a real run leaves besides its records."""
    builder = build(tmp_path / "research")
    folder = builder.session.iteration(2).execution
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "train.py").write_text("pass\n", "utf-8")
    (folder / "model.pt2").write_bytes(b"\0" * 10)
    job = {"boot_id": "0b00-7", "pid": 77, "started": 1.5, "folder": str(folder), "schema_version": 2}
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    steps = [{"type": "run_started"}, *({"type": "train_step", "step": step} for step in range(8))]
    (folder / "live-events.ndjson").write_text("".join(json.dumps(step) + "\n" for step in steps), "utf-8")
    (folder / "run.log").write_text(f"saved to {folder}\n", "utf-8")
    return builder.session.folder


def test_what_belongs_to_the_machine_goes_and_the_rest_reads(record: dict[str, Any], source: Path) -> None:
    target = record["place"](source, source.parent.parent.parent / "example")
    night = read.session(target)
    assert [row["val_bpb"] for row in night.table()] == [2.0, 1.98, 2.01, None]
    folder = night.iterations[1].folder / "execution"
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "live-events.ndjson", "run.log"]
    job = json.loads((folder / "job.json").read_text("utf-8"))
    assert (job["pid"], job["boot_id"][:8]) == (1, "00000000")
    assert (folder / "run.log").read_text("utf-8").startswith("saved to /research/experiment_logs/night/")
    assert [step["step"] for step in night.iterations[1].curve()] == [0, 4]
    assert night.record.machine is not None
    assert night.record.machine.cpu.endswith("processor")
    poles = {path.parts[-5] for path in target.glob("iterations/*/tensions/*/*/train.py")}
    assert poles == {"002"}


def test_a_word_of_the_machine_in_a_candidate_is_refused(record: dict[str, Any], source: Path) -> None:
    candidate = source / "iterations" / "003" / "actual" / "train.py"
    candidate.write_text(f"DATA = '{source.parent.parent}'\n", "utf-8")
    with pytest.raises(SystemExit, match="still names"):
        record["place"](source, source.parent.parent.parent / "example")
    assert not (source.parent.parent.parent / "example").exists()


def test_a_session_that_is_not_finished_is_refused(record: dict[str, Any], source: Path) -> None:
    (source / "iterations" / "004" / "result.json").unlink()
    with pytest.raises(SystemExit, match="not every iteration can be read"):
        record["place"](source, source.parent.parent.parent / "example")
