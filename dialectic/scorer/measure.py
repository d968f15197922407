"""Read a handed-over graph, check that it is an honest language model, and evaluate it (design, section 6).

The metric itself is ``prepare.evaluate_bpb``; nothing of the candidate's Python is imported here, and no loader that
trusts a file is called.
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

from dialectic.errors import DataError
from dialectic.scorer.checks import NO_NUMBER, Examiner, guarded
from dialectic.scorer.graph import load_graph
from dialectic.state.run import CheckResult, Score


def measure(model: Path, prepare_py: Path, cache: Path, profile: str) -> Score:
    """Score the graph in ``model`` under ``profile`` with the data in ``cache``.

    Raises:
        DataError: the evaluation data are missing or damaged.
        Refused: the file breaks a rule of hand-overs.
        OSError, ValueError, RuntimeError: the file cannot be read or evaluated.
    """
    os.environ["DIALECTIC_PROFILE"] = profile
    os.environ["DIALECTIC_CACHE"] = str(cache)
    keep_freed_memory()
    prepare = load_module(prepare_py)
    started = time.perf_counter()
    fixed = prepare.PROFILE
    logits_fn = guarded(load_graph(model, fixed.device, fixed.eval_batch, fixed.sequence_length), fixed)
    examiner = Examiner(logits_fn, fixed)
    examiner.open()
    numbers = (0.0, 0.0, 0, 0)
    if examiner.passed:
        try:
            validation = prepare.evaluate_bpb(examiner, "validation")
            holdout = prepare.evaluate_bpb(logits_fn, "holdout")
        except prepare.PrepareError as error:
            raise DataError(str(error)) from error
        examiner.close(validation.bytes / validation.tokens)
        numbers = (validation.bpb, holdout.bpb, validation.tokens, validation.bytes)
    if not all(math.isfinite(number) for number in numbers):
        examiner.checks["finite"] = CheckResult(passed=False, value=NO_NUMBER)
    if not examiner.passed:  # a number that was not earned is not told
        numbers = (0.0, 0.0, 0, 0)
    return Score(
        val_bpb=numbers[0],
        holdout_bpb=numbers[1],
        tokens=numbers[2],
        bytes=numbers[3],
        checks=examiner.checks,
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
