"""One iteration's runs and their scoring, as jobs for the executor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dialectic.errors import CorruptRecord
from dialectic.loop.house import House
from dialectic.loop.jobs import await_job
from dialectic.loop.runs import TrainRun, run_of
from dialectic.scorer.job import read_answer, scoring_job
from dialectic.session import remove_work
from dialectic.session.folder import MODEL
from dialectic.state.base import Compared, Metrics, RunOf, Status
from dialectic.state.files import make_folder
from dialectic.state.observer import Phase
from dialectic.state.plan import Plan
from dialectic.state.result import FailedRun, ScoredRun
from dialectic.state.run import NO_EXIT_CODE, Failure, Job, Limits, LiveEvent, RunRecord, Score
from dialectic.state.session import ProfileFacts
from dialectic.verdict import baseline_runs

START_SECONDS = {"cpu": 60.0, "mps": 300.0, "cuda": 600.0}
"""What a run may take beside its budget: start, compilation, export."""
SCORE_SECONDS = {"cpu": 180.0, "mps": 600.0, "cuda": 900.0}
CPU_CLOCK_STRETCH = 4.0
"""On the CPU clock the wall limit is this many budgets: others may be using the machine."""
CPU_CLOCK_SLACK = 1.25
"""CPU time a core that a run may use, in budgets, beside its start and its export."""
GRACE_SECONDS = 10.0
HANG_SECONDS = {"cpu": 120.0, "mps": 180.0, "cuda": 300.0}
"""How long a run may give no sign of life; live events come every second, so only a start can be silent for long."""
MEMORY_SHARE = 0.9
"""Of the machine's memory: what a run may hold before it is stopped, so that the machine does not stand still first."""
DISK_BYTES = 5 * 2**30
"""What a run may write, a model of 200 MB included; never more than half of what is free, nor held to under 1 GiB."""
LEAST_DISK_BYTES = 2**30


@dataclass
class Measurement:
    """What an iteration's runs came to."""

    status: Status = "rejected"
    failure: Failure = field(default_factory=Failure)
    record: RunRecord | None = None
    """Of run 1; None when nothing ran."""
    score: Score | None = None
    """Of run 1."""
    runs: list[ScoredRun] = field(default_factory=list)
    """The scored ones of candidate and incumbent, in the order in which they were made."""
    failed_repeats: list[FailedRun] = field(default_factory=list)
    progress: float = 0.0
    """Share of its budget that run 1 is known to have trained."""
    train_seconds: float = 0.0
    wall_seconds: float = 0.0
    """Of all runs and their scoring, as their records say: a session that was stopped in between counts no pause."""

    @property
    def made(self) -> int:
        """How many runs the attempt that counts has had."""
        return len(self.runs) + len(self.failed_repeats)

    def of(self, whose: Compared) -> list[ScoredRun]:
        """The scored runs of candidate or incumbent."""
        return [run for run in self.runs if run.of == whose]

    @property
    def exit_code(self) -> int:
        """Of run 1."""
        return self.record.exit_code if self.record else NO_EXIT_CODE

    @property
    def summary(self) -> Metrics:
        """The nine summary numbers of run 1, ``val_bpb`` from the scorer and never from the run."""
        claimed = dict(self.record.metrics) if self.record else {}
        claimed.pop("val_bpb", None)
        return claimed | ({"val_bpb": self.score.val_bpb} if self.score else {})


def wall_limit(profile: ProfileFacts) -> float:
    """Seconds of wall time that one training process may take."""
    stretch = CPU_CLOCK_STRETCH if profile.clock == "cpu" else 1.0
    return stretch * profile.time_budget + START_SECONDS[profile.device]


def longest(profile: ProfileFacts, runs: int) -> float:
    """Seconds of wall time that so many runs with their scoring may take at most."""
    return runs * (wall_limit(profile) + SCORE_SECONDS[profile.device] + 2 * GRACE_SECONDS)


