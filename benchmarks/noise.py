"""The clock and the noise of a profile: how much do repeated runs of one file differ?

    python -m benchmarks.noise clock                     wall time and CPU time as the clock, with and without load
    python -m benchmarks.noise seeds                     the profile as it is, over seeds
    python -m benchmarks.noise seeds --set depth=3       a variant of it
    python -m benchmarks.noise table                     the tables from what is there

Each finished run is one JSON file under benchmarks/results/noise/; what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from benchmarks.bench import RESULTS, Variant, busy_loops, machine, run_once, save

FOLDER = RESULTS / "noise"
LOADS = {"quiet": 0, "busy": 2}


def measure(folder: Path, variant: Variant, seeds: list[int], budget: float, load: int) -> None:
    """Run what is not there yet."""
    for number, seed in enumerate(seeds, start=1):
        path = folder / f"{number:02d}.json"
        if path.exists():
            continue
        with busy_loops(load):
            numbers = run_once(variant, seed, budget)
        facts = {"label": variant.label, "changes": variant.changes, "budget": budget, "competing": load}
        save(path, numbers | facts | {"machine": machine()})
        print(
            f"{path.relative_to(RESULTS)}  val_bpb {numbers['val_bpb']:.4f}  {numbers['total_tokens_M']:.3f} M tokens"
        )


def clock(profile: str, runs: int, budget: float) -> None:
    """Interleaved, so that a drift of the machine hits all four alike; one seed, so that only the clock differs."""
    for done in range(1, runs + 1):
        for kind in ("cpu", "wall"):
            for load, competing in LOADS.items():
                variant = Variant(f"{kind}-{load}", profile, {"clock": kind})
                measure(FOLDER / "clock" / profile / variant.label, variant, [1] * done, budget, competing)


def spread(values: list[float]) -> str:
    """Sample SD over mean, in percent."""
    if len(values) < 2:
        return "-"
    return f"{100 * statistics.stdev(values) / statistics.mean(values):.2f} %"


def table() -> None:
    """Print what is there."""
    print(
        f"{'study':44} {'runs':>4} {'val_bpb':>8} {'SD':>8} {'SD/mean':>8} {'M tokens':>9} {'SD/mean':>8} {'wall s':>7}"
    )
    for folder in sorted({path.parent for path in FOLDER.rglob("*.json")}):
        runs = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
        bits = [run["val_bpb"] for run in runs]
        tokens = [run["num_steps"] for run in runs]
        seconds = statistics.median(run["run_wall_seconds"] for run in runs)
        deviation = f"{statistics.stdev(bits):.4f}" if len(bits) > 1 else "-"
        millions = statistics.mean(run["total_tokens_M"] for run in runs)
        name = str(folder.relative_to(FOLDER))
        print(
            f"{name:44} {len(runs):4} {statistics.mean(bits):8.4f} {deviation:>8} {spread(bits):>8} "
            f"{millions:9.3f} {spread(tokens):>8} {seconds:7.1f}"
        )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["clock", "seeds", "table"])
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--budget", type=float, default=None, help="seconds; clock: 20, seeds: the profile's own 60")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="replace a field of the profile"
    )
    parser.add_argument(
        "--replace", nargs=2, action="append", default=[], metavar=("OLD", "NEW"), help="replace a text of train.py"
    )
    parser.add_argument("--label", help="name of the variant's results; made of the changes when left out")
    arguments = parser.parse_args()
    if arguments.study == "clock":
        clock(arguments.profile, arguments.runs, arguments.budget or 20.0)
    elif arguments.study == "seeds":
        changes = dict(_change(text) for text in arguments.set)
        label = arguments.label or "-".join(f"{name}={value}" for name, value in changes.items()) or "as-it-is"
        variant = Variant(label, arguments.profile, changes, tuple((old, new) for old, new in arguments.replace))
        budget = arguments.budget or 60.0
        folder = FOLDER / "seeds" / arguments.profile / f"{budget:g}s" / label
        measure(folder, variant, list(range(1, arguments.runs + 1)), budget, 0)
    table()


def _change(text: str) -> tuple[str, str | int | float]:
    name, _, value = text.partition("=")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


if __name__ == "__main__":
    main()
