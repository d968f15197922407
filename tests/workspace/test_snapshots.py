from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialectic.errors import WorkspaceError
from dialectic.state.proposal import (
    CommitSource,
    CurrentSource,
    EditsSource,
    InlineSource,
    IterationSource,
    KnobEdit,
    PathSource,
)
from dialectic.workspace import diff, resolve
from tests.workspace.repository import git, repository
from tests.workspace.sample import TRAIN, origins


def test_every_kind_of_source(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.py").write_text("A = 1\n", "utf-8")
    around = origins(tmp_path)
    assert resolve(CurrentSource(), around) == TRAIN
    assert resolve(InlineSource(text="A = 2\n"), around) == "A = 2\n"
    assert resolve(PathSource(path="sub/../sub/other.py"), around) == "A = 1\n"
    assert "0.05" in resolve(IterationSource(experiment_id="s:002"), around)
    edited = resolve(EditsSource(edits=[KnobEdit(knob="DEPTH", value="5")]), around)
    assert edited == TRAIN.replace("PROFILE.depth", "5")
    edited = resolve(EditsSource(base="s:002", edits=[KnobEdit(knob="DEPTH", value="5")]), around)
    assert edited == TRAIN.replace("PROFILE.depth", "5").replace("0.04", "0.05")


@pytest.mark.parametrize("name", ["../secret.py", "/etc/hostname", "link.py", "missing.py", "sub", "bytes.py", "a\0b"])
def test_a_path_stays_inside_and_is_a_text(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.py").write_text("A = 1\n", "utf-8")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "bytes.py").write_bytes(b"\xff\xfe")
    with pytest.raises(WorkspaceError):
        resolve(PathSource(path=name), origins(root))


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_bytes(b"#" * 3_000_000)
    with pytest.raises(WorkspaceError, match="too large"):
        resolve(PathSource(path="large.py"), origins(tmp_path))


def test_a_commit_of_the_research_folder_in_a_repository(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n", folder="research")
    first = git(root, "rev-parse", "HEAD")
    (root / "train.py").write_text("A = 2", "utf-8")
    git(root, "commit", "-qam", "second")
    around = origins(root)
    assert resolve(CommitSource(commit=first), around) == "A = 1\n"
    assert resolve(CommitSource(commit=first[:10]), around) == "A = 1\n"
    assert resolve(CommitSource(commit="HEAD~1"), around) == "A = 1\n"
    assert resolve(CommitSource(commit="main"), around) == "A = 2"


@pytest.mark.parametrize("commit", ["nothing", "--help", "HEAD:train.py", "", "HEAD --output=x", "-h"])
def test_an_unknown_commit(commit: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    with pytest.raises(WorkspaceError, match="git knows no"):
        resolve(CommitSource(commit=commit), origins(root))
    with pytest.raises(WorkspaceError, match="no git repository"):
        resolve(CommitSource(commit="HEAD"), origins(tmp_path))


def applied(old: str, new: str, folder: Path) -> bytes:
    """What ``git apply`` makes of ``old`` with the patch to ``new``."""
    (folder / "train.py").write_bytes(old.encode())
    patch = folder / "change.patch"
    patch.write_bytes(diff(old, new).encode())
    subprocess.run(["git", "apply", patch.name], cwd=folder, check=True)
    return (folder / "train.py").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a", "b"),
        ("a\r\nb\r\n", "a\r\nB\r\n"),
        ("a\n\x0cb\x1c\u2028c\n", "a\n\x0cB\x1c\u2028c\n"),
        ("a\n" * 50, "a\n" * 20 + "b\n" + "a\n" * 30),
    ],
)
def test_git_applies_a_diff(old: str, new: str, tmp_path: Path) -> None:
    assert applied(old, new, tmp_path) == new.encode()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.lists(st.sampled_from(["x\n", "y\n", "z\r\n", "  w\n", "\n"]), min_size=1, max_size=12),
    new=st.lists(st.sampled_from(["x\n", "y\n", "z\r\n", "  w\n", "last"]), min_size=1, max_size=12),
)
def test_git_applies_every_diff(old: list[str], new: list[str], tmp_path: Path) -> None:
    before, after = "".join(old), "".join(new)
    if before != after:
        assert applied(before, after, tmp_path) == after.encode()


def test_equal_texts_have_no_diff_and_other_names_are_shown() -> None:
    assert diff("a\n", "a\n") == ""
    assert diff("a\n", "b\n", ("002/train.py", "003/train.py")).splitlines()[:2] == [
        "--- a/002/train.py",
        "+++ b/003/train.py",
    ]
