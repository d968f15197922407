"""The builtin agent: a catalogue of tensions, three moves and a surrogate of what was measured. It needs no model.

It remembers nothing: everything it knows is in the briefing, so the same context always gives the same proposal and a
resumed session goes on as an undisturbed one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain

from dialectic.agents import computed
from dialectic.agents.options import WIDTHS, Option, Search
from dialectic.agents.wording import compose
from dialectic.errors import AgentError
from dialectic.state.base import MoveType
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.proposal import Proposal
from dialectic.state.result import Reflection

MOVES: tuple[MoveType, ...] = ("exploit", "negate", "synthesize")

LOYALTY = 0.4
"""The suggested axis is followed while its best candidate promises this share of the best one anywhere."""


class BuiltinAgent:
    """Prepares from the briefing's numbers, reflects from the verdict's."""

    name = "builtin"
    model = ""

    def prepare(self, context: PrepareContext) -> Proposal:
        """The most promising candidate of the suggested move that the workspace takes.

        Raises:
            AgentError: nothing that it knows to change is left, or the time is up.
        """
        search = Search(context)
        refused = "this train.py has none of the knobs that it knows, or program.md freezes all of them"
        for option in _distinct(_plan(search)):
            if time.monotonic() > context.deadline:
                raise AgentError(f"builtin ran out of time; the last refusal was: {refused}")
            proposal = compose(search, option, _later(search, option))
            refusal = context.check(proposal)
            if refusal is not None:
                refused = refusal.reason
            else:
                return proposal
        raise AgentError(f"builtin found nothing left to change: {refused}")

    def reflect(self, context: ReflectContext) -> Reflection:
        """What the numbers say."""
        return computed.reflect(context)


def _plan(search: Search) -> Iterator[Option]:
    """What to try, in this order: the suggested move on the best axes, other moves, other steps, combinations.

    Another move comes first only where the suggested one has no candidate: where everything that it allows is a dead
    end, or is as good as certain to lose (:meth:`Search.options`).
    """
    due = search.context.briefing.suggested_move
    for widths in WIDTHS:
        for move in (due, *(move for move in MOVES if move != due)):
            ranked = {kind: search.options(move, kind, widths) for kind in search.tensions}
            yield from chain.from_iterable(ranked[kind] for kind in _axes(search, ranked, move))
    yield from search.everything()


def _axes(search: Search, ranked: dict[str, list[Option]], move: MoveType) -> list[str]:
    """The axes in the order in which they are taken up.

    Preferred ones first; to negate, those of which only the other side was tested; then the suggested one unless
    another promises far more; then those on which a gain is believed in, by promise.
    """
    prefer, suggested = search.context.steering.prefer, search.context.briefing.suggested_axis
    promise = {kind: options[0].gain if options else 0.0 for kind, options in ranked.items()}
    most = max(promise.values(), default=0.0)
    return sorted(
        (kind for kind, options in ranked.items() if options),
        key=lambda kind: (
            prefer.index(kind) if kind in prefer else len(prefer),
            move == "negate" and not search.one_sided(kind),
            kind != suggested or promise[kind] < LOYALTY * most,
            ranked[kind][0].mean >= 0,
            -round(promise[kind], 9),
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
