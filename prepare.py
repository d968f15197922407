"""The fixed side of an experiment: profiles, data, tokenizer, dataloader, metric and hand-over.

    python prepare.py                                 prepare the data of the profile that fits this machine
    python prepare.py --profile cpu --corpus stdlib   the same by name; `stdlib` needs no network
    python prepare.py --describe                      say as JSON what would be used, and prepare nothing

A session never edits this file: everything that makes two numbers comparable is decided here. What a candidate needs
of it: `PROFILE`, `load_tokenizer`, `dataloader`, `Clock`, `LiveEvents`, `run_seed` and `hand_over`.

Data lie in `<cache>/<fingerprint>/{tokenizer,train,validation,holdout}/`. Each of the four folders lists its own files
in a `meta.json`, so a run can be given `tokenizer/` and `train/` alone. `<cache>` is the platform's cache folder or
DIALECTIC_CACHE, which may also name one data folder directly.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import errno
import functools
import hashlib
import io
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    import httpx
    import torch
    from numpy.typing import NDArray

T = TypeVar("T")
SCHEMA_VERSION = 1  # of the data folders; raise it when the rules of making them change, not only a constant
SPLITS = ("train", "validation", "holdout")

# What the published baseline fixed; `h100` is comparable with its numbers only while these stay.
SPLIT_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
SPECIAL_TOKENS = tuple(f"<|reserved_{index}|>" for index in range(4))  # the first one is BOS
TOKENIZER_CHARS, TOKENIZER_CHARS_PER_DOCUMENT = 1_000_000_000, 10_000
PACKING_BUFFER, PACKING_REFILL = 1_000, 128  # documents
CLIMBMIX_LAST_SHARD = 6542  # validation; the one before is the hold-out
TINYSTORIES_EVAL_ROWS = 10_000  # the first ten thousand stories are validation, the next ten thousand the hold-out

# Text is compared by windows of this many bytes, about two lines of code: shorter runs are idiom that everybody writes.
WINDOW_BYTES = 100
HUB_SAMPLE, HUB_SHARE = 32, 0.5  # hub text: a near-duplicate repeats half of its windows, judged by one in 32
STDLIB_EVAL_BYTES = 850_000  # for each of validation and hold-out
STDLIB_EVAL_CLUSTER_BYTES = 60_000  # larger clusters are trained on: evaluation text comes from many small files
STDLIB_DOCUMENT_CHARS = (350, 900, 1600)  # see `split_source`

DOWNLOAD_ATTEMPTS = 5
RETRY_WAIT = 0.5  # seconds before the second attempt, doubled for each further one
TOKENS_PER_SHARD = 2**26


class PrepareError(Exception):
    """Something a user can mend, in one line that says how."""


class UsageError(PrepareError):
    """A name or number from the command line or the environment that makes no sense."""


class ExportError(PrepareError):
    """The model has no graph that can be scored; the first line starts with `export failed:`."""


# ---------------------------------------------- Profiles ----------------------------------------------


@dataclass(frozen=True)
class Profile:
    """What is fixed for a class of hardware, and the sizes that `train.py` starts from."""

    name: str
    device: str  # "cuda" (ROCm too), "mps" or "cpu"
    corpus: str  # unless another is named
    train_shards: int  # hub shards to train on, where a corpus has several
    sequence_length: int
    vocab_size: int  # special tokens included
    time_budget: float  # seconds on `clock`
    clock: str  # "wall" or "cpu", see `Clock`
    eval_tokens: int  # target tokens of an evaluation, or what is available
    eval_batch: int  # rows; four float32 copies of the logits [eval_batch, T, V] stay under 2 GB
    noise_sigma: float  # prior standard deviation of val_bpb between runs of one file, in bits per byte
    effect_scale: float  # prior size of what a change does to val_bpb, in that of the h100 profile's changes
    warmup_steps: int  # throw-away steps before the clock starts
    compile: bool
    depth: int
    aspect_ratio: int
    head_dim: int
    device_batch_size: int
    total_batch_size: int
    window_pattern: str


def _profiles() -> Iterator[Profile]:
    h100 = Profile(
        name="h100", device="cuda", corpus="climbmix", train_shards=10, sequence_length=2048, vocab_size=8192,
        time_budget=300.0, clock="wall", eval_tokens=40 * 524_288, eval_batch=4, noise_sigma=0.002, effect_scale=1.0,
        warmup_steps=3, compile=True, depth=8, aspect_ratio=64, head_dim=128, device_batch_size=128,
        total_batch_size=2**19, window_pattern="SSSL",
    )  # fmt: skip
    gpu_24gb = replace(
        h100, name="gpu-24gb", train_shards=4, eval_tokens=20 * 524_288, depth=6, device_batch_size=64,
        total_batch_size=2**17,
    )  # fmt: skip
    gpu_12gb = replace(
        gpu_24gb, name="gpu-12gb", train_shards=2, sequence_length=1024, eval_tokens=8 * 524_288, eval_batch=8,
        noise_sigma=0.003, depth=4, device_batch_size=32, total_batch_size=2**16, window_pattern="L",
    )  # fmt: skip
    mps = replace(
        gpu_12gb, name="mps", device="mps", corpus="tinystories", train_shards=1, sequence_length=512, vocab_size=4096,
        eval_tokens=2 * 524_288, eval_batch=32, noise_sigma=0.005, effect_scale=3.0, compile=False,
        device_batch_size=16, total_batch_size=2**15,
    )  # fmt: skip
    cpu = replace(
        mps, name="cpu", device="cpu", corpus="stdlib", sequence_length=256, vocab_size=2048, time_budget=60.0,
        clock="cpu", eval_tokens=65_536, noise_sigma=0.018, effect_scale=8.0, warmup_steps=1, depth=3, aspect_ratio=32,
        head_dim=32, total_batch_size=4096,
    )  # fmt: skip
    smoke = replace(
        cpu, name="smoke", sequence_length=64, vocab_size=512, time_budget=2.0, eval_tokens=8192, noise_sigma=0.05,
        depth=2, total_batch_size=1024,
    )  # fmt: skip
    yield from (h100, gpu_24gb, gpu_12gb, mps, cpu, smoke)


PROFILES: dict[str, Profile] = {profile.name: profile for profile in _profiles()}
PROFILE: Profile  # never assigned: `__getattr__` answers, so that importing looks at neither environment nor hardware


def __getattr__(name: str) -> Profile:
    if name == "PROFILE":
        return current_profile()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def detect_profile() -> tuple[str, str]:
    """Name of the profile that fits this machine, and the reason in words."""
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        gigabytes = device.total_memory / 1e9
        for name, needed in (("h100", 70), ("gpu-24gb", 22), ("gpu-12gb", 8)):
            if gigabytes >= needed:
                return name, f"{device.name} with {gigabytes:.0f} GB"
        return "cpu", f"{device.name} has {gigabytes:.0f} GB, and the smallest GPU profile needs 8"
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU"
    return "cpu", "no accelerator found"


def device_name(profile: Profile) -> str:
    """The accelerator that a profile's runs would use, by its name; "none" on a CPU or where there is none."""
    if profile.device == "cpu":
        return "none"
    import torch

    if profile.device == "mps":
        return "Apple GPU" if torch.backends.mps.is_available() else "none"
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else "none"


