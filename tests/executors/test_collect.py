"""Reading a run's files: events, summary numbers, reasons of failure."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dialectic.executors.collect import parse_event, read_events, training_started
from dialectic.executors.diagnosis import diagnose, last_exception, summary_numbers
from dialectic.executors.finish import EVENTS_BYTES

STAMP = "2026-11-21T05:22:00.000Z"


def line(kind: str, seq: int, **fields: object) -> str:
    """One event as ``train.py`` writes it."""
    return json.dumps({"type": kind, "timestamp": STAMP, "seq": seq} | fields) + "\n"


def events_file(folder: Path) -> Path:
    """The file of a running job."""
    (folder / "work").mkdir(exist_ok=True)
    return folder / "work" / "live-events.ndjson"


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = events_file(tmp_path)
    whole, late = line("run_started", 0), line("train_step", 1)
    path.write_text(whole + late[:10])
    events, offset = read_events(tmp_path, 0)
    assert ([event.seq for event in events], offset) == ([0], len(whole))
    path.write_text(whole + late)
    events, offset = read_events(tmp_path, offset)
    assert ([event.seq for event in events], offset) == ([1], len(whole + late))
    assert read_events(tmp_path, offset) == ([], offset)


def test_the_file_may_move_between_two_reads(tmp_path: Path) -> None:
    events_file(tmp_path).write_text(line("run_started", 0))
    _, offset = read_events(tmp_path, 0)
    with events_file(tmp_path).open("a") as stream:
        stream.write(line("train_step", 1))
    events_file(tmp_path).rename(tmp_path / "live-events.ndjson")
    assert [event.seq for event in read_events(tmp_path, offset)[0]] == [1]
    assert training_started(tmp_path)


def test_a_broken_line_is_skipped(tmp_path: Path) -> None:
    broken = [
        "{\n",
        "[1]\n",
        "7\n",
        "\xff\n",
        '{"type": "x"}\n',
        line("x", 0).replace("0}", '"many"}'),
        "[" * 9999 + "\n",
    ]
    events_file(tmp_path).write_text("".join(broken) + line("train_step", 7))
    assert [event.seq for event in read_events(tmp_path, 0)[0]] == [7]


def test_an_endless_line_does_not_stop_the_reader(tmp_path: Path) -> None:
    events_file(tmp_path).write_text("x" * (5 * 2**20) + "\n" + line("train_step", 1))
    assert training_started(tmp_path)


def test_no_events_and_no_regular_file(tmp_path: Path) -> None:
    assert read_events(tmp_path, 0) == ([], 0)
    assert read_events(tmp_path, 12) == ([], 12)
    assert not training_started(tmp_path)
    os.mkfifo(events_file(tmp_path))
    assert read_events(tmp_path, 0) == ([], 0)


def test_fields_are_cleaned_and_typed() -> None:
    fields = {
        "backend": "sd\x1b[31mpa",
        "step": 3,
        "loss": float("nan"),
        "huge": 10**400,
        "compiled": True,
        "list": [1],
        "cuda": {"memory_allocated_mb": 1.5, "name": "text", "nothing": None, "bad": float("inf")},
    }
    event = parse_event(line("train_step", 4, **fields).encode())
    assert event is not None
    assert (event.type, event.timestamp, event.seq) == ("train_step", STAMP, 4)
    assert event.fields == {
        "backend": "sdpa",
        "step": 3,
        "loss": None,
        "huge": None,
        "compiled": True,
        "list": None,
        "cuda": {"memory_allocated_mb": 1.5, "nothing": None, "bad": None},
    }


def test_only_known_and_finite_numbers_after_the_last_line_of_dashes() -> None:
    log = "depth: 9\n---\nval_bpb: 0.1\n---\nval_bpb:      1.25\nnum_steps:        953\ndepth: nan\nmfu_percent: inf\n"
    assert summary_numbers(log + "surprise: 4\npeak_vram_mb: many\nat the end: 3") == {
        "val_bpb": 1.25,
        "num_steps": 953,
    }
    assert summary_numbers("depth: 4\n") == {}


TRACE = 'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\n    main()\n'


@pytest.mark.parametrize(
    ("reason", "code", "log", "kind", "message"),
    [
        ("ended", 0, "FAIL: printed by a run that went well", "none", ""),
        ("ended", 1, "step 3\nFAIL: loss is nan at step 3\n", "nan", "loss is nan at step 3"),
        (
            "ended",
            1,
            TRACE + "ValueError: width 3\nstep 1 from a late buffer",
            "crash",
            "ValueError: width 3 (exit code 1)",
        ),
        ("ended", 1, TRACE + "KeyError\n", "crash", "KeyError (exit code 1)"),
        ("ended", 1, TRACE + "A: first\n\nDuring handling\n\n" + TRACE + "B: last", "crash", "B: last (exit code 1)"),
        ("ended", 1, TRACE + "torch.OutOfMemoryError: CUDA out of memory. Tried", "out-of-memory", None),
        ("ended", 1, TRACE + "MemoryError\n", "out-of-memory", "MemoryError"),
        (
            "ended",
            1,
            TRACE + "RuntimeError: [enforce] DefaultCPUAllocator: can't allocate memory",
            "out-of-memory",
            None,
        ),
        ("ended", 134, "terminate called\n  what():  std::bad_alloc", "out-of-memory", "what():  std::bad_alloc"),
        ("ended", 1, TRACE + "prepare.ExportError: export failed: a break", "export", "export failed: a break"),
        ("ended", 137, "", "out-of-memory", "the system killed it, which it does when memory runs out"),
        ("ended", 1, TRACE + "torch.AcceleratorError: CUDA error: out of memory\nmore", "out-of-memory", None),
        ("ended", 1, TRACE + "RuntimeError: HIP out of memory. Tried to allocate", "out-of-memory", None),
        ("ended", 1, TRACE + "RuntimeError: MPS backend out of memory (MPS allocated: 5 GB)", "out-of-memory", None),
        (
            "ended",
            1,
            TRACE + "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "out-of-memory",
            None,
        ),
        ("ended", 1, TRACE + "numpy._core._exceptions._ArrayMemoryError: Unable to allocate", "out-of-memory", None),
        ("ended", 1, TRACE + "ImportError: cannot allocate memory in static TLS block", "crash", None),
        ("ended", 1, TRACE + "RuntimeError: worker (pid(s) 7) is killed by signal: Killed. ", "out-of-memory", None),
        ("ended", 1, TRACE + "AssertionError: the loss became NaN", "nan", "AssertionError: the loss became NaN"),
        ("ended", 1, TRACE + "FloatingPointError: overflow", "nan", None),
        ("ended", 1, TRACE + "KeyError: 'loss_info'", "crash", None),
        ("ended", 1, "step 3\nFAIL\n", "nan", "it gave up"),
        (
            "ended",
            1,
            "[rank0]: " + TRACE.replace("\n", "\n[rank0]: ") + "ValueError: x",
            "crash",
            "ValueError: x (exit code 1)",
        ),
        ("hang", 143, "", "hang", "it did nothing for a long time and was stopped"),
        ("disk", 137, "", "disk", "it wrote more than it may"),
        ("ended", 3, "", "crash", "exit code 3"),
        ("ended", 250, "odd", "crash", "odd (exit code 250)"),
        ("timeout", 0, "", "timeout", "it ran into its wall limit and was stopped"),
        ("cancelled", 143, "", "interrupted", "it was asked to stop"),
    ],
)
def test_failures_are_named(reason: str, code: int, log: str, kind: str, message: str | None) -> None:
    failure = diagnose(reason, code, "", log)
    assert failure.kind == kind
    assert message is None or failure.message.strip() == message


def test_a_kill_without_a_lack_of_memory_came_from_somebody() -> None:
    assert diagnose("ended", 137, "", "", starved=False).kind == "crash"
    worker = TRACE + "RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed. "
    assert diagnose("ended", 1, "", worker, starved=False).kind == "crash"


def test_a_message_is_short() -> None:
    assert len(diagnose("ended", 1, "", TRACE + "ValueError: " + "x" * 10_000).message) == 500
    assert last_exception("") == ""


def test_a_flood_of_events_is_not_read_to_its_end(tmp_path: Path) -> None:
    flood = line("note", 1)
    events_file(tmp_path).write_text(flood * (EVENTS_BYTES // len(flood) + 1) + line("train_step", 2))
    assert not training_started(tmp_path)
    assert read_events(tmp_path, EVENTS_BYTES) == ([], EVENTS_BYTES)
