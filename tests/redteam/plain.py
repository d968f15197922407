"""A plain runner, as many loops have one: it starts ``train.py`` with the user's rights and environment, believes what
the run says of itself, and else opens the handed-over model with torch's own loader.

``python -m tests.redteam.plain run WORK SECONDS`` is the runner, a process of its own, because some attacks kill or
stop it. ``python -m tests.redteam.plain serve`` is its scorer: it imports torch once and forks for every model.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialectic.state.trees import remove_tree
from tests.redteam.attack import ENDLESS_BYTES, FLOOD_BYTES, Attack, Outcome
from tests.redteam.ground import KEY, REPOSITORY, Ground, lay_iteration

BUDGET_SECONDS = 0.5
TRAINING_SECONDS, HANGING_SECONDS, SCORING_SECONDS = 300.0, 8.0, 30.0
"""After which a runner calls a training, anything quicker, or a scoring hanging."""
SCORER_BYTES = 6 * 2**30
"""Address space of the plain scorer, so that a model that asks for all memory harms nobody."""
BLOATED_MB = 900
"""Of a scorer's memory; torch alone takes half of it."""
READ_BYTES = 2_000_000


@dataclass(frozen=True)
class Plain:
    """How a plain run ended, and whether the attack reached its goal."""

    outcome: Outcome
    reached: bool
    runner_exit: int
    """Of the runner's process; negative when a signal ended it."""
    seconds: float


