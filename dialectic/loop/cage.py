"""What this system offers to keep a candidate in its folder; asked without changing anything."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

LANDLOCK_CREATE_RULESET = 444
"""Number of the system call, the same on every architecture that Linux knows it on."""
LANDLOCK_VERSION = 1
"""The flag that asks only which version of Landlock the kernel has."""
SECONDS = 5.0


class Probe(NamedTuple):
    """One means of isolation."""

    name: str
    there: bool
    text: str


def probes() -> Iterator[Probe]:
    """Bubblewrap, user namespaces and Landlock; on other systems than Linux one line that there is none."""
    if not sys.platform.startswith("linux"):
        yield Probe("system", False, f"{sys.platform} has none of bubblewrap, user namespaces and Landlock")
        return
    bubblewrap = shutil.which("bwrap")
    install = "not installed: apt, dnf or pacman install bubblewrap"
    yield Probe("bubblewrap", bubblewrap is not None, bubblewrap or install)
    refused = _namespaces_refused()
    yield Probe("user namespaces", not refused, refused or "allowed")
    version = _landlock()
    none = "this kernel has none, or it is switched off (Linux 5.13 or newer, lsm=landlock)"
    yield Probe("landlock", version > 0, f"version {version}" if version > 0 else none)


def _namespaces_refused() -> str:
    """Why a process without rights may not make a user namespace; empty when it may."""
    if shutil.which("unshare") is None:
        return "not known: the command unshare is not installed (package util-linux)"
    try:
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "true"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not known: {error}"
    if done.returncode == 0:
        return ""
    return f"refused ({' '.join(done.stderr.split())[:120]}); the administrator may allow them with sysctl"


def _landlock() -> int:
    """Version of Landlock that the kernel has, 0 for none."""
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return 0
    call.restype = ctypes.c_long
    return max(int(call(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(LANDLOCK_VERSION))), 0)
