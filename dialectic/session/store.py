"""One session on disk: its lock, its plans and results, its manifest and its live state."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dialectic.errors import CorruptRecord, SessionBusy, UsageError
from dialectic.session.folder import LOGS, IterationFolder
from dialectic.session.names import check_session_id, session_ids
from dialectic.state.base import experiment_id, iteration_label, utc_now
from dialectic.state.confirmation import Confirmation
from dialectic.state.files import (
    TEMPORARY,
    make_folder,
    read_record,
    storage_error,
    sweep,
    sync_folder,
    temporary_prefix,
    write_bytes,
    write_record,
    write_text,
)
from dialectic.state.plan import Plan, TensionRecord, TranscendentRecord
from dialectic.state.result import Result
from dialectic.state.session import LiveState, Manifest, ManifestEntry, SessionRecord

Iteration = tuple[Plan, Result | None, list[TensionRecord]]
"""One iteration as the readers see it; no result while it runs, or for ever when it was abandoned."""


BASE_TRAIN_PY = "train.py"
SCRIPT = "script.json"


class Session:
    """One session's folder."""

    def __init__(self, root: Path, session_id: str) -> None:
        self.id = check_session_id(session_id)
        self.root = root
        self.folder = root / LOGS / session_id
        self.prepare_py = self.folder / "prepare.py"
        """The session's pinned copy of ``prepare.py``."""
        self.base_train_py = self.folder / BASE_TRAIN_PY
        """``train.py`` as the session found it."""
        self.script = self.folder / SCRIPT
        """What the scripted agent and executor read; there is none without them."""

    @classmethod
    def create(
        cls, root: Path, record: SessionRecord, prepare_py: bytes, pinned: Mapping[str, bytes] | None = None
    ) -> Session:
        """Lay a new session down in one step; ``pinned`` are further files that it keeps, name → content.

        It is written beside its place and then moved there: whoever is killed on the way leaves no half session.

        Raises:
            UsageError: there is one of this name already.
            StorageError: the folder cannot be written.
        """
        session, draft = cls(root, record.session_id), cls(root, record.session_id)
        logs = make_folder(root / LOGS)
        sweep(logs.iterdir())
        try:
            draft.folder = Path(tempfile.mkdtemp(TEMPORARY, temporary_prefix(session.id), logs))
            draft.folder.chmod(0o755)
            for name, content in {session.prepare_py.name: prepare_py, **(pinned or {})}.items():
                write_bytes(draft.folder / name, content)
            draft.write_record(record)
            draft.write_manifest([])
            draft.folder.rename(session.folder)
            sync_folder(logs)
        except OSError as error:
            if session.folder.exists():
                raise UsageError(f"session {session.id} is there already; choose another --session") from error
            raise storage_error(session.folder, error) from error
        finally:
            if draft.folder != session.folder:
                shutil.rmtree(draft.folder, ignore_errors=True)
        return session

    def write_record(self, record: SessionRecord) -> None:
        """Replace ``session.json``."""
        write_record(self.folder / "session.json", record)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the session's one runner; the lock goes with the process, however that ends.

        Raises:
            SessionBusy: another runner holds it.
        """
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise SessionBusy(f"session {self.id} has a runner already; wait for it or stop it first") from error
        except OSError as error:
            raise storage_error(self.folder / ".lock", error) from error
        try:
            yield
        finally:
            lock.release()

    def iteration(self, number: int) -> IterationFolder:
        """The folder of iteration ``number``."""
        return IterationFolder(self.folder, number)

    def confirm_run(self, k: int) -> Path:
        """The folder of run ``k`` of the final pairs, counted from 1."""
        return self.folder / "confirm" / str(k)

    def confirmation(self) -> Confirmation | None:
        """What fresh pairs of baseline and incumbent said last; None where there were none."""
        path = self.folder / "confirmation.json"
        return read_record(path, Confirmation) if path.exists() else None

    def write_confirmation(self, confirmation: Confirmation) -> None:
        """Replace ``confirmation.json``."""
        write_record(self.folder / "confirmation.json", confirmation)

    def record(self) -> SessionRecord:
        """``session.json``, read anew."""
        return read_record(self.folder / "session.json", SessionRecord)

    def numbers(self) -> list[int]:
        """Numbers of the iterations that have a plan."""
        folders = (self.folder / "iterations").glob("[0-9]*/plan.json")
        return sorted(int(path.parent.name) for path in folders if path.parent.name.isdigit())

    def read(self, number: int) -> Iteration:
        """One iteration.

        Raises:
            UsageError: there is no such iteration.
            CorruptRecord, NewerSchema: one of its files cannot be used.
        """
        folder = self.iteration(number)
        if not folder.plan.exists():
            raise UsageError(f"session {self.id} has no iteration {number}; `dialectic log` lists them")
        plan = read_record(folder.plan, Plan)
        result = read_record(folder.result, Result) if folder.result.exists() else None
        metas = sorted(folder.tensions.glob("*/meta.json"))
        order = {name: index for index, name in enumerate(plan.active_tension_ids)}
        tensions = [read_record(path, TensionRecord) for path in metas]
        return plan, result, sorted(tensions, key=lambda tension: (order.get(tension.id, len(order)), tension.id))

    def history(self) -> list[Iteration]:
        """Every iteration that has a plan, in order."""
        return [self.read(number) for number in self.numbers()]

    def candidate(self, number: int) -> bytes:
        """``train.py`` of iteration ``number``.

        Raises:
            CorruptRecord: it cannot be read.
        """
        path = self.iteration(number).train_py
        try:
            return path.read_bytes()
        except OSError as error:
            raise CorruptRecord(
                f"{path}: cannot be read ({error.strerror}); restore it or use another session"
            ) from error

    def write_plan(
        self,
        plan: Plan,
        train_py: str,
        patch: str,
        tensions: list[tuple[TensionRecord, str, str]],
        transcendent: TranscendentRecord,
        synthesis: str | None,
    ) -> None:
        """Write an iteration down, ``plan.json`` last; a tension comes with the text of thesis and antithesis."""
        folder = self.iteration(plan.iteration)
        write_text(folder.train_py, train_py)
        write_text(folder.patch, patch)
        for tension, thesis, antithesis in tensions:
            write_text(folder.snapshot(tension.id, "thesis"), thesis)
            write_text(folder.snapshot(tension.id, "antithesis"), antithesis)
            write_record(folder.tensions / tension.id / "meta.json", tension)
        if synthesis is not None:
            write_text(folder.transcendent / "train.py", synthesis)
        write_record(folder.transcendent / "result.json", transcendent)
        write_record(folder.plan, plan)

    def transcendent(self, number: int) -> TranscendentRecord:
        """The third form that an iteration proposed."""
        return read_record(self.iteration(number).transcendent / "result.json", TranscendentRecord)

    def write_result(self, result: Result) -> None:
        """Finish an iteration: what became of the synthesis, then ``result.json``."""
        folder = self.iteration(result.iteration)
        write_record(folder.transcendent / "result.json", result.transcendent_result)
        write_record(folder.result, result)

    def write_manifest(self, history: Sequence[Iteration]) -> None:
        """Derive ``manifest.json`` from the session's iterations, and stamp ``session.json``."""
        record = self.record()
        now = utc_now()
        entries = [_entry(plan, result) for plan, result, _ in history]
        best = None
        for _, result, _ in history:
            if result is not None and result.keep_discard_status == "keep":
                best = result.iteration
        commits = {plan.iteration: plan.candidate_commit for plan, _, _ in history}
        manifest = Manifest(
            session_id=self.id,
            branch=record.branch,
            created_at=record.created_at,
            updated_at=now,
            latest_iteration=max(commits, default=0),
            best_iteration=best,
            current_kept_commit=commits.get(best) if best is not None else None,
            iterations=entries,
        )
        write_record(self.folder / "manifest.json", manifest)
        write_record(self.folder / "session.json", record.model_copy(update={"updated_at": now}))

    def write_live(self, state: LiveState) -> None:
        """Replace ``live/state.json``."""
        write_record(self.folder / "live" / "state.json", state)

    def append_event(self, kind: str, iteration: int, **fields: str | float | None) -> None:
        """Append one line to ``live/events.ndjson``; readers pass over a line that a power cut left half."""
        path = self.folder / "live" / "events.ndjson"
        make_folder(path.parent)
        event = {
            "type": kind,
            "timestamp": utc_now(),
            "session_id": self.id,
            "iteration_label": iteration_label(iteration),
            "execution_id": experiment_id(self.id, iteration),
            **fields,
        }
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(event, sort_keys=True) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise storage_error(path, error) from error


def _entry(plan: Plan, result: Result | None) -> ManifestEntry:
    return ManifestEntry(
        iteration=plan.iteration,
        iteration_label=plan.iteration_label,
        path=f"iterations/{plan.iteration_label}",
        status=result.status if result else "planned",
        candidate_commit=plan.candidate_commit,
        created_at=plan.created_at,
        completed_at=result.completed_at if result else "",
        summary=result.summary if result else {},
        verdict=result.verdict.decision if result else "",
        move_type=plan.move_type,
    )


def open_session(root: Path, session_id: str | None) -> Session:
    """The named session, or the latest.

    Raises:
        UsageError: there is none.
    """
    if session_id is None:
        known = session_ids(root)
        if not known:
            raise UsageError(f"{root / LOGS}: no session yet; start one with `dialectic run` or name another --root")
        session_id = known[-1]
    session = Session(root, session_id)
    if not (session.folder / "session.json").exists():
        raise UsageError(f"there is no session {session_id} in {root / LOGS}; `dialectic sessions` lists them")
    return session
