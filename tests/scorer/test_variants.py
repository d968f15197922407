"""Honest models of many kinds are read, give exactly the module's own logits, and pass every check."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import prepare
from dialectic.scorer.checks import Examiner, guarded
from dialectic.scorer.graph import load_graph
from tests.forging import hand_over
from tests.scorer.variants import LENGTH, VOCABULARY, variants


@pytest.mark.parametrize("name", variants())
def test_it_is_scored_as_it_is(name: str, smoke: Path, tmp_path: Path) -> None:
    profile, model = prepare.PROFILES["smoke"], variants()[name]
    played = load_graph(hand_over(model, tmp_path / "model.pt2"), "cpu", profile.eval_batch, LENGTH)
    tokens = torch.randint(VOCABULARY, (profile.eval_batch, LENGTH), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(played(tokens), model(tokens))
    examiner = Examiner(guarded(played, profile), profile)
    examiner.open()
    validation = prepare.evaluate_bpb(examiner, "validation")
    examiner.close(validation.bytes / validation.tokens)
    assert [check for check in examiner.checks.items() if not check[1].passed] == []
    assert examiner.checks.keys() == {"finite", "rows", "causal", "leak", "deterministic"}
