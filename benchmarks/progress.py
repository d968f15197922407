"""Is progress real? Sessions of the builtin agent beside sessions of random knob changes, each checked by fresh pairs.

    python -m benchmarks.progress run                      five sessions of ten candidates for each agent, cpu profile
    python -m benchmarks.progress run --agents builtin --seeds 1 2
    python -m benchmarks.progress table                    the table from what is there

After a session, baseline and final incumbent are trained again in interleaved pairs with seeds that took no part in
any choice; the improvement is the mean difference of the pairs, incumbent minus baseline, in bits per byte (below zero
is better). A session that kept nothing improved by exactly nothing: both files are the same, and no pair is run.

Each finished session is one JSON file under benchmarks/results/progress/; what is there is not run again. A session
that was interrupted goes on from its files, which lie under benchmarks/sessions/ until it has been checked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
from typing import Any

from scipy import stats

from benchmarks import bench
from benchmarks.bench import RESULTS, ROOT, Variant, machine, run_once, save
from dialectic import agents
from dialectic.config import Settings
from dialectic.session import Session

FOLDER = RESULTS / "progress"
WORK = ROOT / "benchmarks" / "sessions" / "progress"
FIRST_PAIR_SEED = 900_000
"""Seeds of a session are 32-bit hashes; those of the pairs lie in a range of their own."""
LEVEL = 0.95

agents.REGISTRY["random"] = "benchmarks.random_agent:RandomAgent"


def research(agent: str, seed: int, profile: str, iterations: int, budget: float | None) -> Session:
    """One session, begun or gone on with."""
    name = f"{agent}-{seed}"
    # The study runs pairs of its own for both agents alike, so the session's are left out.
    settings = Settings(
        iterations=iterations,
        session=name,
        profile=profile,
        budget=budget,
        agent=agent,
        seed=seed,
        adopt=False,
        confirm=False,
    )
    return bench.research(WORK / profile / name, (ROOT / "train.py").read_text("utf-8"), settings)


def check(session: Session, profile: str, seed: int, pairs: int, budget: float) -> list[dict[str, Any]]:
    """Interleaved pairs of baseline and final incumbent; which of the two comes first alternates."""
    best = incumbent(session)
    if best == 1:
        return []
    texts = {
        name: session.iteration(number).train_py.read_text("utf-8")
        for name, number in (("baseline", 1), ("incumbent", best))
    }
    found = []
    for pair in range(pairs):
        numbers: dict[str, Any] = {"seed": FIRST_PAIR_SEED + 100 * seed + pair}
        for name in sorted(texts, reverse=bool(pair % 2)):
            # A pair shares its seed: what an initialisation is worth cancels.
            run = run_once(Variant(name, profile, text=texts[name]), numbers["seed"], budget)
            numbers[name] = {key: run[key] for key in ("val_bpb", "holdout_bpb", "total_tokens_M", "num_steps")}
        numbers["difference"] = numbers["incumbent"]["val_bpb"] - numbers["baseline"]["val_bpb"]
        print(f"  pair {pair + 1}: {numbers['difference']:+.4f}", flush=True)
        found.append(numbers)
    return found


def incumbent(session: Session) -> int:
    """The last iteration that was kept."""
    kept = [result.iteration for _, result, _ in session.history() if result and result.keep_discard_status == "keep"]
    return max(kept)


def told(session: Session) -> list[dict[str, Any]]:
    """What each iteration came to."""
    return [
        {
            "iteration": plan.iteration,
            "move": plan.move_type,
            "edits": [edit.model_dump() for edit in plan.edits],
            "val_bpb": result.score.val_bpb if result.score else None,
            "decision": result.keep_discard_status,
            "claim": result.verdict.claim,
            "delta": result.verdict.delta,
            "failure": result.failure.kind,
        }
        for plan, result, _ in session.history()
        if result is not None
    ]


def run(arguments: argparse.Namespace) -> None:
    """Run what is not there yet, seed by seed, so that both agents meet the same days of the machine."""
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    for seed in arguments.seeds:
        for agent in arguments.agents:
            path = FOLDER / arguments.profile / f"{agent}-{seed}.json"
            if path.exists():
                continue
            facts = machine()
            session = research(agent, seed, arguments.profile, arguments.iterations, arguments.budget)
            record = session.record()
            assert record.profile is not None
            budget = record.profile.time_budget
            pairs = check(session, arguments.profile, seed, arguments.pairs, budget)
            value = {
                "agent": agent,
                "seed": seed,
                "profile": arguments.profile,
                "budget": budget,
                "commit": commit,
                "iterations": told(session),
                "incumbent": incumbent(session),
                "pairs": pairs,
                "improvement": statistics.mean([pair["difference"] for pair in pairs]) if pairs else 0.0,
                "machine": facts,
            }
            save(path, value)
            shutil.rmtree(session.root)


def interval(values: list[float]) -> tuple[float, float]:
    """Student's interval of the mean; the whole line where one value is all there is."""
    if len(values) < 2:
        return float("-inf"), float("inf")
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values) - half, statistics.mean(values) + half


def table(profile: str) -> None:
    """Print what is there; the unit of the interval is the session, because its pairs share one incumbent."""
    print(f"{'session':14} {'kept':>5} {'crash':>6} {'baseline':>9} {'incumbent':>10}  improvement in pairs")
    improvements: dict[str, list[float]] = {}
    for path in sorted((FOLDER / profile).glob("*.json")):
        one = json.loads(path.read_text("utf-8"))
        decisions = [iteration["decision"] for iteration in one["iterations"][1:]]
        means = [
            f"{statistics.mean(pair[name]['val_bpb'] for pair in one['pairs']):.4f}" if one["pairs"] else "-"
            for name in ("baseline", "incumbent")
        ]
        pairs = " ".join(f"{pair['difference']:+.4f}" for pair in one["pairs"])
        print(
            f"{path.stem:14} {decisions.count('keep'):5} {decisions.count('crash'):6} {means[0]:>9} {means[1]:>10}  "
            f"{one['improvement']:+.4f}  ({pairs})"
        )
        improvements.setdefault(one["agent"], []).append(one["improvement"])
    for agent, values in improvements.items():
        low, high = interval(values)
        print(
            f"{agent}: {len(values)} sessions, mean {statistics.mean(values):+.4f} bpb, "
            f"{LEVEL:.0%} interval {low:+.4f} to {high:+.4f}"
        )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--agents", nargs="+", default=["builtin", "random"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--budget", type=float, default=None, help="seconds; the profile's own when left out")
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments)
    table(arguments.profile)


if __name__ == "__main__":
    main()
