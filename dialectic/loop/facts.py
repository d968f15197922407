"""The machine, the data and the profile, as the system and ``prepare.py`` tell them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from dialectic.errors import DataError, UsageError
from dialectic.state.session import DataFacts, Machine, ProfileFacts

DESCRIBE_SECONDS = 120


def describe(
    root: Path, profile: str | None, corpus: str | None, budget: float | None
) -> tuple[ProfileFacts, DataFacts, bool]:
    """What ``prepare.py --describe`` says: profile, data, and whether the data are ready.

    Raises:
        UsageError: prepare.py knows no such profile or corpus.
        DataError: prepare.py cannot be run.
    """
    command = [sys.executable, str(root / "prepare.py"), "--describe", *_flags(profile, corpus)]
    environment = dict(os.environ) | ({"DIALECTIC_BUDGET": str(budget)} if budget is not None else {})
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=DESCRIBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"prepare.py --describe took over {DESCRIBE_SECONDS} s; run it yourself to see why") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["prepare.py --describe failed without a word"])[-1]
        raise UsageError(last) if done.returncode == 2 else DataError(last)
    try:
        told = json.loads(done.stdout)
        values = told["profile"]
        facts = ProfileFacts(
            name=values["name"],
            device=values["device"],
            sequence_length=values["sequence_length"],
            vocab_size=values["vocab_size"],
            time_budget=values["time_budget"],
            clock=values["clock"],
            eval_tokens=values["eval_tokens"],
            noise_sigma=values["noise_sigma"],
            effect_scale=values.get("effect_scale", 1.0),
            values=values,
            reason=told["reason"],
            overridden=told["own_time_budget"] != values["time_budget"],
            gpu=told["gpu"],
            cores=told["cores"],
        )
        data = DataFacts(corpus=told["corpus"], fingerprint=told["fingerprint"], folder=told["data_folder"])
    except (ValueError, KeyError) as error:
        raise DataError(f"{root / 'prepare.py'}: --describe answered nothing that can be used ({error})") from error
    return facts, data, bool(told["ready"])


def prepare_data(root: Path, profile: str, corpus: str) -> None:
    """Run ``prepare.py`` with its progress bars on standard error.

    Raises:
        DataError: it failed; its own last line says why.
    """
    command = [sys.executable, str(root / "prepare.py"), *_flags(profile, corpus)]
    done = subprocess.run(command, stdout=sys.stderr.fileno(), check=False)
    if done.returncode:
        raise DataError(f"the data of profile {profile} with corpus {corpus} could not be prepared; see the line above")


def _flags(profile: str | None, corpus: str | None) -> list[str]:
    return [*(["--profile", profile] if profile else []), *(["--corpus", corpus] if corpus else [])]


def machine(profile: ProfileFacts) -> Machine:
    """This machine; nothing is imported that is slow to import."""
    return Machine(
        cpu=_processor(),
        cores=max(1, int(profile.cores)),
        gpu=profile.gpu,
        memory=psutil.virtual_memory().total // 2**20,
        torch=importlib.metadata.version("torch"),
        python=platform.python_version(),
        platform=platform.platform(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
