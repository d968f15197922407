"""Where the parts of an iteration lie; paths only, nothing is created by asking."""

from __future__ import annotations

import os
from pathlib import Path

from dialectic.state.base import Side, iteration_label
from dialectic.state.trees import remove_tree

LOGS = "experiment_logs"
MODEL = "model.pt2"


class IterationFolder:
    """The paths of one iteration."""

    def __init__(self, session_folder: Path, iteration: int) -> None:
        self.label = iteration_label(iteration)
        self.path = session_folder / "iterations" / self.label
        self.plan = self.path / "plan.json"
        self.result = self.path / "result.json"
        self.train_py = self.path / "actual" / "train.py"
        self.patch = self.path / "actual" / "train.diff.patch"
        self.tensions = self.path / "tensions"
        self.transcendent = self.path / "transcendent"
        self.execution = self.path / "execution"

    def run(self, k: int) -> Path:
        """Folder of the iteration's run ``k``, counted from 1."""
        return self.execution if k == 1 else self.execution / "runs" / str(k)

    def phase(self, name: str) -> Path:
        """Folder of an agent phase, ``prepare`` or ``reflect``."""
        return self.path / "agent" / name

    def snapshot(self, tension_id: str, side: Side) -> Path:
        """The ``train.py`` of one pole."""
        return self.tensions / tension_id / side / "train.py"


def remove_work(run_folder: Path) -> None:
    """Drop what a run left in its own ``work/``: its inputs are recorded elsewhere, its outputs were handed over."""
    for folder in (run_folder, run_folder / "score"):
        remove_tree(str(folder / "work"))


def remove_models(folder: IterationFolder, but: int = 0) -> None:
    """Drop the model files of an iteration's runs, but that of run ``but``: an ``h100`` export takes 100 to 200 MB."""
    for path in (folder.execution / MODEL, *folder.execution.glob(f"runs/*/{MODEL}")):
        if not but or path != folder.run(but) / MODEL:
            path.unlink(missing_ok=True)


def relative(path: Path, root: Path) -> str:
    """``path`` as it stands in a record: relative to ``root``, with forward slashes."""
    return Path(os.path.relpath(path, root)).as_posix()
