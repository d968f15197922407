"""How numbers, changes and verdicts read, so that every screen and every page says the same."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from dialectic.state.plan import NOT_RECORDED, Plan, TensionRecord
from dialectic.state.proposal import KnobEdit
from dialectic.state.result import Estimate, Result


def command(root: Path, arguments: str) -> str:
    """``dialectic`` and its arguments as a person can type them here: with ``--root`` where it must be named."""
    here, named = Path.cwd(), os.environ.get("DIALECTIC_ROOT")
    root = root.resolve()
    if root == (Path(named) if named else here).resolve():
        return f"dialectic {arguments}"
    shown = root.relative_to(here) if root.is_relative_to(here) else root
    return f"dialectic {arguments} --root {shlex.quote(str(shown))}"


def bpb(value: float | None) -> str:
    """A ``val_bpb`` with four decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """A difference in bpb with its sign; a dash where there is none."""
    return "-" if value is None else f"{value:+.4f}"


def duration(seconds: float) -> str:
    """``47 s``, ``12 min 05 s``, ``3 h 20 min``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def estimate(value: Estimate) -> str:
    """An estimate with its standard deviation."""
    return f"{value.estimate:.4f} ± {value.sd:.4f}"


def decision(result: Result) -> str:
    """``keep proven``, ``discard``, ``crash (out-of-memory)``."""
    status = result.keep_discard_status
    if result.iteration == 1 and status == "keep" and result.verdict.delta is None:
        return "baseline"
    if status == "crash":
        return f"crash ({result.failure.kind})" if result.failure.kind != "none" else "crash"
    return f"{status} {result.verdict.claim}" if result.verdict.claim else status


def changes(plan: Plan, before: Mapping[str, str]) -> str:
    """What a plan changes, short: ``DEPTH PROFILE.depth → PROFILE.depth + 1``; knobs first, other edits counted."""
    if not plan.edits:
        unknown = plan.iteration > 1 and plan.prediction_scored.mechanism == NOT_RECORDED
        return NOT_RECORDED if unknown else "unchanged"
    parts = []
    others = 0
    for edit in plan.edits:
        if not isinstance(edit, KnobEdit):
            others += 1
        elif edit.knob in before:
            parts.append(f"{edit.knob} {before[edit.knob]} → {edit.value}")
        else:
            parts.append(f"{edit.knob} = {edit.value}")
    if others:
        parts.append("1 edit of the code" if others == 1 else f"{others} edits of the code")
    return ", ".join(parts)


def is_baseline(plan: Plan) -> bool:
    """Whether this is iteration 001: ``train.py`` as it was found."""
    return plan.iteration == 1 and not plan.edits


def scored(result: Result | None) -> float | None:
    """``val_bpb`` of a scored run. The reference system's sessions have only the summary."""
    if result is None:
        return None
    if result.score is not None:
        return result.score.val_bpb
    return result.summary.get("val_bpb") if result.status == "completed" else None


def axis(plan: Plan, result: Result | None, tensions: Iterable[TensionRecord] = ()) -> str:
    """The tension that an iteration moved on: the kind where it is known, else the id."""
    sources = result.transcendent_result.source_tension_ids if result else []
    names = sources or plan.active_tension_ids
    kinds = {tension.id: tension.kind for tension in tensions}
    return kinds.get(names[0], names[0]) if names else ""
