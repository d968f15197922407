"""What the readers of a session share: its iterations, also when some cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialectic.cli.rows import Row, row
from dialectic.errors import RecordError, UsageError
from dialectic.session import Iteration, Session
from dialectic.state.arithmetic import Scalar
from dialectic.state.base import experiment_id, iteration_label
from dialectic.state.confirmation import Confirmation
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord
from dialectic.verdict import Belief, retrace


@dataclass(frozen=True)
class Entry:
    """One iteration as it was read; ``trouble`` says why it could not be, and then there is nothing else."""

    number: int
    iteration: Iteration | None
    trouble: str = ""


def entries(session: Session) -> list[Entry]:
    """Every iteration that has a plan; a damaged one is an entry too."""
    found = []
    for number in session.numbers():
        try:
            found.append(Entry(number, session.read(number)))
        except RecordError as error:
            found.append(Entry(number, None, str(error)))
    return found


def knobs_of(found: list[Entry]) -> dict[str, dict[str, str]]:
    """Experiment id → the knobs of its candidate."""
    plans = [entry.iteration[0] for entry in found if entry.iteration is not None]
    return {experiment_id(plan.session_id, plan.iteration): plan.knobs for plan in plans}


def rows(found: list[Entry], values: Mapping[str, Scalar]) -> list[Row]:
    """The table's rows; ``values`` are what the session's profile gives."""
    knobs = knobs_of(found)
    drawn = []
    for entry in found:
        if entry.iteration is None:
            drawn.append(Row(iteration_label(entry.number), "", "", "", note="cannot be read"))
        else:
            plan, result, tensions = entry.iteration
            drawn.append(row(plan, result, tensions, knobs.get(plan.base_experiment_id, {}), values))
    return drawn


def number(words: str) -> int:
    """The iteration's number that ``2`` or ``002`` names.

    Raises:
        UsageError: it is none.
    """
    if not (words.isascii() and words.isdigit()) or len(words) > 9 or int(words) == 0:
        raise UsageError(f"{words!r} is no iteration; give its number, such as 2 or 002")
    return int(words)


def current_confirmation(session: Session, belief: Belief | None) -> Confirmation | None:
    """What fresh pairs said of the session's incumbent; None where they were of an earlier one, or cannot be read."""
    try:
        found = session.confirmation()
    except RecordError:
        return None
    return found if found and belief and found.incumbent_id == belief.experiment_id else None


def session_belief(record: SessionRecord, results: Sequence[Result]) -> Belief | None:
    """What a session knows of baseline and incumbent; None before a baseline was scored."""
    if record.profile is None:
        return None
    belief = retrace(Belief.under(record.profile), results)
    return belief if belief.mean is not None else None
