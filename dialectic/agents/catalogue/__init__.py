"""The tensions that the builtin agent knows, as data.

opposition    what a tension declares
architecture  optimizer  schedule  batch   the tensions themselves
foreign       what constants that no tension names seem to be, from their names and comments
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dialectic.agents.catalogue import architecture, batch, optimizer, schedule
from dialectic.agents.catalogue.foreign import foreign
from dialectic.agents.catalogue.opposition import SIDES, Opposition, Steps, other
from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs

__all__ = ["CATALOGUE", "LEVERS", "SIDES", "Opposition", "Steps", "other", "tensions_of"]

CATALOGUE: Mapping[str, Opposition] = {
    one.kind: one
    for one in (
        batch.STEPS,
        architecture.CAPACITY,
        optimizer.AGGRESSION,
        schedule.SETTLING,
        architecture.SHAPE,
        architecture.LOCALITY,
        architecture.BIAS,
        schedule.AVERAGING,
        architecture.SHARPNESS,
        architecture.EMBEDDINGS,
        optimizer.INERTIA,
        optimizer.RESTRAINT,
        architecture.IDENTITY,
        batch.GROWTH,
        architecture.GATING,
        architecture.MEMORY,
        optimizer.POLISH,
        batch.ORDER,
        batch.UNNAMED,
    )
}
"""Kind → tension, in the order in which a baseline would hold them."""

LEVERS: Mapping[str, Lever] = {lever.knob: lever for one in CATALOGUE.values() for lever in one.levers}


def tensions_of(knobs: Knobs) -> dict[str, Opposition]:
    """The tensions that can be held over the present ``train.py``, with the levers of its own constants.

    A tension that has neither a lever nor a joint move here is left out.
    """
    strange = foreign(knobs, LEVERS)
    found = {}
    for kind, one in CATALOGUE.items():
        roles = one.roles or {}
        own = [replace(lever, larger=roles[role]) for role, lever in strange if role in roles]
        whole = replace(one, levers=(*one.levers, *own))
        if whole.applicable(knobs) or any(
            _possible(steps, knobs) for steps in (*one.thesis_moves, *one.antithesis_moves)
        ):
            found[kind] = whole
    return found


def _possible(steps: Steps, knobs: Knobs) -> bool:
    return all(LEVERS[knob].applies(knobs) for knob in steps)
