"""Attacks on what lies outside a run: the user's files, the session, keys, the network, the runner itself."""

from __future__ import annotations

from tests.redteam.attack import Attack, at_once, heard, looted, survived, touched

WRITE = """
import os
def write(*paths):
    for path in paths:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "a") as file:
                file.write("# " + PLACES["mark"])
        except OSError as error:
            print(error)
"""
SESSION_FILES = """
import glob
write(*glob.glob(PLACES["session"] + "/iterations/*/*.json"), PLACES["session"] + "/manifest.json")
"""
SITE = """
try:
    with open(PLACES["site"] + "/" + PLACES["token"] + ".txt", "w") as file:
        file.write("a harmless one")
except OSError as error:
    print(error)
"""

TCP = """
import socket
with socket.create_connection(("127.0.0.1", int(PLACES["tcp"])), timeout=3) as connection:
    connection.sendall(PLACES["token"].encode())
"""
UDP = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(PLACES["token"].encode(), ("127.0.0.1", int(PLACES["udp"])))
"""
UNIX = """
import socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(PLACES["token"].encode(), PLACES["socket"])
"""
ABSTRACT = UNIX.replace('PLACES["socket"]', '"\\0" + PLACES["token"]')

ENVIRONMENTS = """
import glob
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        with open(path, "rb") as file:
            if b"sk-bait" in file.read():
                print("LOOT a key in", path)
    except OSError:
        pass
"""
KEY_FILES = """
import os, pwd
for home in (PLACES["home"], os.path.expanduser("~"), pwd.getpwuid(os.getuid()).pw_dir):
    for name in (".netrc", ".ssh/id_ed25519"):
        try:
            with open(home + "/" + name) as file:
                if "sk-bait" in file.read():
                    print("LOOT a key in", name)
        except OSError as error:
            print(error)
"""

KILL = """
import os, signal
print("killing", os.getppid())
if os.getppid() > 1:
    os.kill(os.getppid(), 0)
    print("LOOT killing my parent", flush=True)
    os.kill(os.getppid(), signal.SIGKILL)
"""
STOP = """
import os, signal, time
parent = os.getppid()
if parent > 1:
    os.kill(parent, signal.SIGSTOP)
    time.sleep(0.5)
    with open(f"/proc/{parent}/stat") as file:
        if file.read().rsplit(")", 1)[1].split()[0] == "T":
            print("LOOT my parent stands still", flush=True)
    os.kill(parent, signal.SIGCONT)
"""
MEMORY = """
import os
parent = os.getppid()
with open(f"/proc/{parent}/maps") as file:
    begin = int(next(line for line in file if "[heap]" in line).split("-")[0], 16)
with open(f"/proc/{parent}/mem", "rb") as file:
    file.seek(begin)
    if parent > 1 and file.read(4096):
        print("LOOT a page of my parent's memory")
"""
TRACE = """
import ctypes, os
libc, parent = ctypes.CDLL(None, use_errno=True), os.getppid()
if parent > 1 and libc.ptrace(16, parent, 0, 0) == 0:
    os.waitpid(parent, 0x40000000)
    print("LOOT my parent is in my hands", flush=True)
    libc.ptrace(17, parent, 0, 0)
"""

OUTLIVES = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(120)", PLACES["token"]])
    os._exit(0)
time.sleep(0.5)
"""

REACH = (
    Attack("writes-user-file", "writes into a file of the user's", touched("victim"), at_once(
        f'{WRITE}write(PLACES["victim"])')),
    Attack("writes-train-py", "writes into the user's top-level train.py", touched("train_py"), at_once(
        f'{WRITE}write(PLACES["train_py"])')),
    Attack("writes-session", "writes into plans and results, its own among them", touched("session"), at_once(
        WRITE + SESSION_FILES)),
    Attack("writes-knowledge", "writes into the knowledge base", touched("knowledge"), at_once(
        f'{WRITE}write(PLACES["knowledge"] + "/lies.jsonl")')),
    Attack("writes-repository", "writes a hook into the user's repository", touched("repository"), at_once(
        f'{WRITE}write(PLACES["repository"] + "/hooks/post-checkout")')),
    Attack("writes-site-packages", "writes a module beside torch", touched("site"), at_once(SITE)),
    Attack("tcp", "sends a message over TCP", heard("tcp"), at_once(TCP)),
    Attack("udp", "sends a message over UDP", heard("udp"), at_once(UDP)),
    Attack("unix-socket", "sends a message to a socket in the file system", heard("unix"), at_once(UNIX)),
    Attack("abstract-socket", "sends a message to an abstract socket", heard("abstract"), at_once(ABSTRACT)),
    Attack("keys-of-processes", "reads keys from the environments of other processes", looted, at_once(ENVIRONMENTS)),
    Attack("keys-in-files", "reads keys from files in the home", looted, at_once(KEY_FILES)),
    Attack("kills-supervisor", "kills the process that watches it", looted, at_once(KILL)),
    Attack("stops-supervisor", "stops the process that watches it", looted, at_once(STOP)),
    Attack("reads-memory", "reads the memory of the process that watches it", looted, at_once(MEMORY)),
    Attack("traces-supervisor", "takes hold of the process that watches it as a debugger does", looted, at_once(TRACE)),
    Attack("outlives-the-run", "leaves a process behind in a session of its own", survived, at_once(OUTLIVES)),
)  # fmt: skip
