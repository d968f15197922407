"""Landlock: what a process and all that it starts may read and write, decided by itself and for good.

Linux 5.13 and later, for every user and in most containers. Each version of the interface knows more rights; what an
older kernel does not know it does not restrict. Source: ``linux/landlock.h`` and the kernel's documentation of it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls, with the same numbers on every architecture."""
VERSION_FLAG = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
RIGHTS_BY_VERSION = (0, (1 << 13) - 1, REFER, TRUNCATE, 0, IOCTL_DEV)
"""Rights over files that each version added, from version 0 on."""
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""Rights that a rule for something else than a folder may name."""
READ = EXECUTE | READ_FILE | READ_DIR
USE = READ_FILE | WRITE_FILE | IOCTL_DEV
TCP = 0b11
"""Binding and connecting, from version 4 on."""
SCOPES = 0b11
"""Abstract sockets and signals to processes outside, from version 6 on."""


def system_call(number: int, *arguments: object) -> int:
    """A system call by number.

    Raises:
        OSError: it failed.
    """
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    answer = int(call(ctypes.c_long(number), *arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def version() -> int:
    """The kernel's version of the interface.

    Raises:
        OSError: this kernel has none, or it is switched off.
    """
    return system_call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))


def restrict(read: list[str], write: list[str], use: list[str]) -> int:
    """Restrict this process to reading ``read``, reading and writing ``write``, and using the devices ``use``.

    Paths that are not there are passed over. Network: no TCP, where the kernel's version can forbid it. The version is
    returned.

    Raises:
        OSError: the kernel has no Landlock, or refuses.
    """
    known = version()
    rights = 0
    for added in RIGHTS_BY_VERSION[: known + 1]:
        rights |= added
    fields = [rights, TCP if known >= 4 else 0, SCOPES if known >= 6 else 0]
    attributes = struct.pack("=QQQ", *fields)[: 8 if known < 4 else 16 if known < 6 else 24]
    ruleset = system_call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for allowed, paths in ((READ, read), (rights, write), (USE, use)):
            for path in paths:
                _allow(ruleset, path, allowed & rights)
        system_call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        system_call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
