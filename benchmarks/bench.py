"""What the benchmarks share: one run of train.py with its score, a session, competing load, results that resume."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dialectic.cli.plain import PlainLines
from dialectic.config import Settings
from dialectic.loop import resume_session, run_session
from dialectic.session import Session

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Variant:
    """A profile with some fields replaced; ``label`` names its results."""

    label: str
    profile: str
    changes: dict[str, str | int | float] = field(default_factory=dict)
    replacements: tuple[tuple[str, str], ...] = ()
    """Texts of ``train.py`` to replace, each standing there once."""
    text: str | None = None
    """What to train instead of the top-level ``train.py``."""

    def train_py(self) -> str:
        """The text of ``train.py`` with the replacements made."""
        text = (ROOT / "train.py").read_text("utf-8") if self.text is None else self.text
        for old, new in self.replacements:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in train.py"
            text = text.replace(old, new)
        return text

    def prepare_py(self) -> str:
        """The text of ``prepare.py`` with this profile's fields replaced, for a run and its scorer."""
        text = (ROOT / "prepare.py").read_text("utf-8")
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.changes.items())
        line = f'PROFILES["{self.profile}"] = replace(PROFILES["{self.profile}"], {arguments})\n'
        marker = "PROFILE: Profile"
        assert text.count(marker) == 1
        return text.replace(marker, line + marker) if self.changes else text


def describe(variant: Variant, folder: Path) -> dict[str, object]:
    """What the variant's ``prepare.py --describe`` answers; prepares the data where they are missing."""
    script = folder / "prepare.py"
    script.write_text(variant.prepare_py(), "utf-8")
    command = [sys.executable, str(script), "--profile", variant.profile]
    told: dict[str, object] = json.loads(subprocess.check_output([*command, "--describe"], text=True))
    if not told["ready"]:
        subprocess.run(command, check=True)
    return told


def run_once(variant: Variant, seed: int, budget: float) -> dict[str, float]:
    """Train and score once; the summary numbers, the score, wall and CPU seconds of the run and of the scorer."""
    with tempfile.TemporaryDirectory(prefix="dialectic-bench-") as name:
        folder = Path(name)
        told = describe(variant, folder)
        (folder / "train.py").write_text(variant.train_py(), "utf-8")
        cores = len(os.sched_getaffinity(0))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "OMP_NUM_THREADS": str(cores),
            "OMP_WAIT_POLICY": "PASSIVE",
            "DIALECTIC_RUN_DIR": name,
            "DIALECTIC_RUN_SEED": str(seed),
            "DIALECTIC_PROFILE": variant.profile,
            "DIALECTIC_BUDGET": str(budget),
            "DIALECTIC_CACHE": str(told["data_folder"]),
        }
        before, started = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "train.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        wall, after = time.perf_counter() - started, os.times()
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        numbers = _summary(done.stdout)
        scored = time.perf_counter()
        command = [sys.executable, "-m", "dialectic.scorer", str(folder / "model.pt2")]
        flags = ["--prepare", str(folder / "prepare.py"), "--cache", str(told["data_folder"])]
        answer = subprocess.check_output(
            [*command, *flags, "--profile", variant.profile], cwd=ROOT, text=True, stderr=subprocess.PIPE
        )
        score = json.loads(answer)
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return numbers | {
            "seed": seed,
            "val_bpb": score["val_bpb"],
            "holdout_bpb": score["holdout_bpb"],
            "run_wall_seconds": wall,
            "run_cpu_seconds": cpu,
            "score_wall_seconds": time.perf_counter() - scored,
        }


def _summary(output: str) -> dict[str, float]:
    tail = output.rsplit("\n---\n", 1)[1]
    pairs = (line.split(":", 1) for line in tail.splitlines() if ":" in line)
    return {name.strip(): float(value) for name, value in pairs}


def research(root: Path, train_py: str, settings: Settings) -> Session:
    """One session in a research folder of its own, begun or gone on with, in plain lines."""
    assert settings.session is not None
    if not (root / "train.py").exists():
        root.mkdir(parents=True, exist_ok=True)
        for file in ("prepare.py", "program.md"):
            shutil.copy(ROOT / file, root)
        (root / "train.py").write_text(train_py, "utf-8")
    session = Session(root, settings.session)
    if session.folder.exists():
        resume_session(root, settings, ["iterations"], PlainLines())
    else:
        run_session(root, settings, PlainLines())
    return session


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """``count`` competing processes that never sleep."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def save(path: Path, value: object) -> None:
    """Write one finished piece; what is there is a piece that need not be done again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
    shutil.move(temporary, path)


def machine() -> dict[str, str | int | float]:
    """What the numbers were measured on; the load says what else ran."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }
