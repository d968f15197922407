"""Atomic writing and reading that says what is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.errors import CorruptRecord, NewerSchema, StorageError
from dialectic.state.base import SCHEMA_VERSION, Record
from dialectic.state.files import read_record, storage_error, write_bytes, write_record, write_text
from dialectic.state.plan import TensionRecord, TranscendentRecord
from dialectic.state.proposal import CurrentSource
from dialectic.state.result import Result
from dialectic.state.session import Manifest


def test_a_write_replaces_all_or_nothing_when_killed(tmp_path: Path) -> None:
    target = tmp_path / "value.json"
    program = (
        "import sys\nfrom pathlib import Path\nfrom dialectic.state.files import write_text\n"
        "print('ready', flush=True)\n"
        "while True:\n    for letter in 'ab':\n        write_text(Path(sys.argv[1]), letter * 200_000)\n"
    )
    for delay in (0.01, 0.05, 0.1, 0.2):
        with subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            try:
                writer.wait(delay)
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
        if target.exists():
            text = target.read_text("utf-8")
            assert len(text) == 200_000
            assert len(set(text)) == 1
    assert target.exists()


def test_no_temporary_file_stays_behind_a_refused_write(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(StorageError):
        write_bytes(target, b"cannot replace a folder that is not empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_that_says_so() -> None:
    with Path("/dev/full").open("wb", buffering=0) as stream:
        try:
            stream.write(b"x")
        except OSError as error:
            line = str(storage_error(Path("logs/plan.json"), error))
    assert line == "logs/plan.json: the disk is full; free some space and run again"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        write_text(tmp_path / "value.json", "x")
    tmp_path.chmod(0o700)


def test_a_lone_surrogate_does_not_stop_a_write(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "a\ud800b")
    assert (tmp_path / "text").read_text("utf-8") == "a?b"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not valid JSON"),
        (b'{"session_id": "a", ', "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[1]", "holds no JSON object"),
        (b'{"schema_version": "two"}', "not a whole number"),
        (b'{"schema_version": 2, "session_id": 5}', "session_id"),
    ],
)
def test_a_corrupt_file_is_one_line(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(CorruptRecord) as caught:
        read_record(path, Manifest)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (Result, '{"transcendent_result": "x"}'),
        (Result, '{"summary": {"val_bpb": 1' + "0" * 400 + "}}"),
        (TensionRecord, '{"created_in_iteration": "001"}'),
        (TensionRecord, '{"thesis_source": {"type": []}}'),
        (Manifest, '{"iterations": [1]}'),
        (Manifest, "[" * 100_000),
    ],
)
def test_a_damaged_older_file_is_one_line_too(tmp_path: Path, kind: type[Record], content: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content, "utf-8")
    with pytest.raises(CorruptRecord, match="restore it or move it away"):
        read_record(path, kind)


def test_a_waiting_result_of_the_reference_system_is_read(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(
        '{"session_id": "s", "iteration": 4, "iteration_label": "004", "created_at": "t", "status": "pending", '
        '"summary": {"val_bpb": "1.01"}, "outcome": null}',
        "utf-8",
    )
    result = read_record(path, Result)
    assert (result.status, result.summary, result.outcome) == ("planned", {"val_bpb": 1.01}, "inconclusive")
    assert result.filled_by["outcome"] == "computed"
    path.write_text('{"id": "a", "thesis_source": {"type": "current", "path": "train.py"}}', "utf-8")
    assert read_record(path, TensionRecord).thesis_source == CurrentSource()


def test_a_newer_version_is_refused_and_an_older_one_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(f'{{"schema_version": {SCHEMA_VERSION + 1}}}', "utf-8")
    with pytest.raises(NewerSchema, match="update dialectic"):
        read_record(path, Manifest)
    path.write_text(
        '{"session_id": "old", "created_at": "t", "updated_at": "t", "best_iteration": null, "iterations": '
        '[{"iteration": 1, "iteration_label": "001", "path": "iterations/001", "status": "completed", '
        '"summary": {"val_bpb": "1.25", "depth": "8", "note": "x"}}]}',
        "utf-8",
    )
    entry = read_record(path, Manifest).iterations[0]
    assert entry.summary == {"val_bpb": 1.25, "depth": 8.0}


def test_what_is_written_is_read_back_and_the_same_value_gives_the_same_bytes(tmp_path: Path) -> None:
    record = TranscendentRecord(source_tension_ids=["a"], emergent_thought="ä ö", tested_in_iteration=True)
    write_record(tmp_path / "one.json", record)
    assert read_record(tmp_path / "one.json", TranscendentRecord) == record
    write_record(tmp_path / "two.json", read_record(tmp_path / "one.json", TranscendentRecord))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_null_that_formats_does_not_allow_is_our_mistake(tmp_path: Path) -> None:
    record = Manifest(session_id="a", created_at="t", updated_at="t")
    write_record(tmp_path / "ok.json", record)
    broken = record.model_copy(update={"created_at": None})
    with pytest.raises(ValueError, match="created_at"):
        write_record(tmp_path / "broken.json", broken)
    assert not (tmp_path / "broken.json").exists()
