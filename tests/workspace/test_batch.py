"""Half the device batch under the same total batch."""

from __future__ import annotations

import pytest

from dialectic.errors import EditError
from dialectic.workspace import apply, evaluate, halved_device_batch, read_knobs
from tests.workspace.sample import PROFILE

FACTS = PROFILE.model_copy(update={"values": {"device_batch_size": 16, "total_batch_size": 2**13, "depth": 4}})
"""Rows of 256 tokens: two forward passes of 16 rows a step."""


def train(device: str, total: str) -> str:
    """A training script with these sizes."""
    return f"SPARE = 12\nTOTAL_BATCH_SIZE = {total}  # tokens\nDEVICE_BATCH_SIZE = {device}  # rows\n"


@pytest.mark.parametrize(
    ("device", "total", "halved", "value"),
    [
        ("16", "2**13", "8", 8),
        ("PROFILE.device_batch_size", "PROFILE.total_batch_size", "PROFILE.device_batch_size // 2", 8),
        ("PROFILE.device_batch_size // 2", "2**13", "PROFILE.device_batch_size // 4", 4),
        ("SPARE + 4", "2**13", "(SPARE + 4) // 2", 8),
        ("2**4 // 2", "2**13", "(2**4 // 2) // 2", 4),
        ("3", "2**13", "1", 1),
    ],
)
def test_the_device_batch_is_halved_and_stays_relative(device: str, total: str, halved: str, value: int) -> None:
    text = train(device, total)
    edit = halved_device_batch(text, FACTS)
    assert (edit.knob, edit.value) == ("DEVICE_BATCH_SIZE", halved)
    after = apply(text, [edit])
    knobs = read_knobs(after)
    assert evaluate(knobs["DEVICE_BATCH_SIZE"], FACTS.values, knobs) == value
    assert after == train(halved, total)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BATCH = 8\n", "no knob DEVICE_BATCH_SIZE that is a number"),
        ("DEVICE_BATCH_SIZE = 8\n", "no knob TOTAL_BATCH_SIZE that is a number"),
        (train("'8'", "2**13"), "no knob DEVICE_BATCH_SIZE that is a number"),
        (train("len([1] * 8)", "2**13"), "no knob DEVICE_BATCH_SIZE that is a number"),
        (train("1", "2**13"), "DEVICE_BATCH_SIZE is 1 already"),
        (train("5", "5 * 256"), "TOTAL_BATCH_SIZE 1280 is not a multiple of 2 sequences of 256"),
        ("DEVICE_BATCH_SIZE = 8\nTOTAL_BATCH_SIZE = DEVICE_BATCH_SIZE * 256\n", "would change with it"),
    ],
)
def test_where_it_cannot_be_halved_it_says_why(text: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        halved_device_batch(text, FACTS)
