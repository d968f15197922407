"""Half the device batch under the same total batch: what a candidate needs that ran out of memory at its start."""

from __future__ import annotations

import re

from dialectic.errors import EditError
from dialectic.state.proposal import KnobEdit
from dialectic.state.session import ProfileFacts
from dialectic.workspace.edits import apply
from dialectic.workspace.knobs import number, read_constants

DEVICE_BATCH = "DEVICE_BATCH_SIZE"
"""Sequences of one forward pass: what memory goes with. It does not change what is learnt."""
TOTAL_BATCH = "TOTAL_BATCH_SIZE"
"""Tokens of one optimizer step."""

QUOTIENT = re.compile(r"(.+\S) // (\d+)")


def halved_device_batch(text: str, profile: ProfileFacts) -> KnobEdit:
    """The edit that halves ``text``'s device batch and leaves its total batch as it is.

    A size stays relative: ``PROFILE.device_batch_size`` becomes ``PROFILE.device_batch_size // 2``.

    Raises:
        EditError: there are no such knobs, the batch is a single sequence, or the total would change or not divide.
    """
    before = _sizes(text, profile)
    half = int(before[DEVICE_BATCH]) // 2
    if half < 1:
        raise EditError(f"{DEVICE_BATCH} is {before[DEVICE_BATCH]:g} already")
    edit = KnobEdit(knob=DEVICE_BATCH, value=_halved(read_constants(text)[DEVICE_BATCH]))
    after = _sizes(apply(text, [edit]), profile)
    if after[DEVICE_BATCH] != half or after[TOTAL_BATCH] != before[TOTAL_BATCH]:
        raise EditError(f"{TOTAL_BATCH} depends on {DEVICE_BATCH} and would change with it")
    if after[TOTAL_BATCH] % (half * profile.sequence_length):
        raise EditError(
            f"{TOTAL_BATCH} {after[TOTAL_BATCH]:g} is not a multiple of {half} sequences of {profile.sequence_length}"
        )
    return edit


def _sizes(text: str, profile: ProfileFacts) -> dict[str, float]:
    constants = read_constants(text)
    found: dict[str, float] = {}
    for name in (DEVICE_BATCH, TOTAL_BATCH):
        value = number(constants.get(name, ""), profile.values, constants)
        if value is None:
            raise EditError(f"train.py has no knob {name} that is a number")
        found[name] = value
    return found


def _halved(source: str) -> str:
    """``8`` becomes ``4``, ``N // 2`` becomes ``N // 4``, everything else ``… // 2``."""
    if source.isdecimal():
        return str(int(source) // 2)
    quotient = QUOTIENT.fullmatch(source)
    if quotient and _is_whole(quotient.group(1)):
        return f"{quotient.group(1)} // {2 * int(quotient.group(2))}"
    return f"{source} // 2" if _is_whole(source) else f"({source}) // 2"


def _is_whole(source: str) -> bool:
    """Whether ``source`` needs no brackets before an operator: a name or an attribute."""
    return re.fullmatch(r"[A-Za-z_][\w.]*", source) is not None
