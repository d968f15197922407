"""The tension graph of what was read, as networkx and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialectic.read.table import Cell

if TYPE_CHECKING:
    import networkx as nx

    from dialectic.knowledge import TensionGraph


def as_networkx(folded: TensionGraph) -> nx.MultiDiGraph[str]:
    """A copy of the graph whose experiments carry what they measured."""
    found = folded.network.copy()
    for one in folded.history.experiments:
        found.nodes[f"experiment:{one.id}"].update(
            val_bpb=one.effect.val_bpb,
            delta=one.effect.delta,
            move_type=one.plan.move_type,
            keep_discard_status=one.result.keep_discard_status if one.result else None,
        )
    return found


def tested_sides(folded: TensionGraph) -> list[dict[str, Cell]]:
    """One flat dict for each side of a tension that an experiment tested."""
    rows: list[dict[str, Cell]] = []
    for one in folded.history.experiments:
        if one.baseline or one.result is None:
            continue
        sides = {**one.polarity, **dict.fromkeys(one.syntheses, "synthesis")}
        for axis, side in sorted(sides.items()):
            rows.append(
                {
                    "tension": axis,
                    "side": side,
                    "iteration": one.iteration,
                    "experiment_id": one.id,
                    "delta": one.effect.delta,
                    "delta_sd": one.effect.delta_sd,
                    "keep_discard_status": one.result.keep_discard_status,
                }
            )
    return sorted(rows, key=lambda row: (str(row["tension"]), str(row["side"]), row["iteration"]))
