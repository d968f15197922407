"""Whether the idea failed or its framing, told apart by what the runs recorded.

After a clear loss the first that holds is the diagnosis:

===============  ====================================================================================================
unfair           the candidate trained for less than nine tenths of the incumbent's seconds
confounded       more than one cause was changed at once, outside of a synthesis
mis-scaled       it is larger, or made few steps, and so saw fewer tokens, and was not behind at equal tokens; or its
                 loss was still falling much faster than the incumbent's at the end
unfair           it saw fewer tokens without being larger, and was not behind at equal tokens
poor             none of these: it had its fair chance
===============  ====================================================================================================

Out of memory, out of time and a diverged loss are mis-scaled as well. A change within the noise is undecided; a clear
gain is a framing that held. Losses are what the runs reported: claims, good enough to interpret by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dialectic.state.contracts import LossCurve, ReflectContext
from dialectic.state.measured import Change
from dialectic.state.plan import Plan
from dialectic.state.proposal import KnobEdit, ReplaceEdit

Kind = Literal["held", "undecided", "poor", "unfair", "confounded", "mis-scaled"]

FEWER = 0.9
"""A share of the incumbent's seconds or tokens below which there was less to learn from."""
LARGER = 1.1
"""Times the incumbent's parameters from which a candidate counts as larger."""
FEW_STEPS = 100
"""Optimizer steps below which a run says little about its method: a rule of thumb."""
HUNGRIER = 1.5
"""Times the incumbent's memory from which it is worth a word."""
FALLING = 1.5
"""Times the incumbent's fall in the last fifth from which a loss was cut off while it fell."""
LEVEL = 0.01
"""Relative difference of two smoothed losses that means nothing."""
NOISE_SDS = 2.0
"""SDs of the smoothed losses that two falls must differ by."""
FEWEST_POINTS, FEWEST_AT_THE_END = 5, 8
"""Points of a loss curve, and of its last two fifths, below which nothing is read off them."""

TOGETHER = {"DEVICE_BATCH_SIZE": "TOTAL_BATCH_SIZE"}
"""Knobs that only follow another one and are no cause of their own."""


@dataclass(frozen=True)
class Framing:
    """The diagnosis, why, and what would decide the question, each as a sentence."""

    kind: Kind
    why: str
    decider: str = ""

    @property
    def sentence(self) -> str:
        """The diagnosis with its reason."""
        return f"{OPENINGS[self.kind]}: {self.why}"

    @property
    def excuses(self) -> bool:
        """Whether the framing may have failed instead of the idea."""
        return self.kind in ("unfair", "confounded", "mis-scaled")


OPENINGS: dict[Kind, str] = {
    "held": "The framing held",
    "undecided": "Undecided",
    "poor": "The idea was poor",
    "unfair": "The comparison was unfair",
    "confounded": "The change set was confounded",
    "mis-scaled": "The candidate was mis-scaled for the budget",
}


@dataclass(frozen=True)
class Sizes:
    """A candidate's summary numbers as shares of the incumbent's; None where either is unknown."""

    seconds: float | None
    tokens: float | None
    steps: float | None
    parameters: float | None
    memory: float | None


def sizes_of(context: ReflectContext) -> Sizes:
    """What the candidate used, as shares of what the incumbent used."""

    def share(name: str) -> float | None:
        mine, theirs = context.metrics.get(name), context.incumbent_metrics.get(name)
        return mine / theirs if mine is not None and theirs else None

    names = ("training_seconds", "total_tokens_M", "num_steps", "num_params_M", "peak_vram_mb")
    return Sizes(*map(share, names))


def causes(plan: Plan) -> list[str]:
    """What was changed, cause by cause: each knob, and the edits of the code as one.

    Code that brings a knob along is no cause beside it: the knob's value decides whether it does anything.
    """
    knobs = {edit.knob for edit in plan.edits if isinstance(edit, KnobEdit)}
    found = sorted(knob for knob in knobs if TOGETHER.get(knob) not in knobs)
    code = "\n".join(edit.replace for edit in plan.edits if isinstance(edit, ReplaceEdit))
    brings = any(re.search(rf"^{knob} = ", code, re.MULTILINE) for knob in knobs)
    edited = any(not isinstance(edit, KnobEdit) for edit in plan.edits)
    return found + ["the code"] * (edited and not brings)


def diagnose(context: ReflectContext, change: Change) -> Framing:
    """The table above."""
    sizes = sizes_of(context)
    if change.loss:
        return _excuse(context, sizes) or _poor(context, sizes, change)
    if change.gain:
        return _held(context, sizes, change)
    why = f"{_sds(change)}, so it speaks neither for the idea nor against it."
    excuse = _excuse(context, sizes)
    if excuse:
        why += f" Whatever more runs show, {OPENINGS[excuse.kind][0].lower()}{OPENINGS[excuse.kind][1:]}: {excuse.why}"
    return Framing("undecided", why)


def _excuse(context: ReflectContext, sizes: Sizes) -> Framing | None:
    """What of the framing stands in the idea's way, if anything."""
    mine, theirs, changed = context.metrics, context.incumbent_metrics, causes(context.plan)
    if sizes.seconds is not None and sizes.seconds < FEWER:
        return Framing(
            "unfair",
            f"it trained for {mine['training_seconds']:.3g} s, the incumbent for {theirs['training_seconds']:.3g} s.",
            "The same candidate with the whole budget would decide it.",
        )
    if len(changed) > 1 and context.plan.move_type != "synthesize":
        return Framing(
            "confounded",
            f"{_listed(changed)} changed together, so what was measured cannot be laid to one of them.",
            f"A run with {changed[0]} alone would decide it.",
        )
    return _short_of_tokens(context, sizes) or _cut_off(context)


