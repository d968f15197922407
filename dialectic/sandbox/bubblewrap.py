"""The command line of bubblewrap: a file system made of nothing but what is named, and namespaces of its own.

Source: bwrap(1), version 0.8. SIGTERM is blocked in bubblewrap itself, which would end without passing it on; the run
unblocks it (:mod:`dialectic.sandbox.enter`), so a signal to the whole process group reaches the run alone.
"""

from __future__ import annotations

from pathlib import Path

from dialectic.sandbox import paths

NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
CHANGE_USER = ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


def wrap(
    program: str, user_namespace: bool, read: list[str], hidden: list[str], write: list[str], use: list[str], shm: str
) -> list[str]:
    """The beginning of the command, up to the program that is to run inside.

    Args:
        program: the path of bwrap.
        user_namespace: whether to make one, which is how an ordinary user may make the others; without it the process
            inside may still change its user.
        read: paths to bind read-only.
        hidden: paths that stay empty where they lie inside of one of ``read``, unless they are one of them.
        write: paths to bind for writing.
        use: devices.
        shm: the folder that serves as ``/dev/shm``: on a disk that is measured and emptied.
    """
    command = [program, *NAMESPACES, "--die-with-parent"]
    command += ["--unshare-user"] if user_namespace else CHANGE_USER
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", shm, paths.SHARED_MEMORY]
    bound: list[str] = []
    ways: list[str] = []
    masks = [path for path in hidden if path not in read and paths.inside(path, read)]
    folders = [path for path in masks if Path(path).is_dir()]
    for path in sorted({*read, *masks, *write}, key=lambda path: (path.count("/"), path)):
        if path.startswith("/proc"):
            continue
        if path in write:
            added = ["--bind", path, path]
        elif path in masks:
            added = ["--tmpfs", path] if path in folders else ["--ro-bind", "/dev/null", path]
        else:
            added = _bind(path, bound, masks)
        if added:
            command += [*_way(path, bound, ways), *added]
            bound.append(path)
    for path in use:
        if not path.startswith(paths.DEVICES):
            command += ["--dev-bind-try", path, path]
    for path in (*folders, "/dev", "/"):
        command += ["--remount-ro", path]
    return [*command, "--"]


def _bind(path: str, bound: list[str], masks: list[str]) -> list[str]:
    """Bind ``path``, unless it is there with a folder above it already and no mask lies between them."""
    nearest = next((one for one in reversed(bound) if Path(path).is_relative_to(one)), "")
    if nearest and nearest not in masks:
        return []
    if Path(path).is_symlink():
        return ["--symlink", str(Path(path).readlink()), path]
    return ["--ro-bind", path, path]


def _way(path: str, bound: list[str], ways: list[str]) -> list[str]:
    """The folders above ``path`` that only the cage has, made for everybody to pass: bubblewrap's own are root's."""
    above = [str(one) for one in reversed(Path(path).parents)][1:]
    made = [one for one in above if one not in ways and not paths.inside(one, bound)]
    ways += made
    return [word for one in made for word in ("--perms", "0755", "--dir", one)]
