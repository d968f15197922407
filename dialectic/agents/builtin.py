"""The builtin agent: four tensions, three moves and a surrogate of what was measured. It needs no model.

It remembers nothing: everything it knows is in the briefing, so the same context always gives the same proposal and a
resumed session goes on as an undisturbed one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain

from dialectic.agents import computed
from dialectic.agents.catalogue import CATALOGUE
from dialectic.agents.options import WIDTHS, Option, Search
from dialectic.agents.wording import compose
from dialectic.errors import AgentError
from dialectic.state.base import MoveType
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.proposal import Proposal
from dialectic.state.result import Reflection

MOVES: tuple[MoveType, ...] = ("exploit", "negate", "synthesize")


class BuiltinAgent:
    """Prepares from the briefing's numbers, reflects from the verdict's."""

    name = "builtin"
    model = ""

    def prepare(self, context: PrepareContext) -> Proposal:
        """The most promising candidate of the suggested move on the suggested axis that the workspace takes.

        Raises:
            AgentError: nothing that it knows to change is left, or the time is up.
        """
        search = Search(context)
        # After a crash the same candidate would come first again.
        spared = 1 if context.crash else 0
        refused = "this train.py has none of the knobs that it knows, or program.md freezes all of them"
        for option in _distinct(_plan(search)):
            if time.monotonic() > context.deadline:
                raise AgentError(f"builtin ran out of time; the last refusal was: {refused}")
            proposal = compose(search, option, _later(search, option))
            refusal = context.check(proposal)
            if refusal is not None:
                refused = refusal.reason
            elif spared:
                spared -= 1
            else:
                return proposal
        raise AgentError(f"builtin found nothing left to change: {refused}")

    def reflect(self, context: ReflectContext) -> Reflection:
        """What the numbers say."""
        return computed.reflect(context)


def _plan(search: Search) -> Iterator[Option]:
    """What to try, in this order: the suggested move, other steps, other moves, other axes, combinations."""
    briefing = search.context.briefing
    kinds = _axes(search)
    moves = [briefing.suggested_move, *(move for move in MOVES if move != briefing.suggested_move)]
    for kind in kinds:
        for move in moves:
            for widths in WIDTHS[:2]:
                yield from search.options(move, kind, widths)
    for widths in WIDTHS[2:]:
        for kind in kinds:
            yield from chain.from_iterable(search.options(move, kind, widths) for move in moves)
    yield from search.everything()


def _axes(search: Search) -> list[str]:
    """The axes that apply: the suggested one, preferred ones, then those left alone longest."""
    briefing, prefer = search.context.briefing, search.context.steering.prefer
    last = {one.kind: one.last_iteration for one in briefing.tensions}
    applicable = [one.kind for one in CATALOGUE.values() if one.applicable(search.knobs)]
    return sorted(
        applicable,
        key=lambda kind: (
            kind != briefing.suggested_axis,
            prefer.index(kind) if kind in prefer else len(prefer),
            last.get(kind, 0),
        ),
    )


def _distinct(options: Iterator[Option]) -> Iterator[Option]:
    seen: set[tuple[tuple[str, str], ...]] = set()
    for option in options:
        key = tuple(sorted(option.changes.items()))
        if key not in seen:
            seen.add(key)
            yield option


def _later(search: Search, option: Option) -> Option | None:
    """The third form that is held back while a pole is tested."""
    if option.move == "synthesize":
        return None
    return next(iter(search.options("synthesize", option.kind, WIDTHS[0])), None)
