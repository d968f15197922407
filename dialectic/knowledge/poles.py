"""Which pole an experiment embodied, read from its edits and its move, never from prose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dialectic.state.base import Side
from dialectic.state.plan import NOT_RECORDED, Plan, TensionRecord
from dialectic.state.proposal import Edit, EditsSource, Source

SIDES: tuple[Side, Side] = ("thesis", "antithesis")


def other(side: Side) -> Side:
    """The opposite pole."""
    return "antithesis" if side == "thesis" else "thesis"


@dataclass(frozen=True)
class Embodiment:
    """``polarity``: axis → pole; ``syntheses``: axes out of which a third form was tested."""

    polarity: dict[str, Side] = field(default_factory=dict)
    syntheses: tuple[str, ...] = ()


def in_plan_order(plan: Plan, tensions: Sequence[TensionRecord]) -> tuple[TensionRecord, ...]:
    """The tensions as the plan lists them: the order in which a folder is read must not matter."""
    rank = {name: position for position, name in enumerate(plan.active_tension_ids)}
    return tuple(sorted(tensions, key=lambda tension: (rank.get(tension.id, len(rank)), tension.id)))


def is_baseline(plan: Plan) -> bool:
    """Whether the plan changes nothing. The reference system recorded no edits, so there a stated move counts."""
    if plan.edits or plan.rejected:
        return False
    stated = plan.filled_by.get("move_type") != "computed"
    return not (plan.prediction_scored.mechanism == NOT_RECORDED and stated)


def source_axes(plan: Plan, tensions: Sequence[TensionRecord], source_tension_ids: Sequence[str]) -> tuple[str, ...]:
    """Axes that the move is about: the synthesis's sources, or else the first active tension."""
    kinds = {tension.id: tension.kind for tension in tensions}
    named = [kinds[name] for name in source_tension_ids if name in kinds]
    if not named:
        named = [tension.kind for tension in in_plan_order(plan, tensions)[:1]]
    return tuple(dict.fromkeys(named))


def _words(edits: Sequence[Edit]) -> frozenset[str]:
    return frozenset(edit.model_dump_json() for edit in edits)


def _pole_words(plan: Plan, source: Source) -> frozenset[str]:
    """The pole's edits when they apply to the same text as the plan's, otherwise nothing."""
    if isinstance(source, EditsSource) and source.base in ("current", plan.base_experiment_id):
        return _words(source.edits)
    return frozenset()


def _matches(plan: Plan, tensions: Sequence[TensionRecord], exact: bool) -> dict[str, tuple[Side, ...]]:
    """Axis → sides whose edits are the plan's, all of them (``exact``) or among them."""
    edits = _words(plan.edits)
    found: dict[str, tuple[Side, ...]] = {}
    for tension in tensions:
        poles = {
            "thesis": _pole_words(plan, tension.thesis_source),
            "antithesis": _pole_words(plan, tension.antithesis_source),
        }
        sides = tuple(
            side for side in SIDES if poles[side] and (poles[side] == edits if exact else poles[side] <= edits)
        )
        if sides and poles["thesis"] != poles["antithesis"]:
            found.setdefault(tension.kind, sides)
    return found


def embodied(plan: Plan, tensions: Sequence[TensionRecord], source_tension_ids: Sequence[str]) -> Embodiment:
    """Which pole of which axis the candidate was.

    Edits that are a pole's own decide. Then a ``synthesize`` counts as a third form out of its source tensions; then
    a pole whose edits are among the plan's; and last the move: ``exploit`` is the favoured side of the first source
    tension, ``negate`` the other one.
    """
    held = in_plan_order(plan, tensions)
    if is_baseline(plan) or not held:
        return Embodiment()
    exact = _matches(plan, held, exact=True)
    if exact:
        return Embodiment({axis: sides[0] for axis, sides in exact.items()})
    axes = source_axes(plan, held, source_tension_ids)
    partly = _matches(plan, held, exact=False)
    single = {axis: sides[0] for axis, sides in partly.items() if len(sides) == 1}
    both = tuple(axis for axis, sides in partly.items() if len(sides) == 2)
    if plan.move_type == "synthesize":
        syntheses = tuple(dict.fromkeys((*axes, *both)))
        return Embodiment({axis: side for axis, side in single.items() if axis not in syntheses}, syntheses)
    if partly:
        return Embodiment(single, both)
    favoured = next(tension.favored_side for tension in held if tension.kind == axes[0])
    return Embodiment({axes[0]: favoured if plan.move_type == "exploit" else other(favoured)})
