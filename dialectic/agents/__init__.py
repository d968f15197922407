"""Who prepares and reflects.

builtin    tensions, moves and numbers in code: needs no model, no key, no network
scripted   answers from a file: every failure made reproducible
person     a person with an editor: the form, and what was written into it
catalogue  the tensions that builtin knows, as data
found      how a tension is held over train.py, and the plan of the file as it was found
sizes      the knobs of one text with their values, and whether they fit together
levers     one knob as something to move in steps
grafts     structural changes that bring a knob of their own
syntax     places in a program found by its syntax tree, and what is put there
evidence   what was measured, as a surrogate of the effect of every lever
options    the candidates that a move allows, the most promising first
wording    proposals out of options: predictions, reasons, tensions
computed   a reflection out of the numbers, for every agent's missing words
"""

from __future__ import annotations

import importlib
import inspect

from dialectic.errors import UsageError
from dialectic.state.contracts import Agent

REGISTRY = {
    "builtin": "dialectic.agents.builtin:BuiltinAgent",
    "scripted": "dialectic.agents.scripted:ScriptedAgent",
}
"""Name → where the class is; imported only when it is asked for."""


def load(name: str, **options: object) -> Agent:
    """The agent of that name; options that are None count as not given.

    Raises:
        UsageError: there is no such agent, or it lacks an option or does not take one.
    """
    if name not in REGISTRY:
        raise UsageError(f"there is no agent {name!r}; choose one of {', '.join(sorted(REGISTRY))}")
    module, _, attribute = REGISTRY[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    given = {option: value for option, value in options.items() if value is not None}
    parameters = inspect.signature(kind).parameters
    for option in given:
        if option not in parameters:
            raise UsageError(f"agent {name} takes no --{option}; leave it out")
    for option, parameter in parameters.items():
        if option not in given and parameter.default is inspect.Parameter.empty:
            raise UsageError(f"agent {name} needs --{option}")
    agent: Agent = kind(**given)
    return agent