def _check_named_folder(folder: Path, profile: Profile, corpus: str) -> None:
    """Refuse a DIALECTIC_CACHE that is itself a data folder, but of another corpus or vocabulary."""
    if folder != cache_root():
        return
    meta = read_meta(folder / "tokenizer", content=False)
    if (meta["corpus"], meta["vocab_size"]) != (corpus, profile.vocab_size):
        held = f"corpus {meta['corpus']} with {meta['vocab_size']} tokens"
        raise UsageError(f"DIALECTIC_CACHE names a data folder of {held}: name the folder above it, or unset it")


def select_profile(name: str | None = None) -> tuple[Profile, str]:
    """The profile named here, else by DIALECTIC_PROFILE, else by the hardware, and the reason in words.

    DIALECTIC_BUDGET replaces its time budget. Raises `UsageError` for an unknown name or a senseless budget.
    """
    reason = "asked for by name" if name else "named by DIALECTIC_PROFILE"
    name = name or os.environ.get("DIALECTIC_PROFILE")
    if not name:
        name, reason = detect_profile()
    if name not in PROFILES:
        raise UsageError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    profile = PROFILES[name]
    if budget := os.environ.get("DIALECTIC_BUDGET"):
        try:
            profile = replace(profile, time_budget=float(budget))
        except ValueError:
            profile = replace(profile, time_budget=math.nan)
        if not 0 < profile.time_budget < math.inf:
            raise UsageError(f"DIALECTIC_BUDGET={budget!r} is not a positive number of seconds")
    return profile, reason


def current_profile() -> Profile:
    """The profile of this process; also `prepare.PROFILE`."""
    return select_profile()[0]


def run_seed() -> int:
    """The seed that the runner gave to this run (DIALECTIC_RUN_SEED), 0 when a person runs `train.py` alone."""
    text = os.environ.get("DIALECTIC_RUN_SEED") or "0"
    if not text.isdecimal():
        raise UsageError(f"DIALECTIC_RUN_SEED={text!r} is not a whole number from 0 up")
    return int(text)


# ---------------------------------------------- The data folder ----------------------------------------------


def cache_root() -> Path:
    """DIALECTIC_CACHE or the platform's cache folder, absolute."""
    import platformdirs

    named = os.environ.get("DIALECTIC_CACHE") or platformdirs.user_cache_dir("dialectic", appauthor=False)
    return Path(named).expanduser().absolute()