def overspent(profile: ProfileFacts, record: RunRecord) -> Failure | None:
    """Why a run's time cannot be true: CPU time is measured from outside, whatever train.py says of its clock."""
    used = record.cpu_seconds / max(1, int(profile.cores))
    allowed = CPU_CLOCK_SLACK * profile.time_budget + START_SECONDS[profile.device]
    if profile.clock != "cpu" or used <= allowed:
        return None
    told = (
        f"it used {used:.0f} s of CPU time a core; {profile.time_budget:g} s of training allow {allowed:.0f} s in all"
    )
    return Failure(kind="timeout", message=told)


@dataclass(frozen=True)
class Ended:
    """How one run and its scoring ended; seconds are of both."""

    status: Status
    failure: Failure
    record: RunRecord
    score: Score | None
    wall_seconds: float


def measure(house: House, plan: Plan) -> Measurement:
    """Run and score a candidate; the baseline of a longer session twice, a rejected one not at all."""
    result = Measurement(failure=plan.refusal)
    if plan.rejected:
        return result
    own = baseline_runs(house.settings.iterations or 0, house.profile.noise_sigma)
    repeats = own if plan.iteration == 1 else 1
    while result.made < repeats and measure_once(house, plan, result).kind == "none":
        pass
    return result


def measure_once(house: House, plan: Plan, result: Measurement, of: Compared = "candidate") -> Failure:
    """The next run of the iteration with its scoring; its first one decides what the iteration came to, the others add
    their scores. A repeat that fails costs only itself, but a candidate that fails a check in any run is refused.

    Runs are numbered within the iteration: on from those of a first attempt.
    """
    k = result.made + 1
    number = plan.second_chance.runs + k
    run = run_of(house, plan, k, of)
    iteration = plan.iteration
    whose: RunOf = "baseline" if iteration == 1 else of

    def watch(event: LiveEvent) -> None:
        house.observer.event(plan, event)
        if k == 1:
            result.progress = max(result.progress, _progress(house.profile, event))

    def left(record: RunRecord) -> None:
        house.leave(iteration, "run", k=number, of=whose, status=record.status, exit_code=record.exit_code)

    ended = train_and_score(house, run, lambda phase: house.enter(iteration, phase, number, whose), left, watch)
    failure = ended.failure
    result.train_seconds += ended.record.metrics.get("training_seconds", 0.0)
    result.wall_seconds += ended.wall_seconds
    if k == 1:
        result.record, result.failure, result.score, result.status = ended.record, failure, ended.score, ended.status
    if ended.score is not None:
        result.runs.append(ScoredRun(of=of, seed=run.seed, val_bpb=ended.score.val_bpb, k=number))
    elif k > 1:
        result.failed_repeats.append(FailedRun(of=of, k=number, failure=failure))
    if failure.kind != "none":
        house.observer.note(f"run {number} of iteration {iteration} has no score ({failure.kind}): {failure.message}")
    if failure.kind == "check" and of == "candidate" and iteration > 1:
        result.failure, result.status, result.score, result.runs = failure, "rejected", None, []
    return failure


def train_and_score(
    house: House,
    run: TrainRun,
    enter: Callable[[Phase], None],
    left: Callable[[RunRecord], None],
    watch: Callable[[LiveEvent], None],
) -> Ended:
    """Make one run and score what it hands over; one that has ended already is looked up.

    ``enter`` is told before training and before scoring, ``left`` when training has ended.
    """
    enter("run")
    job = train_job(house, run)
    record = await_job(house, job, watch)
    left(record)
    status: Status = record.status
    failure, score, seconds = record.failure, None, record.wall_seconds
    too_long = overspent(house.profile, record) if status == "completed" else None
    if too_long is not None:
        status, failure = "timed_out", too_long
    if status == "completed":
        enter("score")
        score, failure, scoring = _score(house, job)
        seconds += scoring
        # A model that fails the scorer's checks was refused; one that could not be scored at all has failed.
        status = {"none": "completed", "check": "rejected"}.get(failure.kind, "failed")  # type: ignore[assignment]
    remove_work(Path(job.folder))
    house.longest_run = max(house.longest_run, seconds)
    return Ended(status, failure, record, score, seconds)


