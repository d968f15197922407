"""How numbers, changes and verdicts read, so that every screen and every page says the same."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from dialectic.errors import EditError
from dialectic.state.arithmetic import Scalar, evaluate
from dialectic.state.base import RunOf
from dialectic.state.confirmation import Confirmation
from dialectic.state.plan import NOT_RECORDED, Plan, TensionRecord
from dialectic.state.proposal import FileEdit, KnobEdit, ReplaceEdit
from dialectic.state.result import Estimate, Result
from dialectic.state.session import SessionRecord

CONSTANT = re.compile(r"^([A-Z][A-Z0-9_]*)\s*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
"""The name of a constant where a line of code sets it."""
COMPANIONS = {"DEVICE_BATCH_SIZE": "TOTAL_BATCH_SIZE"}
"""Knob → the knob that it follows when both are changed."""


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


def confirmed(told: Confirmation) -> str:
    """``val_bpb fell by 0.0123, 95 % interval 0.0040 to 0.0200, from 3 fresh pairs``."""
    fell = told.improvement >= 0
    number = len(told.pairs)
    pairs = f"from {number} fresh pair" + ("s" if number != 1 else "")
    change = f"val_bpb {'fell' if fell else 'rose'} by {abs(told.improvement):.4f}"
    if told.low is None or told.high is None:
        return f"{change}, {pairs}; no interval: nothing that was run twice tells the noise"
    low, high = (told.low, told.high) if fell else (-told.high, -told.low)
    doubt = "" if told.low > 0 or told.high < 0 else "; zero lies in it, so the improvement is not shown"
    return f"{change}, 95 % interval {low:.4f} to {high:.4f}, {pairs}{doubt}"


def run_name(phase: str, k: int, of: RunOf) -> str:
    """``run``, ``run 3 (incumbent again)``, ``score 3``; of the final pairs ``pair 2 (incumbent)``."""
    if phase == "confirm":
        return f"pair {(k + 1) // 2} ({of})"
    if phase == "run" and k > 1:
        return f"run {k} ({of} again)"
    return phase if k == 1 else f"{phase} {k}"


def decision(result: Result) -> str:
    """``keep proven``, ``discard``, ``crash (out-of-memory)``."""
    status = result.keep_discard_status
    if result.iteration == 1 and status == "keep" and result.verdict.delta is None:
        return "baseline"
    if status == "crash":
        return f"crash ({result.failure.kind})" if result.failure.kind != "none" else "crash"
    return f"{status} {result.verdict.claim}" if result.verdict.claim else status


def profile_values(record: SessionRecord) -> Mapping[str, Scalar]:
    """What the knobs of a session may name; nothing in the reference system's sessions."""
    return record.profile.values if record.profile else {}


def changes(plan: Plan, before: Mapping[str, str], values: Mapping[str, Scalar]) -> str:
    """What a plan changes, short: ``DEPTH 3 → 4``; knobs first, other edits counted.

    ``before`` are the knobs that stood there, ``values`` what the profile gives. A knob without a value is shown as it
    is written. The code that a new knob came with is told by that knob.
    """
    if not plan.edits:
        unknown = plan.iteration > 1 and plan.prediction_scored.mechanism == NOT_RECORDED
        return NOT_RECORDED if unknown else "unchanged"
    edited = {edit.knob: edit.value for edit in plan.edits if isinstance(edit, KnobEdit)}
    new = _brought(plan)
    after = {**plan.knobs, **edited}
    names = [*edited, *(name for name in new if name not in edited)]
    # What only follows another knob is told after it.
    ordered = sorted(names, key=lambda name: COMPANIONS.get(name) in names)
    parts = [_changed(name, before, after, values, name in new) for name in ordered]
    others = sum(isinstance(edit, FileEdit) or (isinstance(edit, ReplaceEdit) and not new) for edit in plan.edits)
    if others:
        parts.append("1 edit of the code" if others == 1 else f"{others} edits of the code")
    return ", ".join(parts)


def _brought(plan: Plan) -> list[str]:
    """The knobs whose constants the plan's replacements write into the file for the first time."""
    edits = [edit for edit in plan.edits if isinstance(edit, ReplaceEdit)]
    old = {name for edit in edits for name in CONSTANT.findall(edit.search)}
    return [name for edit in edits for name in CONSTANT.findall(edit.replace) if name in plan.knobs and name not in old]


def _changed(
    name: str, before: Mapping[str, str], after: Mapping[str, str], values: Mapping[str, Scalar], new: bool
) -> str:
    now = _shown(after[name], values, after)
    if new:
        return f"{name} {now} (new)"
    if name not in before:
        return f"{name} = {now}"
    old = _shown(before[name], values, before)
    return f"{name} {before[name]} → {after[name]}" if old == now else f"{name} {old} → {now}"


def _shown(source: str, values: Mapping[str, Scalar], knobs: Mapping[str, str]) -> str:
    """A knob's value, its source text where it has none."""
    try:
        value = evaluate(source, values, knobs)
    except EditError:
        return source
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


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
