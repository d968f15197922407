"""Landscapes with known true values, and the field's effects (design, section 7): 60 % of candidates are worse by
5e-3 bpb on average, 25 % have no effect, 15 % are better by 2e-3 on average; amounts are exponential.

A landscape proposes a candidate and says its true effect; only a kept candidate changes it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

WORSE, NONE = 0.6, 0.25
WORSE_BY, BETTER_BY = 5e-3, 2e-3


class Landscape(Protocol):
    """What a session researches."""

    def propose(self) -> float:
        """The true effect of the next candidate on the incumbent's true ``val_bpb``, in bpb."""
        ...

    def keep(self) -> None:
        """The candidate proposed last is the incumbent now."""
        ...


def _effects(generator: np.random.Generator, count: int, size: float = 1.0) -> np.ndarray:
    kind, amount = generator.random(count), size * generator.exponential(size=count)
    return np.where(kind < WORSE, WORSE_BY * amount, np.where(kind < WORSE + NONE, 0.0, -BETTER_BY * amount))


class Additive:
    """Without end: every candidate is a new idea, and effects add up."""

    def __init__(self, generator: np.random.Generator, size: float = 1.0) -> None:
        self.effects = _effects(generator, 256, size)
        self.at = 0

    def propose(self) -> float:
        self.at += 1
        return float(self.effects[self.at - 1])

    def keep(self) -> None:
        pass


class Null(Additive):
    """No candidate has an effect."""

    def propose(self) -> float:
        return 0.0


class Even(Additive):
    """Effects of another shape than the prior's: normal around the field's means, a third to two thirds as wide."""

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__(generator)
        kind, normal = generator.random(256), generator.standard_normal(256)
        worse, better = WORSE_BY + 2e-3 * normal, -BETTER_BY + 1e-3 * normal
        self.effects = np.where(kind < WORSE, worse, np.where(kind < WORSE + NONE, 0.0, better))


class Saturating(Additive):
    """A finite pool of improvements: one that the incumbent already has brings nothing a second time."""

    POOL = 20

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__(generator)
        self.pool = -BETTER_BY * generator.exponential(size=self.POOL)
        self.choices = generator.integers(self.POOL, size=256)
        self.chosen = -1

    def propose(self) -> float:
        effect = super().propose()
        self.chosen = int(self.choices[self.at - 1]) if effect < 0 else -1
        return float(self.pool[self.chosen]) if self.chosen >= 0 else effect

    def keep(self) -> None:
        if self.chosen >= 0:
            self.pool[self.chosen] = 0.0


class Interacting(Additive):
    """Switches that change each other's effect: a candidate flips one, and what is on now decides what it is worth."""

    SWITCHES, SHARE, STRENGTH = 120, 0.1, 1e-3

    def __init__(self, generator: np.random.Generator) -> None:
        super().__init__(generator)
        number = self.SWITCHES
        self.alone = _effects(generator, number)
        pairs = np.triu(self.STRENGTH * generator.standard_normal((number, number)), 1)
        pairs *= generator.random((number, number)) < self.SHARE
        self.together = pairs + pairs.T
        self.on = np.zeros(number)
        self.choices = generator.integers(number, size=256)

    def propose(self) -> float:
        self.at += 1
        switch = self.choices[self.at - 1]
        effect = float(self.alone[switch] + self.together[switch] @ self.on)
        return effect if self.on[switch] == 0 else -effect

    def keep(self) -> None:
        switch = self.choices[self.at - 1]
        self.on[switch] = 1 - self.on[switch]
