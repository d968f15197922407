"""The null study's agent: it changes nothing that could matter."""

from __future__ import annotations

from dialectic.agents import computed
from dialectic.agents.scripted import completed
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.proposal import Proposal
from dialectic.state.result import Reflection

KNOB = "UNUSED"
"""A constant of the study's ``train.py`` that nothing reads."""


class NullAgent:
    """Gives the unused constant another value, the number of the iteration."""

    name = "null"
    model = ""

    def prepare(self, context: PrepareContext) -> Proposal:
        """A candidate that trains as the incumbent does."""
        return completed({"knobs": {KNOB: str(context.iteration)}}, context)

    def reflect(self, context: ReflectContext) -> Reflection:
        """What the numbers say."""
        return computed.reflect(context)
