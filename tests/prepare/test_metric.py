"""Bits per byte against cases computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import prepare


def test_bits_per_byte_by_hand(tiny_data: Callable[..., Path]) -> None:
    tiny_data(["abc", "abc"], sequence_length=4, eval_tokens=4, eval_batch=2)
    # One row of five tokens: BOS a b c BOS. Targets a, b, c are one byte each, BOS counts in neither sum.
    bits = {ord("a"): 1, ord("b"): 2, ord("c"): 6}

    def logits(inputs: torch.Tensor) -> torch.Tensor:
        assert inputs.tolist()[0] == [256, ord("a"), ord("b"), ord("c")]
        probabilities = torch.full((2, 4, 260), 1e-30)
        for position, (token, bit) in enumerate(bits.items()):
            probabilities[:, position, token] = 2.0**-bit
            probabilities[:, position, 0] = 1 - 2.0**-bit
        probabilities[:, 3, 0] = 1  # of BOS nothing is expected, and it costs nothing
        return probabilities.log()

    score = prepare.evaluate_bpb(logits, "validation")
    assert score.tokens == 4
    assert score.bytes == 3
    assert score.nats == pytest.approx(9 * math.log(2), rel=1e-6)
    assert score.bpb == pytest.approx(3.0, rel=1e-6)


def test_bytes_of_broken_pieces_are_the_published_count(tiny_data: Callable[..., Path]) -> None:
    tiny_data(
        ["é€", "é€"], sequence_length=5, eval_tokens=5, eval_batch=1
    )  # 2 + 3 bytes, a token each, so 3 bytes each
    score = prepare.evaluate_bpb(lambda inputs: torch.zeros(1, 5, 260), "holdout")
    assert score.bytes == 15
    assert score.bpb == pytest.approx(math.log2(260) / 3, rel=1e-6)


def test_uniform_logits_on_real_text(smoke: Path) -> None:
    profile = prepare.current_profile()
    score = prepare.evaluate_bpb(lambda inputs: torch.zeros(*inputs.shape, 512, dtype=torch.bfloat16), "validation")
    rows = prepare.pack_rows(prepare.Documents("validation").batches(), 65)
    lengths = prepare.load_tokenizer().byte_lengths()
    counted = [lengths[row[1:]] for row, _ in zip(rows, range(8192 // 64), strict=False)]
    total = int(np.sum(counted))
    assert (score.tokens, score.bytes) == (profile.eval_tokens, total)
    assert score.bpb == pytest.approx(int(np.count_nonzero(counted)) * 9 / total, rel=1e-6)


def test_the_batch_size_changes_nothing(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = torch.randn(512, 512, generator=torch.Generator().manual_seed(1)) * 2
    scores = []
    for eval_batch in (1, 7, 32, 128):  # 128 rows: with a padded last batch and without
        monkeypatch.setitem(prepare.PROFILES, "smoke", replace(prepare.PROFILES["smoke"], eval_batch=eval_batch))
        scores.append(prepare.evaluate_bpb(lambda inputs: table[inputs], "validation"))
    assert scores == [scores[0]] * 4


def test_what_is_available_limits_the_tokens(tiny_data: Callable[..., Path]) -> None:
    tiny_data(["abc"] * 7, sequence_length=3, eval_tokens=10_000, eval_batch=4)
    score = prepare.evaluate_bpb(lambda inputs: torch.zeros(4, 3, 260), "validation")
    assert (score.tokens, score.bytes) == (21, 21)


def test_logits_of_another_shape_are_refused(smoke: Path) -> None:
    with pytest.raises(prepare.PrepareError, match=r"shape \(32, 64, 511\)"):
        prepare.evaluate_bpb(lambda inputs: torch.zeros(32, 64, 511), "validation")


def test_too_little_text_is_an_error(tiny_data: Callable[..., Path]) -> None:
    tiny_data(["a"], sequence_length=64)
    with pytest.raises(prepare.PrepareError, match="no row of 64 tokens"):
        prepare.evaluate_bpb(lambda inputs: torch.zeros(32, 64, 260), "validation")