def fingerprint(profile: Profile, corpus: str, num_shards: int) -> str:
    """16 hexadecimal digits that change with anything that changes a token of the data."""
    of_corpus = {"climbmix": num_shards, "tinystories": TINYSTORIES_EVAL_ROWS}
    fixed = [SPLIT_PATTERN, SPECIAL_TOKENS, TOKENIZER_CHARS, TOKENIZER_CHARS_PER_DOCUMENT, WINDOW_BYTES, HUB_SAMPLE]
    fixed += [HUB_SHARE, STDLIB_EVAL_BYTES, STDLIB_EVAL_CLUSTER_BYTES, STDLIB_DOCUMENT_CHARS]
    parts = [SCHEMA_VERSION, fixed, profile.vocab_size, corpus, of_corpus.get(corpus) or _stdlib_sha256()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def data_folder(profile: Profile | None = None, corpus: str | None = None, num_shards: int | None = None) -> Path:
    """Where these data are or would be. DIALECTIC_CACHE is the answer itself when it holds `tokenizer/`."""
    root = cache_root()
    if (root / "tokenizer").is_dir():
        return root
    profile = profile or current_profile()
    return root / fingerprint(profile, corpus or profile.corpus, num_shards or profile.train_shards)


def _write(path: Path, data: bytes | NDArray[Any]) -> dict[str, Any]:
    """Write and fsync one file, an array as .npy; the answer is its entry in `meta.json`."""
    if not isinstance(data, bytes):
        # Through memory, because numpy's own writing to a file loses the reason (a full disk) of a failure.
        buffer = io.BytesIO()
        np.save(buffer, data, allow_pickle=False)
        data = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _write_meta(folder: Path, files: dict[str, Any], **fields: Any) -> None:
    meta = {"schema_version": SCHEMA_VERSION, **fields, "files": files}
    _write(folder / "meta.json", json.dumps(meta, indent=1).encode())


def read_meta(folder: Path, content: bool = True) -> dict[str, Any]:
    """A folder's `meta.json`, after checking size and, with `content`, SHA-256 of every file it lists.

    Raises `PrepareError` when data are missing, damaged or of a newer version.
    """
    path, again = folder / "meta.json", "run `python prepare.py` again"
    try:
        meta = dict(json.loads(path.read_bytes()))
        version, files = int(meta["schema_version"]), dict(meta["files"])
    except (FileNotFoundError, NotADirectoryError):
        raise PrepareError(
            f"no prepared data in {folder}: run `python prepare.py`, with --profile if you named one"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise PrepareError(f"{path} is damaged (not the expected JSON): {again}") from error
    if version > SCHEMA_VERSION:
        raise PrepareError(f"{path} was written by a newer version ({version}): update this copy of dialectic")
    for path, entry in ((folder / name, entry) for name, entry in files.items()):
        size = path.stat().st_size if path.is_file() else 0
        if size != entry["bytes"]:
            raise PrepareError(f"{path} is damaged ({size} bytes instead of {entry['bytes']}): {again}")
        if content:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
                    raise PrepareError(f"{path} is damaged (its content changed): {again}")
    return meta


def is_ready(folder: Path, content: bool = False) -> bool:
    """Whether all four folders are complete, checked as `read_meta` does."""
    try:
        for part in ("tokenizer", *SPLITS):
            read_meta(folder / part, content)
    except PrepareError:
        return False
    return True


# ---------------------------------------------- Corpora ----------------------------------------------


@dataclass
class Source:
    """Documents of one Parquet file: rows `start` to `stop` of its column `text`, less the `dropped` ones."""

    path: Path
    start: int = 0
    stop: int | None = None
    dropped: set[int] = field(default_factory=set)

    def batches(self, what: str) -> Iterator[tuple[list[int], list[str]]]:
        """Row numbers and texts, some at a time, in the file's order; `what` is shown. Raises `PrepareError`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        first = 0
        try:
            with pq.ParquetFile(self.path) as file:
                stop = file.metadata.num_rows if self.stop is None else self.stop
                for part in _shown(file.iter_batches(batch_size=1024, columns=["text"]), f"{what} {self.path.stem}"):
                    wanted = set(range(max(first, self.start), min(first + len(part), stop))) - self.dropped
                    texts = part.column(0).to_pylist() if wanted else []
                    yield sorted(wanted), [texts[row - first] for row in sorted(wanted)]
                    first += len(part)
                    if first >= stop:
                        return
        except (pa.ArrowException, OSError, LookupError, ValueError) as error:
            raise PrepareError(f"{self.path} cannot be read as Parquet: delete it and run again") from error


def _shown(items: Iterable[T], what: str) -> Iterator[T]:
    """The items, with a progress bar on a terminal and one plain line elsewhere."""
    from tqdm import tqdm

    if not sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)
    yield from tqdm(items, desc=what, leave=False, disable=None)


def _climbmix(folder: Path, num_shards: int) -> dict[str, list[Source]]:
    last = CLIMBMIX_LAST_SHARD
    url = "datasets/karpathy/climbmix-400b-shuffle/resolve/main/"
    names = [f"shard_{index:05d}.parquet" for index in (*range(num_shards), last, last - 1)]
    *train, validation, holdout = [Source(path) for path in _download(folder, url, names)]
    return {"validation": [validation], "holdout": [holdout], "train": train}


def _tinystories(folder: Path, _num_shards: int) -> dict[str, list[Source]]:
    url, rows = "datasets/karpathy/tinystories-gpt4-clean/resolve/main/", TINYSTORIES_EVAL_ROWS
    (path,) = _download(folder, url, ["tinystories_gpt4_clean.parquet"])
    validation, holdout = Source(path, 0, rows), Source(path, rows, 2 * rows)
    return {"validation": [validation], "holdout": [holdout], "train": [Source(path, 2 * rows)]}


class _Interrupted(Exception):
    """A download that is worth another attempt."""


def _download(folder: Path, url: str, names: list[str]) -> list[Path]:
    """Bring files of the hub into `folder`, keeping those that are there. Raises `PrepareError`."""
    import httpx
    import tenacity

    folder.mkdir(parents=True, exist_ok=True)
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(DOWNLOAD_ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=RETRY_WAIT, max=16),
        retry=tenacity.retry_if_exception_type((httpx.TransportError, _Interrupted)),
        reraise=True,
    )
    with httpx.Client(timeout=httpx.Timeout(30, connect=10), follow_redirects=True) as client:
        for name in names:
            if _is_parquet(folder / name):
                continue
            try:
                attempts(_attempt, client, f"{endpoint.rstrip('/')}/{url}{name}", folder / name)
            except (httpx.HTTPError, httpx.InvalidURL, _Interrupted) as error:
                reason = str(error) or type(error).__name__
                problem = f"cannot download {name} from {endpoint} ({reason})"
                raise PrepareError(f"{problem}: without a network use `--corpus stdlib`") from error
    return [folder / name for name in names]


def _attempt(client: httpx.Client, url: str, target: Path) -> None:
    """One attempt at a file, which goes on where the last one broke off."""
    from tqdm import tqdm

    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as response:
        status = response.status_code
        resumed = status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if status == 416 or (status == 206 and not resumed):
            part.unlink(missing_ok=True)
            raise _Interrupted("it cannot be resumed")
        if status == 429 or status >= 500:
            raise _Interrupted(f"HTTP status {status}")
        if status >= 400:
            raise PrepareError(f"cannot download {url}: HTTP status {status}")
        have = have if resumed else 0
        expected = have + int(response.headers.get("Content-Length", 0))
        bar = tqdm(desc=target.name, initial=have, total=expected, unit="B", unit_scale=True, disable=None, leave=False)
        with part.open("ab" if resumed else "wb") as file, bar:
            for chunk in response.iter_bytes():
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if part.stat().st_size < expected:
        raise _Interrupted(f"{part.stat().st_size} of {expected} bytes came")
    if not _is_parquet(part):
        part.unlink()
        raise _Interrupted("what came is not a Parquet file")
    part.replace(target)


def _is_parquet(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return path.is_file() and pq.read_metadata(path) is not None
    except pa.ArrowInvalid:
        return False


def stdlib_files() -> list[tuple[str, str]]:
    """Name and text of Python's own library sources, sorted by name, without tests and without what differs between
    machines: installed packages and generated build settings."""
    skip = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__", "_bundled"}
    root = Path(sysconfig.get_paths()["stdlib"])
    paths: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in skip and not name.startswith("config-")]
        paths += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith("_sysconfig")]
    files = []
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
        try:
            files.append((name, path.read_bytes().decode().replace("\r\n", "\n")))
        except UnicodeDecodeError:
            continue
    if not files:
        raise PrepareError(f"the corpus stdlib needs Python's library sources, and {root} holds none: install them")
    return files


@functools.cache
def _stdlib_sha256() -> str:
    return hashlib.sha256(repr(stdlib_files()).encode()).hexdigest()


def split_source(text: str) -> list[str]:
    """Cut a source file into documents of some hundred characters, mostly one or a few definitions each.

    A document ends before a top-level statement or a definition once it has `short` characters, after any blank line
    once it has `long`, and after any line at `longest`. Joined again, the documents are the text.
    """
    documents: list[list[str]] = [[]]
    short, long, longest = STDLIB_DOCUMENT_CHARS
    size, blank = 0, False
    for line in text.splitlines(keepends=True):
        starts = not line[0].isspace() or line.lstrip().startswith(("def ", "class ", "async ", "@"))
        wanted = size >= longest or (blank and (size >= long or (size >= short and starts)))
        if wanted and not line.isspace():
            documents.append([])
            size = 0
        documents[-1].append(line)
        size += len(line)
        blank = line.isspace()
    return ["".join(lines) for lines in documents if lines]


def _stdlib(folder: Path, _num_shards: int) -> dict[str, list[Source]]:
    """Cut the files, split them by near-duplicate cluster, and write one Parquet shard for each split."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = stdlib_files()
    splits: dict[str, list[str]] = {"validation": [], "holdout": [], "train": []}
    for (_, text), split in zip(files, split_by_cluster(files), strict=True):
        splits[split] += split_source(text)
    for split, texts in splits.items():
        # Neighbours in a file would follow each other in training; the order of their hashes is a fixed shuffle.
        texts.sort(key=lambda text: hashlib.sha256(text.encode()).digest())
        buffer = io.BytesIO()
        pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), buffer)
        _write(folder / f"{split}.parquet", buffer.getvalue())
    return {split: [Source(folder / f"{split}.parquet")] for split in splits}


