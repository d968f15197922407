"""Every structural change on our own train.py: it applies, trains and is handed over, alone and with all others."""

from __future__ import annotations

import ast
import gc
import random
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import prepare
from dialectic.agents.grafts import GRAFTS, applies, edits_of
from dialectic.scorer.graph import load_graph
from dialectic.workspace import apply, read_knobs

OURS = (Path(__file__).resolve().parent.parent.parent / "train.py").read_text("utf-8")

CHANGES: dict[str, dict[str, str]] = {
    "AVERAGED_STEPS": {"AVERAGED_STEPS": "2"},
    "CAUTIOUS_DECAY": {"CAUTIOUS_DECAY": "False"},
    "DATA_ORDER": {"DATA_ORDER": "1"},
    "EVEN_ROWS": {"EVEN_ROWS": "False"},
    "GROWING_BATCH": {"GROWING_BATCH": "0.5", "DEVICE_BATCH_SIZE": "8"},
    "INIT_SCALE": {"INIT_SCALE": "0.5"},
    "MLP_ACTIVATION": {"MLP_ACTIVATION": '"gelu"'},
    "MLP_GATED": {"MLP_GATED": "True", "MLP_RATIO": "3"},
    "PARALLEL_BLOCK": {"PARALLEL_BLOCK": "True"},
    "PREVIOUS_TOKEN": {"PREVIOUS_TOKEN": "0.5"},
    "QK_SCALE": {"QK_SCALE": "1.2"},
    "TABLE_DECAY": {"TABLE_DECAY": "0.01"},
    "WARMDOWN_POWER": {"WARMDOWN_POWER": "1.5"},
    "WINDOW_DIVISOR": {"WINDOW_DIVISOR": "4", "WINDOW_PATTERN": '"SL"'},
    "X0_INIT": {"X0_INIT": "0.3"},
}


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch, smoke_cache: Path, tmp_path: Path) -> Iterator[Path]:
    """A run folder of the smoke profile with a budget of a few steps."""
    for name, value in {"PROFILE": "smoke", "CACHE": smoke_cache, "BUDGET": "0.05", "RUN_DIR": tmp_path}.items():
        monkeypatch.setenv(f"DIALECTIC_{name}", str(value))
    yield tmp_path
    # train.py stops the collection of garbage for good, being a process of its own.
    gc.unfreeze()
    gc.enable()


def loaded(text: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("candidate")
    monkeypatch.setitem(sys.modules, "candidate", module)
    exec(compile(text, "train.py", "exec"), module.__dict__)
    return module


def with_all(order: int) -> str:
    text = OURS
    names = sorted(GRAFTS)
    random.Random(order).shuffle(names)
    for name in names:
        text = apply(text, edits_of(text, read_knobs(text), CHANGES[name]))
    return text


def assert_scorable(model: Path) -> None:
    """The scorer takes the hand-over, and what it reads answers with logits."""
    assert model.stat().st_size > 100_000
    profile = prepare.PROFILES["smoke"]
    tokens = torch.zeros(profile.eval_batch, profile.sequence_length, dtype=torch.int64)
    logits = load_graph(model, "cpu", *tokens.shape)(tokens)
    assert logits.shape == (*tokens.shape, profile.vocab_size)


@pytest.mark.parametrize("knob", sorted(GRAFTS))
def test_alone_it_takes_steps(knob: str, smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = apply(OURS, edits_of(OURS, read_knobs(OURS), CHANGES[knob]))
    assert read_knobs(text).items() >= CHANGES[knob].items()
    module = loaded(text, monkeypatch)
    tokens = torch.randint(512, (2, 64))
    model = module.build_model(module.build_config(512), torch.device("cpu"))
    optimizers = module.build_optimizers(model, False)
    losses = []
    for step in range(4):
        module.schedule(optimizers, step, 0.6)
        loss, _ = module.train_step(model, optimizers, (tokens, tokens, 1), iter([(tokens, tokens, 1)] * 2), 1)
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("third", [0, 1, 2])
def test_they_train_and_are_handed_over(third: int, smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = OURS
    for knob in sorted(GRAFTS)[third::3]:
        text = apply(text, edits_of(text, read_knobs(text), CHANGES[knob]))
    assert loaded(text, monkeypatch).main() == 0
    assert_scorable(smoke / "model.pt2")


def test_all_together_they_train_and_are_handed_over(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(with_all(1), monkeypatch).main() == 0
    assert_scorable(smoke / "model.pt2")


def test_they_stack_in_any_order() -> None:
    assert len({len(with_all(order)) for order in range(4)}) == 1


def test_together_they_compile_without_a_break(
    smoke: Path, monkeypatch: pytest.MonkeyPatch, fresh_compiler: None
) -> None:
    module = loaded(with_all(3), monkeypatch)
    model = module.build_model(module.build_config(512), torch.device("cpu"))
    tokens = torch.randint(512, (2, 64))
    compiled: Any = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    loss = compiled(tokens, tokens)
    assert torch.allclose(loss, model(tokens, tokens), rtol=1e-4)


def test_a_graft_changes_nothing_until_its_knob_is_set(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = torch.randint(512, (2, 64))
    losses = []
    neutral = OURS
    for name in sorted(GRAFTS):
        onto = GRAFTS[name].onto(neutral)
        assert onto is not None
        neutral = onto
    for text in (OURS, neutral):
        module = loaded(text, monkeypatch)
        torch.manual_seed(1)
        model = module.build_model(module.build_config(512), torch.device("cpu"))
        optimizers = module.build_optimizers(model, False)
        for step in range(3):
            module.schedule(optimizers, step, 0.8)
            module.train_step(model, optimizers, (tokens, tokens, 1), iter([(tokens, tokens, 1)] * 2), 1)
        losses.append(model(tokens, tokens).item())
    assert losses[0] == losses[1]


def test_a_graft_applies_once_and_not_to_a_stranger() -> None:
    for knob in GRAFTS:
        assert applies(knob, OURS)
        assert not applies(knob, "import torch\n\nWIDTH = 64\n")
        after = apply(OURS, edits_of(OURS, read_knobs(OURS), CHANGES[knob]))
        assert not applies(knob, after) or knob in read_knobs(after)


def test_the_edits_are_small_and_name_the_knob() -> None:
    for knob, changes in CHANGES.items():
        edits = edits_of(OURS, read_knobs(OURS), changes)
        assert [edit.knob for edit in edits if edit.type == "knob"] == sorted(changes)
        assert sum(len(edit.replace) for edit in edits if edit.type == "replace") < 2_000, knob
        assert ast.parse(apply(OURS, edits))
