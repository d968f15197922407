"""The checks on plain functions: honest ones pass, each way of cheating fails by its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import prepare
from dialectic.scorer.checks import Examiner, guarded
from dialectic.scorer.refusal import Refused

LENGTH, VOCABULARY = 48, 16
PROFILE = replace(
    prepare.PROFILES["smoke"], eval_batch=8, sequence_length=LENGTH, vocab_size=VOCABULARY, eval_tokens=LENGTH * 8 * 6
)
Function = Callable[[Tensor], Tensor]
RULE = (torch.arange(VOCABULARY) * 5 + 3) % VOCABULARY
"""The text's only rule: which token follows a token."""


def text(batches: int = 6) -> list[Tensor]:
    """Rows [8, LENGTH] that follow the rule, from different starts."""
    rows = [torch.randint(VOCABULARY, (8,), generator=torch.Generator().manual_seed(1))]
    for _ in range(LENGTH + 8 * batches):
        rows.append(RULE[rows[-1]])
    whole = torch.stack(rows, 1)
    return [whole[:, 3 * number : 3 * number + LENGTH].contiguous() for number in range(batches)]


def table(tokens: Tensor) -> Tensor:
    """A bigram model: causal, deterministic, finite."""
    return torch.sin(torch.arange(VOCABULARY) * (tokens.unsqueeze(-1) + 1.0))


def later(tokens: Tensor) -> Tensor:
    """One-hot of the token that follows each position; zeros at the last one."""
    following = torch.nn.functional.one_hot(tokens[:, 1:], VOCABULARY).float()
    return torch.cat([following, torch.zeros(len(tokens), 1, VOCABULARY)], 1)


def examined(function: Function, batches: int = 6, profile: Any = PROFILE) -> Examiner:
    examiner = Examiner(function, profile)
    examiner.open()
    if examiner.passed:
        for tokens in text(batches):
            examiner(tokens)
        examiner.close(bytes_per_token=3.0)
    return examiner


def failed(function: Function, batches: int = 6, profile: Any = PROFILE) -> list[str]:
    return [name for name, check in examined(function, batches, profile).checks.items() if not check.passed]


def test_an_honest_model_passes_every_check() -> None:
    assert failed(table) == []


@pytest.mark.parametrize("batches", [1, 2, 6, 7])
def test_every_position_has_its_cut_however_short_the_text(batches: int) -> None:
    examiner = examined(table, batches)
    assert not examiner.cuts
    assert len(examiner.gains) == LENGTH - 1


def test_the_cuts_cost_a_pass_for_a_batch_of_them() -> None:
    calls = 0

    def counted(tokens: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return table(tokens)

    examined(counted)
    assert calls == 6 + math.ceil((LENGTH - 1) / 8) + 4  # random tokens, rows twice, the first batch again


def test_a_model_that_sees_the_last_token_is_caught() -> None:
    assert "causal" in failed(lambda tokens: table(tokens) + tokens[:, -1:].unsqueeze(-1))


@pytest.mark.parametrize("position", range(LENGTH - 1))
def test_a_peek_by_one_token_at_one_position_is_caught(position: int) -> None:
    only = torch.zeros(LENGTH, 1)
    only[position] = 1.0
    assert "causal" in failed(lambda tokens: table(tokens) + only * later(tokens))


def test_a_peek_at_text_alone_is_caught() -> None:
    """On random tokens this one is as honest as can be."""

    def gated(tokens: Tensor) -> Tensor:
        natural = (RULE[tokens[:, :-1]] == tokens[:, 1:]).float().mean(1) > 0.7
        return table(tokens) + natural[:, None, None] * later(tokens)

    assert "causal" in failed(gated)


def test_a_peek_too_small_for_a_rounding_device_is_caught_by_its_mean() -> None:
    """0.05 of a logit is within what bfloat16 rounds, and worth more than any candidate's improvement."""
    device = replace(PROFILE, device="cuda", noise_sigma=0.002)
    assert failed(lambda tokens: table(tokens) + 0.05 * later(tokens), profile=device) == ["leak"]


def test_rounding_on_a_device_is_no_peek() -> None:
    device = replace(PROFILE, device="cuda", noise_sigma=0.002)
    noise = torch.Generator().manual_seed(2)

    def rounding(tokens: Tensor) -> Tensor:
        return table(tokens) + 0.004 * (torch.rand(8, LENGTH, VOCABULARY, generator=noise) - 0.5)

    assert failed(rounding, profile=device) == []


def test_logits_that_depend_on_other_rows_are_caught() -> None:
    assert "rows" in failed(lambda tokens: table(tokens) + table(tokens).mean(0, keepdim=True))
    assert "rows" in failed(lambda tokens: table(tokens) + 0.1 * table(tokens).roll(1, 0))


def test_logits_that_depend_on_the_place_in_the_batch_are_caught() -> None:
    assert failed(lambda tokens: table(tokens) + torch.arange(8)[:, None, None]) == ["rows"]


def test_noise_and_a_count_of_calls_are_caught() -> None:
    calls = 0

    def tired(tokens: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return table(tokens) * (1.0 if calls < 15 else 2.0)

    assert "deterministic" in failed(lambda tokens: table(tokens) + torch.rand(1))
    assert "deterministic" in failed(tired)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers_are_caught(value: float) -> None:
    def holed(tokens: Tensor) -> Tensor:
        logits = table(tokens)
        logits[0, 3, 5] = value
        return logits

    assert examined(holed).checks["finite"].value == 1.0
    assert failed(holed) == ["finite"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda tokens: table(tokens)[..., :-1],
        lambda tokens: table(tokens).to(torch.int64),
        lambda tokens: table(tokens).to(torch.complex64),
        lambda tokens: [table(tokens)],
    ],
)
def test_answers_that_are_no_logits_are_refused(answer: Callable[[Tensor], Any]) -> None:
    with pytest.raises(Refused, match="shape"):
        guarded(answer, PROFILE)(text(1)[0])


def test_a_large_number_added_to_all_logits_wins_nothing() -> None:
    """In float32 a logarithm of a sum drowns beside 2**27; the softmax must take the largest logit off first."""
    tokens = text(1)[0]
    for device in ("cpu", "mps"):
        logits = guarded(lambda t: table(t) * 0 + 2.0**27, replace(PROFILE, device=device))(tokens)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
        assert loss.item() == pytest.approx(math.log(VOCABULARY), rel=1e-5)
