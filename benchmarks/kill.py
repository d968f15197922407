"""Nothing is lost by kill -9 at any instant: killed and resumed sessions beside an undisturbed one, file by file.

    python -m benchmarks.kill                   fifty kills over a scripted session, ten over real smoke runs
    python -m benchmarks.kill scripted 5        five of the first kind
    python -m benchmarks.kill table             the table again, from the JSON

Each kill is a session of its own: the runner is killed at a random instant, the session resumed after a random pause,
and every file that it left compared with those of a session that nobody disturbed, after the masking of
:mod:`tests.masking`. The scripted session holds second chances, a repeat that the verdict buys, and a final pair.
Handles tell that no run was started twice. One JSON a kill; one that is there is not repeated.

The smoke profile trains for two seconds of CPU time, so that how far a run gets depends on the machine. Here its
``train.py`` counts 20 steps instead: the same file and seed then give the same model to the last bit, and the
comparison of the real runs is one of bytes as well.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bench import RESULTS, ROOT, machine, save
from tests import killing

FOLDER = RESULTS / "kill"
KILLS = {"scripted": 50, "smoke": 10}
TOTAL = {"scripted": 5, "smoke": 2}
LONGEST_PAUSE = {"scripted": 0.3, "smoke": 8.0}
"""Seconds; in those of the real runs some survive their runner and end before the next one comes."""
FLAGS = {
    "scripted": [
        *("--profile", "smoke", "--pairs", "1"),
        *("--agent", "scripted", "--executor", "scripted", "--script", "script.json"),
    ],
    "smoke": ["--profile", "smoke", "--corpus", "stdlib"],
}
CLOCK = "elapsed, seconds = clock.elapsed(), time.perf_counter() - began"
STEPS = "elapsed, seconds = PROFILE.time_budget * step / 20, time.perf_counter() - began"


def train_py(kind: str) -> str:
    """The base of a session; that of the real runs counts steps."""
    text = (ROOT / "train.py").read_text("utf-8")
    assert text.count(CLOCK) == 1
    return text.replace(CLOCK, STEPS) if kind == "smoke" else text


def folder(place: Path, kind: str) -> Path:
    """A research folder for one session."""
    return killing.research_folder(place, train_py(kind), killing.SCRIPT if kind == "scripted" else None)


def measure(kind: str, kills: int) -> None:
    """Kill and resume what is missing of ``kills`` sessions."""
    missing = [number for number in range(1, kills + 1) if not (FOLDER / kind / f"{number:02d}.json").exists()]
    if not missing:
        return
    with tempfile.TemporaryDirectory(prefix="dialectic-kill-") as name:
        place = Path(name)
        whole = folder(place / "whole", kind)
        os.chdir(whole)
        within = killing.whole_session(whole, FLAGS[kind], TOTAL[kind])
        again, pairs = killing.repeats_and_pairs(whole)
        what = f"with {again} repeats and {pairs} runs of final pairs"
        print(f"{kind}: the undisturbed session, {what}, took {within:.1f} s", flush=True)
        for number in missing:
            piece = one(kind, number, place, whole, within)
            save(FOLDER / kind / f"{number:02d}.json", piece | {"within": round(within, 2), "machine": machine()})
            print(f"{kind} {number:2d} of {kills}: {'equal' if piece['fine'] else piece}", flush=True)


def one(kind: str, number: int, place: Path, whole: Path, within: float) -> dict[str, Any]:
    """One killed session; an instant that comes after its end is drawn anew."""
    for attempt in range(20):
        root = folder(place / f"{number}-{attempt}", kind)
        os.chdir(root)
        killed = killing.kill(1000 * attempt + number, root, FLAGS[kind], TOTAL[kind], within)
        if killed is not None:
            killing.resume(killed, root, TOTAL[kind], LONGEST_PAUSE[kind])
            return killing.compare(killed, root, whole).to_json() | {"number": number}
    raise RuntimeError(f"{kind} {number}: every session ended before it could be killed")


def table() -> None:
    """Where the kills fell, and what came of them."""
    for kind in KILLS:
        pieces = [json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / kind).glob("*.json"))]
        if not pieces:
            continue
        print(
            f"\n{kind}: {len(pieces)} kills\n{'killed in':12} {'kills':>5} {'equal':>5} {'run twice':>9} {'exit 0':>6}"
        )
        for phase in [*sorted({piece["phase"] for piece in pieces}), ""]:
            chosen = [piece for piece in pieces if phase in ("", piece["phase"])]
            equal = sum(not piece["differences"] for piece in chosen)
            twice = sum(len(piece["started_again"]) for piece in chosen)
            well = sum(piece["exit_code"] == 0 for piece in chosen)
            print(f"{phase or 'all':12} {len(chosen):5d} {equal:5d} {twice:9d} {well:6d}")


def main() -> None:
    """Kill what was asked for, and print the table."""
    kind, *count = sys.argv[1:] or ["all"]
    for name, kills in KILLS.items():
        if kind in ("all", name):
            measure(name, int(count[0]) if count else kills)
    table()


if __name__ == "__main__":
    main()
