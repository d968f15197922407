"""Someone else's train.py: tensions from its own constants, and real runs of what is proposed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dialectic.agents import load
from dialectic.agents.catalogue import LEVERS, tensions_of
from dialectic.agents.catalogue.foreign import foreign
from dialectic.agents.grafts import GRAFTS, applies
from dialectic.agents.sizes import Knobs
from dialectic.config import load as settings_of
from dialectic.loop import run_session
from dialectic.session import open_session
from dialectic.workspace import Bounds, Origins, apply, check, read_knobs
from tests.agents.world import SIZES, World, profile
from tests.loop.conftest import REPOSITORY, Remembering

FOREIGN = (REPOSITORY / "tests" / "fixtures" / "foreign_train.py").read_text("utf-8")
KNOBS = Knobs(read_knobs(FOREIGN), SIZES["cpu"], FOREIGN)

ROLES = {
    "N_LAYER": "depth", "N_EMBD": "width", "N_HEAD": "heads", "FF_MULT": "width", "DROPOUT": "restraint",
    "LEARNING_RATE": "rate", "MIN_RATE_SHARE": "schedule", "WARM_STEPS": "schedule", "ADAM_DECAY": "restraint",
    "SECOND_MOMENT": "inertia", "ROWS": "batch", "CLIP": "restraint", "USE_BIAS": "switch",
}  # fmt: skip


def test_it_shares_no_line_with_ours() -> None:
    ours = {line.strip() for line in (REPOSITORY / "train.py").read_text("utf-8").splitlines()}
    theirs = {line.strip() for line in FOREIGN.splitlines() if len(line.strip()) > 25}
    assert not theirs & ours
    assert not set(read_knobs(FOREIGN)) & set(LEVERS)


def test_every_constant_that_is_a_choice_gets_a_role() -> None:
    assert {lever.knob: role for role, lever in foreign(KNOBS, LEVERS)} == ROLES
    assert not any(applies(knob, FOREIGN) for knob in GRAFTS)


def test_moves_keep_what_must_divide() -> None:
    levers = {lever.knob: lever for _, lever in foreign(KNOBS, LEVERS)}
    assert levers["N_EMBD"].move(KNOBS, 1) == {"N_EMBD": "96"}
    assert levers["N_EMBD"].move(KNOBS, -1) == {"N_EMBD": "32"}
    assert levers["N_HEAD"].move(KNOBS, 1) == {"N_HEAD": "8"}
    assert levers["ROWS"].move(KNOBS, -1) == {"ROWS": "4"}
    assert levers["USE_BIAS"].move(KNOBS, -1) == {"USE_BIAS": "False"}
    assert levers["DROPOUT"].move(KNOBS, -9) == {"DROPOUT": "0.0"}


def test_its_constants_belong_to_the_declared_tensions() -> None:
    found = {kind: {lever.knob for lever in one.applicable(KNOBS)} for kind, one in tensions_of(KNOBS).items()}
    assert found["capacity-vs-throughput"] == {"N_LAYER", "N_EMBD", "FF_MULT"}
    assert found["steps-vs-gradient-quality"] == {"ROWS"}
    assert "locality-vs-global-context" not in found


@pytest.mark.parametrize("move", ["exploit", "negate", "synthesize"])
def test_every_move_is_possible(move: str) -> None:
    context = World(1).context()
    bounds = Bounds(Origins(root=Path(), current=FOREIGN, iteration=lambda _: None), context.steering, profile(), "d")
    briefing = context.briefing.model_copy(update={"suggested_move": move})
    proposal = load("builtin").prepare(
        replace(
            context,
            train_py=FOREIGN,
            knobs=read_knobs(FOREIGN),
            briefing=briefing,
            check=lambda proposal: check(proposal, bounds),
        )
    )
    assert proposal.move_type == move
    compile(apply(FOREIGN, proposal.edits), "train.py", "exec")
    assert len(proposal.active_tensions) >= 2


def test_five_iterations_of_real_training(tmp_path: Path, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prepare.py", "program.md"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "train.py").write_text(FOREIGN, "utf-8")
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    settings = settings_of(tmp_path, {"profile": "smoke", "budget": 0.5, "iterations": 5, "session": "foreign"})
    observer = Remembering()
    run_session(tmp_path, settings, observer)
    session = open_session(tmp_path, "foreign")
    history = session.history()
    assert len(history) == 6
    assert all(result is not None and result.status == "completed" for _, result, _ in history)
    assert len({plan.fingerprint for plan, _, _ in history}) == 6
    assert any(plan.move_type == "synthesize" for plan, _, _ in history)
