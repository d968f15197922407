"""The options that several commands share, and what a shell completes them with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PROFILES = ("h100", "gpu-24gb", "gpu-12gb", "mps", "cpu", "smoke")
CORPORA = ("climbmix", "tinystories", "stdlib")
AGENTS = ("builtin", "scripted")
EXECUTORS = ("local", "scripted")
"""What the help lists. Written down here because the help must not wait for prepare.py or for a room; a test keeps them
equal to what prepare.py and the registries know. A research folder's own prepare.py may know others: it decides."""

RULES = ("bayes", "greedy")

READ, WORK, HAND, SETUP = "Read a session", "Run", "Step by hand", "Set up"
"""The groups of commands in the help."""


def choices(names: tuple[str, ...]) -> str:
    """``h100, gpu-24gb or cpu``."""
    return f"{', '.join(names[:-1])} or {names[-1]}"


def session_names(context: typer.Context, incomplete: str) -> list[str]:
    """The sessions of the research folder on the command line, for completion."""
    root = context.params.get("root") or Path()
    return sorted(
        path.parent.name
        for path in Path(root).glob("experiment_logs/*/session.json")
        if path.parent.name.startswith(incomplete)
    )


Root = Annotated[
    Path,
    typer.Option("--root", envvar="DIALECTIC_ROOT", metavar="DIR", help="The research folder, with train.py in it."),
]
SessionId = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="The session; default the latest.", autocompletion=session_names),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Profile = Annotated[
    str | None,
    typer.Option(
        help=f"Rules for a class of hardware: {choices(PROFILES)}; default what is found.",
        autocompletion=lambda: list(PROFILES),
    ),
]
Corpus = Annotated[
    str | None,
    typer.Option(
        help=f"Text to train on: {choices(CORPORA)} (needs no network); default the profile's.",
        autocompletion=lambda: list(CORPORA),
    ),
]
Agent = Annotated[
    str | None,
    typer.Option(
        help=f"Who prepares and reflects: {choices(AGENTS)} (answers from --script).",
        show_default="builtin",
        autocompletion=lambda: list(AGENTS),
    ),
]
Executor = Annotated[
    str | None,
    typer.Option(
        help=f"Where runs happen: {choices(EXECUTORS)} (trains nothing, reads --script).",
        show_default="local",
        autocompletion=lambda: list(EXECUTORS),
    ),
]
Script = Annotated[Path | None, typer.Option(help="What the scripted agent and executor read.")]
Budget = Annotated[float | None, typer.Option(help="Seconds of training instead of the profile's own.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the session.", show_default="1")]
Rule = Annotated[
    str | None,
    typer.Option(
        help="How candidates are kept: bayes, by estimates; or greedy, any lower number, to compare with.",
        show_default="bayes",
        autocompletion=lambda: list(RULES),
    ),
]
MaxHours = Annotated[
    float | None, typer.Option(metavar="H", help="Start no iteration that might not end within H hours.")
]
MaxRepeats = Annotated[
    int | None,
    typer.Option(metavar="K", help="Further runs that one candidate may cost, 0 for never.", show_default="4"),
]
Confirm = Annotated[
    bool | None,
    typer.Option(
        "--confirm/--no-confirm",
        help="Whether baseline and incumbent run fresh in pairs at the end.",
        show_default="from 5 candidates on",
    ),
]
Pairs = Annotated[int | None, typer.Option(metavar="P", help="How many such pairs.", show_default="3")]
Track = Annotated[str | None, typer.Option(help="Tell mlflow, tensorboard or wandb as well.", show_default="none")]
Adopt = Annotated[
    bool | None,
    typer.Option("--adopt/--no-adopt", help="Whether train.py is replaced when the rule allows.", show_default="adopt"),
]
Number = Annotated[str, typer.Argument(metavar="N", help="Number of the iteration: 2 or 002.")]
Here = Path()


def folder(root: Path) -> Path:
    """The research folder, absolute.

    Raises:
        UsageError: there is no such folder.
    """
    from dialectic.errors import UsageError

    if not root.is_dir():
        raise UsageError(f"{root}: there is no such folder; name the research folder with --root")
    return root.resolve()
