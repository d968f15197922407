"""The system-call filter (seccomp): calls that no training needs fail with "not permitted" or "not known".

It works for every user and inside of nearly every container. It always forbids to trace other processes, to make
namespaces or mounts, and the parts of the kernel that sandboxes were left through; where nothing better cuts the
network off it forbids every socket as well, which also closes the local ones. Source: seccomp(2), bpf(2).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
EPERM, ENOSYS = 1, 38
LOAD, EQUAL, AT_LEAST, SET_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of the filter: load a word, jump when equal, when not less, when a bit is set; return."""
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Where the words of a call lie, in bytes."""
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020000
"""The flags of clone that make namespaces, but for the time namespace, which shares its bit with a signal."""

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine → the kernel's name for its calls, and the column in the tables below."""

FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "syslog": (103, 116),
}
UNKNOWN = {"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)}
"""Answered as by a kernel without them: io_uring opens files and sockets past every filter."""
CLONE3, CLONE = (435, 435), (56, 220)
"""The flags of the first lie in memory that a filter cannot read; libraries fall back to the second."""
PRLIMIT = (302, 261)
"""With another process as its first argument it limits that one, to no CPU time for example."""
SOCKET = (41, 198)


def machine() -> str:
    """The machine as the tables above name it.

    Raises:
        OSError: a filter for this machine was never written.
    """
    name = os.uname().machine
    if sys.platform != "linux" or name not in ARCHITECTURES or sys.maxsize < 2**32:
        raise OSError(ENOSYS, f"not written for {sys.platform} on {name}")
    return name


def program(name: str, sockets: bool) -> bytes:
    """The filter for a machine; ``sockets`` says whether they may be made."""
    architecture, column = ARCHITECTURES[name]
    refused = [row[column] for row in FORBIDDEN.values()] + ([] if sockets else [SOCKET[column]])
    unknown = [CLONE3[column], *(row[column] for row in UNKNOWN.values())]
    body: list[tuple[int, int, int, int]] = []
    for numbers, code in ((refused, EPERM), (unknown, ENOSYS)):
        for number in numbers:
            body += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | code)]
    named = [*_with_bits(CLONE[column], NEW_NAMESPACES), *_with_bits(PRLIMIT[column], 0xFFFFFFFF)]
    head = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, REFUSE | EPERM),
        (LOAD, 0, 0, NUMBER),
    ]
    if name == "x86_64":
        head += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, REFUSE | EPERM)]
    every = [*head, *body, *named, (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in every)


def _with_bits(number: int, bits: int) -> list[tuple[int, int, int, int]]:
    """Refuse call ``number`` when its first argument has any of ``bits``."""
    return [
        (EQUAL, 0, 4, number),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (SET_BITS, 0, 1, bits),
        (RETURN, 0, 0, REFUSE | EPERM),
        (RETURN, 0, 0, ALLOW),
    ]


def install(sockets: bool) -> None:
    """Filter the calls of this process and of all that it starts, for good.

    Raises:
        OSError: the kernel refuses, or the filter is not written for this machine.
    """
    code = program(machine(), sockets)
    give_up_privileges()
    held = ctypes.create_string_buffer(code, len(code))
    filtered = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, MODE_FILTER, filtered, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def give_up_privileges() -> None:
    """Programs with more rights than their user's give them to us no more; Landlock and the filter ask for that."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
