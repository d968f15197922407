"""Weights & Biases: a group for each session, a run for each iteration; offline unless ``WANDB_MODE`` says online."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read on import; nothing leaves the machine unasked

import wandb

from dialectic.state.base import Metrics
from dialectic.state.files import make_folder
from dialectic.tracking.backend import Begun, Ended


class WandB:
    """Runs of the project ``WANDB_PROJECT``, else ``dialectic``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mode = os.environ.get("WANDB_MODE", "offline")
        runs = f"{quote(str(folder / 'wandb'))}/offline-run-*"
        upload = f"upload: wandb sync {runs}; with WANDB_MODE=online at once"
        self.where = f"{folder / 'wandb'} ({upload})" if self.mode == "offline" else f"WANDB_MODE={self.mode}"
        self.run: wandb.Run | None = None

    def begin(self, begun: Begun) -> None:
        """Open a run."""
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "dialectic"),
            group=begun.session_id,
            name=f"{begun.session_id}:{begun.label}",
            notes=begun.tags["prediction"],
            config=begun.params | begun.tags,
            dir=make_folder(self.folder),
            mode=self.mode,
            # The terminal belongs to the session; and whatever was printed is not this run's.
            settings=wandb.Settings(silent=True, console="off"),
        )

    def step(self, step: int, metrics: Metrics) -> None:
        """One row of the run's history."""
        assert self.run is not None
        self.run.log(metrics, step=step)

    def end(self, ended: Ended) -> None:
        """The summary, and the files as one artifact of the run."""
        assert self.run is not None
        self.run.summary.update({"iteration": ended.iteration, **ended.metrics, **ended.tags})
        artifact = wandb.Artifact(f"iteration-{self.run.id}", type="iteration")
        for path in ended.files:
            artifact.add_file(str(path), name=path.name, policy="immutable")
        self.run.log_artifact(artifact)
        self.run.finish(exit_code=0 if ended.completed else 1)
        self.run = None

    def close(self) -> None:
        """A run that is still open was interrupted."""
        if self.run is not None:
            self.run.finish(exit_code=130)
            self.run = None
