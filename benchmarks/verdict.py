"""The verdict against the rules of the field, on landscapes with known true values: no training, no key.

    python -m benchmarks.verdict                          what is missing, then the tables
    python -m benchmarks.verdict --cells additive-0.001   only these cells
    python -m benchmarks.verdict --sessions 200           fewer sessions; a cell with fewer than asked for is done again
    python -m benchmarks.verdict table                    the tables from what is there

Every rule gets the same number of training runs, the same candidates and the same luck of the k-th run. The final
interval comes from three fresh pairs, six runs more for every rule alike. Each finished cell is one JSON file under
benchmarks/results/verdict/; what is there is not computed again. All values are in bpb.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import RESULTS, save
from benchmarks.landscapes import Additive, Even, Interacting, Landscape, Null, Saturating
from benchmarks.rivals import PAIRS, RULES, Bench
from dialectic import verdict
from dialectic.state.confirmation import Pair

FOLDER = RESULTS / "verdict"
RUNS = 100
SESSIONS = 2000
NOISES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


@dataclass(frozen=True)
class Cell:
    """One condition."""

    landscape: Callable[[np.random.Generator], Landscape]
    noise: float
    misjudged: float = 1.0
    """The prior noise that the session is given, in units of the true one."""
    first_luck: float | None = None
    """Of the baseline's first run, in noise SDs."""


def cells() -> dict[str, Cell]:
    """Every condition by name, those that decide first."""
    shapes: dict[str, Callable[[np.random.Generator], Landscape]] = {
        "additive": Additive,
        "saturating": Saturating,
        "interacting": Interacting,
        "null": Null,
    }
    found = {f"{name}-{noise:g}": Cell(shape, noise) for name, shape in shapes.items() for noise in NOISES}
    for noise in (3e-4, 3e-3):
        for factor, word in ((1 / 3, "third"), (3.0, "triple")):
            found[f"prior-{word}-{noise:g}"] = Cell(Additive, noise, misjudged=factor)
            found[f"null-prior-{word}-{noise:g}"] = Cell(Null, noise, misjudged=factor)
        for luck, word in ((-2.5, "lucky"), (2.5, "unlucky")):
            found[f"{word}-{noise:g}"] = Cell(Additive, noise, first_luck=luck)
            found[f"null-{word}-{noise:g}"] = Cell(Null, noise, first_luck=luck)
        found[f"small-{noise:g}"] = Cell(lambda generator: Additive(generator, 1 / 3), noise)
        found[f"large-{noise:g}"] = Cell(lambda generator: Additive(generator, 3.0), noise)
        found[f"even-{noise:g}"] = Cell(Even, noise)
    return found


def session(cell: Cell, rule: str, number: int) -> dict[str, float]:
    """One session under one rule, and its interval from fresh pairs."""
    luck = np.random.default_rng([number, 2])
    bench = Bench(
        cell.landscape(np.random.default_rng([number, 1])), luck, cell.noise, RUNS, first_luck=cell.first_luck
    )
    RULES[rule](bench, cell.misjudged * cell.noise)
    fresh = cell.noise * np.random.default_rng([number, 3]).standard_normal((PAIRS, 2))
    pairs = [
        Pair(seed=k, baseline=float(a), incumbent=float(bench.true + b)) for k, (a, b) in enumerate(fresh, start=1)
    ]
    told = verdict.confirm(pairs, bench.belief)
    assert told.low is not None
    assert told.high is not None
    return {
        "improvement": -bench.true,
        "keeps": bench.keeps,
        "false_keeps": bench.false_keeps,
        "claims": bench.claims,
        "false_claims": bench.false_claims,
        "false_share": bench.false_claims / max(1, bench.claims),
        "repeats": bench.repeats,
        "covered": told.low <= -bench.true <= told.high,
        "width": told.high - told.low,
    }


def compute(cell: Cell, sessions: int) -> dict[str, object]:
    """Means over sessions with their standard errors, and the difference to ours on the same candidates and luck."""
    rules: dict[str, dict[str, float]] = {}
    first = np.zeros(sessions)
    for rule in RULES:
        started = time.process_time()
        rows = [session(cell, rule, number) for number in range(sessions)]
        columns = {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}
        if rule == "ours":
            first = columns["improvement"]
        behind = first - columns["improvement"]
        numbers = {name: float(column.mean()) for name, column in columns.items()}
        numbers |= {f"{name}_se": _error(columns[name]) for name in ("improvement", "false_share", "covered")}
        numbers |= {"ours_ahead": float(behind.mean()), "ours_ahead_se": _error(behind)}
        rules[rule] = numbers | {"seconds": time.process_time() - started}
    facts = {"runs": RUNS, "sessions": sessions, "noise": cell.noise, "prior_noise": cell.misjudged * cell.noise}
    return facts | {"rules": rules}


def _error(column: np.ndarray) -> float:
    return float(column.std(ddof=1) / math.sqrt(len(column)))


def table() -> None:
    """Print what is there: one row a cell and rule; ``ahead`` is ours minus the rule, with its standard error."""
    print(
        f"{'cell':24}{'rule':>10}{'sessions':>9}{'gain 1e-3':>10}{'± se':>6}{'ahead':>8}{'± se':>6}{'keeps':>7}"
        f"{'false':>7}{'claims':>8}{'false':>8}{'FDR %':>7}{'repeats':>8}{'cover %':>8}{'width/noise':>12}"
    )
    for name in cells():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text("utf-8"))
        for rule, row in found["rules"].items():
            print(
                f"{name:24}{rule:>10}{found['sessions']:9}{1e3 * row['improvement']:10.2f}"
                f"{1e3 * row['improvement_se']:6.2f}{1e3 * row['ours_ahead']:+8.2f}{1e3 * row['ours_ahead_se']:6.2f}"
                f"{row['keeps']:7.1f}{row['false_keeps']:7.2f}{row['claims']:8.2f}{row['false_claims']:8.4f}"
                f"{100 * row['false_share']:7.2f}{row['repeats']:8.1f}{100 * row['covered']:8.1f}"
                f"{row['width'] / found['noise']:12.2f}"
            )
            name = ""


def main() -> None:
    """Parse and compute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["run", "table"], default="run")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--cells", nargs="+", choices=list(cells()), default=list(cells()), metavar="CELL")
    arguments = parser.parse_args()
    for name in arguments.cells if arguments.what == "run" else []:
        path = FOLDER / f"{name}.json"
        if path.exists() and json.loads(path.read_text("utf-8"))["sessions"] >= arguments.sessions:
            continue
        save(path, compute(cells()[name], arguments.sessions))
        print(f"{path.relative_to(RESULTS)} done", flush=True)
    table()


if __name__ == "__main__":
    main()
