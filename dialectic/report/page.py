"""``report.md``: what a session came to, for someone who was asleep; the first three lines say what happened."""

from __future__ import annotations

from dialectic.report import ending, holdout, reasons
from dialectic.report.material import Material
from dialectic.report.writing import markdown, one_line


def page(material: Material, pictures: bool, trouble: str = "") -> str:
    """The page; ``trouble`` says why there are no ``pictures``."""
    lines = [*ending.opening(material), *ending.glance(material)]
    if pictures:
        lines += ["", "![val_bpb of every iteration, and the incumbent](progress.png)"]
    elif trouble:
        lines += ["", f"The pictures could not be drawn: {markdown(trouble)}"]
    lines += ending.kept(material)
    lines += holdout.gap(material)
    lines += reasons.beliefs(material)
    lines += reasons.emerged(material)
    lines += reasons.tensions(material, pictures)
    lines += reasons.dead_ends(material)
    lines += reasons.following(material)
    lines += ending.cost(material)
    lines += ending.every(material)
    session = one_line(material.record.session_id)
    lines += [
        "",
        f"Every number comes from `experiment_logs/{session}`; `dialectic show N --session {session}` has more.",
    ]
    return "\n".join(lines) + "\n"
