"""A small data folder of known documents, and a loopback hub that can misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prepare

BYTES = [bytes([value]) for value in range(256)]


def write_parquet(path: Path, texts: list[str], rows_per_group: int = 1024) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": texts}), path, row_group_size=rows_per_group)


@pytest.fixture
def smoke(smoke_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a smoke run; the answer is the cache."""
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    monkeypatch.setenv("DIALECTIC_PROFILE", "smoke")
    return smoke_cache


@pytest.fixture
def tiny_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Call it with documents: a data folder with a byte-level tokenizer and rows of `sequence_length` tokens."""

    def make(texts: list[str], **profile: Any) -> Path:
        data = tmp_path / "data"
        write_parquet(tmp_path / "text.parquet", texts)
        tokenizer = prepare.Tokenizer(prepare.SPLIT_PATTERN, BYTES)
        prepare._write_tokenizer(data / "tokenizer", tokenizer, BYTES, "stdlib")
        for split in prepare.SPLITS:
            prepare._write_split(data / split, [prepare.Source(tmp_path / "text.parquet")], tokenizer, 0)
        monkeypatch.setitem(prepare.PROFILES, "tiny", replace(prepare.PROFILES["smoke"], name="tiny", **profile))
        monkeypatch.setenv("DIALECTIC_PROFILE", "tiny")
        monkeypatch.setenv("DIALECTIC_CACHE", str(data))
        return data

    return make


@dataclass
class Hub:
    """Serves files by name. Each entry of `troubles` is used up by one request."""

    files: dict[str, bytes] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)  # "500", "404", "cut", "no range"
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Range header
    url: str = ""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.requests.append((self.path, wanted))
            trouble = served.troubles.pop(0) if served.troubles else ""
            data = served.files.get(self.path.rsplit("/", 1)[1])
            if trouble.isdigit() or data is None:
                self.send_error(int(trouble or 404))
                return
            first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and trouble != "no range" else 0
            if first >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            self.wfile.write(data[first : first + len(data) // 2] if trouble == "cut" else data[first:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setattr(prepare, "RETRY_WAIT", 0.01)
        yield served
        server.shutdown()
        thread.join()
