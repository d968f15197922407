"""Attacks on the machine and on whoever reads the log. Every bomb is bounded; small limits stand in for a machine's."""

from __future__ import annotations

from tests.redteam.attack import Attack, Outcome, at_once, looted, suffered, survived

FORKS = """
import os, subprocess, sys, time
started = 0
for _ in range(250):
    try:
        if os.fork() == 0:
            os.setsid()
            os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(30)", PLACES["token"]])
        started += 1
    except OSError as error:
        print(error)
        break
print("LOOT" if started == 250 else "", started, "processes", flush=True)
time.sleep(1)
"""
MEMORY = """
import time
held = []
for _ in range(50):
    held.append(bytearray(b"x") * 2**24)
    time.sleep(0.02)
print("LOOT", len(held) * 16, "MB held", flush=True)
time.sleep(1)
"""
DISK = """
import os, time
with open("big", "wb") as file:
    for _ in range(150):
        file.write(bytes([7]) * 2**20)
        file.flush()
        time.sleep(0.01)
time.sleep(1.5)
print("LOOT 150 MB written", flush=True)
"""
SHARED_MEMORY = DISK.replace('"big"', '"/dev/shm/" + PLACES["token"]')
ENDLESS = """
import sys
line = b"x" * 1023 + b"\\n"
for _ in range(70):
    sys.stdout.buffer.write(line * 1024)
sys.stdout.flush()
"""
FLOOD = """
import os
line = b'{"type": "note", "timestamp": "now", "seq": 1}\\n'
with open(os.environ["DIALECTIC_LIVE_EVENTS"], "wb") as file:
    for _ in range(80):
        file.write(line * 21845)
"""
CONTROL = """
import sys
sys.stdout.write("\\x1b]0;a title\\x07\\x1b[2J\\x1b[1;31mred\\x1b[0m\\rval_bpb: \\u202e5.0\\x00\\x9b2K\\n")
sys.stdout.flush()
raise RuntimeError("\\x1b]52;c;aGVsbG8=\\x07\\x1b[2J the clipboard is mine")
"""
HANGS = "import time\nwhile True:\n    time.sleep(1)"
DEAF = """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(1)
"""
DEEP = """
import os
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
print("LOOT", "3000 folders deep")
"""
FIFO = """
import os
os.mkfifo(os.environ["DIALECTIC_RUN_DIR"] + "/model.pt2")
"""
SPARSE = """
import os
with open(os.environ["DIALECTIC_RUN_DIR"] + "/model.pt2", "wb") as file:
    file.truncate(2**42)
print("LOOT a file of", os.stat(os.environ["DIALECTIC_RUN_DIR"] + "/model.pt2").st_size, "bytes")
"""


def raw_control(outcome: Outcome) -> bool:
    """An escape character would reach whoever reads what is told of the run."""
    return any(sign in outcome.log for sign in ("\x1b", "\x9b", "\x07", "\u202e"))


MACHINE = (
    Attack("fork-bomb", "starts 250 processes in sessions of their own and ends", survived, at_once(FORKS)),
    Attack("memory-bomb", "holds 800 MB", looted, at_once(MEMORY), limits={"memory_bytes": 300 * 2**20}),
    Attack("fills-the-disk", "writes 150 MB into its own folder", looted, at_once(DISK), limits={
        "disk_bytes": 50 * 2**20}),
    Attack("fills-shared-memory", "writes 150 MB into /dev/shm", looted, at_once(SHARED_MEMORY), limits={
        "disk_bytes": 50 * 2**20, "memory_bytes": 100 * 2**20}),
    Attack("endless-log", "prints 70 MB", suffered("ENDLESS"), at_once(ENDLESS)),
    Attack("flood-of-events", "tells of 1.7 million events", suffered("FLOODED"), at_once(FLOOD)),
    Attack("control-sequences", "escape sequences in the log and in its last words", raw_control, at_once(CONTROL)),
    Attack("hangs", "does nothing for ever", suffered("HUNG"), at_once(HANGS), limits={"wall_seconds": 3.0}),
    Attack("deaf", "does nothing for ever, whatever it is asked", suffered("HUNG"), at_once(DEAF), limits={
        "wall_seconds": 2.0, "grace_seconds": 1.0}),
    Attack("deep-folders", "leaves folders that few programs can remove", suffered("LEFT"), at_once(DEEP)),
    Attack("fifo", "a pipe in place of the model: whoever opens it waits for ever", suffered("HUNG"), at_once(FIFO)),
    Attack("sparse-model", "a model file of 4 TB that takes no room", looted, at_once(SPARSE)),
)  # fmt: skip