class PlainScorer:
    """The plain runner's scorer, in a process of its own."""

    def __init__(self) -> None:
        environment = os.environ | {"DIALECTIC_PROFILE": "smoke", "PYTHONPATH": str(REPOSITORY)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.redteam.plain", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def score(self, work: Path, cache: Path, imported: bool) -> dict[str, Any]:
        """``score`` (None when there is none), ``hung``, ``exit`` and ``mb`` of one scoring."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(work), str(cache), imported]) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


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


def lay_out(ground: Ground, honest: str, incumbent: bytes) -> Path:
    """A session's folder with an incumbent and, beside it, the ``work/`` of the next run."""
    number = len(list((ground.root / "experiment_logs").glob("plain-*"))) + 1
    ground.session = ground.root / "experiment_logs" / f"plain-{number}"
    lay_iteration(ground.session, 1, honest, incumbent)
    work = lay_iteration(ground.session, 2, honest)
    for place in (ground.session, work):
        shutil.copy(REPOSITORY / "prepare.py", place)
    return work


def attack_plainly(
    attack: Attack, ground: Ground, scorer: PlainScorer, incumbent: tuple[bytes, float], honest: str
) -> Plain:
    """Let ``attack`` loose on the plain runner, beside an incumbent: its model file and its score."""
    work = lay_out(ground, honest, incumbent[0])
    (work / "train.py").write_text(attack.train_py(honest, ground.places()), "utf-8")
    ground.keep()
    patience = str(TRAINING_SECONDS if attack.trains else HANGING_SECONDS)
    began = time.perf_counter()
    with (work / "runner.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.redteam.plain", "run", str(work), patience]
        runner = subprocess.run(command, env=environment(ground, work), stdout=log, stderr=log, check=False)
    ground.settle()
    told = _answer(work / "runner.log")
    score = told.get("said")
    if score is None and runner.returncode == 0 and not told["hung"] and os.path.lexists(work / "model.pt2"):
        told |= scorer.score(work, ground.data, attack.imported)
        score = told["score"]
    with (work / "run.log").open("rb") as stream:
        log_text = stream.read(READ_BYTES).decode("utf-8", "replace")
    log_text += "".join(f"\n{word}\n" for word in _suffered(work, told))
    outcome = Outcome(log_text, None if score is None else float(score), incumbent[1], ground)
    done = Plain(outcome, attack.goal(outcome), runner.returncode, time.perf_counter() - began)
    ground.mend()
    ground.clear()
    return done


def run_honestly(ground: Ground, scorer: PlainScorer, honest: str) -> tuple[bytes, float]:
    """The model file and the score of an honest run: the incumbent that an attack has to beat."""
    work = lay_out(ground, honest, b"")
    (work / "train.py").write_text(honest, "utf-8")
    with (work / "runner.log").open("wb") as log:
        command = [sys.executable, "train.py"]
        subprocess.run(command, cwd=work, env=environment(ground, work), stdout=log, stderr=log, check=True)
    told = scorer.score(work, ground.data, imported=False)
    return (work / "model.pt2").read_bytes(), float(told["score"])


def _answer(path: Path) -> dict[str, Any]:
    lines = path.read_text("utf-8", "replace").splitlines()
    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                return told
    return {"hung": False}


def _suffered(work: Path, told: dict[str, Any]) -> list[str]:
    """What the runner itself suffered, in one word each."""
    scorer, events = work / "scorer.log", work / "live-events.ndjson"
    broken = scorer.exists() and re.search(
        r"can't allocate|MemoryError|bad_alloc", scorer.read_text("utf-8", "replace")
    )
    words = {
        "HUNG": told["hung"],
        "ENDLESS": (work / "run.log").stat().st_size > ENDLESS_BYTES,
        "FLOODED": events.exists() and events.stat().st_size > FLOOD_BYTES,
        "BROKEN": broken or told.get("exit", 0) > 1,
        "BLOATED": told.get("mb", 0) > BLOATED_MB,
        "LEFT": not _removed(work.parent),
    }
    return [word for word, true in words.items() if true]


def _removed(execution: Path) -> bool:
    """Whether the run's ``work/`` can be removed as every program does it; its logs are put aside first."""
    try:
        for name in ("run.log", "runner.log"):
            shutil.copy(execution / "work" / name, execution)
        shutil.rmtree(execution / "work")
    except RecursionError:
        remove_tree(str(execution / "work"))
        return False
    finally:
        (execution / "work").mkdir(exist_ok=True)
        for name in ("run.log", "runner.log"):
            shutil.move(execution / name, execution / "work")
    return True


def run(work: Path, patience: float) -> dict[str, float | bool | str | None]:
    """What a plain runner does; runs in the runner's process."""
    with (work / "run.log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "train.py"], cwd=work, stdout=log, stderr=subprocess.STDOUT)
        try:
            started.wait(patience)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            return {"hung": True, "said": None}
    return {"hung": False, "said": _said(work)}


def _said(work: Path) -> str | None:
    """What the run says its score is: on paper, in its events, in its log."""
    for path in (work.parent / "score" / "score.json", work / "summary.json", work / "live-events.ndjson"):
        with contextlib.suppress(OSError):
            for line in path.read_text("utf-8").splitlines():
                with contextlib.suppress(ValueError, RecursionError):
                    told = json.loads(line)
                    if isinstance(told, dict) and "val_bpb" in told:
                        return str(told["val_bpb"])
    with (work / "run.log").open("rb") as log:
        found = re.findall(r"^val_bpb:\s+(\S+)$", log.read(READ_BYTES).decode("utf-8", "replace"), re.MULTILINE)
    return str(found[-1]) if found else None


def serve() -> None:
    """Score what standard input names, one fork each, so that torch is imported once."""
    import torch
    import torch.export

    for line in sys.stdin:
        work, cache, imported = json.loads(line)
        started = os.fork()
        if started == 0:
            _score_and_exit(Path(work), cache, imported, torch)
        answer: dict[str, Any] = {"hung": False}
        deadline = time.monotonic() + SCORING_SECONDS
        while not (ended := os.wait4(started, os.WNOHANG))[0]:
            time.sleep(0.02)
            if time.monotonic() > deadline:
                os.kill(started, 9)
                answer["hung"] = True
                deadline += SCORING_SECONDS
        path = Path(work) / "score.txt"
        answer["score"] = path.read_text() if path.exists() and not answer["hung"] else None
        answer |= {"exit": abs(os.waitstatus_to_exitcode(ended[1])), "mb": ended[2].ru_maxrss / 1024}
        print(json.dumps(answer), flush=True)


def _score_and_exit(work: Path, cache: str, imported: bool, torch: Any) -> None:
    """Bits per byte of ``model.pt2`` by torch's own loader and the session's own ``prepare.py``; ends the process."""
    log = os.open(work / "scorer.log", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (SCORER_BYTES, SCORER_BYTES))
        os.environ["DIALECTIC_CACHE"] = cache
        pinned = _load("prepare", work.parents[3] / "prepare.py")
        if imported:
            _load("train", work / "train.py")
        graph = torch.export.load(work / "model.pt2").module()
        with torch.inference_mode():
            bpb = pinned.evaluate_bpb(graph, "validation").bpb
        (work / "score.txt").write_text(repr(float(bpb)))
    except BaseException:  # noqa: BLE001 - whatever a forged file raises, it has no score
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        print(json.dumps(run(Path(sys.argv[2]), float(sys.argv[3]))), flush=True)
