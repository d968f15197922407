"""MLflow: an experiment for each session, a run for each iteration; SQLite when no server is named."""

from __future__ import annotations

import os
import time
from pathlib import Path
from shlex import quote

# Read on import. Nothing leaves the machine unasked, and the terminal belongs to the session.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

import sqlalchemy  # noqa: F401  (mlflow-skinny goes without it, and then fails in the middle of a session)
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from dialectic.state.base import Metrics
from dialectic.state.files import make_folder
from dialectic.tracking.backend import Begun, Ended

EXPERIMENT_TAG = "dialectic.experiment_id"
PARAM_CHARACTERS = 6_000
"""The longest value of a param that MLflow takes."""


class MLflow:
    """``MLFLOW_TRACKING_URI`` when it is set, else ``<folder>/mlflow.db`` with the files beside it."""

    def __init__(self, folder: Path) -> None:
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        self.folder = folder.resolve()
        self.uri = uri or f"sqlite:///{self.folder / 'mlflow.db'}"
        look = f"mlflow ui --backend-store-uri {quote(self.uri)}"
        self.where = uri or f"{folder / 'mlflow.db'} (look at it with the full package mlflow: {look})"
        self.artifacts = None if uri else (self.folder / "mlflow-artifacts").as_uri()
        self.client: MlflowClient | None = None
        self.run_id = ""

    def begin(self, begun: Begun) -> None:
        """Open a run; one of the same iteration that a killed runner left open is closed."""
        if self.client is None:
            make_folder(self.folder)
            self.client = MlflowClient(tracking_uri=self.uri)
        name = f"dialectic {begun.session_id}"
        known = self.client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self.client.create_experiment(name, self.artifacts)
        own = f"{begun.session_id}:{begun.label}"
        for left in self.client.search_runs([experiment], f"tags.`{EXPERIMENT_TAG}` = '{own}'"):
            if left.info.status == "RUNNING":
                self.client.set_terminated(left.info.run_id, "KILLED")
        tags = begun.tags | {EXPERIMENT_TAG: own}
        self.run_id = self.client.create_run(experiment, tags=tags, run_name=begun.label).info.run_id
        params = [Param(name, value[:PARAM_CHARACTERS]) for name, value in begun.params.items()]
        self.client.log_batch(self.run_id, params=params)

    def _log(self, metrics: Metrics, step: int, tags: dict[str, str]) -> None:
        assert self.client is not None
        now = int(1_000 * time.time())
        numbers = [Metric(name, value, now, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=numbers, tags=[RunTag(*tag) for tag in tags.items()])

    def step(self, step: int, metrics: Metrics) -> None:
        """One batch a step."""
        self._log(metrics, step, {})

    def end(self, ended: Ended) -> None:
        """The final metrics stand at the iteration's number, so that a session is a curve."""
        assert self.client is not None
        self._log(ended.metrics, ended.iteration, ended.tags)
        for path in ended.files:
            self.client.log_artifact(self.run_id, str(path))
        self.client.set_terminated(self.run_id, "FINISHED" if ended.completed else "FAILED")
        self.run_id = ""

    def close(self) -> None:
        """A run that is still open was interrupted."""
        if self.client is not None and self.run_id:
            self.client.set_terminated(self.run_id, "KILLED")
            self.run_id = ""
