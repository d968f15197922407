"""report.md: what it says, and that foreign text in it stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from dialectic.knowledge import Iteration
from dialectic.report.page import page
from dialectic.report.writing import listed, markdown, probability
from dialectic.state.proposal import KnobEdit
from dialectic.verdict import Belief, judge
from tests.knowledge.histories import CAPACITY, SIGMA, baseline, plan, result, synthesis, tension
from tests.report.nights import judged, long_night, material

HOSTILE = "|a| <script>*b* [c](https://d) `qq` www.f.g $h$ _i_\x1b[2J\n# j & ~k~"


def told(iterations: Sequence[Iteration]) -> str:
    return page(material(iterations), pictures=True)


def part(text: str, heading: str) -> str:
    """What stands under a heading."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_first_three_lines_say_what_happened() -> None:
    night = material(judged([-0.02, None, 0.03]))
    first, second, third = page(night, pictures=True).split("\n")[:3]
    standing = night.standing
    assert standing is not None
    base, best = standing.baseline.estimate, standing.incumbent.estimate
    percent = 100 * (base - best) / base
    assert first == f"# Session s: val_bpb lower by {base - best:.4f} ({percent:.2f} %) with probability more than 0.99"
    assert second.startswith(f"val_bpb went from {base:.4f} (baseline) to {best:.4f} (iteration 002);")
    low, high = base - best - 1.96 * standing.gain_sd, base - best + 1.96 * standing.gain_sd
    assert f"between {low:.4f} and {high:.4f} bpb" in second
    assert third.startswith("3 candidates: 1 kept (1 proven, 0 provisional), 1 discarded, 1 crashed, in ")
    assert third.endswith("Take the incumbent with `dialectic adopt --session s`.")


@pytest.mark.parametrize(
    ("iterations", "headline"),
    [
        ([], "nothing has a score"),
        (judged([]), "the baseline, and nothing else yet"),
        (judged([None, None]), "no candidate was kept"),
    ],
)
def test_a_session_without_a_keep_says_so(iterations: list[Iteration], headline: str) -> None:
    text = told(iterations)
    assert text.split("\n", 1)[0] == f"# Session s: {headline}"
    assert "train.py is unchanged." in text.split("\n")[2]


def test_a_baseline_that_crashed_is_no_candidate() -> None:
    first = baseline()[0]
    nothing = judge(Belief(prior_noise=SIGMA), "s:001", [])[0]
    text = told([(first, result(first, failure="crash").model_copy(update={"verdict": nothing}), [])])
    assert text.split("\n")[0] == "# Session s: nothing has a score"
    assert text.split("\n")[2].startswith("no candidate yet")
    assert "crash (crash)" in part(text, "Every iteration")


def test_what_was_believed_stands_beside_what_contradicted_it() -> None:
    mine = plan(2, edits=[KnobEdit(knob="DEPTH", value="5")])
    ended = result(mine, 0.2).model_copy(
        update={"contradicted_assumption": "It was assumed that deeper is better.", "framing_diagnosis": "Mis-scaled."}
    )
    beliefs = part(
        told([baseline(), (mine, ended, [tension(CAPACITY)])]), "What was believed, and what contradicted it"
    )
    assert "- **002**, DEPTH 4 → 5: It was assumed that deeper is better.\n  *Mis-scaled.*" in beliefs


def test_predictions_are_counted_against_their_confidence() -> None:
    # The stated interval is -0.01 to 0: one of these changes is inside.
    beliefs = part(told(judged([-0.004, 0.02, 0.03])), "What was believed, and what contradicted it")
    assert "Of 3 predictions 1 fell into the stated interval: 33 %, where 80 % was the stated confidence." in beliefs
    assert f"They missed by {(0.001 + 0.025 + 0.035) / 3:.4f} bpb on average." in beliefs


def test_syntheses_and_dead_ends_are_told() -> None:
    night = [baseline(), synthesis(2, CAPACITY, -0.01), synthesis(3, CAPACITY, 0.3)]
    text = told(night)
    emerged = part(text, "What emerged").strip().split("\n")
    assert emerged[0].startswith(f"- **002**, out of {CAPACITY} (-0.0100 ± 0.0010 bpb, keep provisional;")
    assert emerged[1] == "  *A narrower and deeper network keeps both.*"
    assert emerged[2].startswith(f"- **003**, out of {CAPACITY} (+0.3000")
    assert "- **003**" in part(text, "Dead ends")
    assert "**002**" not in part(text, "Dead ends")
    following = part(text, "What to try next")
    assert "- **exploit** on aggression-vs-stability. The anchor is the incumbent, iteration 002" in following
    assert "- Least sure of what was kept: 002" in following


def test_every_iteration_has_the_numbers_of_log() -> None:
    night = material(judged([-0.02, None, 0.03]))
    rows = [line for line in part(page(night, pictures=True), "Every iteration").split("\n") if line.startswith("| 00")]
    for turn, row in zip(night.turns, rows, strict=True):
        assert turn.result is not None
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert cells[4] == ("-" if turn.val_bpb is None else f"{turn.val_bpb:.4f}")
        delta = turn.result.verdict.delta
        assert cells[5] == ("-" if delta is None else f"{delta:+.4f}")
    assert "crash (nan)" in rows[2]


def test_foreign_text_stays_text() -> None:
    mine = plan(2, edits=[KnobEdit(knob="DEPTH", value="a|b`c`")])
    mine = mine.model_copy(update={"prediction": HOSTILE})
    words = {"contradicted_assumption": HOSTILE, "framing_diagnosis": HOSTILE, "summary_text": HOSTILE}
    held = tension(CAPACITY).model_copy(update={"kind": HOSTILE, "label": HOSTILE})
    text = told([baseline(), (mine, result(mine, 0.2).model_copy(update=words), [held])])
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not re.search(r"(?<!\\)<(?!br)|(?<!\\)\[c|(?<!\\)`qq|https:|www\.|\n# j", text)
    for row in (line for line in text.split("\n") if line.startswith("| 002")):
        assert len(re.findall(r"(?<!\\)\|", row)) in (7, 9)


def test_an_unreadable_iteration_is_told() -> None:
    night = material(judged([-0.02]))
    broken = type(night)(**{**vars(night), "unreadable": ["iteration 3: is damaged"]})
    assert "Cannot be read: iteration 3: is damaged" in page(broken, pictures=True)


def test_the_page_of_a_long_night_stays_readable() -> None:
    night = long_night(300)
    text = page(night, pictures=True)
    assert text == page(night, pictures=True)
    assert "The last 200 of 301; results.tsv has them all." in text
    assert len(text) < 60_000


def test_without_pictures_the_page_names_the_reason() -> None:
    text = page(material(judged([])), pictures=False, trouble="ImportError: no module")
    assert "The pictures could not be drawn: ImportError: no module" in text
    assert ".png" not in text


def test_words() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [probability(value) for value in (0.0, 0.5, 0.994, 1.0)] == [
        "less than 0.01", "0.50", "0.99", "more than 0.99",
    ]  # fmt: skip
    assert markdown("A_B _c_ 2**3") == "A_B \\_c\\_ 2\\*\\*3"
