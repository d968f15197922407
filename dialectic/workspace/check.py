"""Whether a proposal can become a candidate, answered before any compute is spent (design, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialectic.errors import EditError, WorkspaceError
from dialectic.state.program import Steering
from dialectic.state.proposal import EditsSource, KnobEdit, Pole, Proposal, Refusal, Source
from dialectic.state.session import ProfileFacts
from dialectic.state.signs import Sign
from dialectic.workspace.edits import apply, fingerprint, normalised
from dialectic.workspace.knobs import Evaluated, Scalar, bindings, evaluate, number, parse, read_constants
from dialectic.workspace.signs import harmless, refusal, signs
from dialectic.workspace.snapshots import Origins, resolve


@dataclass(frozen=True)
class Bounds:
    """What a candidate is held against."""

    origins: Origins
    """Where texts come from; the edits apply to ``origins.current``, the incumbent."""
    steering: Steering
    profile: ProfileFacts
    data_fingerprint: str
    known: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint → the experiment that ran it."""
    baseline: str = ""
    """The session's baseline; empty where the incumbent is it."""

    def fingerprint(self, text: str) -> str:
        """:func:`~dialectic.workspace.edits.fingerprint` under this session's profile, budget and data."""
        return fingerprint(text, self.profile.name, self.profile.time_budget, self.data_fingerprint)

    def signs(self, text: str) -> list[Sign]:
        """Signs of cheating in ``text`` beyond baseline and incumbent, those that program.md allows left out."""
        found = signs(text, [self.baseline or self.origins.current, self.origins.current])
        return [sign for sign in found if sign.rule not in self.steering.allow]


def check(proposal: Proposal, bounds: Bounds) -> Refusal | None:
    """Why ``proposal`` cannot become a candidate; None when it can. It costs no compute."""
    try:
        return _check(proposal, bounds)
    except RecursionError:
        return Refusal(rule="does-not-parse", reason="train.py is nested too deeply to be looked at; write it flatter")


def _check(proposal: Proposal, bounds: Bounds) -> Refusal | None:
    incumbent = bounds.origins.current
    try:
        candidate = apply(incumbent, proposal.edits)
    except EditError as error:
        return Refusal(rule="does-not-apply", reason=str(error))
    try:
        same = normalised(candidate) == normalised(incumbent)
    except EditError as error:
        return Refusal(rule="does-not-parse", reason=str(error))
    if same:
        reason = "the edits leave train.py as it is, but for comments and formatting; change what it does"
        return Refusal(rule="changes-nothing", reason=reason)
    told = _repeats(candidate, bounds) or _steered(candidate, bounds)
    # Knobs that are set to plain values bring no sign, and most proposals are of that kind.
    if told is None and not harmless(proposal.edits):
        told = refusal(bounds.signs(candidate))
    return told or _tensions(proposal, bounds)


def _repeats(candidate: str, bounds: Bounds) -> Refusal | None:
    earlier = bounds.known.get(bounds.fingerprint(candidate))
    if earlier is None:
        return None
    reason = f"it repeats experiment {earlier} under the same profile, budget and data; propose something else"
    return Refusal(rule="repeats", reason=reason)


def _steered(candidate: str, bounds: Bounds) -> Refusal | None:
    change = _Change(bounds.origins.current, candidate, bounds.profile.values)
    for knob in bounds.steering.freeze:
        if change.moves(knob) or change.rebinds(knob):
            reason = f"program.md freezes {knob}, and the candidate changes it; leave it as it is"
            return Refusal(rule="frozen", reason=reason)
    for knob, (low, high) in bounds.steering.ranges.items():
        reason = change.leaves(knob, low, high)
        if reason:
            return Refusal(rule="out-of-range", reason=reason)
    return None


class _Change:
    """From the incumbent's constants to the candidate's."""

    def __init__(self, incumbent: str, candidate: str, profile_values: Mapping[str, Scalar]) -> None:
        self.incumbent = incumbent
        self.candidate = candidate
        self.old, self.new = read_constants(incumbent), read_constants(candidate)
        self.profile_values = profile_values

    def moves(self, knob: str) -> bool:
        """Whether its value differs, also where only a knob that it is computed from was edited."""
        return self.value(knob, self.old) != self.value(knob, self.new)

    def rebinds(self, knob: str) -> bool:
        """Whether the statements that set it differ, wherever they stand."""
        return bindings(self.incumbent, knob) != bindings(self.candidate, knob)

    def leaves(self, knob: str, low: float, high: float) -> str:
        """Why its new value is not allowed; empty when it is, or when the candidate leaves it alone.

        So an incumbent outside of a range that was narrowed later does not block everything else.
        """
        if not self.moves(knob) and not self.rebinds(knob):
            return ""
        if len(bindings(self.candidate, knob)) > 1:
            return f"{knob} has a range in program.md, so only one statement may set it"
        found = number(self.new.get(knob, ""), self.profile_values, self.new)
        if found is None:
            return f"{knob} has a range in program.md, so it must be a number, not {self.new.get(knob, 'missing')}"
        if not low <= found <= high:
            return f"{knob} would be {found:g}; program.md allows {low:g} to {high:g}"
        return ""

    def value(self, knob: str, knobs: Mapping[str, str]) -> Evaluated:
        if knob not in knobs:
            return "missing"
        try:
            return evaluate(knobs[knob], self.profile_values, knobs)
        except EditError:
            return f"no value: {knobs[knob]}"


def _tensions(proposal: Proposal, bounds: Bounds) -> Refusal | None:
    for tension in proposal.active_tensions:
        for side in ("thesis", "antithesis"):
            problem = _pole_problem(tension.pole(side), bounds)
            if problem:
                return Refusal(rule="bad-tension", reason=f"the {side} of {tension.id}: {problem}")
    source = proposal.transcendent.train_py_source
    if source is not None:
        problem = _pole_problem(Pole(summary="synthesis", source=source), bounds)
        if problem:
            return Refusal(rule="bad-tension", reason=f"the synthesis: {problem}")
    return None


def _pole_problem(pole: Pole, bounds: Bounds) -> str:
    try:
        text = resolve(pole.source, bounds.origins)
        if not _only_knobs(pole.source):
            parse(text)
    except WorkspaceError as error:
        return str(error)
    return ""


def _only_knobs(source: Source) -> bool:
    """Whether the text is the incumbent with knobs set: each expression was parsed, so the file need not be again."""
    return (
        isinstance(source, EditsSource)
        and source.base == "current"
        and all(isinstance(edit, KnobEdit) for edit in source.edits)
    )
