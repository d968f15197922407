"""What a run leaves in ``execution/``, in the reference system's format, so that its tools read ours."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.session.store import Session
from dialectic.state.base import SCHEMA_VERSION
from dialectic.state.cage import CageRecord
from dialectic.state.files import to_json, write_text
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.text import read_end

EVENTS = "live-events.ndjson"
MAX_EVENTS_BYTES = 20_000_000
"""A run may write at most one event a second; of a file that is larger than that allows only the end is kept."""


def write_run_files(session: Session, plan: Plan, result: Result, cage: CageRecord | None = None) -> None:
    """Write ``summary.json``, ``run-metadata.json`` and ``execution-ref.json``, and sign the live events.

    An iteration that ran nothing gets them as well, with empty metrics: no reader has to ask whether they are there.
    ``cage`` is what held its first run.
    """
    folder = session.iteration(plan.iteration).execution
    branch = session.record().branch
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "execution_id": plan.execution_id,
        "branch": branch,
        "experiment_index": plan.experiment_index,
        "exit_code": result.exit_code,
        "metrics": result.summary,
        "cage": cage.model_dump(mode="json") if cage else None,
    }
    reference = {
        "schema_version": SCHEMA_VERSION,
        "execution_id": plan.execution_id,
        "runner_mode": plan.runner_mode,
        "raw_execution_dir": plan.execution_dir,
        "reports_dir": plan.execution_dir,
    }
    write_text(folder / "summary.json", to_json(result.summary))
    write_text(folder / "run-metadata.json", to_json(metadata))
    write_text(folder / "execution-ref.json", to_json(reference))
    signature = {"session_id": session.id, "branch": branch, "execution_id": plan.execution_id}
    for path in (folder / EVENTS, *folder.glob(f"runs/*/{EVENTS}")):
        sign_events(path, signature)


def sign_events(path: Path, signature: dict[str, str | None]) -> None:
    """Add session, branch and execution to every live event: a run is not told what it is part of."""
    if not path.exists():
        return
    signed = []
    for line in read_end(path, MAX_EVENTS_BYTES).decode("utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            signed.append(json.dumps(event | signature, sort_keys=True))
    write_text(path, "".join(f"{line}\n" for line in signed))
