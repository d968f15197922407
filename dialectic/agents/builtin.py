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

SYNTHESIS_EVERY = 3
"""Of so many moves one is a synthesis."""

NEGATION_EVERY = 5
"""Of so many moves one may be a negation that is expected to lose."""

PLATEAU = 3
"""Discards in a row on one axis after which another one is taken up."""

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
    """What to try, in this order: the move that is due on the best axes, other moves, other steps, combinations."""
    due = _move(search)
    if due == "negate" and not _worth_negating(search):
        due = "exploit"
    for widths in WIDTHS:
        for move in (due, *(move for move in MOVES if move != due)):
            ranked = {kind: search.options(move, kind, widths) for kind in search.tensions}
            yield from chain.from_iterable(ranked[kind] for kind in _axes(search, ranked, move))
    yield from search.everything()


def _move(search: Search) -> MoveType:
    """The suggested move, but a synthesis when the last moves were none."""
    briefing = search.context.briefing
    last = [one.move_type for one in briefing.recent if one.changed_knobs][-(SYNTHESIS_EVERY - 1) :]
    overdue = len(last) == SYNTHESIS_EVERY - 1 and "synthesize" not in last
    return "synthesize" if overdue else briefing.suggested_move


def _worth_negating(search: Search) -> bool:
    """Whether a belief should be tested now: a negation that is expected to lose is made once in so many moves."""
    lately = [one.move_type for one in search.context.briefing.recent if one.changed_knobs][-NEGATION_EVERY + 1 :]
    found = [option for kind in search.tensions for option in search.options("negate", kind, WIDTHS[0])]
    return "negate" not in lately or any(option.mean < 0 and search.one_sided(option.kind) for option in found)


def _axes(search: Search, ranked: dict[str, list[Option]], move: MoveType) -> list[str]:
    """The axes in the order in which they are taken up.

    Preferred ones first; those on a plateau last; to negate, those of which only the other side was tested; then the
    suggested one unless another promises far more; then those on which a gain is believed in, by promise.
    """
    prefer, suggested = search.context.steering.prefer, search.context.briefing.suggested_axis
    promise = {kind: options[0].gain if options else 0.0 for kind, options in ranked.items()}
    most = max(promise.values(), default=0.0)
    tired = _exhausted(search)
    return sorted(
        (kind for kind, options in ranked.items() if options),
        key=lambda kind: (
            prefer.index(kind) if kind in prefer else len(prefer),
            kind == tired,
            move == "negate" and not search.one_sided(kind),
            kind != suggested or promise[kind] < LOYALTY * most,
            ranked[kind][0].mean >= 0,
            -round(promise[kind], 9),
        ),
    )


def _exhausted(search: Search) -> str:
    """The axis of the last moves, when so many of them in a row were discarded; empty when there is none."""
    last = [one for one in search.context.briefing.recent if one.changed_knobs and one.tension_ids][-PLATEAU:]
    axes = {one.tension_ids[0] for one in last}
    spent = len(last) == PLATEAU and len(axes) == 1 and all(one.decision == "discard" for one in last)
    return axes.pop() if spent else ""


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
