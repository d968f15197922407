"""The final pairs: which files run, in which order, what is recorded, and what it means for the adoption."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from dialectic.cli.status import standing
from dialectic.config import load
from dialectic.errors import Interrupted, SessionError
from dialectic.loop import confirm_session
from dialectic.loop.confirm import confirm
from dialectic.loop.reopening import reopen_house
from dialectic.loop.runs import run_seed
from dialectic.session import MODEL, Session
from dialectic.state.confirmation import Confirmation
from dialectic.state.files import read_record
from dialectic.state.plan import Plan
from dialectic.state.run import LiveEvent, RunNote
from dialectic.state.session import LiveState
from tests.loop.conftest import Remembering, ResumeScript, RunScript
from tests.masking import differences, masked

BETTER: dict[str, object] = {"default": {"val_bpb": 2.0, "noise": 0.001}, "iterations": {"2": {"val_bpb": 1.5}}}
ORDER = [("confirm:1", "baseline"), ("confirm:2", "incumbent"), ("confirm:3", "incumbent"), ("confirm:4", "baseline")]


def confirmation(session: Session) -> Confirmation:
    found = session.confirmation()
    assert found is not None
    return found


def phase(session: Session) -> str:
    return read_record(session.folder / "live" / "state.json", LiveState).phase


def test_a_session_ends_with_fresh_pairs_of_baseline_and_incumbent(run_script: RunScript) -> None:
    session, observer = run_script(BETTER, session="night", iterations=2, pairs=2)
    assert [run for run in observer.runs if run[0].startswith("confirm")] == ORDER
    told = confirmation(session)
    assert (told.session_id, told.baseline_id, told.incumbent_id) == ("night", "night:001", "night:002")
    assert [pair.seed for pair in told.pairs] == [run_seed(1, "confirm", 1), run_seed(1, "confirm", 2)]
    assert told.improvement == pytest.approx(0.5, abs=0.01)
    assert told.low is not None
    assert told.low < told.improvement
    assert told.wall_seconds > 0
    assert observer.ending is not None
    assert observer.ending.confirmation == told
    assert any(note.startswith("pair 1 of 2: baseline ") for note in observer.notes)
    notes = [read_record(session.confirm_run(k) / "run.json", RunNote) for k in (1, 2, 3, 4)]
    assert [note.experiment_id for note in notes] == ["night:001", "night:002", "night:002", "night:001"]
    assert not list((session.folder / "confirm").rglob(MODEL))
    seeds = {run.seed for _, result, _ in session.history() if result for run in result.verdict.runs}
    assert not seeds & {note.seed for note in notes}


def test_with_the_baseline_as_incumbent_there_is_nothing_to_confirm(run_script: RunScript, root: Path) -> None:
    worse = {"default": {"val_bpb": 2.0}, "iterations": {"2": {"val_bpb": 2.5}}}
    session, observer = run_script(worse, session="night", iterations=1, confirm=True)
    assert session.confirmation() is None
    assert any("nothing to confirm" in note for note in observer.notes)
    again = Remembering()
    assert confirm_session(root, "night", None, again) is None
    assert again.notes == [note for note in observer.notes if "nothing to confirm" in note]
    assert again.runs == []


def test_a_session_of_five_candidates_is_confirmed_by_itself(run_script: RunScript) -> None:
    session, observer = run_script(BETTER, session="long", iterations=5)
    assert observer.announcement is not None
    assert observer.announcement.pairs == len(confirmation(session).pairs) == 2


def test_confirm_of_a_finished_session_counts_the_pairs_that_there_are(run_script: RunScript, root: Path) -> None:
    session, _ = run_script(BETTER, session="night", iterations=1, pairs=1, adopt=False)
    first = confirmation(session)
    watching = Remembering()
    told = confirm_session(root, "night", 2, watching)
    assert told is not None
    assert told.pairs[0] == first.pairs[0]
    assert len(told.pairs) == 2
    assert confirmation(session) == told
    assert phase(session) == "completed"
    # Fewer than there are: they all count.
    again = confirm_session(root, None, 1, Remembering())
    assert again is not None
    assert again.pairs == told.pairs


def test_a_pair_with_a_failed_run_does_not_count_and_another_takes_its_place(run_script: RunScript) -> None:
    crash = {"failure": "crash", "message": "RuntimeError: bad luck"}
    executor = BETTER | {"iterations": {"2": {"val_bpb": 1.5}, "confirm": [{"val_bpb": 2.0}, crash]}}
    session, observer = run_script(executor, session="night", iterations=1, pairs=2)
    assert [run[0] for run in observer.runs if run[0].startswith("confirm")] == [f"confirm:{k}" for k in range(1, 7)]
    assert len(confirmation(session).pairs) == 2
    told = "the incumbent's run night:confirm:2 has no score (crash: RuntimeError: bad luck (exit code 1)); its pair"
    assert f"{told} does not count" in observer.notes


def test_pairs_that_all_fail_end_and_say_nothing(run_script: RunScript, root: Path) -> None:
    executor = BETTER | {"iterations": {"2": [{"val_bpb": 1.5}, {"failure": "nan"}]}}
    session, observer = run_script(executor, session="night", iterations=1, pairs=1, max_repeats=0)
    assert session.confirmation() is None
    assert len([run for run in observer.runs if run[0].startswith("confirm")]) == 6
    assert observer.ending is not None
    assert observer.ending.confirmation is None
    with pytest.raises(SessionError, match="no pair of session night has two scores"):
        confirm_session(root, "night", 1, Remembering())


def test_a_new_incumbent_gets_pairs_of_its_own_and_no_seed_twice(
    run_script: RunScript, resume_script: ResumeScript
) -> None:
    scores = {"2": {"val_bpb": 1.5}, "3": {"val_bpb": 1.0}}
    session, _ = run_script(BETTER | {"iterations": scores}, session="night", iterations=1, pairs=1)
    first = confirmation(session)
    observer = resume_script("night", iterations=2)
    second = confirmation(session)
    assert (first.incumbent_id, second.incumbent_id) == ("night:002", "night:003")
    assert [run[0] for run in observer.runs if run[0].startswith("confirm")] == ["confirm:3", "confirm:4"]
    assert {pair.seed for pair in first.pairs} & {pair.seed for pair in second.pairs} == set()


@pytest.mark.parametrize("stopped", ["confirm:1", "confirm:3"])
def test_a_session_that_is_stopped_in_a_pair_goes_on_and_equals_an_undisturbed_one(
    run_script: RunScript, resume_script: ResumeScript, root: Path, stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [{"val_bpb": value, "wait": 0.2} for value in (2.0, 1.5, 1.52, 2.01)]
    executor = BETTER | {"iterations": {"2": {"val_bpb": 1.5}, "confirm": pairs}}
    session, _ = run_script(executor, session="night", iterations=1, pairs=2, adopt=False)
    whole = masked(root)
    for path in (session.folder, root / "knowledge_base", root / "research_state"):
        shutil.rmtree(path)

    def stop(self: Remembering, plan: Plan, event: LiveEvent) -> None:
        if self.runs[-1][0] == stopped:
            raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Remembering, "event", stop)
        with pytest.raises(Interrupted):
            run_script(executor, session="night", iterations=1, pairs=2, adopt=False)
    assert session.confirmation() is None
    assert phase(session) == "interrupted"
    resume_script("night")
    assert differences(whole, masked(root)) == []


def test_what_the_pairs_say_decides_the_adoption(run_script: RunScript, root: Path) -> None:
    lucky = {"val_bpb": 1.8}
    unmasked = {"confirm": [{"val_bpb": value} for value in (2.0, 2.1, 2.1, 2.0)]}
    executor = {"default": {"val_bpb": 2.0}, "iterations": {"2": lucky, **unmasked}}
    _, observer = run_script(executor, session="night", profile="tiny", iterations=1, pairs=2, max_repeats=0)
    assert observer.ending is not None
    assert observer.ending.incumbent.experiment_id == "night:002"
    assert not observer.ending.adopted
    assert "its fresh pairs counted, less than 0.9" in observer.ending.adoption
    assert observer.ending.confirmation is not None
    assert observer.ending.confirmation.improvement == pytest.approx(-0.1)


def test_the_time_for_the_pairs_is_kept_free(run_script: RunScript, root: Path) -> None:
    """A run takes two minutes with its scoring, as it says, although no time passes."""
    slow = {"default": {"val_bpb": 2.0, "seconds": 60.0}, "iterations": {"2": {"val_bpb": 1.5}}}
    _, observer = run_script(slow, session="short", iterations=1, pairs=2, max_hours=0.1)
    assert "iteration 2 might not end within 0.1 hours; it is not started" in observer.notes
    session, _ = run_script(slow, session="long", iterations=1, pairs=2, max_hours=0.3, adopt=False)
    assert len(confirmation(session).pairs) == 2
    watching = Remembering()
    house = reopen_house(session, load(root, {}), (), watching)
    house.end = time.monotonic() + 200
    again = confirm(house, 3)
    assert again is not None
    assert len(again.pairs) == 2
    assert watching.notes[-1] == "1 of 3 final pairs might not end in time; left out"


def test_a_confirmation_that_cannot_be_read_stops_no_reader(run_script: RunScript) -> None:
    session, _ = run_script(BETTER, session="night", iterations=1, pairs=1)
    (session.folder / "confirmation.json").write_text(json.dumps({"schema_version": 99}), "utf-8")
    assert standing(session)["confirmation"] is None
