"""Packing against a plain reference, and what every batch promises."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import prepare


def plain_packing(batches: list[list[list[int]]], capacity: int, buffer_size: int) -> list[list[int]]:
    """The published rule, as slow and as plain as it can be."""
    batches = list(batches)
    buffer: list[list[int]] = []
    rows: list[list[int]] = []
    row: list[int] = []
    while True:
        while len(buffer) < buffer_size and batches:
            buffer += batches.pop(0)
        if not buffer:
            return rows
        room = capacity - len(row)
        fitting = [document for document in buffer if len(document) <= room]
        length = max(map(len, fitting)) if fitting else min(map(len, buffer))
        position = next(i for i, document in enumerate(buffer) if len(document) == length)
        row += buffer.pop(position)[:room]
        if len(row) == capacity:
            rows.append(row)
            row = []


def arrays(batches: list[list[list[int]]]) -> Iterator[list[NDArray[np.uint16]]]:
    return ([np.array(document, np.uint16) for document in batch] for batch in batches)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=9), max_size=12),
    st.integers(1, 30),
    st.integers(1, 20),
)
def test_packing_is_the_published_rule(lengths: list[list[int]], capacity: int, buffer_size: int) -> None:
    number = itertools.count()
    batches = [[[next(number)] * length for length in batch] for batch in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "PACKING_BUFFER", buffer_size)
        packed = [row.tolist() for row in prepare.pack_rows(arrays(batches), capacity)]
    assert packed == plain_packing(batches, capacity, buffer_size)


def test_packing_with_the_published_buffer_on_real_text(smoke: Path) -> None:
    batches = list(itertools.islice(prepare.Documents("train").batches(), 20))
    assert [len(batch) for batch in batches] == [prepare.PACKING_REFILL] * 20
    plain = plain_packing([[document.tolist() for document in batch] for batch in batches], 257, 1000)
    packed = list(prepare.pack_rows(iter(batches), 257))
    assert len(packed) > 500
    assert [row.tolist() for row in packed] == plain


def test_batches_are_full_shifted_and_start_with_bos(smoke: Path) -> None:
    bos = prepare.load_tokenizer().bos
    loader = prepare.dataloader("train", 5, 64)
    for inputs, targets, epoch in itertools.islice(loader, 3):
        assert inputs.shape == targets.shape == (5, 64)
        assert inputs.dtype == targets.dtype == torch.int64
        assert epoch == 1
        assert (inputs[:, 0] == bos).all()
        assert torch.equal(inputs[:, 1:], targets[:, :-1])


def test_a_seed_repeats_its_batches_and_another_does_not(smoke: Path) -> None:
    def first(seed: int) -> torch.Tensor:
        return next(prepare.dataloader("train", 8, 64, seed=seed))[0]

    assert torch.equal(first(0), first(0))
    assert torch.equal(first(7), first(7))
    assert not torch.equal(first(0), first(7))
    assert not torch.equal(first(8), first(7))


def test_seed_zero_is_the_order_of_the_corpus(smoke: Path) -> None:
    packed = prepare.pack_rows(prepare.Documents("train").batches(), 65)
    expected = np.stack(list(itertools.islice(packed, 8)))
    inputs, targets, _ = next(prepare.dataloader("train", 8, 64))
    assert np.array_equal(inputs.numpy(), expected[:, :-1])
    assert np.array_equal(targets.numpy(), expected[:, 1:])


def test_every_epoch_has_every_document_and_seeds_permute(tiny_data: Callable[..., Path]) -> None:
    tiny_data([chr(ord("a") + number) * 3 for number in range(26)])  # each document fills a row of 4
    for seed in (0, 3):
        batches = list(itertools.islice(prepare.dataloader("train", 2, 3, seed=seed), 39))
        rows = [tuple(row) for inputs, _, _ in batches for row in inputs.tolist()]
        assert len(set(rows[:26])) == len(rows[:26]) or seed  # buffered documents of two epochs may mix
        assert len(set(rows)) == 26
        assert [epoch for _, _, epoch in batches] == sorted(epoch for _, _, epoch in batches)
        assert batches[0][2] > 1  # the buffer of 1,000 took several epochs of 26 documents
    documents = prepare.Documents("train")
    plain = [document.tolist() for batch in documents.batches() for document in batch]
    permuted = [document.tolist() for batch in documents.batches((3, 1)) for document in batch]
    again = [document.tolist() for batch in documents.batches((3, 2)) for document in batch]
    assert sorted(plain) == sorted(permuted) == sorted(again)
    assert plain != permuted != again


def test_several_token_shards_are_one_sequence(tiny_data: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "TOKENS_PER_SHARD", 4096)
    texts = [f"document {number}" for number in range(3000)]
    data = tiny_data(texts)
    assert len(list((data / "train").glob("tokens_*.npy"))) > 2
    tokenizer = prepare.load_tokenizer()
    read = [tokenizer.decode(d[1:].tolist()) for batch in prepare.Documents("train").batches() for d in batch]
    assert read == texts


def test_made_ahead_in_order_by_a_thread_that_ends() -> None:
    before = threading.active_count()
    items = prepare.ahead(itertools.count())
    assert list(itertools.islice(items, 100)) == list(range(100))
    assert threading.active_count() == before + 1
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_error_made_ahead_arrives() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise prepare.PrepareError("a shard is damaged")

    items = prepare.ahead(failing())
    assert next(items) == 1
    with pytest.raises(prepare.PrepareError, match="a shard is damaged"):
        next(items)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_shard_is_named(tiny_data: Callable[..., Path], damage: str) -> None:
    shard = tiny_data(["some text"] * 50) / "train" / "tokens_00000.npy"
    content = shard.read_bytes()
    if damage == "remove":
        shard.unlink()
    else:
        shard.write_bytes(
            content[:-7] if damage == "truncate" else content[:-7] + bytes([content[-7] ^ 1]) + content[-6:]
        )
    with pytest.raises(
        prepare.PrepareError, match=r"tokens_00000\.npy is damaged .* run `python prepare.py` again"
    ) as caught:
        prepare.dataloader("train", 2, 8)
    assert "\n" not in str(caught.value)


def test_train_data_need_only_tokenizer_and_train(tiny_data: Callable[..., Path]) -> None:
    data = tiny_data(["some text"] * 50)
    for path in (*(data / "validation").iterdir(), *(data / "holdout").iterdir()):
        path.unlink()
    next(prepare.dataloader("train", 2, 8))
    with pytest.raises(prepare.PrepareError, match="no prepared data"):
        prepare.dataloader("validation", 2, 8)


def test_a_split_without_documents_is_an_error(tiny_data: Callable[..., Path]) -> None:
    tiny_data([])
    with pytest.raises(prepare.PrepareError, match="holds no document"):
        prepare.dataloader("train", 2, 8)