def _progress(profile: ProfileFacts, event: LiveEvent) -> float:
    """Share of the budget that a live event tells of; 0 where it tells of none."""
    if event.type != "train_step":
        return 0.0
    told = {"training_seconds_elapsed": profile.time_budget, "progress_pct": 100.0}
    values = {name: event.fields.get(name) for name in told}
    return max(value / told[name] if isinstance(value, int | float) else 0.0 for name, value in values.items())


def _score(house: House, job: Job) -> tuple[Score | None, Failure, float]:
    """The score of a run, or why it has none: its file's fault, whatever its model does to the scorer; and seconds."""
    model = Path(job.folder) / MODEL
    scoring = scoring_job(
        job,
        model,
        house.session.prepare_py,
        Path(house.data.folder),
        house.profile.name,
        common_environment(house.profile),
        Limits(wall_seconds=SCORE_SECONDS[house.profile.device], memory_bytes=memory_limit(house)),
    )
    # A model that was scored may be gone by now: only those of incumbents are kept.
    if not model.is_file() and not Path(scoring.folder).exists():
        told = "it ended well but handed no model over; train.py ends with prepare.hand_over(model)"
        return None, Failure(kind="export", message=told), 0.0
    record = await_job(house, scoring)
    if record.failure.kind == "lost":
        return None, record.failure, record.wall_seconds
    try:
        answer = read_answer(scoring, record)
    except CorruptRecord as error:
        answer = Failure(kind="score", message=str(error))
    if isinstance(answer, Failure):
        return None, answer, record.wall_seconds
    return answer, Failure(), record.wall_seconds


def memory_limit(house: House) -> int | None:
    """Bytes of memory that a process of ours may hold; None where the machine's memory is not known."""
    return int(MEMORY_SHARE * house.record.machine.memory * 2**20) if house.record.machine else None


def disk_limit(folder: Path) -> int:
    """Bytes that a run in ``folder`` may write."""
    return min(DISK_BYTES, max(shutil.disk_usage(folder).free // 2, LEAST_DISK_BYTES))


def train_job(house: House, run: TrainRun) -> Job:
    """The training run as data: its files, its whole environment, its limits."""
    profile = house.profile
    place = make_folder(run.folder)
    return Job(
        job_id=run.job_id,
        experiment_id=run.experiment_id,
        folder=str(place),
        command=["{python}", "train.py"],
        inputs={"train.py": str(run.train_py), "prepare.py": str(house.session.prepare_py)},
        links={name: str(Path(house.data.folder) / name) for name in ("tokenizer", "train")},
        outputs=[MODEL, "live-events.ndjson"],
        environment=common_environment(profile)
        | {
            "DIALECTIC_RUN_DIR": "{work}",
            "DIALECTIC_RUN_SEED": str(run.seed),
            "DIALECTIC_PROFILE": profile.name,
            "DIALECTIC_BUDGET": str(profile.time_budget),
            "DIALECTIC_CACHE": "{links}",
            "DIALECTIC_LIVE_EVENTS": "{work}/live-events.ndjson",
        },
        limits=Limits(
            wall_seconds=wall_limit(profile),
            hang_seconds=HANG_SECONDS[profile.device],
            memory_bytes=memory_limit(house),
            disk_bytes=disk_limit(place),
        ),
        cores=max(1, int(profile.cores)),
    )


def common_environment(profile: ProfileFacts) -> dict[str, str]:
    """What every process of ours is given (design, section 8); nothing of the user's environment gets through."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": "{private}/home",
        "TMPDIR": "{private}/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(max(1, int(profile.cores))),
        # Spinning threads burn CPU time that a CPU clock would count as training.
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0") if profile.device == "cuda" else "",
    }
