"""Where text comes from, and that evaluation text is never trained on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import prepare

from .conftest import Hub, write_parquet

SMOKE = prepare.PROFILES["smoke"]


def decoded(split: str) -> list[bytes]:
    """The texts of a split, from its token shards."""
    tokenizer = prepare.load_tokenizer()
    return [
        tokenizer.decode(document[1:].tolist()).encode()
        for batch in prepare.Documents(split).batches()
        for document in batch
    ]


# ---------------------------------------------- stdlib ----------------------------------------------


def test_no_window_of_evaluation_text_is_in_training_text(smoke: Path) -> None:
    """100 bytes: about two lines of code, or 35 tokens of the cpu profile. Shorter runs are idiom everybody writes
    (`if __name__ == "__main__":`); longer ones would let a model score by remembering."""
    size = prepare.WINDOW_BYTES
    assert size == 100
    training = {
        text[start : start + size] for text in decoded("train") for start in range(0, len(text) - size + 1)
    }  # every window, compared byte by byte, without the hashes that the code under test uses
    shared = [
        text[start : start + size]
        for split in ("validation", "holdout")
        for text in decoded(split)
        for start in range(0, len(text) - size + 1)
        if text[start : start + size] in training
    ]
    assert len(training) > 5_000_000
    assert shared == []


def test_validation_and_holdout_share_no_window(smoke: Path) -> None:
    size = prepare.WINDOW_BYTES
    validation, holdout = (
        {text[start : start + size] for text in decoded(split) for start in range(len(text) - size + 1)}
        for split in ("validation", "holdout")
    )
    assert min(len(validation), len(holdout)) > 300_000
    assert not validation & holdout


@pytest.mark.parametrize("split", ["validation", "holdout"])
def test_there_is_enough_to_evaluate_on(smoke: Path, split: str) -> None:
    meta = prepare.read_meta(prepare.data_folder() / split)
    assert meta["text_bytes"] > 750_000
    # A token of the cpu profile is about three bytes, and packing wastes less than a third.
    assert meta["text_bytes"] / 3.1 * 0.67 > prepare.PROFILES["cpu"].eval_tokens


def test_all_text_is_recorded_and_repeats(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in prepare.SPLITS:
        meta = prepare.read_meta(prepare.data_folder() / split)
        texts = decoded(split)
        assert (meta["documents"], meta["text_bytes"]) == (len(texts), sum(map(len, texts)))
        assert meta["text_sha256"] == hashlib.sha256(b"".join(text + b"\0" for text in texts)).hexdigest()
    first = prepare._stdlib(tmp_path / "a", 1), prepare._stdlib(tmp_path / "b", 1)
    for split in prepare.SPLITS:
        one, two = (pq.read_table(sources[split][0].path) for sources in first)
        assert one.equals(two)
        kept = {text.decode() for text in decoded(split)}
        assert kept <= set(one["text"].to_pylist())


def test_stdlib_is_pythons_own_sources() -> None:
    files = prepare.stdlib_files()
    names = [name for name, _ in files]
    assert names == sorted(names)
    assert {"argparse.py", "json/decoder.py"} <= set(names)
    assert not [name for name in names if {"test", "tests", "idle_test", "site-packages"} & set(name.split("/"))]
    assert not [name for name in names if "sysconfigdata" in name]
    assert sum(len(text) for _, text in files) > 5_000_000


@pytest.mark.parametrize("name", ["argparse.py", "pydoc_data/topics.py", "encodings/cp1252.py", "__future__.py"])
def test_documents_of_a_file_join_to_the_file(name: str) -> None:
    text = dict(prepare.stdlib_files()).get(name)
    if text is None:
        pytest.skip("this Python comes without the file")
    documents = prepare.split_source(text)
    assert "".join(documents) == text
    assert all(documents)
    assert max(map(len, documents)) < 2500


def test_documents_start_at_definitions() -> None:
    body = "    x = 1\n" * 40
    text = f"import os\n\n\ndef first():\n{body}\n\ndef second():\n{body}"
    assert [document[:10] for document in prepare.split_source(text)] == ["import os\n", "def second"]
    assert prepare.split_source("") == []


def test_near_duplicate_files_are_in_one_split() -> None:
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(3000)]

    def text(count: int) -> str:
        return " ".join(rng.choice(words, count).tolist())

    files = []
    for number in range(400):
        original = text(600)
        files.append((f"{number}-original.py", original))
        files.append((f"{number}-copy.py", original[:60] + text(1) + original[60:]))
    splits = prepare.split_by_cluster(files)
    together = sum(splits[number] == splits[number + 1] for number in range(0, len(files), 2))
    assert together >= 0.98 * 400
    assert {"train", "validation", "holdout"} == set(splits)


def test_windows_are_equal_exactly_where_the_bytes_are() -> None:
    rng = np.random.default_rng(1)
    shared = bytes(rng.integers(32, 127, 130).tolist()).decode()
    texts = ["x" * 70 + shared + "y" * 33, "é" + shared, "short", "", shared[:99]]
    index, hashes = prepare.windows(texts)
    plain = [
        (number, text.encode()[start : start + 100])
        for number, text in enumerate(texts)
        for start in range(len(text.encode()) - 99)
    ]
    assert index.tolist() == [number for number, _ in plain]
    by_hash: dict[int, set[bytes]] = {}
    for value, (_, window) in zip(hashes.tolist(), plain, strict=True):
        by_hash.setdefault(value, set()).add(window)
    assert all(len(group) == 1 for group in by_hash.values())
    assert len(by_hash) == len({window for _, window in plain})


# ---------------------------------------------- hub ----------------------------------------------


def shards(hub: Hub, tmp_path: Path, extra: list[str] | None = None) -> dict[str, list[str]]:
    """Three training shards and the two last ones, of the standard library's text."""
    texts = [document for _, text in prepare.stdlib_files()[50:230] for document in prepare.split_source(text)]
    names = {0: texts[:900], 1: texts[900:1200], 6542: texts[1500:1800], 6541: texts[1900:2100]}
    names[1] += extra or []
    for number, some in names.items():
        path = tmp_path / "made" / f"shard_{number:05d}.parquet"
        write_parquet(path, some, rows_per_group=300)
        hub.files[path.name] = path.read_bytes()
    return {"train": names[0] + names[1], "validation": names[6542], "holdout": names[6541]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIALECTIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DIALECTIC_PROFILE", "smoke")
    return tmp_path / "cache"


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALECTIC_CACHE", str(folder))


def test_climbmix_keeps_the_published_splits_and_order(
    hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = shards(hub, tmp_path)
    # An edited copy of a validation document and an exact one of the hold-out are dropped from training text.
    leaks = ["# an edit\n" + max(texts["validation"], key=len) + "pass\n", max(texts["holdout"], key=len)]
    texts = shards(hub, tmp_path, leaks)
    use(prepare.prepare(SMOKE, "climbmix", 2), monkeypatch)
    read = {split: [text.decode() for text in decoded(split)] for split in prepare.SPLITS}
    assert read["validation"] == texts["validation"]
    assert set(texts["train"]) - set(read["train"]) >= set(leaks)
    left = iter(read["train"])
    assert [text for text in texts["train"] if text in set(read["train"])] == list(left)
    for split in ("train", "holdout"):
        meta = prepare.read_meta(prepare.data_folder() / split)
        assert meta["dropped_documents"] == len(texts[split]) - len(read[split]) < 0.05 * len(texts[split]) + 2
    paths = [path for path, _ in hub.requests]
    assert paths[0] == "/datasets/karpathy/climbmix-400b-shuffle/resolve/main/shard_00000.parquet"
    assert len(paths) == 4


def test_tinystories_takes_the_first_rows_for_evaluation(
    hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "TINYSTORIES_EVAL_ROWS", 150)
    stories = [
        f"story {hashlib.sha256(str(n).encode()).hexdigest()} " + str(np.random.default_rng(n).integers(0, 99, 150))
        for n in range(3000)
    ]
    write_parquet(tmp_path / "made.parquet", stories, rows_per_group=700)
    hub.files["tinystories_gpt4_clean.parquet"] = (tmp_path / "made.parquet").read_bytes()
    use(prepare.prepare(SMOKE, "tinystories"), monkeypatch)
    assert [text.decode() for text in decoded("validation")] == stories[:150]
    assert [text.decode() for text in decoded("holdout")] == stories[150:300]
    assert [text.decode() for text in decoded("train")] == stories[300:]


def test_other_data_use_the_same_downloads(
    hub: Hub, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards(hub, tmp_path)
    first = prepare.prepare(SMOKE, "climbmix", 1)
    assert len(hub.requests) == 3
    assert prepare.main(["--corpus", "climbmix", "--num-shards", "2"]) == 0
    second = prepare.data_folder(SMOKE, "climbmix", 2)
    assert first != second
    assert len(hub.requests) == 4
    # Other than the profile's own data, so it says how to train on them alone.
    assert f"DIALECTIC_CACHE={second} DIALECTIC_PROFILE=smoke python train.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("troubles", "ranges"),
    [
        (["500", "503", "429"], [None, None, None, None]),
        (["cut"], [None, "half"]),
        (["cut", "500", "no range"], [None, "half", "half"]),
    ],
)
def test_a_download_is_retried_and_resumed(
    hub: Hub, tmp_path: Path, troubles: list[str], ranges: list[str | None]
) -> None:
    shards(hub, tmp_path)
    hub.troubles = troubles
    (path,) = prepare._download(tmp_path / "to", "", ["shard_00000.parquet"])
    content = hub.files["shard_00000.parquet"]
    assert path.read_bytes() == content
    half = f"bytes={len(content) // 2}-"
    assert [wanted for _, wanted in hub.requests] == [half if wanted else None for wanted in ranges]
    assert [left.name for left in path.parent.iterdir()] == [path.name]


def test_a_broken_part_or_shard_is_replaced(hub: Hub, tmp_path: Path) -> None:
    shards(hub, tmp_path)
    name, content = "shard_00000.parquet", hub.files["shard_00000.parquet"]
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / f"{name}.part").write_bytes(content + b"too much")
    (tmp_path / "to" / name).write_bytes(content[:-100])
    (path,) = prepare._download(tmp_path / "to", "", [name])
    assert path.read_bytes() == content


def test_what_is_not_parquet_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.files["shard_00000.parquet"] = b"<html>sign in</html>" * 99
    with pytest.raises(prepare.PrepareError, match=r"not a Parquet file.*--corpus stdlib"):
        prepare._download(tmp_path / "to", "", ["shard_00000.parquet"])
    assert len(hub.requests) == prepare.DOWNLOAD_ATTEMPTS
    assert list((tmp_path / "to").iterdir()) == []


def test_a_missing_file_is_not_retried(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(prepare.PrepareError, match="HTTP status 404"):
        prepare._download(tmp_path / "to", "", ["shard_00000.parquet"])
    assert len(hub.requests) == 1


def test_without_a_network_one_line_names_stdlib(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert prepare.main(["--profile", "smoke", "--corpus", "climbmix"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--corpus stdlib" in error
    assert "http://127.0.0.1:1" in error
    assert not list(cache.glob("*/tokenizer"))


def test_a_shard_damaged_inside_is_named(hub: Hub, cache: Path, tmp_path: Path) -> None:
    shards(hub, tmp_path)
    content = bytearray(hub.files["shard_00000.parquet"])
    content[200:4000] = bytes(3800)
    hub.files["shard_00000.parquet"] = bytes(content)
    with pytest.raises(prepare.PrepareError, match=r"shard_00000\.parquet cannot be read as Parquet: delete it"):
        prepare.prepare(SMOKE, "climbmix", 1)


def test_meta_of_the_tokenizer_names_the_corpus(smoke: Path) -> None:
    meta = json.loads((prepare.data_folder() / "tokenizer" / "meta.json").read_text())
    assert (meta["corpus"], meta["vocab_size"], meta["schema_version"]) == ("stdlib", 512, 1)
