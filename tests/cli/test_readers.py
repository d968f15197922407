"""log, show, diff, graph, sessions on recorded sessions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dialectic.state.files import read_json, to_json
from dialectic.state.words import estimate
from tests.cli.build import BASE, Builder, build
from tests.cli.conftest import Dialectic

NULL_ALLOWED = {"candidate_commit", "claim", "delta", "val_bpb"}
"""formats.md: commits without git, claim of a discard, delta of the baseline, score of a run that was not scored."""


def test_log_lists_every_iteration_and_the_standing(night: Builder, dialectic: Dialectic) -> None:
    code, out, err = dialectic("log", "--root", night.root)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line and line[0].isdigit()] == ["001", "002", "003", "004"]
    assert "DEPTH 4 → 5" in out
    assert "keep provisional" in out
    assert "crash (nan)" in out
    # The verdict's own belief: one run each, 0.02 bpb apart at a noise of 0.004, shrunk by the prior on effects.
    belief = night.belief()
    gain = belief.baseline.estimate - belief.incumbent.estimate
    assert 0 < gain < 0.02, "the estimate believes a single run only in part"
    assert f"baseline {estimate(belief.baseline)} · incumbent {estimate(belief.incumbent)} (002)" in out
    assert f"improvement +{gain:.4f} bpb (+{100 * gain / belief.baseline.estimate:.2f} %), probability 0.9" in out


def test_log_says_when_the_baseline_is_still_the_incumbent(tmp_path: Path, dialectic: Dialectic) -> None:
    builder = Builder(tmp_path)
    builder.result(builder.plan(1), 2.0, "keep")
    builder.plan(2, DEPTH="5")
    out = dialectic("log", "--root", tmp_path).out
    assert "still the incumbent" in out
    assert "not finished" in out


def test_log_json_has_a_number_for_every_scored_run_and_no_null_elsewhere(night: Builder, dialectic: Dialectic) -> None:
    records = json.loads(dialectic("log", "--json", "--root", night.root).out)
    assert [record["iteration"] for record in records] == [1, 2, 3, 4]
    assert [record["val_bpb"] for record in records] == [2.0, 1.98, 2.01, None]
    assert [record["decision"] for record in records] == ["keep", "keep", "discard", "discard"]
    assert records[1]["changed_knobs"] == {"DEPTH": ["PROFILE.depth", "PROFILE.depth + 1"]}
    assert records[1]["experiment_id"] == "night:002"
    assert records[1]["tension"] == "capacity-vs-throughput"
    assert {name for record in records for name, value in record.items() if value is None} <= NULL_ALLOWED
    assert all(record["val_bpb"] is not None for record in records if record["status"] == "completed")


def test_log_reads_the_latest_session_unless_another_is_named(tmp_path: Path, dialectic: Dialectic) -> None:
    build(tmp_path, "late", "2026-11-22T05:00:00.000Z")
    build(tmp_path, "early", "2026-11-20T05:00:00.000Z")
    assert "session late" in dialectic("log", "--root", tmp_path).out
    assert "session early" in dialectic("log", "--root", tmp_path, "--session", "early").out


def test_log_shows_the_others_beside_a_corrupt_iteration(night: Builder, dialectic: Dialectic) -> None:
    night.session.iteration(3).plan.write_text("{", encoding="utf-8")
    code, out, err = dialectic("log", "--root", night.root)
    assert code == 1
    assert "002" in out
    assert "cannot be read" in out
    assert "004" in out
    assert err.startswith("dialectic: iteration 3 cannot be read: ")
    assert err.count("\n") == 1
    as_json = dialectic("log", "--root", night.root, "--json")
    assert as_json.code == 1
    assert [record["iteration"] for record in json.loads(as_json.out)] == [1, 2, 4]


def test_a_newer_record_is_refused_in_one_line(night: Builder, dialectic: Dialectic) -> None:
    path = night.session.iteration(2).result
    path.write_text(to_json(read_json(path) | {"schema_version": 99}), encoding="utf-8")
    code, _, err = dialectic("show", "2", "--root", night.root)
    assert code == 1
    assert "update dialectic" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["2", "002"])
def test_show_tells_prediction_tensions_change_verdict_and_reflection(
    night: Builder, dialectic: Dialectic, name: str
) -> None:
    code, out, _ = dialectic("show", name, "--root", night.root)
    assert code == 0
    for words in (
        "night:002 · exploit · completed · keep provisional",
        "expects -0.0100, between -0.0200 and +0.0000 with confidence 0.80",
        "▸ thesis (favoured): a deeper model learns more from each token",
        "antithesis: a shallower model sees more tokens",
        "+DEPTH = PROFILE.depth + 1",
        "val_bpb 1.9800 · hold-out 2.0800",
        "effect -0.0200 ± 0.0040 bpb",
        "judged against night:001: 2.0000 ± 0.0040",
        "outcome: confirmed",
        "framing: the comparison was fair",
        "computed from the numbers: outcome",
    ):
        assert words in out, words


def test_show_tells_why_a_run_has_no_score(night: Builder, dialectic: Dialectic) -> None:
    out = dialectic("show", "4", "--root", night.root).out
    assert "nan: FAIL: the loss is nan" in out
    assert "hold-out" not in out


def test_show_an_unfinished_iteration(night: Builder, dialectic: Dialectic) -> None:
    night.plan(5, DEPTH="7")
    code, out, _ = dialectic("show", "5", "--root", night.root)
    assert code == 0
    assert "planned" in out
    assert json.loads(dialectic("show", "5", "--json", "--root", night.root).out)["result"] is None


def test_show_json_holds_plan_result_and_tensions(night: Builder, dialectic: Dialectic) -> None:
    told = json.loads(dialectic("show", "2", "--json", "--root", night.root).out)
    assert told["plan"]["iteration"] == told["result"]["iteration"] == 2
    assert [tension["kind"] for tension in told["tensions"]] == ["capacity-vs-throughput", "aggression-vs-stability"]


@pytest.mark.parametrize("name", ["9", "0", "-1", "two", "²"])
def test_show_refuses_what_is_no_iteration(night: Builder, dialectic: Dialectic, name: str) -> None:
    code, out, err = dialectic("show", "--root", night.root, "--", name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_text_from_records_is_data(tmp_path: Path, dialectic: Dialectic) -> None:
    builder = Builder(tmp_path)
    hostile = "[bold]x[/bold] [/] \x1b]0;title\x07\x1b[31m red \u202e over\nnext"
    builder.result(builder.plan(1, "exploit", hostile), 2.0, "keep")
    builder.result(builder.plan(2, DEPTH="[blink]5[/blink]"), None, "discard", "crash", "\x1b[2J[red]boom[/red]")
    for command in ("log", "show 1", "show 2", "graph", "sessions"):
        out = dialectic(*command.split(), "--root", tmp_path).out
        assert not set(out) & {"\x1b", "\x07", "\u202e"}
    assert "[bold]x[/bold] [/] red over next" in dialectic("show", "1", "--root", tmp_path).out
    assert "[red]boom[/red]" in dialectic("show", "2", "--root", tmp_path).out
    assert "[blink]5[/blink]" in dialectic("log", "--root", tmp_path).out


def test_diff_is_the_recorded_patch_and_applies(night: Builder, dialectic: Dialectic, tmp_path: Path) -> None:
    out = dialectic("diff", "2", "--root", night.root).out
    assert out == night.session.iteration(2).patch.read_text(encoding="utf-8")
    (tmp_path / "train.py").write_text(BASE, encoding="utf-8")
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=out, text=True, check=True)
    assert (tmp_path / "train.py").read_text() == night.session.iteration(2).train_py.read_text()


def test_diff_between_two_iterations(night: Builder, dialectic: Dialectic) -> None:
    out = dialectic("diff", "2", "3", "--root", night.root).out
    assert "-DEPTH = PROFILE.depth + 1" in out
    assert "+DEPTH = PROFILE.depth - 1" in out
    assert json.loads(dialectic("diff", "2", "3", "--json", "--root", night.root).out)["other"] == 3


def test_diff_of_the_baseline_says_that_nothing_changed(night: Builder, dialectic: Dialectic) -> None:
    assert dialectic("diff", "1", "--root", night.root).out == "iteration 1 changed nothing\n"


def test_diff_without_its_patch_is_one_line(night: Builder, dialectic: Dialectic) -> None:
    night.session.iteration(2).patch.unlink()
    code, _, err = dialectic("diff", "2", "--root", night.root)
    assert code == 1
    assert err.count("\n") == 1


def test_graph_tells_what_each_pole_measured(night: Builder, dialectic: Dialectic) -> None:
    code, out, _ = dialectic("graph", "--root", night.root)
    assert code == 0
    assert "capacity-vs-throughput" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line and line[0] != " "}
    assert rows["thesis"][2:4] == ["-0.0200", "-0.0200"]
    assert rows["antithesis"][2:4] == ["+0.0300", "+0.0300"]
    assert rows["anchor"] == ["anchor", "night:002"]
    assert rows["opponent"] == ["opponent", "night:003"]
    assert out.splitlines()[-1].startswith("next move")


def test_graph_json_is_the_network(night: Builder, dialectic: Dialectic) -> None:
    told = json.loads(dialectic("graph", "--json", "--root", night.root).out)
    assert "night:002" in " ".join(node["id"] for node in told["nodes"])
    assert told["edges"]


def test_graph_leaves_a_corrupt_iteration_out(night: Builder, dialectic: Dialectic) -> None:
    night.session.iteration(3).result.write_text("[]", encoding="utf-8")
    code, out, err = dialectic("graph", "--root", night.root)
    assert code == 1
    assert "night:002" in out
    assert "left out" in err


def test_sessions_lists_them_with_their_state(tmp_path: Path, dialectic: Dialectic) -> None:
    build(tmp_path, "done", "2026-11-20T05:00:00.000Z")
    build(tmp_path, "halted", "2026-11-21T05:00:00.000Z").live("interrupted", is_active=False)
    build(tmp_path, "killed", "2026-11-22T05:00:00.000Z").live("run", is_active=True)
    running = build(tmp_path, "running", "2026-11-23T05:00:00.000Z")
    running.live("run", is_active=True)
    with running.session.hold():
        told = json.loads(dialectic("sessions", "--json", "--root", tmp_path).out)
        screen = dialectic("sessions", "--root", tmp_path).out
    assert {one["session_id"]: one["state"] for one in told} == {
        "done": "finished",
        "halted": "interrupted",
        "killed": "stopped",
        "running": "running",
    }
    belief = running.belief()
    assert (told[0]["baseline"], told[0]["best"]) == (belief.baseline.estimate, belief.incumbent.estimate)
    assert told[0]["profile"] == "cpu"
    assert "running" in screen


def test_sessions_of_an_empty_folder(tmp_path: Path, dialectic: Dialectic) -> None:
    code, out, _ = dialectic("sessions", "--root", tmp_path)
    assert code == 0
    assert "dialectic run" in out
    assert json.loads(dialectic("sessions", "--json", "--root", tmp_path).out) == []


def test_sessions_names_a_corrupt_one_and_lists_the_others(night: Builder, dialectic: Dialectic) -> None:
    other = build(night.root, "broken")
    (other.session.folder / "session.json").write_text("no", encoding="utf-8")
    code, out, err = dialectic("sessions", "--root", night.root)
    assert code == 1
    assert "night" in out
    assert "session broken cannot be read" in err


def test_adopt_copies_the_incumbent_once(night: Builder, dialectic: Dialectic) -> None:
    target = night.root / "train.py"
    target.write_text(BASE, encoding="utf-8")
    code, out, _ = dialectic("adopt", "--root", night.root)
    assert code == 0
    assert target.read_bytes() == night.session.iteration(2).train_py.read_bytes()
    assert "iteration 2" in out
    assert dialectic("adopt", "--root", night.root).code == 0


def test_adopt_does_not_overwrite_what_the_user_changed(night: Builder, dialectic: Dialectic) -> None:
    target = night.root / "train.py"
    target.write_text("my work", encoding="utf-8")
    code, out, err = dialectic("adopt", "--root", night.root, "--session", "night")
    assert (code, out, target.read_text()) == (1, "", "my work")
    assert err.count("\n") == 1
