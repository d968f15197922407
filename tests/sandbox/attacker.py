"""What a hostile run tries; executed inside of a cage with the places of its victims, it prints what worked.

Every attack is a function that returns when it has worked and raises when it was stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

PLACES: dict[str, str] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
ATTACKS: dict[str, Callable[[], object]] = {}
PTRACE_ATTACH = 16


def attack(function: Callable[[], object]) -> Callable[[], object]:
    """Name an attack after its function."""
    ATTACKS[function.__name__] = function
    return function


@attack
def write_outside() -> None:
    Path(PLACES["outside"], "planted").write_text("x")


@attack
def write_into_shared_memory() -> None:
    path = Path("/dev/shm", PLACES["token"])
    path.write_text("x")
    path.unlink()
    assert PLACES["level"] != "sealed"  # it has one of its own there


@attack
def remove_a_file() -> None:
    Path(PLACES["outside"], "victim").unlink()


@attack
def change_permissions() -> None:
    Path(PLACES["outside"], "kept").chmod(0o600)


@attack
def read_a_key() -> str:
    return Path(PLACES["key"]).read_text()


@attack
def read_validation() -> str:
    return Path(PLACES["data"], "validation", "shard").read_text()


@attack
def read_past_the_link() -> str:
    return Path(PLACES["links"], "train", "..", "holdout", "shard").read_text()


@attack
def read_the_plan() -> str:
    return Path(PLACES["plan"]).read_text()


@attack
def read_the_other_iteration() -> str:
    return Path(PLACES["other"]).read_text()


@attack
def read_the_environment_of_the_runner() -> str:
    return Path(f"/proc/{PLACES['runner']}/environ").read_text()


@attack
def list_a_folder() -> list[str]:
    return sorted(path.name for path in Path(PLACES["outside"]).iterdir())


@attack
def learn_that_a_file_is_there() -> object:
    return Path(PLACES["plan"]).stat()


@attack
def connect_by_tcp() -> None:
    socket.create_connection(("127.0.0.1", int(PLACES["tcp"])), 2).close()


@attack
def send_by_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", ("127.0.0.1", int(PLACES["udp"])))
        sender.settimeout(2)
        sender.connect(("127.0.0.1", int(PLACES["udp"])))
        sender.recv(10)


@attack
def connect_to_a_socket_by_path() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(PLACES["socket"])


@attack
def connect_to_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + PLACES["token"])


@attack
def kill_a_process() -> None:
    os.kill(int(PLACES["prey"]), signal.SIGKILL)


@attack
def trace_a_process() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, int(PLACES["traced"]), None, None):
        raise OSError(ctypes.get_errno(), "ptrace")
    libc.ptrace(17, int(PLACES["traced"]), None, None)


@attack
def limit_a_process() -> None:
    import resource

    resource.prlimit(int(PLACES["traced"]), resource.RLIMIT_CORE, (0, 0))


@attack
def see_other_processes() -> None:
    assert PLACES["runner"] in [path.name for path in Path("/proc").iterdir()]
    assert Path(f"/proc/{PLACES['runner']}/cmdline").read_bytes() == bytes.fromhex(PLACES["command"])


@attack
def mount_something() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.unshare(0x10020000)
    if libc.mount(b"tmpfs", str(Path.cwd()).encode(), b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")
    libc.umount2(str(Path.cwd()).encode(), 2)


@attack
def write_a_huge_file() -> None:
    with Path("huge").open("wb") as stream:
        stream.truncate(64 * 2**20)
        stream.seek(64 * 2**20)
        stream.write(b"x")


@attack
def open_many_files() -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(Path(os.devnull).open())


def main() -> None:
    """Try everything and print as JSON what came of each: empty where it worked, else what stopped it."""
    told = {}
    for name, function in ATTACKS.items():
        try:
            function()
            told[name] = ""
        except Exception as error:  # noqa: BLE001
            told[name] = f"{type(error).__name__} {error}"
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
