"""A session told to MLflow, W&B or TensorBoard as well, one run of theirs for each iteration; nothing requires it.

backend      what an adapter must do
told         what of an iteration is told: params, metrics, tags, files
tracker      the observer that passes a session on to a backend, and goes on without it when it fails
mlflow, wandb, tensorboard    one adapter each; they bring their library with them

What is told stays on this machine, under ``tracking/`` of the research folder, unless the tool's own variables say
otherwise (``MLFLOW_TRACKING_URI``, ``WANDB_MODE``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialectic.state.observer import Observer
from dialectic.state.registry import make
from dialectic.tracking.backend import Backend
from dialectic.tracking.tracker import Tracker

REGISTRY = {
    "mlflow": "dialectic.tracking.mlflow:MLflow",
    "tensorboard": "dialectic.tracking.tensorboard:TensorBoard",
    "wandb": "dialectic.tracking.wandb:WandB",
}
"""Name → dotted path of the class, made with the folder it may write in; the extra that it needs is named alike."""

FOLDER = "tracking"

__all__ = ["REGISTRY", "load", "observed"]


def load(name: str, folder: Path) -> Backend:
    """The backend called ``name``, writing below ``folder``.

    Raises:
        UsageError: there is none of this name, or a package that it needs is not installed.
    """
    backend: Backend = make("tracker", "--track", REGISTRY, name, folder)
    return backend


@contextmanager
def observed(name: str | None, root: Path, logs: Path, observer: Observer) -> Iterator[Observer]:
    """``observer``, and with a ``name`` the tracker of that name beside it.

    Args:
        root: the research folder.
        logs: its folder of sessions, where the files of an iteration are found.

    Raises:
        UsageError: as :func:`load`.
    """
    if name is None:
        yield observer
        return
    with Tracker(name, load(name, root / FOLDER), logs, observer) as tracker:
        yield tracker