CORPORA: dict[str, Callable[[Path, int], dict[str, list[Source]]]] = {
    "climbmix": _climbmix, "tinystories": _tinystories, "stdlib": _stdlib,
}  # fmt: skip


# ---------------------------------------------- Near-duplicates ----------------------------------------------


def windows(texts: list[str], sample: int = 1) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Index of the text and hash, for each window of WINDOW_BYTES inside a text.

    The hash is a polynomial modulo 2**64: equal windows have equal hashes, so nothing shared is overlooked. `sample`
    keeps one in so many, chosen by the hash, so that shared windows are kept or left out on both sides.
    """
    encoded = [text.encode() for text in texts]
    sizes = np.array([len(text) for text in encoded], np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64)
    count = max(len(data) - WINDOW_BYTES + 1, 0)
    base = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
    prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(data * _powers(base, len(data)))])
    hashes = (prefix[WINDOW_BYTES:][:count] - prefix[:count]) * _powers(pow(base, -1, 2**64), count)
    hashes ^= hashes >> np.uint64(29)  # the low bits of the product alone depend on few bytes
    index = np.repeat(np.arange(len(texts)), sizes)[:count]
    inside = np.arange(count) + WINDOW_BYTES <= np.cumsum(sizes)[index]
    inside &= hashes % np.uint64(sample) == 0
    return index[inside], hashes[inside]


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers)


def split_by_cluster(files: list[tuple[str, str]]) -> list[str]:
    """The split of each (name, text). A cluster is the files with one min-hash, the least of their sampled windows.

    Near-duplicates have the same one with the probability of their similarity; what slips through, `_drop_repeats`
    finds. Clusters go in the order of the hash to validation until that is large enough, then to the hold-out; the
    rest, and every large cluster, is training text.
    """
    clusters: dict[int, list[int]] = {}
    for number, (_, text) in enumerate(files):
        clusters.setdefault(int(windows([text], sample=32)[1].min(initial=2**64 - 1)), []).append(number)
    splits, room = ["train"] * len(files), dict.fromkeys(("validation", "holdout"), STDLIB_EVAL_BYTES)
    for _, members in sorted(clusters.items()):
        size = sum(len(files[number][1].encode()) for number in members)
        split = next((split for split in room if room[split] > 0), "train")
        if split != "train" and size <= STDLIB_EVAL_CLUSTER_BYTES:
            room[split] -= size
            for number in members:
                splits[number] = split
    return splits


def _drop_repeats(sources: dict[str, list[Source]], sample: int, share: float) -> dict[str, int]:
    """Drop documents that share windows with an evaluation split: from the hold-out, then from training text.

    Dropped is a document of whose sampled windows at least `share` are known, and one known window is the least. The
    answer counts them by split.
    """
    known, dropped = np.zeros(0, np.uint64), dict.fromkeys(SPLITS, 0)
    for split in ("validation", "holdout", "train"):
        found = [known]
        for source, (rows, texts) in ((s, b) for s in sources[split] for b in s.batches("compare")):
            index, hashes = windows(texts, sample)
            at = np.minimum(np.searchsorted(known, hashes), max(len(known) - 1, 0))
            repeated = np.bincount(index[known[at] == hashes] if len(known) else [], minlength=len(texts))
            total = np.bincount(index, minlength=len(texts))
            repeats = np.flatnonzero((repeated > 0) & (repeated >= share * total)).tolist()
            source.dropped.update(rows[row] for row in repeats)
            dropped[split] += len(repeats)
            if split != "train":
                found.append(hashes)
        known = np.sort(np.concatenate(found))
    return dropped


# ---------------------------------------------- Tokenizer ----------------------------------------------


class Tokenizer:
    """Byte-pair encoding: `merges` in the order of their ids, then the special tokens, of which the first is BOS."""

    def __init__(self, pattern: str, merges: list[bytes], special_tokens: Iterable[str] = SPECIAL_TOKENS) -> None:
        import tiktoken

        special = {token: len(merges) + index for index, token in enumerate(special_tokens)}
        ranks = {token: rank for rank, token in enumerate(merges)}
        self._encoding = tiktoken.Encoding("dialectic", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
        self.vocab_size = len(merges) + len(special)
        self.bos = len(merges)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without BOS; what looks like a special token is ordinary text."""
        return self._encoding.encode_ordinary(text)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """`encode` for several texts, on all cores."""
        return self._encoding.encode_ordinary_batch(texts, num_threads=os.cpu_count() or 1)

    def decode(self, ids: list[int]) -> str:
        """Text of the ids; bytes that are no UTF-8 become U+FFFD."""
        return self._encoding.decode(ids)

    def byte_lengths(self) -> NDArray[np.int32]:
        """The published byte count of each token, [vocab_size]: UTF-8 bytes of its decoded text, so that a broken piece
        counts 3; special tokens count 0."""
        lengths = [len(self.decode([token]).encode()) for token in range(self.bos)]
        return np.array(lengths + [0] * (self.vocab_size - self.bos), np.int32)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> list[bytes]:
    """Merges for `vocab_size` tokens, the special ones included, from as much text as was published."""
    import rustbpe

    def limited(characters: int = 0) -> Iterator[str]:
        for text in texts:
            yield text[:TOKENIZER_CHARS_PER_DOCUMENT]
            characters += min(len(text), TOKENIZER_CHARS_PER_DOCUMENT)
            if characters >= TOKENIZER_CHARS:
                return

    trainer = rustbpe.Tokenizer()
    trainer.train_from_iterator(limited(), vocab_size - len(SPECIAL_TOKENS), pattern=SPLIT_PATTERN)
    merges = [bytes(token) for token, _ in sorted(trainer.get_mergeable_ranks(), key=lambda pair: int(pair[1]))]
    if len(merges) + len(SPECIAL_TOKENS) != vocab_size:
        raise PrepareError(f"too little text for a vocabulary of {vocab_size} tokens: choose another corpus")
    return merges


