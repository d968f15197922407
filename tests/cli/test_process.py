"""The real command line as a process: imports, pipes, signals, terminals."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.build import Builder

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "openai", "kernels", "networkx", "scipy")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("DIALECTIC_", "COV_"))}


def start(*command: str, **more: str) -> subprocess.Popen[str]:
    """A process of ``python -m``, its outputs in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | more,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and both outputs."""
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["log"], ["log", "--json"], ["show", "2"], ["status"], ["best"]]
)
def test_help_and_readers_import_nothing_heavy(arguments: list[str], night: Builder) -> None:
    arguments = arguments if "--help" in arguments else [*arguments, "--root", str(night.root)]
    program = (
        "import sys\nfrom dialectic.cli.border import call\n"
        f"code = call({arguments!r})\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stderr == "[]\n"


def test_the_installed_command_is_the_module(night: Builder) -> None:
    command = Path(sys.executable).with_name("dialectic")
    done = subprocess.run(
        [command, "log", "--root", night.root], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout == finish(start("dialectic", "log", "--root", str(night.root)))[1]
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("arguments", [["log"], ["log", "--json"], ["show", "2"], ["diff", "2"], ["schema"]])
def test_a_closed_pipe_is_no_error(arguments: list[str], night: Builder) -> None:
    process = start("dialectic", *arguments, "--root", str(night.root))
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    code, _, err = finish(process)
    assert (code, err) == (0, "")


def test_an_error_is_one_line_without_traceback(tmp_path: Path) -> None:
    code, out, err = finish(start("dialectic", "log", "--root", str(tmp_path)))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_a_session_in_plain_lines(tmp_path: Path) -> None:
    code, out, err = finish(start("tests.cli.drive", str(tmp_path), TERM="xterm", FORCE_COLOR="1"))
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == "preparing corpus stdlib"
    assert "agent builtin (no key was found)" in lines[1]
    assert "profile cpu (no accelerator was found)" in lines[1]
    assert "3 runs of 1 min 00 s training, about 3 min 36 s, at most 15 min 00 s" in lines[1]
    assert lines.count("[002] run") == 1
    progress = [line for line in lines if line.startswith("[002]") and "tokens/s" in line]
    assert len(progress) == 10
    assert "[red]markup[/red] and and will stay text" in out
    assert lines[-4].startswith("[002] keep provisional, val_bpb 1.9800, delta -0.0200, outcome confirmed")
    assert lines[-1] == "train.py is now iteration 2"


def test_a_session_in_json_lines(tmp_path: Path) -> None:
    code, out, err = finish(start("tests.cli.drive", str(tmp_path), "--json"))
    assert (code, err) == (0, "")
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["type"] for one in told if one["type"] != "event"] == [
        "note",
        "opened",
        *["phase", "planned", "phase", "phase", "finished"] * 2,
        "closed",
    ]
    assert sum(one["type"] == "event" for one in told) == 40
    assert told[-1]["ending"]["probability_better"] == 0.97
    assert all(one["timestamp"].endswith("Z") for one in told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_signal_ends_the_session_with_one_line_and_130(
    number: signal.Signals, flags: list[str], tmp_path: Path
) -> None:
    process = start("tests.cli.drive", str(tmp_path), "last", *flags)
    wait_for(process, '"iteration": 3' if flags else "[003] prepare")
    process.send_signal(number)
    process.send_signal(number)  # `timeout` sends it twice
    code, out, err = finish(process)
    assert code == 130
    assert err == (
        "dialectic: interrupted: 2 finished iterations are saved in session night "
        f"(`dialectic log --session night --root {tmp_path}`); "
        f"go on with: dialectic run --resume --session night --iterations 2 --root {tmp_path}\n"
    )
    assert all(json.loads(line) for line in out.splitlines() if flags)


def test_a_session_goes_on_when_nobody_reads_any_more(tmp_path: Path) -> None:
    process = start("tests.cli.drive", str(tmp_path), "draw")
    wait_for(process, "[001] prepare")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    code, _, err = finish(process)
    assert (code, err) == (0, "")
    assert (tmp_path / "experiment_logs" / "night" / "iterations" / "002" / "result.json").exists()


def test_a_failed_machine_is_one_line_and_exit_1(tmp_path: Path) -> None:
    code, _, err = finish(start("tests.cli.drive", str(tmp_path), "fail"))
    hint = f"go on with: dialectic run --resume --session night --iterations 2 --root {tmp_path}"
    assert (code, err) == (1, f"dialectic: the machine went away; start it and run again; {hint}\n")


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read lines until one holds ``words``."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"{words} never came")


def on_terminal(
    *command: str, stop: str = "", size: tuple[int, int] = (30, 100), TERM: str = "xterm-256color", **more: str
) -> tuple[int, str]:
    """Run ``python -m`` under a pseudo-terminal; SIGTERM once ``stop`` was drawn. Exit code and all that was drawn."""
    import fcntl
    import pty
    import struct
    import termios

    more["TERM"] = TERM
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")} | more,
    )
    os.close(theirs)
    drawn, deadline, stopped = b"", time.monotonic() + 30, False
    while time.monotonic() < deadline:
        try:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            piece = os.read(ours, 65_536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        drawn += piece
        if stop and not stopped and stop.encode() in drawn:
            process.terminate()
            stopped = True
    os.close(ours)
    return process.wait(timeout=10), drawn.decode("utf-8")


def without_colours(drawn: str) -> str:
    """The text without colours; movements stay."""
    return re.sub(r"\x1b\[[0-9;]*m", "", drawn)


def test_the_panel_draws_and_leaves_a_clean_terminal(tmp_path: Path) -> None:
    code, drawn = on_terminal("tests.cli.drive", str(tmp_path), "draw")
    assert code == 0
    plain = without_colours(drawn)
    assert "iteration 1 of 3 · run" in plain
    assert re.search(r"50 %\s+loss 3.250\s+10,950 tokens/s\s+30 s left", plain)
    assert "━" in plain
    assert "[red]markup[/red] and and will stay text" in plain
    assert "title" not in plain
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") >= 1
    end = plain.rpartition("\x1b[2K")[2]
    assert "╭" not in end
    assert "DEPTH 4 → 5" in end
    assert end.rstrip().endswith("train.py is now iteration 2")


def test_a_signal_leaves_a_clean_terminal(tmp_path: Path) -> None:
    code, drawn = on_terminal("tests.cli.drive", str(tmp_path), "last", stop="iteration 3 of 3")
    assert code == 130
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1
    end = without_colours(drawn).rpartition("\x1b[2K")[2]
    assert "╭" not in end
    assert "002" in end
    assert "2 finished iterations are saved in session night" in end.replace("\r\n", " ")


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    code, drawn = on_terminal("tests.cli.drive", str(tmp_path), TERM="dumb")
    assert code == 0
    assert "\x1b" not in drawn
    assert "[001] prepare" in drawn


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_the_table_fits_the_terminal(width: int, night: Builder) -> None:
    code, drawn = on_terminal("dialectic", "log", "--root", str(night.root), size=(30, width))
    assert code == 0
    lines = without_colours(drawn).split("\r\n")
    assert max(len(line) for line in lines) <= width
    assert any("1.9800" in line and line.startswith("002") for line in lines)
