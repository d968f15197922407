from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from dialectic.state.session import GitFacts
from dialectic.workspace import commit, facts, start, take_back
from tests.workspace.repository import git, repository

BRANCH = "dialectic/night"


def index_of(root: Path) -> Path:
    return Path(git(root, "rev-parse", "--absolute-git-dir")) / "index"


class Untouched:
    """What of the user's repository may not change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # First, because git itself refreshes the index when it is asked for the status.
        git(root, "status", "--porcelain")
        self.before = self.now()

    def now(self) -> list[object]:
        folder = index_of(self.root).parent
        files = sorted(path for path in self.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        index = folder / "index"
        return [
            hashlib.sha256(index.read_bytes()).hexdigest() if index.exists() else "",
            index.stat().st_mtime_ns if index.exists() else 0,
            (folder / "HEAD").read_bytes(),
            [(str(path), path.read_bytes(), path.stat().st_mtime_ns) for path in files],
            git(self.root, "--no-optional-locks", "status", "--porcelain"),
            [ref for ref in git(self.root, "show-ref", "--heads").splitlines() if "dialectic/" not in ref]
            if (folder / "refs" / "heads" / "main").exists()
            else [],
        ]

    def check(self) -> None:
        assert self.now() == self.before


def test_a_session_from_start_to_end(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    user = Untouched(root)
    head = git(root, "rev-parse", "HEAD")
    assert start(root, "night") == BRANCH
    assert git(root, "rev-parse", BRANCH) == head
    first = commit(root, BRANCH, "A = 2\n", "iteration 002: A = 2", head)
    assert first is not None
    assert git(root, "rev-parse", BRANCH) == first
    assert git(root, "show", f"{first}:train.py") == "A = 2"
    assert git(root, "show", f"{first}:notes.txt") == "mine"
    assert git(root, "diff", "--name-only", head, first) == "train.py"
    assert git(root, "log", "-1", "--format=%an <%ae>%n%B", first).startswith("dialectic <dialectic@localhost>\nitera")
    user.check()


def test_a_discarded_candidate_stays_in_the_history(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    start(root, "night")
    head = git(root, "rev-parse", "HEAD")
    discarded = commit(root, BRANCH, "A = 2\n", "two", head)
    kept = commit(root, BRANCH, "A = 3\n", "three", head)
    assert discarded is not None
    assert kept is not None
    assert git(root, "rev-parse", f"{kept}^1", f"{kept}^2").split() == [head, discarded]
    assert git(root, "diff", f"{kept}^1", kept, "--", "train.py").count("\n+A = 3") == 1
    following = commit(root, BRANCH, "A = 4\n", "four", kept)
    assert following is not None
    assert git(root, "rev-list", "--parents", "-1", following).split() == [following, kept]
    on_tip = commit(root, BRANCH, "A = 5\n", "five")
    assert on_tip is not None
    assert git(root, "rev-parse", f"{on_tip}^1") == following


def test_a_research_folder_inside_of_a_repository(tmp_path: Path) -> None:
    root = repository(tmp_path / "a repo with spaces", "A = 1\n", folder="deep/résearch 'x', y")
    user = Untouched(root.parent.parent)
    start(root, "night")
    made = commit(root, BRANCH, "A = 2\n", "two", "HEAD")
    assert made is not None
    assert git(root, "show", f"{made}:./train.py") == "A = 2"
    assert git(root, "diff", "--name-only", "HEAD", made, "--").count("\n") == 0
    user.check()


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert facts(root) == GitFacts()
    assert start(root, "night") is None
    assert commit(root, BRANCH, "A = 2\n", "two", None) is None


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert facts(tmp_path) == GitFacts()
    assert start(tmp_path, "night") is None
    assert commit(tmp_path, BRANCH, "A = 2\n", "two", None) is None
    assert facts(tmp_path / "missing") == GitFacts()


def test_a_bare_repository_is_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    assert start(tmp_path / "bare.git", "night") is None


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("A = 1\n", "utf-8")
    user = Untouched(tmp_path)
    assert facts(tmp_path) == GitFacts(commit="", dirty=False)
    assert start(tmp_path, "night") == BRANCH
    made = commit(tmp_path, BRANCH, "A = 1\n", "baseline", None)
    assert made is not None
    assert git(tmp_path, "ls-tree", "-r", "--name-only", made) == "train.py"
    assert git(tmp_path, "rev-list", "--count", BRANCH) == "1"
    user.check()


def test_a_dirty_tree_is_recorded_and_left_alone(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    head = git(root, "rev-parse", "HEAD")
    assert facts(root) == GitFacts(commit=head, dirty=False)
    (root / "new.txt").write_text("untracked\n", "utf-8")
    assert facts(root) == GitFacts(commit=head, dirty=False)
    (root / "notes.txt").write_text("changed\n", "utf-8")
    (root / "staged.txt").write_text("staged\n", "utf-8")
    git(root, "add", "staged.txt")
    user = Untouched(root)
    assert facts(root) == GitFacts(commit=head, dirty=True)
    start(root, "night")
    made = commit(root, BRANCH, "A = 2\n", "two", head)
    assert made is not None
    assert git(root, "ls-tree", "-r", "--name-only", made).split() == ["notes.txt", "train.py"]
    assert git(root, "show", f"{made}:notes.txt") == "mine"
    user.check()


def test_a_stale_index_is_not_refreshed(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    content = (root / "notes.txt").read_bytes()
    (root / "notes.txt").unlink()
    (root / "notes.txt").write_bytes(content)  # another time stamp: an ordinary status would write the index
    before = index_of(root).read_bytes()
    assert facts(root).dirty is False
    assert index_of(root).read_bytes() == before


def test_a_detached_head(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    head = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "-q", "--detach")
    user = Untouched(root)
    assert facts(root).commit == head
    assert start(root, "night") == BRANCH
    assert commit(root, BRANCH, "A = 2\n", "two", None) is not None
    user.check()


def test_resuming_finds_the_branch_as_it_was(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    start(root, "night")
    made = commit(root, BRANCH, "A = 2\n", "two", None)
    (root / "train.py").write_text("A = 9\n", "utf-8")
    git(root, "commit", "-qam", "the user goes on")
    assert start(root, "night") == BRANCH
    assert git(root, "rev-parse", BRANCH) == made


def test_hooks_signing_and_a_missing_name_do_not_matter(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    mark = tmp_path / "a hook ran"
    hooks = index_of(root).parent / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{mark}'\nexit 1\n", "utf-8")
        (hooks / name).chmod(0o755)
    for name, value in (("commit.gpgsign", "true"), ("gpg.program", "/bin/false"), ("user.useConfigOnly", "true")):
        git(root, "config", name, value)
    assert start(root, "night") == BRANCH
    made = commit(root, BRANCH, "A = 2\n", "two", None)
    assert made is not None
    assert "gpgsig" not in git(root, "cat-file", "commit", made)
    assert not mark.exists()


def test_a_branch_that_somebody_looks_at_is_not_moved(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    start(root, "night")
    made = commit(root, BRANCH, "A = 2\n", "two", None)
    git(root, "worktree", "add", "-q", str(tmp_path / "other"), BRANCH)
    assert commit(root, BRANCH, "A = 3\n", "three", None) is None
    assert start(root, "night") is None
    assert git(root, "rev-parse", BRANCH) == made
    git(root, "worktree", "remove", str(tmp_path / "other"))
    assert commit(root, BRANCH, "A = 3\n", "three", None) is not None


@pytest.mark.parametrize("session_id", ["a..b", "a.lock", "a b", "-", "a~1", "a."])
def test_a_name_that_cannot_be_a_branch(session_id: str, tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    expected = f"dialectic/{session_id}" if session_id == "-" else None
    assert start(root, session_id) == expected


def test_a_branch_called_dialectic_is_in_the_way(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    git(root, "branch", "dialectic")
    assert start(root, "night") is None


def test_an_unknown_parent_changes_nothing(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    start(root, "night")
    assert commit(root, BRANCH, "A = 2\n", "two", "f" * 40) is None
    assert git(root, "rev-parse", BRANCH) == git(root, "rev-parse", "HEAD")


def test_variables_of_a_surrounding_hook_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    other = repository(tmp_path / "other", "B = 1\n")
    head = git(root, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert facts(root).commit == head
    assert start(root, "night") == BRANCH
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert git(other, "branch", "--list", "dialectic/*") == ""


def test_text_is_kept_byte_for_byte(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    git(root, "config", "core.autocrlf", "true")
    (root / ".gitattributes").write_text("*.py text eol=crlf\n", "utf-8")
    (root / "train.py").chmod(0o755)
    git(root, "commit", "-qam", "executable")
    text = "A = 'é'\r\nB = 2"
    made = commit(root, BRANCH, text, "two\n\nwith a body", "HEAD")
    assert made is not None
    shown = subprocess.run(["git", "cat-file", "blob", f"{made}:train.py"], cwd=root, check=True, capture_output=True)
    assert shown.stdout == text.encode()
    assert git(root, "ls-tree", made, "train.py").startswith("100755 ")


def test_a_commit_without_a_plan_is_taken_back(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", "A = 1\n")
    head = git(root, "rev-parse", "HEAD")
    start(root, "night")
    first = commit(root, BRANCH, "A = 1\n", "night:001 exploit\n\nPrediction", head)
    second = commit(root, BRANCH, "A = 2\n", "night:002 exploit", first)
    commit(root, BRANCH, "A = 3\n", "night:003 negate", first)
    user = Untouched(root)
    take_back(root, BRANCH, "night:004 ")
    take_back(root, BRANCH, "night:003 ")
    assert git(root, "rev-parse", BRANCH) == second
    for subject in ("night:002 ", "night:001 "):
        take_back(root, BRANCH, subject)
    assert git(root, "rev-parse", BRANCH) == head
    user.check()


def test_the_only_commit_of_a_branch_is_taken_back_with_the_branch(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    assert start(root, "night") == BRANCH
    assert commit(root, BRANCH, "A = 1\n", "night:001 exploit") is not None
    take_back(root, BRANCH, "night:001 ")
    assert git(root, "for-each-ref") == ""
    take_back(root, BRANCH, "night:001 ")