def load_tokenizer() -> Tokenizer:
    """The tokenizer of the prepared data. Raises `PrepareError` when it is missing or damaged."""
    folder = data_folder() / "tokenizer"
    read_meta(folder)
    stored = json.loads((folder / "tokenizer.json").read_bytes())
    merges = [base64.b64decode(token) for token in stored["merges"]]
    return Tokenizer(stored["pattern"], merges, stored["special_tokens"])


# ---------------------------------------------- Preparing ----------------------------------------------


def prepare(profile: Profile, corpus: str | None = None, num_shards: int | None = None) -> Path:
    """Make the data of a profile unless they are there, and return their folder. Raises `PrepareError`.

    They are built in a folder beside it, under a lock, and renamed when complete, so a killed preparation or a second
    one at the same time does no harm. Damaged data are replaced.
    """
    import filelock

    corpus, num_shards = corpus or profile.corpus, num_shards or profile.train_shards
    cache = cache_root()
    try:
        folder = data_folder(profile, corpus, num_shards)
        if is_ready(folder, content=True):
            return folder
        if folder == cache:
            raise PrepareError(f"the data in {cache} are damaged: set DIALECTIC_CACHE to the folder above it")
        cache.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache / "prepare.lock"):
            if is_ready(folder, content=True):
                return folder
            for left_behind in cache.glob(".building-*"):
                shutil.rmtree(left_behind)
            build = cache / f".building-{folder.name}"
            try:
                _build(build, profile, corpus, CORPORA[corpus](cache / "text" / corpus, num_shards))
                if folder.exists():
                    folder.replace(cache / ".building-damaged")
                build.replace(folder)
            finally:
                shutil.rmtree(build, ignore_errors=True)
                shutil.rmtree(cache / ".building-damaged", ignore_errors=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        problem = f"no room left in {cache}" if full else f"cannot write in {cache} ({error})"
        raise PrepareError(f"{problem}: set DIALECTIC_CACHE to another folder") from error
    return folder


def _build(build: Path, profile: Profile, corpus: str, sources: dict[str, list[Source]]) -> None:
    dropped = _drop_repeats(sources, *((1, 0.0) if corpus == "stdlib" else (HUB_SAMPLE, HUB_SHARE)))
    training = (text for source in sources["train"] for _, texts in source.batches("tokenizer") for text in texts)
    merges = train_tokenizer(training, profile.vocab_size)
    tokenizer = Tokenizer(SPLIT_PATTERN, merges)
    _write_tokenizer(build / "tokenizer", tokenizer, merges, corpus)
    for split in SPLITS:
        _write_split(build / split, sources[split], tokenizer, dropped[split])


def _write_tokenizer(folder: Path, tokenizer: Tokenizer, merges: list[bytes], corpus: str) -> None:
    encoded = [base64.b64encode(token).decode() for token in merges]
    stored = {"pattern": SPLIT_PATTERN, "merges": encoded, "special_tokens": SPECIAL_TOKENS}
    files = {"tokenizer.json": _write(folder / "tokenizer.json", json.dumps(stored).encode())}
    files["token_bytes.npy"] = _write(folder / "token_bytes.npy", tokenizer.byte_lengths())
    _write_meta(folder, files, corpus=corpus, vocab_size=tokenizer.vocab_size)


def _write_split(folder: Path, sources: list[Source], tokenizer: Tokenizer, dropped: int) -> None:
    """Token shards, uint16 with each document from its BOS on, and the offsets [documents + 1] of their documents."""
    files: dict[str, Any] = {}
    held: list[NDArray[np.uint16]] = []
    digest, counts = hashlib.sha256(), {"documents": 0, "dropped_documents": dropped, "tokens": 0, "text_bytes": 0}

    def write_shard() -> None:
        number = len(files) // 2
        tokens, offsets = np.concatenate([np.zeros(0, np.uint16), *held]), np.cumsum([0, *map(len, held)])
        files[f"tokens_{number:05d}.npy"] = _write(folder / f"tokens_{number:05d}.npy", tokens)
        files[f"offsets_{number:05d}.npy"] = _write(folder / f"offsets_{number:05d}.npy", offsets)
        counts["documents"] += len(held)
        counts["tokens"] += len(tokens)
        held.clear()

    for _, texts in (batch for source in sources for batch in source.batches(f"encode {folder.name}")):
        held += [np.array([tokenizer.bos, *ids], np.uint16) for ids in tokenizer.encode_batch(texts)]
        for text in map(str.encode, texts):
            digest.update(text + b"\0")
            counts["text_bytes"] += len(text)
        if sum(map(len, held)) >= TOKENS_PER_SHARD:
            write_shard()
    write_shard()
    _write_meta(folder, files, **counts, text_sha256=digest.hexdigest())


# ---------------------------------------------- Reading ----------------------------------------------


class Documents:
    """The documents of one split, their tokens mapped into memory. Raises `PrepareError` when missing or damaged."""

    def __init__(self, split: str) -> None:
        folder = data_folder() / split
        names = sorted(name for name in read_meta(folder)["files"] if name.startswith("tokens"))
        # Plain array views, because slicing a np.memmap object is ten times as slow.
        self._tokens = [np.load(folder / name, mmap_mode="r").view(np.ndarray) for name in names]
        offsets = [np.load(folder / name.replace("tokens", "offsets")) for name in names]
        self._shard = np.repeat(np.arange(len(names)), [len(shard) - 1 for shard in offsets])
        self._begin = np.concatenate([shard[:-1] for shard in offsets])
        self._end = np.concatenate([shard[1:] for shard in offsets])
        if not len(self._begin):
            raise PrepareError(f"{folder} holds no document: choose another corpus")

    def batches(self, seed: tuple[int, int] | None = None) -> Iterator[list[NDArray[np.uint16]]]:
        """All documents once, each from its BOS on, as many at a time as the packing buffer is refilled by; in the
        corpus's order, or permuted by `seed`."""
        count = len(self._begin)
        order = np.arange(count) if seed is None else np.random.default_rng(seed).permutation(count)
        for some in (order[start : start + PACKING_REFILL] for start in range(0, count, PACKING_REFILL)):
            places = zip(self._shard[some].tolist(), self._begin[some].tolist(), self._end[some].tolist(), strict=True)
            yield [self._tokens[shard][begin:end] for shard, begin, end in places]


def pack_rows(batches: Iterator[list[NDArray[np.uint16]]], capacity: int) -> Iterator[NDArray[np.uint16]]:
    """Full rows [capacity] of documents packed best-fit, the published rule.

    From a buffer of PACKING_BUFFER documents the longest that fits goes next, the first come of equally long ones; when
    none fits, the shortest is cropped to fill the row. Ends when documents do; a last row they cannot fill is left out.
    """
    lengths: list[tuple[int, int]] = []  # sorted (length, arrival) of the waiting documents
    waiting: dict[int, NDArray[np.uint16]] = {}
    arrivals = itertools.count()
    while True:
        row, filled = np.empty(capacity, np.uint16), 0
        while filled < capacity:
            while len(waiting) < PACKING_BUFFER and (batch := next(batches, None)) is not None:
                new = dict(zip(arrivals, batch))  # noqa: B905 (arrivals never end)
                waiting |= new
                lengths += [(len(document), arrival) for arrival, document in new.items()]
                lengths.sort()
            if not lengths:
                return
            longest = max(bisect.bisect_right(lengths, (capacity - filled, sys.maxsize)) - 1, 0)
            _, arrival = lengths.pop(bisect.bisect_left(lengths, (lengths[longest][0], -1)))
            piece = waiting.pop(arrival)[: capacity - filled]
            row[filled : filled + len(piece)] = piece
            filled += len(piece)
        yield row


DELIVERED: dict[str, int] = {}  # target tokens that the dataloaders of this process gave out, by split


def dataloader(
    split: str, batch_size: int, sequence_length: int, device: str = "cpu", seed: int = 0
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Endless batches: inputs and targets, int64 [batch_size, sequence_length] on `device`, and the epoch from 1.

    Every row starts with BOS and is full. Seed 0 keeps the corpus's order, as published; any other permutes the
    documents anew in each epoch. The same seed gives the same batches. Raises `PrepareError`.
    """
    documents, epoch, cuda = Documents(split), 1, device.startswith("cuda")

    def endless() -> Iterator[list[NDArray[np.uint16]]]:
        nonlocal epoch
        for epoch in itertools.count(1):
            yield from documents.batches((seed, epoch) if seed else None)

    def load() -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        import torch

        packed = pack_rows(endless(), sequence_length + 1)
        while True:
            rows = torch.from_numpy(np.stack(list(itertools.islice(packed, batch_size))).astype(np.int64))
            inputs, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
            if cuda:
                inputs, targets = inputs.pin_memory(), targets.pin_memory()
            yield inputs, targets, epoch

    def deliver() -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
        for inputs, targets, epoch in ahead(load()) if cuda else load():
            DELIVERED[split] = DELIVERED.get(split, 0) + targets.numel()
            yield inputs.to(device, non_blocking=cuda), targets.to(device, non_blocking=cuda), epoch

    return deliver()


def ahead(items: Iterator[T], depth: int = 4) -> Iterator[T]:
    """The items of an endless iterator, `depth` of them made in advance by a thread that ends with the iterator."""
    with ThreadPoolExecutor(1) as pool:
        pending = deque(pool.submit(next, items) for _ in range(depth))
        while True:
            item = pending.popleft().result()
            pending.append(pool.submit(next, items))
            yield item


# ---------------------------------------------- The metric ----------------------------------------------


class Score(NamedTuple):
    """Bits per byte, the two sums it comes from, and the number of target tokens looked at."""

    bpb: float
    nats: float
    bytes: int
    tokens: int


def evaluate_bpb(logits_fn: Callable[[torch.Tensor], torch.Tensor], split: str) -> Score:
    """Bits per byte of a split, `nats / (ln 2 * bytes)`: the only metric there is.

    `logits_fn` maps token ids, int64 [eval_batch, T] on the CPU, to logits [eval_batch, T, V] of any float type on any
    device. Rows are packed from the corpus's order, as many as the profile's evaluation tokens or the split give; a
    last incomplete batch is padded and the padding left out. Special tokens count in neither sum. Raises
    `PrepareError` for missing data and for logits of another shape.
    """
    import torch

    profile, folder = current_profile(), data_folder() / "tokenizer"
    read_meta(folder)
    byte_lengths = torch.from_numpy(np.load(folder / "token_bytes.npy"))
    length, batch = profile.sequence_length, profile.eval_batch
    packed = pack_rows(Documents(split).batches(), length + 1)
    rows = [row.astype(np.int64) for row in itertools.islice(packed, profile.eval_tokens // length)]
    if not rows:
        raise PrepareError(f"the {split} split has no row of {length} tokens: choose another corpus")
    expected = (batch, length, len(byte_lengths))
    nats: list[float] = []
    total_bytes = 0
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        block = torch.from_numpy(np.stack(some + some[:1] * (batch - len(some))))
        inputs, targets = block[:, :-1].contiguous(), block[:, 1:].contiguous()
        with torch.no_grad():
            logits = logits_fn(inputs)
            if tuple(logits.shape) != expected:
                raise PrepareError(f"logits have the shape {tuple(logits.shape)}: {expected} was expected")
            flat = targets.flatten().to(logits.device)
            loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), flat, reduction="none")
        counted = byte_lengths[targets]
        # Sums on the CPU in float64: MPS has none, and a batch's size must not change the result.
        loss = torch.where(counted > 0, loss.cpu().double().view_as(targets), 0.0)
        nats += loss[: len(some)].sum(1).tolist()
        total_bytes += int(counted[: len(some)].sum())
    total = math.fsum(nats)
    return Score(total / (math.log(2) * total_bytes), total, total_bytes, len(rows) * length)


# ---------------------------------------------- Hand-over ----------------------------------------------


def hand_over(model: torch.nn.Module) -> float | None:
    """Hand the trained model over for scoring, as a graph from token ids int64 [eval_batch, T] to logits.

    Under the runner (DIALECTIC_RUN_DIR) it is left there once, as `model.pt2`, and the answer is None. Alone, the
    scorer is started and the answer is its val_bpb. Raises `ExportError`, and `PrepareError` when the scorer fails.
    """
    if run_dir := os.environ.get("DIALECTIC_RUN_DIR"):
        path = Path(run_dir) / "model.pt2"
        if path.exists():
            raise PrepareError("a model was handed over already: call hand_over once, when training has ended")
        # What was trained on, beside what the runner measures from outside: everything else is start and export.
        trained, tokens = Clock.running.elapsed() if Clock.running else None, DELIVERED.get("train", 0)
        LiveEvents().emit("handed_over", training_seconds_elapsed=trained, tokens_delivered=tokens)
        export_model(model, path)
        return None
    with tempfile.TemporaryDirectory(prefix="dialectic-") as folder:
        path = Path(folder) / "model.pt2"
        export_model(model, path)
        command = [sys.executable, "-m", "dialectic.scorer", str(path), "--prepare", str(Path(__file__).absolute())]
        command += ["--cache", str(data_folder()), "--profile", current_profile().name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["no output"]
    try:
        if done.returncode == 0:
            told = json.loads(lines[-1])
            failed = [name for name, check in told.get("checks", {}).items() if not check["passed"]]
            if failed:
                raise PrepareError(f"the scorer rejects this model: it failed {', '.join(failed)}")
            return float(told["val_bpb"])
    except (ValueError, KeyError, TypeError):
        pass
    raise PrepareError(f"scoring failed with exit code {done.returncode}: {lines[-1]}")


def export_model(model: torch.nn.Module, path: Path) -> None:
    """Export the plain module on its scaled-dot-product path and write it to `path` at once. Raises `ExportError`."""
    import torch

    plain = getattr(model, "_orig_mod", model)  # what torch.compile wrapped
    if hasattr(plain, "attention"):
        plain.attention = "sdpa"
    profile = current_profile()
    device = next(plain.parameters()).device
    tokens = torch.zeros(profile.eval_batch, profile.sequence_length, dtype=torch.int64, device=device)
    part = path.with_name(path.name + ".part")
    try:
        with torch.no_grad(), part.open("wb") as file:
            torch.export.save(torch.export.export(plain.eval(), (tokens,)), file)
            file.flush()
            os.fsync(file.fileno())
    except Exception as error:  # exporting runs the candidate's own code, which may raise anything
        part.unlink(missing_ok=True)
        first = (str(error).strip().splitlines() or [""])[0]
        raise ExportError(f"export failed: {type(error).__name__}: {first}") from error
    part.replace(path)


# ---------------------------------------------- Clock and events ----------------------------------------------


def _granted_cores() -> float:
    """Cores this process may use: its affinity, or less where a container's quota (cgroup v2) gives less."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return cores if quota == "max" else max(1.0, min(cores, int(quota) / int(period)))
    except (OSError, ValueError):
        return cores


GRANTED_CORES = _granted_cores()  # when this process started, so that no later thread or affinity setting counts


class Clock:
    """The time budget's clock, in seconds since `start`.

    "wall": what a watch shows. "cpu": CPU time of this process and the children it waited for, divided by the cores
    granted when it started, which a competing load disturbs least.
    """

    running: Clock | None = None  # the one that was started last

    def __init__(self, profile: Profile | None = None) -> None:
        self._profile = profile or current_profile()
        self._started: float | None = None

    def start(self) -> None:
        """Begin to count."""
        self._started = self._now()
        Clock.running = self

    def elapsed(self) -> float:
        """Seconds of the budget used, with the accelerator's pending work finished first."""
        if self._started is None:
            raise RuntimeError("the clock was not started")
        return self._now() - self._started

    def _now(self) -> float:
        if self._profile.device != "cpu":
            import torch

            (torch.cuda if self._profile.device == "cuda" else torch.mps).synchronize()
        if self._profile.clock == "wall":
            return time.perf_counter()
        return sum(os.times()[:4]) / GRANTED_CORES


class LiveEvents:
    """Appends events to the file DIALECTIC_LIVE_EVENTS names, one JSON object a line; does nothing when it is unset."""

    _numbers: defaultdict[str | None, Iterator[int]] = defaultdict(itertools.count)  # of each file's events

    def __init__(self) -> None:
        self._path = os.environ.get("DIALECTIC_LIVE_EVENTS")
        self._last_step = -math.inf

    def emit(self, type: str, **fields: Any) -> None:
        """Write one event with `type`, `timestamp` and `seq`; of `train_step` at most one a second. Numbers that are
        not finite become null."""
        if not self._path or (type == "train_step" and time.monotonic() - self._last_step < 1):
            return
        if type == "train_step":
            self._last_step = time.monotonic()
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = json.dumps({"type": type, "timestamp": timestamp, "seq": next(self._numbers[self._path]), **fields})
        with Path(self._path).open("a") as file:
            file.write(json.dumps(json.loads(event, parse_constant=lambda _: None)) + "\n")


# ---------------------------------------------- Command line ----------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Prepare or describe. Exit code 0, 1 (an error the user can mend), 2 (usage) or 130 (interrupted)."""
    parser = argparse.ArgumentParser(description="Prepare the data, or --describe what would be used.")
    parser.add_argument("--profile", help=f"one of {', '.join(PROFILES)}; default: what fits this machine")
    parser.add_argument("--corpus", help=f"one of {', '.join(CORPORA)}; default: the profile's")
    parser.add_argument("--num-shards", type=int, help="training shards of climbmix; default: the profile's")
    parser.add_argument("--describe", action="store_true", help="print one JSON object and prepare nothing")
    options = parser.parse_args(arguments)
    try:
        profile, reason = select_profile(options.profile)
        corpus = profile.corpus if options.corpus is None else options.corpus
        num_shards = profile.train_shards if options.num_shards is None else options.num_shards
        if corpus not in CORPORA:
            raise UsageError(f"unknown corpus {corpus!r}: choose one of {', '.join(CORPORA)}")
        if not 1 <= num_shards < CLIMBMIX_LAST_SHARD:
            raise UsageError(f"--num-shards {num_shards} is not between 1 and {CLIMBMIX_LAST_SHARD - 1}")
        if options.describe:
            key, folder = fingerprint(profile, corpus, num_shards), data_folder(profile, corpus, num_shards)
            _check_named_folder(folder, profile, corpus)
            own = PROFILES[profile.name].time_budget
            described = {"profile": asdict(profile), "own_time_budget": own, "reason": reason, "corpus": corpus}
            described |= {"fingerprint": key, "gpu": device_name(profile), "cores": GRANTED_CORES}
            print(json.dumps(described | {"data_folder": str(folder), "ready": is_ready(folder)}))
            return 0
        print(f"profile {profile.name} ({reason}), corpus {corpus}")
        started = time.perf_counter()
        folder = prepare(profile, corpus, num_shards)
        for split in SPLITS:
            meta = read_meta(folder / split, content=False)
            print(
                f"{split}: {meta['documents']} documents, {meta['tokens']} tokens, {meta['dropped_documents']} dropped"
            )
        print(f"ready in {time.perf_counter() - started:.1f} s: {folder}")
        if (corpus, num_shards) != (profile.corpus, profile.train_shards):
            print(f"to train on it alone: DIALECTIC_CACHE={folder} DIALECTIC_PROFILE={profile.name} python train.py")
    except (PrepareError, OSError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
