"""Which run it is: whose ``train.py``, under which number and seed, in which folder; and the note of it on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dialectic.loop.house import House
from dialectic.state.base import Compared, RunOf, experiment_id, iteration_label
from dialectic.state.files import read_record, write_record
from dialectic.state.plan import Plan
from dialectic.state.run import RunNote

NOTE = "run.json"
"""Which run a folder holds, where it is not its iteration's first."""


@dataclass(frozen=True)
class TrainRun:
    """One run to be made and scored: whose ``train.py``, under which number and seed, in which folder."""

    job_id: str
    experiment_id: str
    train_py: Path
    folder: Path
    seed: int


def run_seed(session_seed: int, iteration: int | str, k: int) -> int:
    """A run's seed: a hash of session seed, iteration and run number, so it is never used twice nor chosen."""
    digest = hashlib.sha256(f"{session_seed}:{iteration}:{k}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def run_of(house: House, plan: Plan, k: int, of: Compared) -> TrainRun:
    """The attempt's run ``k``, counted from 1, of the candidate or of the incumbent it is compared with."""
    number = plan.second_chance.runs + k
    own = house.session.iteration(plan.iteration)
    file = plan.iteration if of == "candidate" else house.incumbent_iteration
    run = TrainRun(
        job_id=f"{house.session.id}:{iteration_label(plan.iteration)}:{number}",
        experiment_id=experiment_id(house.session.id, file),
        train_py=house.session.iteration(file).train_py,
        folder=own.run(1 if k == 1 else number),
        seed=run_seed(house.settings.seed, plan.iteration, number),
    )
    if k > 1:
        note_run(run, number, "baseline" if plan.iteration == 1 else of)
    return run


def note_run(run: TrainRun, k: int, of: RunOf) -> None:
    """Write down which run it is before it starts; once."""
    if not (run.folder / NOTE).exists():
        note = RunNote(k=k, of=of, experiment_id=run.experiment_id, seed=run.seed)
        write_record(run.folder / NOTE, note)


def noted_run(folder: Path) -> RunNote | None:
    """Which run was begun in ``folder``; None where none was."""
    return read_record(folder / NOTE, RunNote) if (folder / NOTE).exists() else None
