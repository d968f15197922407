"""Each tool for real, where it is installed: a scripted session is run with --track, then read back with the tool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

SCRIPT = {
    "executor": {
        "default": {"val_bpb": 2.0},
        "iterations": {"2": {"val_bpb": 1.5}, "3": {"failure": "nan"}},
    }
}

# What each reading script prints: one object for each of the iterations 001, 002 and 003.
MLFLOW = """
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri="sqlite:///tracking/mlflow.db")
experiment = client.get_experiment_by_name("dialectic night")
for run in sorted(client.search_runs([experiment.experiment_id]), key=lambda run: run.info.run_name):
    losses = client.get_metric_history(run.info.run_id, "train/train_loss_ema")
    print(json.dumps({
        "name": run.info.run_name,
        "status": run.info.status,
        "val_bpb": run.data.metrics.get("val_bpb"),
        "params": run.data.params,
        "tags": run.data.tags,
        "steps": [point.step for point in losses],
        "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
    }))
"""
TENSORBOARD = """
from pathlib import Path
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
for folder in sorted(Path("tracking/tensorboard/night").iterdir()):
    events = EventAccumulator(str(folder)).Reload()
    tags = events.Tags()
    texts = {
        name.removesuffix("/text_summary"): events.Tensors(name)[0].tensor_proto.string_val[0].decode()
        for name in tags["tensors"]
    }
    scored = "val_bpb" in tags["scalars"]
    print(json.dumps({
        "name": folder.name,
        "val_bpb": events.Scalars("val_bpb")[0].value if scored else None,
        "params": events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content.decode("latin-1"),
        "tags": texts,
        "steps": [point.step for point in events.Scalars("train/train_loss_ema")],
        "files": sorted(name for name in texts if "." in name),
    }))
"""


def run(root: Path, cache: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A Python process in ``root`` with a home of its own, so that no login of the user's is seen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "MLFLOW_"))}
    environment |= {"DIALECTIC_CACHE": str(cache), "HOME": str(root), "NETRC": str(root / "netrc"), **more}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A research folder with a script of a keep and a crash."""
    root = tmp_path / "research folder"
    root.mkdir()
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(REPOSITORY / name, root)
    (root / "script.json").write_text(json.dumps(SCRIPT), "utf-8")
    return root


def track(root: Path, cache: Path, name: str, **more: str) -> str:
    """Run the session; its standard output."""
    flags = "--profile smoke --executor scripted --script script.json --iterations 2 --session night --no-adopt"
    ended = run(root, cache, "-m", "dialectic", "run", *flags.split(), "--track", name, **more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == "", "the terminal belongs to the session"
    assert "stopped" not in ended.stdout, ended.stdout
    return ended.stdout


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


@pytest.mark.parametrize(
    ("name", "reader", "ends"),
    [
        pytest.param("mlflow", MLFLOW, ["FINISHED", "FINISHED", "FAILED"], marks=needs("mlflow")),
        pytest.param("tensorboard", TENSORBOARD, [None, None, None], marks=needs("tensorboard")),
    ],
)
def test_a_session_is_read_back(
    folder: Path, smoke_cache: Path, name: str, reader: str, ends: list[str | None]
) -> None:
    told = track(folder, smoke_cache, name)
    assert f"tracked by {name}: " in told
    read = run(folder, smoke_cache, "-c", "import json\n" + reader)
    assert read.returncode == 0, read.stderr
    runs = [json.loads(line) for line in read.stdout.splitlines() if line.startswith("{")]
    first, second, third = runs
    assert [one["name"] for one in runs] == ["001", "002", "003"]
    assert [one.get("status") for one in runs] == ends
    assert [one["val_bpb"] for one in runs] == [2.0, 1.5, None]
    assert first["steps"] == [5, 10]
    plan = json.loads((folder / "experiment_logs" / "night" / "iterations" / "001" / "plan.json").read_text("utf-8"))
    assert len(plan["knobs"]) > 10
    assert not [knob for knob in plan["knobs"] if knob not in first["params"]]
    assert second["files"] == ["plan.json", "result.json", "train.diff.patch", "train.py"]
    assert second["tags"]["keep_discard_status"] == "keep"
    assert third["tags"]["failure"].startswith("nan: ")


@needs("wandb")
def test_wandb_writes_offline_runs(folder: Path, smoke_cache: Path) -> None:
    told = track(folder, smoke_cache, "wandb")
    assert "wandb sync" in told
    recorded = [path.read_bytes() for path in (folder / "tracking" / "wandb").glob("offline-run-*/run-*.wandb")]
    assert len(recorded) == 3
    for content in recorded:
        for word in (b"MATRIX_LR", b"train/train_loss_ema", b"keep_discard_status", b"result.json"):
            assert word in content
    assert sum(b"night:003" in content for content in recorded) == 1


@needs("mlflow")
def test_a_server_that_is_not_there_ends_no_session(folder: Path, smoke_cache: Path) -> None:
    flags = "--profile smoke --executor scripted --script script.json --iterations 1 --session night --no-adopt"
    nowhere = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    ended = run(folder, smoke_cache, "-m", "dialectic", "run", *flags.split(), "--track", "mlflow", **nowhere)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("tracking by mlflow stopped (") == 1
    assert (folder / "experiment_logs" / "night" / "iterations" / "002" / "result.json").exists()
