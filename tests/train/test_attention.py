# mypy: disable-error-code="no-untyped-call,no-any-return"
from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

import train
from tests.train.tiny import naive_attention, tiny_model, tiny_tokens

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    """FlexAttention has no backward on a CPU."""
    with torch.no_grad():
        yield


def heads(kv_heads: int = 4, length: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, length, 4, 8), torch.randn(2, length, kv_heads, 8), torch.randn(2, length, kv_heads, 8)


@pytest.mark.parametrize("window", [0, 1, 7, 8, 15, 16])
def test_window_mask_against_a_loop(window: int) -> None:
    mask = train.window_mask(16, window, torch.device("cpu"))
    expected = [[key <= query and query - key <= window for key in range(16)] for query in range(16)]
    assert mask.tolist() == expected


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("window", [3, 8, 16])
def test_paths_against_a_loop(window: int, kv_heads: int) -> None:
    q, k, v = heads(kv_heads)
    expected = naive_attention(q, k, v, window)
    device = torch.device("cpu")
    masked = train.sdpa_attend(q, k, v, train.window_mask(16, window, device))
    flexible = train.flex_attend(q, k, v, train.window_block_mask(16, window, device))
    torch.testing.assert_close(masked, expected)
    torch.testing.assert_close(flexible, expected)
    if window == 16:
        torch.testing.assert_close(train.sdpa_attend(q, k, v, None), expected)


def test_grouped_heads_are_repeated_heads() -> None:
    q, k, v = heads(kv_heads=2)
    grouped = train.sdpa_attend(q, k, v, None)
    repeated = train.sdpa_attend(q, k.repeat_interleave(2, dim=2), v.repeat_interleave(2, dim=2), None)
    torch.testing.assert_close(grouped, repeated)


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("length", [16, 12])
def test_whole_model_agrees_on_every_path(kv_heads: int, length: int) -> None:
    model = tiny_model(kv_heads=kv_heads)
    tokens = tiny_tokens(model)[:, :length]
    sdpa = model(tokens)
    model.attention = "flex"
    torch.testing.assert_close(model(tokens), sdpa, atol=1e-5, rtol=1e-5)
    model.attention, model.flash_attention = "fa3", naive_attention  # FlashAttention's own signature and window
    torch.testing.assert_close(model(tokens), sdpa, atol=1e-5, rtol=1e-5)


def test_window_reaches_the_logits() -> None:
    """With one windowed block before a last full one, information still travels; with all full it differs."""
    windowed, full = tiny_model(window_pattern="S"), tiny_model(window_pattern="L")
    assert [windowed.config.window(n) for n in range(3)] == [8, 8, 16]
    tokens = tiny_tokens(full)
    assert torch.equal(windowed(tokens)[:, :9], full(tokens)[:, :9])
    assert not torch.allclose(windowed(tokens)[:, 9:], full(tokens)[:, 9:])


def test_pattern_repeats_and_ends_full() -> None:
    config = tiny_model(depth=6, window_pattern="SSSL").config
    assert [config.window(n) for n in range(6)] == [8, 8, 8, 16, 8, 16]


@pytest.mark.parametrize("path", ["sdpa", "flex"])
def test_later_tokens_do_not_change_earlier_logits(path: str) -> None:
    model = tiny_model()
    model.attention = path
    tokens = tiny_tokens(model)
    changed = tokens.clone()
    changed[:, 10:] = (changed[:, 10:] + 1) % model.config.vocab_size
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10:], after[:, 10:])


def test_a_block_mask_is_built_once() -> None:
    model = tiny_model()
    assert model.block_mask(8, 16) is model.block_mask(8, 16)
    assert model.block_mask(8, 16) is not model.block_mask(8, 12)


@pytest.mark.usefixtures("fresh_compiler")
def test_graph_break_around_the_kernel_keeps_the_answer() -> None:
    """FlashAttention 3 stays outside the compiled graph, in the middle of a forward pass."""
    model = tiny_model()
    tokens = tiny_tokens(model)
    expected = model(tokens)
    model.attention = "fa3"
    model.flash_attention = torch.compiler.disable(partial(naive_attention))
    compiled = torch.compile(model, dynamic=False, backend="eager")
    torch.testing.assert_close(compiled(tokens), expected, atol=1e-5, rtol=1e-5)


def test_unknown_path_is_named() -> None:
    model = tiny_model()
    model.attention = "fancy"
    with pytest.raises(AssertionError, match="fancy"):
        model(tiny_tokens(model))
