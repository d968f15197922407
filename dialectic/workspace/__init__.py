"""``train.py`` as data: knobs, edits, snapshots, diffs, the session's git branch.

knobs      the upper-case constants: read, evaluated, set
edits      from the incumbent's text to a candidate's; the fingerprint
batch      half the device batch under the same total batch
check      whether a proposal can become a candidate, and why not
snapshots  the text behind every source; diffs
program    the steering block of program.md
git        git as a process that cannot disturb its user
branch     the session's history as a branch of the user's repository
"""

from __future__ import annotations

from dialectic.workspace.batch import halved_device_batch
from dialectic.workspace.branch import commit, facts, start, take_back
from dialectic.workspace.check import Bounds, check
from dialectic.workspace.edits import apply, fingerprint, removed_statements
from dialectic.workspace.knobs import evaluate, read_knobs, set_knob
from dialectic.workspace.program import read_steering
from dialectic.workspace.snapshots import Origins, diff, resolve

__all__ = [
    "Bounds",
    "Origins",
    "apply",
    "check",
    "commit",
    "diff",
    "evaluate",
    "facts",
    "fingerprint",
    "halved_device_batch",
    "read_knobs",
    "read_steering",
    "removed_statements",
    "resolve",
    "set_knob",
    "start",
    "take_back",
]
