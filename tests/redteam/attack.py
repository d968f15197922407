"""What an attack is: a ``train.py`` made from the real one by small edits, and how one sees that it reached its goal.

The attacker is told everything: where the session, the data, the user's files and keys lie stands in ``PLACES`` at the
top of its file. It still does no harm to the machine: what it writes it writes into a :class:`~tests.redteam.ground.
Ground`, and every bomb is bounded.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.redteam.ground import Ground

TOP = "from __future__ import annotations\n"
IMPORTED = "import prepare\nfrom prepare import PROFILE\n"
HAND_OVER = "    val_bpb = prepare.hand_over(model)\n"
UNTAUGHT = ("UNEMBEDDING_LR = 0.004", "UNEMBEDDING_LR = 0.0")
"""The head learns nothing: only a lie can make this model better than the baseline."""
LOOT = "LOOT"
"""What an attack prints when it got hold of something that it must not have."""
MARGIN = 0.25
"""Bits per byte that no luck gives: half a second of training leaves 2.56, eight times as much 1.85."""
ENDLESS_BYTES = 60_000_000
"""Of a log; a run's own is cut at 50 MB."""
FLOOD_BYTES = 50_000_000
"""Of live events; a run's own are cut at 8 MB, and each then gets the names of its session and run."""

Edit = tuple[str, str]
Places = Mapping[str, str]
Limit = int | float


@dataclass(frozen=True)
class Outcome:
    """What became of one attack, on whatever runner."""

    log: str
    """What it printed."""
    score: float | None
    """The bits per byte that the runner believes, None when it believes none."""
    baseline: float
    """Those of the honest file."""
    ground: Ground


Goal = Callable[[Outcome], bool]


@dataclass(frozen=True)
class Attack:
    """One cheating ``train.py``, or a forged file that one hands over."""

    name: str
    does: str
    """In a few words, for the table."""
    goal: Goal
    edits: tuple[Edit, ...]
    """Texts of ``train.py``, each standing there once, and what the attacker writes instead."""
    trains: bool = False
    """Whether it trains; one that does not takes a tenth of a second."""
    model: Callable[[Places], bytes] | None = None
    """Makes the file that is handed over in place of a model."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """Limits of its run that stand in for a machine's, so that a bomb can stay small."""
    imported: bool = False
    """Whether the plain runner imports ``train.py`` before it scores, as many do to build the model."""
    only_text: bool = False
    """Whether nothing but its text gives it away: what it hands over is worth what it scores."""

    def train_py(self, honest: str, places: Places) -> str:
        """The candidate's text for an attacker who knows ``places``."""
        text = honest
        for old, new in self.edits:
            assert text.count(old) == 1, f"{self.name}: {old!r} stands {text.count(old)} times in train.py"
            text = text.replace(old, new)
        if self.model is not None:
            packed = base64.b85encode(zlib.compress(self.model(places), 9)).decode()
            text = text.replace(TOP, f"{TOP}\nMODEL = {packed!r}\n")
        return text.replace(TOP, f"{TOP}\nPLACES = {dict(places)!r}\n") if "PLACES" in text else text


def at_once(code: str) -> tuple[Edit, ...]:
    """Run ``code`` before anything else, and end well without training."""
    return ((TOP, f"{TOP}\n{code.strip()}\nraise SystemExit(0)\n"),)


def after_import(code: str) -> Edit:
    """Run ``code`` as soon as ``prepare`` is there."""
    return (IMPORTED, f"{IMPORTED}\n{code.strip()}\n")


HANDED_OVER = """
import base64, os, zlib
with open(os.environ["DIALECTIC_RUN_DIR"] + "/model.pt2", "wb") as file:
    file.write(zlib.decompress(base64.b85decode(MODEL)))
"""


def believed(outcome: Outcome) -> bool:
    """The runner believes in a progress that is none; a score that is no number compares false with everything."""
    return outcome.score is not None and not outcome.score > outcome.baseline - MARGIN


def scored(outcome: Outcome) -> bool:
    """The runner has a score for what deserves none."""
    return outcome.score is not None


def suffered(word: str) -> Goal:
    """What the runner suffered: HUNG, ENDLESS (log), FLOODED (events), BROKEN or BLOATED (scorer), LEFT (a folder)."""
    return lambda outcome: f"\n{word}\n" in outcome.log


def same_model(outcome: Outcome) -> bool:
    """It has the score of the model that lay there before, to the last digit."""
    return outcome.score is not None and math.isclose(outcome.score, outcome.baseline, rel_tol=1e-9)


def looted(outcome: Outcome) -> bool:
    """It printed what it took."""
    return f"\n{LOOT} " in f"\n{outcome.log}"


def looted_and_scored(outcome: Outcome) -> bool:
    """It took something, and its model counts."""
    return looted(outcome) and scored(outcome)


def touched(place: str) -> Goal:
    """Its mark stands in a file or folder of the ground."""
    return lambda outcome: outcome.ground.marked(place)


def heard(line: str) -> Goal:
    """Its message arrived outside."""
    return lambda outcome: line in outcome.ground.heard


def survived(outcome: Outcome) -> bool:
    """Something that it started is still alive."""
    return bool(outcome.ground.survivors())


def stashed(outcome: Outcome) -> bool:
    """The next run would find what it put aside."""
    return bool(outcome.ground.stashes())
