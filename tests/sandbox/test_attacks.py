"""Which attack each level stops, shown by making it: what a level stops works one level lower."""

from __future__ import annotations

import pytest

from dialectic.sandbox import landlock
from dialectic.state.cage import LEVELS
from tests.sandbox.conftest import Attacked

STOPPED_FROM = {
    "write_a_huge_file": "limits",
    "open_many_files": "limits",
    "write_outside": "files",
    "remove_a_file": "files",
    "read_a_key": "files",
    "read_validation": "files",
    "read_past_the_link": "files",
    "read_the_plan": "files",
    "read_the_other_iteration": "files",
    "list_a_folder": "files",
    "write_into_shared_memory": "files",
    "read_the_environment_of_the_runner": "files",
    "trace_a_process": "files",
    "mount_something": "files",
    "send_by_udp": "offline",
    "connect_to_a_socket_by_path": "offline",
    "limit_a_process": "offline",
    "learn_that_a_file_is_there": "sealed",
    "change_permissions": "sealed",
    "see_other_processes": "sealed",
}
"""Attack → the level from which on it is stopped, and below which it works for a run with its user's rights."""

STOPPED_ELSEWHERE = {
    "trace_a_process": "root without its capabilities may not trace root with them, and some systems forbid it to all",
    "read_the_environment_of_the_runner": "root without its capabilities may not read it of root with them",
    "mount_something": "some systems forbid user namespaces to all",
}
"""Attack → why it may be stopped below its level too."""

BY_LANDLOCK_VERSION = {
    "connect_by_tcp": (4, "offline"),
    "connect_to_an_abstract_socket": (6, "offline"),
    "kill_a_process": (6, "sealed"),
}
"""Attack → version of Landlock that stops it from ``files`` on, and the level that stops it everywhere."""


@pytest.mark.parametrize("name", sorted(STOPPED_FROM))
def test_a_level_stops_what_it_says(attacked: Attacked, name: str) -> None:
    stops = LEVELS.index(attacked.level) >= LEVELS.index(STOPPED_FROM[name])
    if not stops and attacked.told[name] and name in STOPPED_ELSEWHERE:
        pytest.skip(STOPPED_ELSEWHERE[name])
    assert bool(attacked.told[name]) == stops, attacked.told[name]


@pytest.mark.parametrize("name", sorted(BY_LANDLOCK_VERSION))
def test_newer_landlocks_stop_more(attacked: Attacked, name: str) -> None:
    version, level = BY_LANDLOCK_VERSION[name]
    place = LEVELS.index(attacked.level)
    if place >= LEVELS.index(level) or (place >= LEVELS.index("files") and landlock.version() >= version):
        assert attacked.told[name]
    elif place < LEVELS.index("files"):
        assert attacked.told[name] == ""


def test_the_record_says_what_held_it(attacked: Attacked) -> None:
    held = attacked.record.cage
    assert held is not None
    assert held.level == attacked.level
    applied = {layer.name for layer in held.layers if layer.state == "applied"}
    assert "resource limits" in applied
    assert ("landlock" in applied) == (attacked.level != "limits")
    assert ("mount namespace" in applied) == (attacked.level == "sealed")
    assert ("system-call filter" in applied) == (attacked.level in ("offline", "sealed"))


def test_nothing_was_harmed_from_files_on(attacked: Attacked) -> None:
    outside = sorted(path.name for path in (attacked.folder / "outside").iterdir())
    assert outside == (["kept", "planted"] if attacked.level == "limits" else ["kept", "victim"])
