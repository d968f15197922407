"""What a process must find to be a Python program at all: the system, this Python, its packages, its devices."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import dialectic

SYSTEM = (
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "include", "share")),
    *(f"/usr/local/{name}" for name in ("bin", "lib", "lib64", "include")),
    *(f"/etc/{name}" for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")),
    *(f"/etc/{name}" for name in ("nsswitch.conf", "passwd", "group")),
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
)
"""Programs, libraries, compilers. Folder by folder: ``/usr/src`` and the like may hold a user's work."""

SYSTEM_FACTS = ("/proc", "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/kernel/mm/transparent_hugepage")

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

SHARED_MEMORY = "/dev/shm"  # noqa: S108
ACCELERATORS = ("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/kfd", "/dev/dri/*", "/dev/dxg")
ACCELERATOR_FILES = (
    "/sys",
    "/etc/OpenCL",
    "/etc/vulkan",
    "/opt/rocm*",
    "/opt/nvidia",
    "/usr/local/cuda*",
    "/usr/local/nvidia",
    "/run/opengl-driver",
    "/run/nvidia-persistenced",
)
"""What drivers look at beside their libraries: never tried by us on a machine that has them."""


def package_root() -> str:
    """The folder that ``import dialectic`` needs on its path."""
    return str(Path(dialectic.__file__).parents[1])


def python() -> list[str]:
    """The interpreter, its standard library, the environment's packages and where else they were installed."""
    found = [sys.prefix]
    if sys.base_prefix not in ("/usr", "/usr/local"):
        found.append(sys.base_prefix)
    found += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # Packages also lie where a .pth file of the environment points; what else is on the path is the caller's own.
    found += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [path for path in found if path and Path(path).parent != Path(path)]


def accelerator(wanted: bool) -> tuple[list[str], list[str]]:
    """Devices to use and files to read for the machine's accelerators."""
    if not wanted:
        return [], []
    return _there(ACCELERATORS), _there(ACCELERATOR_FILES)


def _there(patterns: Iterable[str]) -> list[str]:
    return [str(path) for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))]


def both(paths: Iterable[str]) -> list[str]:
    """Each path that is there as it is written and as it is without links; no duplicates, parents first."""
    there = [Path(path).absolute() for path in paths if Path(path).exists()]
    found = {str(name) for path in there for name in (path, path.resolve())}
    return sorted(found, key=lambda path: (path.count("/"), path))


def inside(path: str, folders: Iterable[str]) -> str:
    """The first of ``folders`` that ``path`` lies in, or is; empty for none."""
    return next((one for one in folders if Path(path).is_relative_to(one)), "")


def closed(paths: Iterable[str], ways: bool) -> str:
    """The first of ``paths`` that another user may not read, or, with ``ways``, not reach; empty for none.

    Of a folder what lies directly in it is looked at too.
    """
    for path in paths:
        for one in (Path(path), *_entries(Path(path))):
            needed = 0o5 if one.is_dir() else 0o4
            if one.exists() and one.stat().st_mode & needed != needed:
                return str(one)
        if ways:
            for parent in Path(path).parents:
                if not parent.stat().st_mode & 0o1:
                    return str(parent)
    return ""


def usable(device: str) -> bool:
    """Whether any user may read and write a device, or list the folder ``device``."""
    needed = 0o5 if Path(device).is_dir() else 0o6
    return Path(device).stat().st_mode & needed == needed


def _entries(folder: Path) -> list[Path]:
    return list(islice(folder.iterdir(), 1000)) if folder.is_dir() else []
