"""Kernels from the hub that ``train.py`` would fetch by itself: a run in its cage has no network.

They are fetched once, by the runner, into a folder of the cache, and shown to every run read-only as its Hugging Face
cache. Only what then loads without a network counts as fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from dialectic.state.observer import Observer
from dialectic.state.run import Job
from dialectic.state.session import ProfileFacts

NAME, VERSION = "kernels-community/flash-attn3", 1
"""What ``train.py`` asks for on a Hopper."""
HOPPER = re.compile(r"\b(G?H\d00|H20)\b")
FOLDER, READY = "kernels", "ready"
PLACE = ".cache/huggingface"
SECONDS = 300.0
LOAD = f"from kernels import get_kernel; get_kernel({NAME!r}, version={VERSION}, trust_remote_code=[{NAME!r}])"
NAME_THE_VERSION = (
    f"from huggingface_hub import snapshot_download as take; "
    f"take({NAME!r}, repo_type='kernel', revision='v{VERSION}', allow_patterns=['*.json'])"
)
"""Without this the cache knows the kernel by its commit only, and nobody finds version 1 in it offline."""


def fetch(profile: ProfileFacts, cache: Path, observer: Observer) -> None:
    """Fetch them where this profile's accelerator uses them and they are not there; says why when that fails.

    ``cache`` is the folder of the session's data; they lie beside it.
    """
    folder = cache.parent / FOLDER
    if profile.device != "cuda" or not HOPPER.search(profile.gpu) or (folder / READY).exists():
        return
    observer.note(f"fetching {NAME} once: runs have no network")
    for code, offline in ((LOAD, "0"), (NAME_THE_VERSION, "0"), (LOAD, "1")):
        environment = dict(os.environ) | {"HF_HOME": str(folder), "HF_HUB_OFFLINE": offline}
        try:
            subprocess.run(
                [sys.executable, "-c", code],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
            observer.note(f"{NAME} cannot be had, so training goes on with other attention: {said[:200]}")
            return
        except (OSError, subprocess.TimeoutExpired) as error:
            observer.note(f"{NAME} cannot be had, so training goes on with other attention: {error}")
            return
    (folder / READY).touch()


def with_kernels(job: Job, cache: Path) -> Job:
    """``job`` with what was fetched in its home; its hub is then told not to look for a network."""
    folder = cache.parent / FOLDER
    if job.cage is None or not (folder / READY).exists():
        return job
    cage = job.cage.model_copy(update={"home": {PLACE: str(folder)}})
    return job.model_copy(update={"cage": cage, "environment": job.environment | {"HF_HUB_OFFLINE": "1"}})
