"""The hold-out number is recorded and reported; no agent is told it and nothing is decided by it."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from dialectic.agents.builtin import BuiltinAgent
from tests.loop.conftest import RunScript

SECRET = "7182818"
"""Digits that stand in every hold-out number of these sessions and nowhere else."""
FALLS = (2.0, 1.95, 1.99, 1.90)
SECRETS = (2.07182818, 2.17182818, 2.27182818, 2.37182818)


def entries(holdouts: tuple[float, ...]) -> dict[str, object]:
    pairs = zip(FALLS, holdouts, strict=True)
    told = {str(number): {"val_bpb": val, "holdout_bpb": out} for number, (val, out) in enumerate(pairs, 1)}
    return {"iterations": told}


def test_no_agent_is_told_the_hold_out(run_script: RunScript, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[Any] = []
    for phase in ("prepare", "reflect"):
        own = getattr(BuiltinAgent, phase)

        def heard(self: BuiltinAgent, context: Any, own: Any = own) -> Any:
            contexts.append(context)
            return own(self, context)

        monkeypatch.setattr(BuiltinAgent, phase, heard)
    session, _ = run_script(entries(SECRETS), iterations=3)
    scores = [result.score for _, result, _ in session.history() if result is not None]
    assert [SECRET in repr(score) for score in scores] == [True] * 4
    assert len(contexts) >= 6
    assert [SECRET in repr(context) for context in contexts] == [False] * len(contexts)


def test_what_an_agent_reads_holds_no_hold_out(run_script: RunScript) -> None:
    session, _ = run_script(entries(SECRETS), iterations=3)
    root = session.folder.parent.parent
    knowledge = [path for path in (root / "knowledge_base").rglob("*") if path.is_file()]
    seen = [path for name in ("agent", "actual", "tensions") for path in session.folder.rglob(f"{name}/**/*")]
    logs = [path for path in session.folder.rglob("run.log") if path.parent.name != "score"]
    assert knowledge
    assert seen
    for path in (*knowledge, *seen, *logs):
        assert path.is_dir() or SECRET not in path.read_text("utf-8"), path


def test_nothing_is_decided_by_the_hold_out(run_script: RunScript) -> None:
    verdicts = []
    for holdouts in ((2.0, 2.5, 2.5, 2.5), (2.0, 1.5, 2.5, 1.0)):
        session, _ = run_script(entries(holdouts), iterations=3, seed=5)
        results = [result for _, result, _ in session.history() if result is not None]
        text = json.dumps([[result.verdict.model_dump(mode="json"), result.outcome] for result in results])
        verdicts.append(text.replace(session.id, "session"))
        for name in ("experiment_logs", "knowledge_base"):  # what the first has learned is not for the second
            shutil.rmtree(session.folder.parent.parent / name)
    assert verdicts[0] == verdicts[1]
    assert '"keep"' in verdicts[0]
