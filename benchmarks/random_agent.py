"""The study's control: an agent that changes one knob at random and has nothing to say about it."""

from __future__ import annotations

import random

from dialectic.agents import computed
from dialectic.agents.scripted import completed
from dialectic.errors import AgentError, EditError
from dialectic.state.arithmetic import evaluate
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.proposal import Proposal
from dialectic.state.result import Reflection

DRAWS = 200
"""How many changes are drawn before it gives up: most refusals are repeats and values that change nothing."""


class RandomAgent:
    """Draws a knob evenly and a value around the present one; what the workspace refuses is drawn again."""

    name = "random"
    model = ""

    def prepare(self, context: PrepareContext) -> Proposal:
        """A change drawn by the context's seed.

        Raises:
            AgentError: nothing that was drawn is taken.
        """
        draw = random.Random(context.seed)
        for _ in range(DRAWS):
            knob = draw.choice(sorted(context.knobs))
            value = drawn(draw, knob, context)
            if value is None:
                continue
            proposal = completed({"knobs": {knob: value}}, context)
            if context.check(proposal) is None:
                return proposal
        raise AgentError(f"none of {DRAWS} random changes was taken")

    def reflect(self, context: ReflectContext) -> Reflection:
        """What the numbers say."""
        return computed.reflect(context)


def drawn(draw: random.Random, knob: str, context: PrepareContext) -> str | None:
    """A new source text for ``knob``: a truth value flips, a power of two doubles or halves, any other number is
    multiplied by a factor between a half and two, evenly in its logarithm; zero becomes a number below one. None for
    what is no single number."""
    try:
        value = evaluate(context.knobs[knob], context.profile.values, context.knobs)
    except EditError:
        return None
    factor = 2.0 ** draw.uniform(-1, 1)
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        if value >= 16 and value & (value - 1) == 0:
            return str(value * 2 if draw.random() < 0.5 else value // 2)
        return str(max(1, round(value * factor)))
    if isinstance(value, float):
        return f"{value * factor if value else draw.random():.4g}"
    return None
