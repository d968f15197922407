"""dialectic graph beside other sessions."""

from __future__ import annotations

import json
from pathlib import Path

from dialectic.state.base import SCHEMA_VERSION
from tests.cli.build import build
from tests.cli.conftest import Dialectic


def other_budget(root: Path, name: str) -> None:
    """Make the session one of another budget: what it measured does not compare."""
    path = root / "experiment_logs" / name / "session.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["schema_version"] == SCHEMA_VERSION
    record["profile"]["time_budget"] = 1234.0
    path.write_text(json.dumps(record), encoding="utf-8")


def test_other_sessions_under_the_same_conditions_count_and_no_others(tmp_path: Path, dialectic: Dialectic) -> None:
    build(tmp_path, "early", "2026-11-20T05:00:00.000Z")
    build(tmp_path, "late", "2026-11-21T05:00:00.000Z")
    out = dialectic("graph", "--session", "late", "--root", tmp_path).out
    assert "tension graph of session late after 4 iterations" in out
    assert "with what 1 other session measured under the same conditions" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line and line[0] != " "}
    assert rows["thesis"][1] == "2"
    assert "early:002" in out
    assert rows["anchor"] == ["anchor", "late:002"]
    other_budget(tmp_path, "early")
    alone = dialectic("graph", "--session", "late", "--root", tmp_path).out
    assert "other session" not in alone
    assert "early:" not in alone
    assert "early:" not in dialectic("graph", "--session", "late", "--json", "--root", tmp_path).out


def test_a_broken_neighbour_is_left_out_and_said(tmp_path: Path, dialectic: Dialectic) -> None:
    build(tmp_path, "early", "2026-11-20T05:00:00.000Z")
    build(tmp_path, "late", "2026-11-21T05:00:00.000Z")
    (tmp_path / "experiment_logs" / "early" / "session.json").write_text("[]", encoding="utf-8")
    code, out, err = dialectic("graph", "--session", "late", "--root", tmp_path)
    assert code == 0
    assert "late:002" in out
    assert "session early is left out" in err
