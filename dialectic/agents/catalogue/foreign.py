"""What the constants of someone else's ``train.py`` seem to be, from their names, their comments and their values."""

from __future__ import annotations

import re
from collections.abc import Container

from dialectic.agents.catalogue.opposition import Role
from dialectic.agents.levers import Lever
from dialectic.agents.sizes import Knobs

FIXED = re.compile(
    r"(^|_)EPS($|_|I)|SEED|VOCAB|VERSION|PORT|LOG|EVAL|PRINT|SAVE|DEBUG|BUDGET|SECONDS|TIME|SEQ|CONTEXT|LENGTH|BLOCK_SIZE|WORKERS|DEVICE"
    r"|DTYPE|PATH|DIR|TOKENS_PER|HOLD"
)
"""Constants that are no choice of the model's: the data, the machine, the clock, small safeguards."""

ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("restraint", re.compile(r"drop|weight[_ ]?decay|(^|_)wd($|_)|smoothing|(^|_)l2($|_)|regulari[sz]|clip")),
    ("schedule", re.compile(r"warm|cool|anneal|final|(^|_)min_(lr|rate)|decay_(steps|frac|ratio)|schedule")),
    ("rate", re.compile(r"(^|_|\b)lr($|_|\b)|learning[_ ]rate|step_?size|(^|_)rate")),
    ("inertia", re.compile(r"beta|momentum|(^|_)ema($|_)|averag")),
    ("batch", re.compile(r"batch|rows_per|sequences_per")),
    ("heads", re.compile(r"heads?(\b|_|$)")),
    ("depth", re.compile(r"layers?(\b|_|$)|depth|blocks|stack")),
    ("width", re.compile(r"width|(^|_)(ff|ffn|mlp)|dim(\b|_|$)|hidden|embed|channels|units|d_model|features")),
)
"""Looked for in the name first, then in the comment; the first that fits counts."""

BECAUSE: dict[Role, tuple[str, str]] = {
    "rate": ("larger updates go further in the budget", "smaller updates settle deeper"),
    "depth": ("more blocks make more of each token", "cheaper steps let it see more tokens"),
    "width": ("more channels store more", "cheaper steps let it see more tokens"),
    "heads": ("more heads attend to more patterns at once", "larger heads tell more tokens apart"),
    "batch": ("each step follows a cleaner gradient", "the same tokens make more optimizer steps"),
    "schedule": ("a slower change of the rate is calmer", "more of the run is spent at the peak rate"),
    "restraint": ("what is held back stays ready to learn", "a short run has no time to overfit"),
    "inertia": ("longer averages are less noisy", "shorter averages turn sooner"),
    "switch": ("what it turns on was put there for a reason", "the simpler program may do as well"),
    "other": ("nobody can say that the constant is large enough", "nobody can say that the constant must be so large"),
}


def foreign(knobs: Knobs, known: Container[str]) -> list[tuple[Role, Lever]]:
    """A lever for every numeric constant that is not ``known``, with the role that it seems to have."""
    found = []
    for knob in knobs.sources:
        if knob not in known and not FIXED.search(knob):
            role = _role(knobs, knob)
            lever = _lever(knobs, knob, role)
            if lever is not None:
                found.append((role, lever))
    return found


def _role(knobs: Knobs, knob: str) -> Role:
    if isinstance(knobs.value(knob), bool):
        return "switch"
    comment = re.search(rf"^{knob}\b[^#\n]*#\s*(.*)$", knobs.text, re.MULTILINE)
    for words in (knob.lower(), comment[1].lower() if comment else ""):
        role = next((role for role, pattern in ROLES if pattern.search(words)), None)
        if role is not None:
            return role
    return "other"


def _lever(knobs: Knobs, knob: str, role: Role) -> Lever | None:
    value, (more, less) = knobs.value(knob), BECAUSE[role]
    words = (f"a larger {knob}", f"a smaller {knob}", more, less)
    if isinstance(value, bool):
        on, off = f"{knob} turned on", f"{knob} turned off"
        return Lever(knob, "ladder", "thesis", on, off, more, less, options=(False, True))
    if isinstance(value, str | tuple) or value is None or value < 0:
        return None
    if role == "depth" and isinstance(value, int):
        return Lever(knob, "count", "thesis", *words, low=1, high=4 * value)
    if role in ("batch", "heads") and isinstance(value, int):
        promise = -0.8 if role == "batch" else 0.0
        return Lever(knob, "double", "thesis", *words, low=1, high=16 * value, on_cpu=promise, on_gpu=promise)
    if isinstance(value, int):
        multiple = _multiple(knobs, value) if role == "width" else 1
        return Lever(knob, "factor", "thesis", *words, step=1.5, low=1, multiple=multiple) if value > 1 else None
    if role == "inertia" and 0 < value < 1:
        return Lever(knob, "shift", "thesis", *words, step=0.03, low=0.5, high=0.995)
    if value == 0 or (role in ("schedule", "restraint") and 0.05 <= value <= 1):
        return Lever(knob, "shift", "thesis", *words, step=0.1 if role == "schedule" else 0.05, low=0.0, high=1.0)
    return Lever(knob, "factor", "thesis", *words, step=1.6)


def _multiple(knobs: Knobs, width: int) -> int:
    """A width stays a multiple of this: of two channels for each of as many heads as divide it, and of 8 if it was."""
    heads = [value for knob in knobs.sources if "HEAD" in knob and isinstance(value := knobs.value(knob), int)]
    for part in (8 * max(heads, default=1), 2 * max(heads, default=1), 2):
        if part > 0 and width % part == 0:
            return part
    return 1
