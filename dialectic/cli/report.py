"""``dialectic report``: what a session came to, written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dialectic.cli.graph import brief, fold
from dialectic.cli.output import complain, print_json, show, text
from dialectic.cli.reading import current_confirmation, session_belief
from dialectic.knowledge.records import experiment_knowledge
from dialectic.report import Material, Standing, Written, headline, tally, write_report
from dialectic.session import Session, open_session
from dialectic.state.files import as_json
from dialectic.verdict import Belief

FOLDER = "report"
"""Where a session keeps its report."""


def gather(root: Path, session: Session) -> Material:
    """Everything a report of ``session`` is made of, with the numbers that the other readers print."""
    read = fold(root, session)
    record, found = read.record, read.found
    iterations = [entry.iteration for entry in found if entry.iteration is not None]
    results = [result for _, result, _ in iterations if result is not None]
    belief = session_belief(record, results)
    return Material(
        record=record,
        iterations=iterations,
        knowledge={one.id: experiment_knowledge(read.graph, one) for one in read.graph.history.experiments},
        briefing=brief(root, read),
        standing=_standing(belief) if belief else None,
        confirmation=current_confirmation(session, belief),
        in_use=_in_use(root, session, belief) if belief else False,
        unreadable=[f"iteration {entry.number}: {entry.trouble}" for entry in found if entry.trouble],
    )


def _standing(belief: Belief) -> Standing:
    return Standing(
        baseline=belief.baseline,
        incumbent=belief.incumbent,
        gain_sd=belief.gain_sd,
        probability_better=belief.probability_better_than_baseline(),
    )


def _in_use(root: Path, session: Session, belief: Belief) -> bool:
    """Whether the top-level file is the incumbent's; a file that is missing is not."""
    iteration = int(belief.incumbent.experiment_id.rpartition(":")[2])
    kept, used = session.iteration(iteration).train_py, root / "train.py"
    try:
        return kept.read_bytes() == used.read_bytes()
    except OSError:
        return False


def report(root: Path, session_id: str | None, out: Path | None, as_json: bool) -> int:
    """Write a session's report and tell where it lies; returns 1 when one of its iterations cannot be read, else 0."""
    session = open_session(root, session_id)
    material = gather(root, session)
    written = write_report(out.resolve() if out else session.folder / FOLDER, material)
    if as_json:
        print_json(_told(material, written))
    else:
        show(text(f"session {session.id}: {headline(material)}", "bold"), text(tally(material)))
        for path in written.files:
            print(path)
    for line in (*material.unreadable, *([f"no pictures: {written.trouble}"] if written.trouble else [])):
        complain(line)
    return int(bool(material.unreadable))


def report_at_end(root: Path, session_id: str) -> str:
    """Write the report of a session that has just ended; the line that says where it lies, or why it is not there.

    What goes wrong here is told and nothing more: the session is complete without its report.
    """
    try:
        session = open_session(root, session_id)
        return f"report: {write_report(session.folder / FOLDER, gather(root, session)).files[0]}"
    except Exception as error:  # noqa: BLE001  (a mistake in the report must not look like a failed night)
        return f"the report could not be written ({error}); mend that and write it with `dialectic report`"


def _told(material: Material, written: Written) -> dict[str, Any]:
    """``baseline``, ``incumbent``, ``improvement`` and ``improvement_sd`` in bpb; null where nothing was judged."""
    standing = material.standing
    return {
        "session_id": material.record.session_id,
        "headline": headline(material),
        "baseline": standing.baseline.estimate if standing else None,
        "incumbent": standing.incumbent.estimate if standing else None,
        "incumbent_experiment_id": standing.incumbent.experiment_id if standing else None,
        "improvement": standing.gain if standing else None,
        "improvement_sd": standing.gain_sd if standing else None,
        "probability_better": standing.probability_better if standing else None,
        "confirmation": as_json(material.confirmation) if material.confirmation else None,
        "candidates": len(material.candidates),
        "keeps": len(material.of("keep")),
        "proven": sum(turn.claim == "proven" for turn in material.of("keep")),
        "discards": len(material.of("discard")),
        "crashes": len(material.of("crash")),
        "files": [str(path) for path in written.files],
        "trouble": written.trouble,
    }
