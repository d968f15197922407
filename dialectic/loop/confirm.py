"""The final pairs: baseline and incumbent run fresh, side by side, with seeds that took no part in any choice.

Pair ``p`` is the runs 2p - 1 and 2p in ``<session>/confirm/<k>/``; which of the two files comes first alternates, so
that a drift of the machine hits both alike. Both share the pair's seed. What a pair compares is written into its
folders before it starts, so a runner that goes on where another was killed finds it; a pair of an earlier incumbent
stays as it is, and the next one goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from dialectic import verdict
from dialectic.config import load
from dialectic.errors import SessionError
from dialectic.executors.folder import JOB_NAME
from dialectic.loop.house import House
from dialectic.loop.measure import Ended, train_and_score
from dialectic.loop.reopening import reopen_house
from dialectic.loop.runs import TrainRun, note_run, noted_run, run_seed
from dialectic.loop.share import PAIRS
from dialectic.session import MODEL, open_session
from dialectic.state.base import RunOf, utc_now
from dialectic.state.confirmation import Confirmation, Pair
from dialectic.state.files import read_record
from dialectic.state.observer import Observer, Phase
from dialectic.state.run import RunRecord
from dialectic.state.session import LiveState
from dialectic.state.words import bpb

CONFIRM = "confirm"
"""Stands in job ids and seeds where an iteration's number does."""
FILES: tuple[RunOf, RunOf] = ("baseline", "incumbent")
SPARE = 2
"""Pairs that may fail beside those that were asked for."""


def confirm_session(root: Path, session_id: str | None, pairs: int | None, observer: Observer) -> Confirmation | None:
    """Confirm a session's incumbent by so many pairs in all (default three); None where the baseline still stands.

    Raises:
        SessionError: there is no scored baseline, or no pair could be scored.
        DialecticError, Interrupted: as resuming a session does.
    """
    session = open_session(root, session_id)
    with session.hold():
        place = session.folder / "live" / "state.json"
        before = read_record(place, LiveState) if place.exists() else None
        house = reopen_house(session, load(root, {}), (), observer)
        house.require_baseline()
        if house.belief.mean is None:
            raise SessionError(f"session {session.id} has no scored baseline yet; `dialectic status` says where it is")
        try:
            found = confirm(house, pairs or PAIRS)
        finally:
            # A session that had ended has ended, and one that was stopped can still be resumed.
            house.live(before.phase if before and not before.is_active else "interrupted", is_active=False)
        if found is None and house.incumbent_iteration > 1:
            raise SessionError(f"no pair of session {session.id} has two scores; its confirm/ folder says why")
        return found


def confirm_at_end(house: House) -> Confirmation | None:
    """What a session does by itself at its end."""
    pairs = house.pairs_at_end()
    return confirm(house, pairs) if pairs else None


def confirm(house: House, pairs: int) -> Confirmation | None:
    """Run so many pairs, those that were begun before counted, and record what they say; None where none says anything.

    A session that must end in time runs as many as are sure to.
    """
    if house.incumbent_iteration == 1:
        house.observer.note("the baseline is still the incumbent: there is nothing to confirm by fresh pairs")
        return None
    found: list[Pair] = []
    seconds = 0.0
    for tried, number in enumerate(_numbers(house)):
        if not _is_begun(house, number):
            if len(found) >= pairs or tried >= pairs + SPARE:
                break
            if 2 * house.longest_run > house.time_left():
                house.observer.note(f"{pairs - len(found)} of {pairs} final pairs might not end in time; left out")
                break
        runs = {of: _run(house, number, of) for of in _order(number)}
        seconds += sum(ended.wall_seconds for ended in runs.values())
        scores = {of: ended.score.val_bpb for of, ended in runs.items() if ended.score is not None}
        if len(scores) == len(runs):
            pair = Pair(seed=_seed(house, number), baseline=scores["baseline"], incumbent=scores["incumbent"])
            found.append(pair)
            house.observer.note(f"pair {len(found)} of {max(pairs, len(found))}: {_told(pair)}")
    if not found:
        return None
    confirmation = verdict.confirm(found, house.belief).model_copy(
        update={"session_id": house.session.id, "created_at": utc_now(), "wall_seconds": seconds}
    )
    house.session.write_confirmation(confirmation)
    return confirmation


def _numbers(house: House) -> Iterator[int]:
    """The numbers of this incumbent's pairs, then of those that are free."""
    own = house.experiment_id(house.incumbent_iteration)
    for number in count(1):
        note = noted_run(house.session.confirm_run(_k(number, "incumbent")))
        if note is None or note.experiment_id == own:
            yield number


def _is_begun(house: House, number: int) -> bool:
    return any((house.session.confirm_run(_k(number, of)) / JOB_NAME).exists() for of in FILES)


def _order(number: int) -> tuple[RunOf, RunOf]:
    """Which of a pair's two files runs first, which second."""
    return FILES if number % 2 else (FILES[1], FILES[0])


def _k(number: int, of: RunOf) -> int:
    """Number of a pair's run of this file among all runs of pairs."""
    return 2 * number - 1 + _order(number).index(of)


def _seed(house: House, number: int) -> int:
    return run_seed(house.settings.seed, CONFIRM, number)


def _run(house: House, number: int, of: RunOf) -> Ended:
    """Make and score one run of a pair, or look it up."""
    session, plans = house.session, {plan.iteration: plan for plan, _, _ in house.history}
    for each in ("incumbent", "baseline"):
        note_run(_train_run(house, number, each), _k(number, each), each)
    plan = plans[house.incumbent_iteration if of == "incumbent" else 1]
    k = _k(number, of)

    def enter(phase: Phase) -> None:
        if phase == "run":
            house.enter(plan.iteration, "confirm", k, of)

    def left(record: RunRecord) -> None:
        house.leave(plan.iteration, "confirm", k=k, of=of, status=record.status, exit_code=record.exit_code)

    run = _train_run(house, number, of)
    ended = train_and_score(house, run, enter, left, lambda event: house.observer.event(plan, event))
    # It tells how good a file is; the model that a session hands out is that of the incumbent's own first run.
    (run.folder / MODEL).unlink(missing_ok=True)
    if ended.score is None:
        told = f"{ended.failure.kind}: {ended.failure.message}"
        house.observer.note(f"the {of}'s run {session.id}:{CONFIRM}:{k} has no score ({told}); its pair does not count")
    return ended


def _train_run(house: House, number: int, of: RunOf) -> TrainRun:
    iteration = house.incumbent_iteration if of == "incumbent" else 1
    k = _k(number, of)
    return TrainRun(
        job_id=f"{house.session.id}:{CONFIRM}:{k}",
        experiment_id=house.experiment_id(iteration),
        train_py=house.session.iteration(iteration).train_py,
        folder=house.session.confirm_run(k),
        seed=_seed(house, number),
    )


def _told(pair: Pair) -> str:
    fall = pair.baseline - pair.incumbent
    return (
        f"baseline {bpb(pair.baseline)}, incumbent {bpb(pair.incumbent)}, {'lower' if fall >= 0 else 'higher'} by "
        f"{abs(fall):.4f}"
    )
