"""Load a handed-over graph, check that it is an honest language model, and evaluate it (design, section 6).

The metric itself is ``prepare.evaluate_bpb``; nothing of the candidate's Python is imported here. The archive is
opened by torch's own loader, which trusts it: reading it ourselves first, and the cage, come with the honest-score
issue.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dialectic.errors import DataError
from dialectic.state.run import CheckResult, Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    LogitsFn = Callable[[Tensor], Tensor]

REPEAT_TOLERANCE = {"cpu": 1e-5, "mps": 1e-3, "cuda": 1e-2}
"""Largest difference of a logit between two evaluations of the same tokens; accelerators add up in any order."""
CAUSAL_TOLERANCE = {"cpu": 1e-3, "mps": 1e-2, "cuda": 1e-1}
"""Largest change of an earlier logit when only later tokens changed; bfloat16 rounds logits near 15 to 0.06."""


def measure(model: Path, prepare_py: Path, cache: Path, profile: str) -> Score:
    """Score the graph in ``model`` under ``profile`` with the data in ``cache``.

    Raises:
        DataError: the evaluation data are missing or damaged.
        OSError, ValueError, RuntimeError: the file cannot be loaded or evaluated.
    """
    os.environ["DIALECTIC_PROFILE"] = profile
    os.environ["DIALECTIC_CACHE"] = str(cache)
    keep_freed_memory()
    prepare = load_module(prepare_py)
    started = time.perf_counter()
    logits_fn = load_graph(model, prepare.PROFILE.device)
    checks = run_checks(logits_fn, prepare)
    if all(check.passed for check in checks.values()):
        try:
            validation = prepare.evaluate_bpb(logits_fn, "validation")
            holdout = prepare.evaluate_bpb(logits_fn, "holdout")
        except prepare.PrepareError as error:
            raise DataError(str(error)) from error
        numbers = (validation.bpb, holdout.bpb, validation.tokens, validation.bytes)
    else:
        numbers = (0.0, 0.0, 0, 0)
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("the bits per byte are not a finite number")
    return Score(
        val_bpb=numbers[0],
        holdout_bpb=numbers[1],
        tokens=numbers[2],
        bytes=numbers[3],
        checks=checks,
        seconds=time.perf_counter() - started,
    )


def keep_freed_memory() -> None:
    """Tell glibc's malloc to keep what is freed: mapping tensors anew costs a third of a forward pass on a CPU."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-4, 0)  # M_MMAP_MAX
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def load_module(path: Path) -> ModuleType:
    """The session's ``prepare.py`` as the module ``prepare``."""
    spec = importlib.util.spec_from_file_location("prepare", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare"] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the session's folder holds records, no cache
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


def load_graph(path: Path, device: str) -> LogitsFn:
    """The exported graph as a function from token ids [eval_batch, T] to logits [eval_batch, T, vocabulary].

    The graph lives where the run left it; token ids may come from anywhere.
    """
    import torch

    try:
        graph = torch.export.load(path).module()
    except Exception as error:  # the loader has no error of its own: zip, JSON, key and assertion errors get through
        raise ValueError(f"{path.name} is not an exported graph ({type(error).__name__}: {error})") from error

    def logits_fn(tokens: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = graph(tokens.to(device))
            return logits

    return logits_fn


def run_checks(logits_fn: LogitsFn, prepare: ModuleType) -> dict[str, CheckResult]:
    """Shape, finiteness, determinism and causality on the first batch of random tokens."""
    import torch

    profile = prepare.PROFILE
    batch, length, vocabulary = profile.eval_batch, profile.sequence_length, profile.vocab_size
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(vocabulary, (batch, length), generator=generator)
    logits = logits_fn(tokens)
    shape = tuple(logits.shape)
    checks = {"shape": CheckResult(passed=shape == (batch, length, vocabulary), value=float(len(shape)))}
    if not checks["shape"].passed:
        return checks
    checks["finite"] = CheckResult(
        passed=bool(torch.isfinite(logits).all()), value=float((~torch.isfinite(logits)).sum())
    )
    checks["deterministic"] = _compare(logits, logits_fn(tokens), REPEAT_TOLERANCE[profile.device])
    changed = tokens.clone()
    half = length // 2
    changed[:, half:] = torch.randint(vocabulary, (batch, length - half), generator=generator)
    checks["causal"] = _compare(logits[:, :half], logits_fn(changed)[:, :half], CAUSAL_TOLERANCE[profile.device])
    return checks


def _compare(first: Tensor, second: Tensor, tolerance: float) -> CheckResult:
    difference = float((first.float() - second.float()).abs().max())
    # A NaN difference is no number for a record and no agreement either.
    return CheckResult(passed=difference <= tolerance, value=difference if math.isfinite(difference) else 1e30)
