"""A registry is a dict from name to dotted path: what is asked for is imported, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dialectic.errors import UsageError


def make(kind: str, flag: str, registry: Mapping[str, str], name: str, *values: object, **options: object) -> Any:
    """What ``registry`` calls ``name``, made of ``values`` and ``options``.

    ``kind`` is the word for it, ``flag`` the option that chose it. One that needs more than dialectic does names its
    extra alike.

    Raises:
        UsageError: there is none of this name, or a package that it needs is not installed.
    """
    if name not in registry:
        raise UsageError(f"there is no {kind} {name!r}; choose {flag} from: {', '.join(sorted(registry))}")
    module, _, attribute = registry[name].partition(":")
    try:
        return getattr(import_module(module), attribute)(*values, **options)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing.partition(".")[0] == "dialectic":
            raise
        raise UsageError(
            f"{kind} {name!r} needs the package {missing}; install it: pip install 'dialectic[{name}]', or in a clone "
            f"uv sync --extra {name}"
        ) from error
