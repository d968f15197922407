"""All of a report into one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialectic.errors import UsageError
from dialectic.report.figure import png
from dialectic.report.material import Material
from dialectic.report.page import page
from dialectic.report.poles import axes_of
from dialectic.report.poles_plot import tensions_figure
from dialectic.report.progress import progress
from dialectic.report.progress_plot import progress_figure
from dialectic.report.tables import journal_tsv, results_tsv
from dialectic.report.telling import headline, setting, tally
from dialectic.report.writing import one_line
from dialectic.state.files import write_bytes, write_text

PAGE, RESULTS, JOURNAL = "report.md", "results.tsv", "research_journal.tsv"
PICTURES = ("progress.png", "tensions.png")


@dataclass(frozen=True)
class Written:
    """What was written: the page first, then the tables, then the pictures there are."""

    files: list[Path]
    trouble: str
    """Why there are no pictures; empty when there are."""


def write_report(folder: Path, material: Material) -> Written:
    """Write the report of one session, replacing an earlier one.

    Pictures that cannot be drawn are left out, with the reason on the page: the words are worth more than they.

    Raises:
        UsageError: ``folder`` holds a ``results.tsv`` that no report brought there, which would be lost.
        StorageError: the folder cannot be written.
    """
    if (folder / RESULTS).exists() and not (folder / PAGE).exists():
        raise UsageError(f"{folder / RESULTS}: is not a report's and would be lost; choose another --out")
    drawn, trouble = _drawn(material)
    texts = {PAGE: page(material, bool(drawn), trouble), RESULTS: results_tsv(material), JOURNAL: journal_tsv(material)}
    for name, text in texts.items():
        write_text(folder / name, text)
    for name in PICTURES:
        if name in drawn:
            write_bytes(folder / name, drawn[name])
        else:
            (folder / name).unlink(missing_ok=True)
    return Written([folder / name for name in (*texts, *drawn)], trouble)


def _drawn(material: Material) -> tuple[dict[str, bytes], str]:
    """Name → picture, or why there is none."""
    title, foot = one_line(material.record.session_id, 60), setting(material)
    try:
        first = png(progress_figure(progress(material), f"{title}: {headline(material)}", tally(material), foot))
        second = png(tensions_figure(axes_of(material), material.noise, f"{title}: what each side measured", foot))
    except Exception as error:  # noqa: BLE001  (whatever a plotting library stumbles over, a night ends with its words)
        return {}, one_line(f"{type(error).__name__}: {error}")
    return dict(zip(PICTURES, (first, second), strict=True)), ""
