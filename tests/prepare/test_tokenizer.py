"""The tokenizer: published sizes, bytes and limits; stored as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import prepare


def test_the_vocabulary_holds_the_special_tokens(smoke: Path) -> None:
    tokenizer = prepare.load_tokenizer()
    assert tokenizer.vocab_size == 512
    assert tokenizer.bos == 508
    assert tokenizer.decode([508]) == "<|reserved_0|>"


@pytest.mark.parametrize("text", ["", "def f(x):\n    return x + 1\n", "Grüße, 世界 🎉\r\n\t42", "<|reserved_0|>"])
def test_round_trip(smoke: Path, text: str) -> None:
    tokenizer = prepare.load_tokenizer()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(token < tokenizer.bos for token in ids)
    assert tokenizer.encode_batch([text, "x"]) == [ids, tokenizer.encode("x")]


def test_digits_are_split_in_pairs(smoke: Path) -> None:
    tokenizer = prepare.load_tokenizer()
    assert len(tokenizer.encode("123456789")) >= 5


def test_byte_lengths_are_those_of_the_decoded_text() -> None:
    merges = [bytes([value]) for value in range(256)] + ["é".encode(), b"ab", b"\x82\xac"]
    lengths = prepare.Tokenizer(prepare.SPLIT_PATTERN, merges).byte_lengths()
    assert lengths[ord("a")] == 1
    assert lengths[0xE2] == 3  # half a character: U+FFFD takes three bytes
    assert lengths[256:].tolist() == [2, 2, 6, 0, 0, 0, 0]
    assert lengths.dtype == np.int32


def test_stored_as_plain_data(smoke: Path) -> None:
    folder = prepare.data_folder() / "tokenizer"
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "token_bytes.npy", "tokenizer.json"]
    assert set(json.loads((folder / "tokenizer.json").read_text())) == {"pattern", "merges", "special_tokens"}
    stored = np.load(folder / "token_bytes.npy", allow_pickle=False)
    assert np.array_equal(stored, prepare.load_tokenizer().byte_lengths())


def test_training_is_deterministic_and_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for _, text in prepare.stdlib_files() if len(text) > 5000][:40]
    first = prepare.train_tokenizer(texts, 400)
    assert prepare.train_tokenizer(texts, 400) == first
    assert len(first) == 396
    # Beyond the limits nothing is looked at: the rest may be anything.
    seen = 0

    def watched() -> Iterator[str]:
        nonlocal seen
        for text in texts * 50:
            seen += 1
            yield text[:500] + "\n" + "q" * 10_000

    monkeypatch.setattr(prepare, "TOKENIZER_CHARS", 20_000)
    monkeypatch.setattr(prepare, "TOKENIZER_CHARS_PER_DOCUMENT", 500)
    limited = prepare.train_tokenizer(watched(), 300)
    assert seen <= 60
    assert not any(b"qq" in token for token in limited)


def test_too_little_text_is_an_error() -> None:
    with pytest.raises(prepare.PrepareError, match="too little text for a vocabulary of 2048"):
        prepare.train_tokenizer(["hardly anything"], 2048)


def test_a_damaged_tokenizer_is_named(tiny_data: Callable[..., Path]) -> None:
    path = tiny_data(["text"]) / "tokenizer" / "tokenizer.json"
    path.write_text(path.read_text().replace("merges", "murges"))
    with pytest.raises(prepare.PrepareError, match=r"tokenizer\.json is damaged \(its content changed\): run"):
        prepare.load_tokenizer()
