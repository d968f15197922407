"""A ground and a plain runner for attacks, and one session at the highest level of the cage that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redteam.arena import Arena
from tests.redteam.ground import REPOSITORY, Ground
from tests.redteam.plain import PlainScorer, run_honestly


@pytest.fixture(scope="session")
def data(smoke_cache: Path) -> Path:
    """The smoke profile's prepared data."""
    (folder,) = (path.parent for path in smoke_cache.glob("*/tokenizer"))
    return folder


@pytest.fixture(scope="session")
def honest() -> str:
    """The text that attacks are made from."""
    return (REPOSITORY / "train.py").read_text("utf-8")


@pytest.fixture(scope="module")
def plain_ground(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Ground]:
    """Where plain runners are attacked."""
    with Ground(tmp_path_factory.mktemp("plain") / "ground", data) as ground:
        yield ground


@pytest.fixture(scope="module")
def plain_scorer() -> Iterator[PlainScorer]:
    """A scorer that trusts what it is given."""
    scorer = PlainScorer()
    yield scorer
    scorer.close()


@pytest.fixture(scope="module")
def incumbent(plain_ground: Ground, plain_scorer: PlainScorer, honest: str) -> tuple[bytes, float]:
    """What an attack on the plain runner has to beat: an honest run's model file and its score."""
    return run_honestly(plain_ground, plain_scorer, honest)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Arena]:
    """A session whose baseline has run."""
    place = tmp_path_factory.mktemp("arena") / "ground"
    with pytest.MonkeyPatch.context() as patch, Ground(place, data) as ground:
        patch.setenv("DIALECTIC_CACHE", str(ground.cache))
        yield Arena(ground, "sealed")
