"""What a session came to, for someone who was asleep: two tables, two pictures and one page.

material       everything a report is made of, as values, and the turns of the session as a reader counts them
writing        foreign text in a table or on a page: one line, cleaned, escaped
telling        sentences that the page and the pictures share
tables         results.tsv and research_journal.tsv
figure         what both pictures share
placing        labels that cover neither each other nor the points
progress       the series of progress.png, and progress_plot draws them
poles          the rows of tensions.png, and poles_plot draws them
ending         the parts of report.md that tell how the session ended and what it cost
reasons        the parts of report.md that tell why
page           report.md
write          all of it into one folder
"""

from dialectic.report.material import Material, Standing
from dialectic.report.telling import headline, tally
from dialectic.report.write import Written, write_report

__all__ = ["Material", "Standing", "Written", "headline", "tally", "write_report"]
