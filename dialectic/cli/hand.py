"""Stepping by hand: ``dialectic prepare``, an editor, ``dialectic execute``, an editor, ``dialectic reflect``."""

from __future__ import annotations

from typing import Annotated

import typer

from dialectic.cli.options import HAND, Budget, Corpus, Executor, Here, Profile, Root, Script, Seed, SessionId, folder

app = typer.Typer()


@app.command(rich_help_panel=HAND, epilog="Example: dialectic prepare, or dialectic prepare --new --profile smoke")
def prepare(
    root: Root = Here,
    session: SessionId = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new session; --session is then its name.")] = False,
    profile: Profile = None,
    budget: Budget = None,
    corpus: Corpus = None,
    script: Script = None,
    executor: Executor = None,
    seed: Seed = None,
) -> None:
    """Begin the next iteration of a session: a form to fill, and a copy of train.py to edit.

    Without a session it begins one. All flags but --session are for a new one.
    """
    from dialectic.cli.steps import prepared
    from dialectic.config import load

    here = folder(root)
    flags = {
        "session": session,
        "profile": profile,
        "budget": budget,
        "corpus": corpus,
        "script": script,
        "executor": executor,
        "seed": seed,
    }
    prepared(here, load(here, flags), {name for name, value in flags.items() if value is not None}, new)


@app.command(rich_help_panel=HAND, epilog="Example: dialectic execute")
def execute(root: Root = Here) -> None:
    """Check what was edited, record the plan, train, score and judge."""
    from dialectic.cli.steps import executed

    executed(folder(root))


@app.command(rich_help_panel=HAND, epilog="Example: dialectic reflect")
def reflect(root: Root = Here) -> None:
    """Record the iteration with your words; what you left out is computed from the numbers."""
    from dialectic.cli.steps import reflected

    reflected(folder(root))
