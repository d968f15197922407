from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """The compiler remembers, by code object, what an earlier test made it give up on."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()
