"""A plain runner, as many loops have one: it starts ``train.py`` with the user's rights and environment, believes what
the run says of itself, and else opens the handed-over model with torch's own loader.

``python -m tests.redteam.plain WORK`` runs what lies in WORK, prints its outcome as one line of JSON and ends with it.
It is a process of its own, because some attacks kill or stop the runner.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialectic.state.trees import remove_tree
from tests.redteam.attack import ENDLESS_BYTES, Attack, Outcome
from tests.redteam.ground import KEY, REPOSITORY, Ground, lay_iteration

BUDGET_SECONDS = 0.5
PATIENCE_SECONDS = 240.0
HANGING = 10.0
"""Seconds after which a run counts as hanging when it does not train."""
SCORING_SECONDS = 60.0
BLOATED_MB = 900
"""Of a scorer's memory; torch alone takes half of it."""
SCORER_BYTES = 6 * 2**30
"""Address space of the plain scorer, so that a model that asks for all memory harms nobody."""


@dataclass(frozen=True)
class Plain:
    """How a plain run ended: the outcome, and what happened to the runner itself."""

    outcome: Outcome
    runner_exit: int
    """Of the runner's process; negative when a signal ended it."""
    scorer_exit: int | None
    """Of its scorer; None when nothing was scored."""
    seconds: float


def environment(ground: Ground, work: Path) -> dict[str, str]:
    """The user's environment with what ``prepare.py`` wants to know."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(ground.place / "home"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(REPOSITORY),
        "OPENAI_API_KEY": KEY,
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        "OMP_WAIT_POLICY": "PASSIVE",
        "DIALECTIC_RUN_DIR": str(work),
        "DIALECTIC_RUN_SEED": "7",
        "DIALECTIC_PROFILE": "smoke",
        "DIALECTIC_BUDGET": str(BUDGET_SECONDS),
        "DIALECTIC_CACHE": str(ground.data),
        "DIALECTIC_LIVE_EVENTS": str(work / "live-events.ndjson"),
    }


def attack_plainly(attack: Attack, ground: Ground, honest: str, incumbent: bytes, baseline: float) -> Plain:
    """Let ``attack`` loose on the plain runner, in an iteration beside that of an incumbent."""
    number = len(list((ground.root / "experiment_logs").glob("plain-*"))) + 1
    ground.session = ground.root / "experiment_logs" / f"plain-{number}"
    lay_iteration(ground.session, 1, honest, incumbent)
    work = lay_iteration(ground.session, 2, honest)
    (ground.session / "prepare.py").write_bytes((REPOSITORY / "prepare.py").read_bytes())
    (work / "prepare.py").write_bytes((REPOSITORY / "prepare.py").read_bytes())
    (work / "train.py").write_text(attack.train_py(honest, ground.places()), "utf-8")
    command = [sys.executable, "-m", "tests.redteam.plain", str(work), "import" if attack.imported else "alone"]
    command.append(str(PATIENCE_SECONDS if attack.trains else HANGING))
    began = time.perf_counter()
    with (work / "runner.log").open("wb") as log:
        runner = subprocess.run(command, env=environment(ground, work), stdout=log, stderr=log, check=False)
    ground.settle()
    told = _answer(work / "runner.log")
    with (work / "run.log").open("rb") as stream:
        log_text = stream.read(2_000_000).decode("utf-8", "replace")
    score = float(told["score"]) if told.get("score") is not None else None
    log_text += "".join(f"\n{word}\n" for word in _happened(work, told))
    outcome = Outcome(log=log_text, score=score, baseline=baseline, ground=ground)
    return Plain(outcome, runner.returncode, told.get("scorer_exit"), time.perf_counter() - began)


def _happened(work: Path, told: dict[str, Any]) -> list[str]:
    """What the runner itself suffered, in one word each."""
    scorer = work / "scorer.log"
    broken = scorer.exists() and re.search(r"can't allocate|MemoryError|bad_alloc", scorer.read_text("utf-8", "replace"))
    words = {
        "HUNG": told.get("hung"),
        "ENDLESS": (work / "run.log").stat().st_size > ENDLESS_BYTES,
        "BROKEN": broken or (told.get("scorer_exit") or 0) < 0,
        "BLOATED": (told.get("scorer_mb") or 0) > BLOATED_MB,
        "LEFT": not _removed(work),
    }
    return [word for word, true in words.items() if true]


def _removed(work: Path) -> bool:
    """Whether the run's folder can be removed as every program does it."""
    try:
        shutil.rmtree(work)
    except RecursionError:
        remove_tree(str(work))
        return False
    return True


def _answer(path: Path) -> dict[str, Any]:
    for line in reversed(path.read_text("utf-8", "replace").splitlines()):
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                return told
    return {}


def run(work: Path, imported: bool, patience: float) -> dict[str, float | int | bool | str | None]:
    """What a plain runner does; runs in the runner's process."""
    with (work / "run.log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "train.py"], cwd=work, stdout=log, stderr=subprocess.STDOUT)
        try:
            started.wait(patience)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            return {"hung": True, "score": None}
    said = _said(work)
    if said is not None:
        return {"score": repr(said)}
    model = work / "model.pt2"
    if not os.path.lexists(model):
        return {"score": None}
    command = [sys.executable, "-m", "tests.redteam.plain", "score", str(work)] + ["import"] * imported
    try:
        scorer = subprocess.run(command, capture_output=True, text=True, timeout=SCORING_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"score": None, "hung": True}
    (work / "scorer.log").write_text(scorer.stdout + scorer.stderr)
    lines = scorer.stdout.splitlines()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"score": lines[-1] if scorer.returncode == 0 and lines else None, "scorer_exit": scorer.returncode, "scorer_mb": peak}


def _said(work: Path) -> float | None:
    """What the run says its score is: on paper, in its events, in its log."""
    for path in (work.parent / "score" / "score.json", work / "summary.json", work / "live-events.ndjson"):
        with contextlib.suppress(OSError):
            for line in path.read_text("utf-8").splitlines():
                with contextlib.suppress(ValueError, TypeError):
                    told = json.loads(line)
                    if isinstance(told, dict) and "val_bpb" in told:
                        return float(told["val_bpb"])
    found = re.findall(r"^val_bpb:\s+(\S+)$", (work / "run.log").open("rb").read(2**20).decode("utf-8", "replace"), re.M)
    return float(found[-1]) if found else None


def score(work: Path, imported: bool) -> float:
    """Bits per byte of ``model.pt2`` by torch's own loader and the session's own ``prepare.py``."""
    import torch

    resource.setrlimit(resource.RLIMIT_AS, (SCORER_BYTES, SCORER_BYTES))
    if imported:
        _load("train", work / "train.py")
    pinned = _load("prepare", work.parents[3] / "prepare.py")
    graph = torch.export.load(work / "model.pt2").module()
    with torch.inference_mode():
        return float(pinned.evaluate_bpb(graph, "validation").bpb)


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if name == "train":
        sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.argv[1] == "score":
        print(score(Path(sys.argv[2]), "import" in sys.argv))
    else:
        print(json.dumps(run(Path(sys.argv[1]), sys.argv[2] == "import", float(sys.argv[3]))), flush=True)
