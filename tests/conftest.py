"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

import prepare


@pytest.fixture(scope="session")
def smoke_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache (for DIALECTIC_CACHE) in which the smoke profile's data are prepared. Only to be read."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALECTIC_CACHE", str(cache))
        prepare.prepare(prepare.PROFILES["smoke"], "stdlib")
    return cache
