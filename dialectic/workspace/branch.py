"""The session's history as a branch ``dialectic/<session-id>`` of the user's repository.

Everything is written with an index of its own and by plumbing commands, so the user's working tree, index and current
branch stay as they are (design, rule 1). Without git nothing is written, and that is no error.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from dialectic.state.session import GitFacts
from dialectic.workspace.git import IDENTITY, Git
from dialectic.workspace.snapshots import TRAIN_PY

NOTHING = ""
"""What ``update-ref`` takes for: this reference must not exist yet."""


def facts(root: Path) -> GitFacts:
    """The commit that is checked out, and whether tracked files differ from it; empty without git."""
    git = Git.find(root)
    if git is None:
        return GitFacts()
    changed = git.ask("status", "--porcelain", "--untracked-files=no")
    return GitFacts(commit=git.commit_id("HEAD") or "", dirty=bool(changed))


def start(root: Path, session_id: str) -> str | None:
    """The session's branch, made at the present commit unless it is there already.

    In a repository without commits it begins with the session's first commit. None when there is no git, when the name
    cannot be a branch, or when somebody has checked it out: moving it would change what they see.
    """
    git, branch = Git.find(root), f"dialectic/{session_id}"
    if git is None or git.ask("check-ref-format", _reference(branch)) is None or _checked_out(git, branch):
        return None
    head = git.commit_id("HEAD")
    if git.commit_id(_reference(branch)) is not None or head is None:
        return branch
    made = git.ask("update-ref", "-m", "dialectic: session starts", _reference(branch), head, NOTHING)
    return None if made is None else branch


def commit(root: Path, branch: str, text: str, message: str, parent: str | None = None) -> str | None:
    """Record ``text`` as ``train.py`` on ``branch`` and return the commit's id.

    The commit is its parent's tree with ``train.py`` replaced. ``parent`` is what the candidate was built on, by
    default the branch's last commit. When it is another one, the last commit becomes the second parent, so that
    discarded candidates stay in the history. None when git could not do it; the branch is then as it was.
    """
    git = Git.find(root)
    if git is None or _checked_out(git, branch):
        return None
    tip = git.commit_id(_reference(branch))
    first = tip if parent is None else git.commit_id(parent)
    if parent is not None and first is None:
        return None
    tree = _tree(git, first, text)
    if tree is None:
        return None
    parents = list(dict.fromkeys(sha for sha in (first, tip) if sha is not None))
    arguments = [part for sha in parents for part in ("-p", sha)]
    made = git.ask(
        "commit-tree", "--no-gpg-sign", tree, *arguments, "-F", "-", give=f"{message.strip() or 'dialectic'}\n"
    )
    if not made:
        return None
    moved = git.ask("update-ref", "-m", "dialectic: candidate", _reference(branch), made, tip or NOTHING)
    return None if moved is None else made


def take_back(root: Path, branch: str, subject: str) -> None:
    """Undo the branch's last commits whose message begins with ``subject``: no plan was recorded for them.

    A commit's last parent is what the branch was at before it; see :func:`commit`.
    """
    git = Git.find(root)
    if git is None or _checked_out(git, branch):
        return
    reason = ("-m", "dialectic: no plan was recorded")
    while told := git.ask("log", "-1", "--no-show-signature", "--format=%H %P%n%s", _reference(branch), "--"):
        commits, _, message = told.partition("\n")
        tip, *parents = commits.split()
        if not message.startswith(subject):
            return
        change = (_reference(branch), parents[-1], tip) if parents else ("-d", _reference(branch), tip)
        if git.ask("update-ref", *reason, *change) is None:
            return


def _reference(branch: str) -> str:
    return f"refs/heads/{branch}"


def _checked_out(git: Git, branch: str) -> bool:
    """Whether the branch is checked out here or in a linked work tree."""
    listed = git.ask("worktree", "list", "--porcelain") or ""
    return f"branch {_reference(branch)}" in listed.splitlines()


def _tree(git: Git, parent: str | None, text: str) -> str | None:
    """The tree of ``parent`` with ``train.py`` replaced, written through an index in a temporary folder."""
    blob = git.ask("hash-object", "-w", "--stdin", give=text)
    if not blob:
        return None
    path = f"{git.prefix}{TRAIN_PY}"
    with tempfile.TemporaryDirectory(prefix="dialectic-index-") as folder:
        environment = IDENTITY | {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        if parent is not None and git.ask("read-tree", parent, environment=environment) is None:
            return None
        entry = f"{_mode(git, parent, path)},{blob},{path}"
        if git.ask("update-index", "--add", "--replace", "--cacheinfo", entry, environment=environment) is None:
            return None
        return git.ask("write-tree", environment=environment)


def _mode(git: Git, parent: str | None, path: str) -> str:
    listed = git.ask("ls-tree", "--full-tree", parent, "--", path) if parent is not None else None
    return "100755" if (listed or "").startswith("100755 ") else "100644"
