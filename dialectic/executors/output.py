"""The output of a run: a log file that stays below a size, and the pipe that feeds it."""

from __future__ import annotations

import os

DRAIN_READS = 256


class CappedLog:
    """The output of a run in ``path``.

    Up to ``limit`` bytes everything is kept. Beyond it the file's second half is used as a ring, so that neither
    memory nor disk grow; :meth:`close` puts the ring in order and says in one line how much was left out.
    A refused write (a full disk) is remembered in :attr:`error` and never raised: the run goes on.
    """

    def __init__(self, path: str, limit: int) -> None:
        self.limit = limit
        self.head = limit // 2
        self.total = 0
        self.position = 0
        self.error: OSError | None = None
        self.descriptor = -1
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self.error = error

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        self.total += len(data)
        view = memoryview(data)
        while view and self.error is None:
            if self.position == self.limit:
                self.position = self.head
            part = view[: self.limit - self.position]
            self._write_at(part, self.position)
            self.position += len(part)
            view = view[len(part) :]

    def close(self) -> None:
        """Put the tail in order and make the file durable."""
        if self.descriptor < 0:
            return
        try:
            if self.total > self.limit and self.error is None:
                self._unroll()
            os.fsync(self.descriptor)
        except OSError as error:
            self.error = self.error or error
        finally:
            os.close(self.descriptor)
            self.descriptor = -1

    def _unroll(self) -> None:
        size = self.limit - self.head
        ring = os.pread(self.descriptor, size, self.head)
        turn = self.position - self.head
        note = f"\n[dialectic: {self.total - self.limit} bytes of output left out here]\n".encode()
        self._write_at(memoryview(note + ring[turn:] + ring[:turn]), self.head)

    def _write_at(self, data: memoryview, position: int) -> None:
        try:
            while data:
                written = os.pwrite(self.descriptor, data, position)
                data = data[written:]
                position += written
        except OSError as error:
            self.error = error


def read_available(descriptor: int, size: int) -> bytes | None:
    """Up to ``size`` bytes; empty at the end of the file, None when there is nothing yet."""
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None


class Stream:
    """One pipe from the run and the file that its bytes go into."""

    def __init__(self, path: str, limit: int) -> None:
        self.log = CappedLog(path, limit)
        self.pipe, self.write_end = os.pipe()
        os.set_blocking(self.pipe, False)
        self.open = True

    def pump(self) -> bool:
        """Move what is there, at most 1 MiB; False when there was nothing. :attr:`open` tells of the end."""
        data = read_available(self.pipe, 2**20)
        self.open = data != b""
        if data:
            self.log.write(data)
        return bool(data)

    def drain(self) -> None:
        """Move everything that the pipe holds, but not for ever when somebody still writes into it."""
        for _ in range(DRAIN_READS):
            if not self.pump():
                break
