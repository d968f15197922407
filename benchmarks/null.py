"""What is claimed where nothing improved: sessions whose candidates differ only in a constant that nothing reads.

    python -m benchmarks.null run                      five sessions of ten candidates, cpu profile at a budget of 15 s
    python -m benchmarks.null run --seeds 1 2
    python -m benchmarks.null run --profile smoke --budget 2 --iterations 5 --seeds 1
    python -m benchmarks.null table                    the table from what is there

Every keep is then a false one and every claim too: of fifty candidates at most two may become ``proven``, and the
interval that a session states at its end, from fresh pairs of baseline and incumbent, contains zero in at least four
sessions of five. A session that kept nothing states no improvement, which is right as well.

Each finished session is one JSON file under benchmarks/results/null/; what is there is not run again. A session that
was interrupted goes on from its files, which lie under benchmarks/sessions/ until it is finished.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from typing import Any

from benchmarks.bench import RESULTS, ROOT, machine, research, save
from benchmarks.null_agent import KNOB
from benchmarks.progress import incumbent, told
from dialectic import agents
from dialectic.config import Settings
from dialectic.session import Session
from dialectic.state.files import as_json

FOLDER = RESULTS / "null"
WORK = ROOT / "benchmarks" / "sessions" / "null"
MOST_PROVEN, FEWEST_INTERVALS = 2 / 50, 4 / 5
"""What may be proven of the candidates, and how many of the sessions must state an interval with zero in it."""
BEFORE = "DEPTH ="
"""The constant goes before this line of ``train.py``."""

agents.REGISTRY["null"] = "benchmarks.null_agent:NullAgent"


def train_py() -> str:
    """The repository's file with one constant more."""
    text = (ROOT / "train.py").read_text("utf-8")
    assert text.count(f"\n{BEFORE}") == 1
    return text.replace(f"\n{BEFORE}", f"\n{KNOB} = 0\n{BEFORE}")


def piece(session: Session) -> dict[str, Any]:
    """What a finished session came to."""
    confirmation = session.confirmation()
    runs = [(plan.iteration, result.verdict.runs) for plan, result, _ in session.history() if result is not None]
    return {
        "iterations": told(session),
        "incumbent": incumbent(session),
        "repeats": sum(len(made) - 1 for iteration, made in runs if iteration > 1 and made),
        "confirmation": as_json(confirmation) if confirmation else None,
    }


def run(arguments: argparse.Namespace) -> None:
    """Run what is not there yet."""
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    for seed in arguments.seeds:
        path = FOLDER / arguments.profile / f"{seed}.json"
        if path.exists():
            continue
        settings = Settings(
            iterations=arguments.iterations,
            session=f"null-{seed}",
            profile=arguments.profile,
            budget=arguments.budget,
            agent="null",
            seed=seed,
            adopt=False,
        )
        facts = machine()
        session = research(WORK / arguments.profile / str(seed), train_py(), settings)
        conditions = {"seed": seed, "profile": arguments.profile, "budget": arguments.budget}
        save(path, piece(session) | conditions | {"commit": commit, "machine": facts})
        shutil.rmtree(session.root)


def has_zero(one: dict[str, Any]) -> bool:
    """Whether zero lies in what a session states; one that kept nothing states that nothing changed."""
    told = one["confirmation"]
    if told is None:
        return bool(one["incumbent"] == 1)
    return told["low"] is None or bool(told["low"] <= 0 <= told["high"])


def table(profile: str) -> None:
    """Print what is there."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / profile).glob("*.json"))]
    head = f"{'seed':>4} {'candidates':>10} {'kept':>5} {'proven':>6} {'repeats':>7} {'pairs':>5}"
    print(f"{head}  95 % interval of the fall")
    candidates = proven = zero = 0
    for one in found:
        tried = one["iterations"][1:]
        claimed = sum(each["claim"] == "proven" for each in tried)
        kept = sum(each["decision"] == "keep" for each in tried)
        told = one["confirmation"]
        said = "none: no candidate was kept" if one["incumbent"] == 1 else "none"
        if told is not None and told["low"] is not None:
            said = f"{told['low']:+.4f} to {told['high']:+.4f}, zero {'inside' if has_zero(one) else 'outside'}"
        pairs = len(told["pairs"]) if told else 0
        print(f"{one['seed']:>4} {len(tried):>10} {kept:>5} {claimed:>6} {one['repeats']:>7} {pairs:>5}  {said}")
        candidates, proven, zero = candidates + len(tried), proven + claimed, zero + has_zero(one)
    fine = proven <= MOST_PROVEN * candidates and zero >= FEWEST_INTERVALS * len(found)
    print(
        f"{proven} of {candidates} candidates proven, {zero} of {len(found)} sessions with zero in the interval or "
        f"nothing kept: {'as it must be' if fine else 'NOT as it must be'}"
    )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of training a run")
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments)
    table(arguments.profile)


if __name__ == "__main__":
    main()