def _short_of_tokens(context: ReflectContext, sizes: Sizes) -> Framing | None:
    if sizes.tokens is None or sizes.tokens >= FEWER:
        return None
    equal = at_equal_tokens(context.losses, context.incumbent_losses)
    if equal and equal[1] > equal[2] * (1 + LEVEL):
        return None  # It learnt less from every token, so fewer of them are no excuse.
    seen = f"it saw {context.metrics['total_tokens_M']:.3g} M tokens in the budget, the incumbent "
    seen += f"{context.incumbent_metrics['total_tokens_M']:.3g} M"
    if equal:
        word = "ahead" if equal[1] < equal[2] * (1 - LEVEL) else "level"
        seen += (
            f", and after {equal[0]:.3g} M tokens each its training loss was {word} ({equal[1]:.3f}, the "
            f"incumbent's {equal[2]:.3f})"
        )
    steps = context.metrics.get("num_steps")
    few = steps is not None and steps < FEW_STEPS and (sizes.steps or 1.0) < FEWER
    if sizes.parameters is not None and sizes.parameters >= LARGER:
        size = f"with {sizes.parameters:.2g} times the parameters {seen}."
        return Framing("mis-scaled", size, "A smaller step in the same direction, or a longer budget, would decide it.")
    if few:
        return Framing(
            "mis-scaled",
            f"it made only {steps:.0f} steps; {seen}.",
            "A form of it that makes more steps, or a longer budget, would decide it.",
        )
    return Framing("unfair", f"{seen}.", "The same idea in a cheaper form, or judged at equal tokens, would decide it.")


def _cut_off(context: ReflectContext) -> Framing | None:
    mine, theirs = last_fall(context.losses), last_fall(context.incumbent_losses)
    if mine is None or theirs is None:
        return None
    noise = NOISE_SDS * float(np.hypot(mine[1], theirs[1]))
    if theirs[0] <= 0 or mine[0] <= max(FALLING * theirs[0], theirs[0] + noise):
        return None
    return Framing(
        "mis-scaled",
        f"in the last fifth of the run its training loss still fell by {mine[0]:.3f}, the incumbent's by "
        f"{theirs[0]:.3f}: it was cut off while it learnt.",
        "A longer budget, or a form that learns sooner, would decide it.",
    )


def _poor(context: ReflectContext, sizes: Sizes, change: Change) -> Framing:
    parts = causes(context.plan)
    chance = "one change" if len(parts) < 2 else "these changes together"
    if sizes.tokens is not None and sizes.tokens >= FEWER:
        chance += ", no fewer tokens" if sizes.tokens <= 1 / FEWER else f", {sizes.tokens:.2g} times the tokens"
    elif sizes.tokens is not None:
        chance += ", behind also at equal tokens"
    why = f"{chance}, and yet {change.value:+.4f} bpb: {_sds(change)}."
    if sizes.memory is not None and sizes.memory >= HUNGRIER:
        why += f" It also took {sizes.memory:.2g} times the memory."
    return Framing("poor", why, "At this step size nothing is left to decide.")


def _held(context: ReflectContext, sizes: Sizes, change: Change) -> Framing:
    why, parts = f"{_sds(change)}.", causes(context.plan)
    if sizes.tokens is not None and sizes.tokens < FEWER:
        why += f" It did so on {sizes.tokens:.2g} times the incumbent's tokens."
    if len(parts) > 1:
        why += f" Which of {_listed(parts)} carried it is open."
    if sizes.memory is not None and sizes.memory >= HUNGRIER:
        why += f" It took {sizes.memory:.2g} times the memory."
    return Framing("held", why)


def at_equal_tokens(mine: LossCurve, theirs: LossCurve) -> tuple[float, float, float] | None:
    """(Million tokens, loss, the other's loss) after half of what the shorter run saw; None where a curve is too thin.

    Half, because schedules stretch with a run: later on one of the two has already lowered its rates.
    """
    if min(len(mine), len(theirs)) < FEWEST_POINTS:
        return None
    tokens = min(mine[-1][0], theirs[-1][0]) / 2
    if tokens < max(mine[0][0], theirs[0][0]):
        return None
    return tokens / 1e6, _loss_at(mine, tokens), _loss_at(theirs, tokens)


def last_fall(curve: LossCurve) -> tuple[float, float] | None:
    """By how much the loss fell in the last fifth of the tokens, and its noise; None where the curve is too thin.

    Read off the line through the last two fifths; the noise is the spread around it.
    """
    end = curve[-1][0] if curve else 0.0
    points = np.array([point for point in curve if point[0] >= 0.6 * end])
    if len(points) < FEWEST_AT_THE_END:
        return None
    slope, offset = np.polyfit(points[:, 0] / end, points[:, 1], 1)
    return -0.2 * float(slope), float(np.std(points[:, 1] - slope * points[:, 0] / end - offset))


def _loss_at(curve: LossCurve, tokens: float) -> float:
    return float(np.interp(tokens, [point[0] for point in curve], [point[1] for point in curve]))


def _sds(change: Change) -> str:
    if change.sd <= 0:
        return "no noise is known"
    distance = abs(change.value) / change.sd
    return "as good as nothing" if distance < 0.05 else f"{distance:.1f} SDs of its noise from nothing"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else "nothing"
