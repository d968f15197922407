"""The commands' fixtures: a command line in this process, and a recorded session to read."""

from __future__ import annotations

from tests.cli.conftest import dialectic, night, recorded

__all__ = ["dialectic", "night", "recorded"]
