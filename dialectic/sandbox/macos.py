"""The profile for ``sandbox-exec`` of macOS: the same cage in Apple's words. Written from its manual, never tried."""

from __future__ import annotations

import json

PROGRAM = "/usr/bin/sandbox-exec"
SYSTEM = ("/System", "/Library", "/usr", "/bin", "/sbin", "/private/etc", "/private/var/db", "/dev", "/opt/homebrew")


def wrap(read: list[str], hidden: list[str], write: list[str]) -> list[str]:
    """The beginning of the command: no network, writing in ``write``, reading the system, ``read`` and ``write``.

    Of the rules of a profile the last that fits decides, so what is hidden comes before what must be read in it.
    """
    rules = [
        "(version 1)",
        "(deny default)",
        "(allow process-fork) (allow process-exec) (allow sysctl-read) (allow mach-lookup)",
        "(allow signal (target same-sandbox)) (allow ipc-posix*) (allow iokit-open) (allow file-read-metadata)",
        f"(allow file-read* {_below(SYSTEM)})",
        f"(deny file-read-data {_below(hidden)})" if hidden else "",
        f"(allow file-read* {_below([*read, *write])})",
        f'(allow file-write* {_below(write)} (literal "/dev/null") (literal "/dev/tty"))',
        "(deny network*)",
    ]
    return [PROGRAM, "-p", "\n".join(filter(None, rules))]


def _below(paths: list[str] | tuple[str, ...]) -> str:
    return " ".join(f"(subpath {json.dumps(path)})" for path in paths)
