"""The commands with their flags and help. Each imports what it needs when it is called: help and log stay quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialectic.cli import hand
from dialectic.cli.options import (
    READ,
    SETUP,
    WORK,
    Adopt,
    Agent,
    AsJson,
    Budget,
    Confirm,
    Corpus,
    Executor,
    Here,
    MaxHours,
    MaxRepeats,
    Number,
    Pairs,
    Profile,
    Root,
    Rule,
    Script,
    Seed,
    SessionId,
    Track,
    folder,
)

app = typer.Typer(
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dialectic {version('dialectic')}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Example: dialectic run --iterations 3, then dialectic log")
def dialectic(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An autonomous researcher that improves one training script by contradiction."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    rich_help_panel=WORK,
    epilog="Example: dialectic run --iterations 3 --session first-night, "
    "then dialectic run --resume --session first-night",
)
def run(
    root: Root = Here,
    iterations: Annotated[
        int | None, typer.Option(help="Candidates after the baseline.", show_default="until stopped")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a session that was stopped; --iterations is then its total.")
    ] = False,
    max_hours: MaxHours = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Name of the new session; with --resume default the latest.")
    ] = None,
    profile: Profile = None,
    budget: Budget = None,
    corpus: Corpus = None,
    agent: Agent = None,
    script: Script = None,
    executor: Executor = None,
    seed: Seed = None,
    rule: Rule = None,
    max_repeats: MaxRepeats = None,
    confirm: Confirm = None,
    pairs: Pairs = None,
    track: Track = None,
    adopt: Adopt = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each event.")] = False,
) -> None:
    """Run a session: train the baseline, then candidates; keep what is better."""
    from dialectic.cli.run import run as run_command

    flags = {
        "iterations": iterations,
        "max_hours": max_hours,
        "session": session,
        "profile": profile,
        "budget": budget,
        "corpus": corpus,
        "agent": agent,
        "script": script,
        "executor": executor,
        "seed": seed,
        "rule": rule,
        "max_repeats": max_repeats,
        "confirm": confirm,
        "pairs": pairs,
        "track": track,
        "adopt": adopt,
    }
    run_command(folder(root), flags, as_json, resume)


@app.command(
    rich_help_panel=WORK, epilog="Example: dialectic confirm --session first-night, or dialectic confirm --pairs 5"
)
def confirm(
    root: Root = Here,
    session: SessionId = None,
    pairs: Annotated[
        int | None,
        typer.Option(metavar="P", min=1, help="Pairs in all, those that ran before counted.", show_default="3"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run baseline and incumbent fresh, side by side, and say what the session's improvement is, with an interval.

    Choose the number of pairs before you see what they say.
    """
    from dialectic.cli.confirm import confirm as confirm_command

    confirm_command(folder(root), session, pairs, as_json)


@app.command(rich_help_panel=READ, epilog="Example: dialectic status, or watch -n 5 dialectic status")
def status(root: Root = Here, session: SessionId = None, as_json: AsJson = False) -> None:
    """Say where a session stands, also while it runs in another terminal."""
    from dialectic.cli.status import status as status_command

    status_command(folder(root), session, as_json)


@app.command(rich_help_panel=READ, epilog="Example: dialectic log --session first-night")
def log(root: Root = Here, session: SessionId = None, as_json: AsJson = False) -> None:
    """List the iterations of a session and where it stands."""
    from dialectic.cli.log import log as log_command

    raise typer.Exit(log_command(folder(root), session, as_json))


@app.command(rich_help_panel=READ, epilog="Example: dialectic show 2")
def show(
    iteration: Number,
    root: Root = Here,
    session: SessionId = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only plan.json.")] = False,
    result: Annotated[bool, typer.Option("--result", help="Only result.json.")] = False,
    thesis: Annotated[str | None, typer.Option(metavar="T", help="Only the train.py of tension T's thesis.")] = None,
    antithesis: Annotated[
        str | None, typer.Option(metavar="T", help="Only the train.py of tension T's antithesis.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Only run.log.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one iteration: prediction, tensions, change, verdict, reflection; or one of its files.

    T is the name of a tension, or its beginning.
    """
    from dialectic.cli.parts import Part
    from dialectic.cli.show import show as show_command

    show_command(folder(root), session, iteration, Part(plan, result, thesis, antithesis, log), as_json)


@app.command(rich_help_panel=READ, epilog="Example: dialectic diff 2, or dialectic diff 2 4")
def diff(
    iteration: Number,
    other: Annotated[str | None, typer.Argument(metavar="[M]", help="Compare with this iteration.")] = None,
    root: Root = Here,
    session: SessionId = None,
    as_json: AsJson = False,
) -> None:
    """Show what a candidate changed in the incumbent's train.py, or how N and M differ."""
    from dialectic.cli.diff import diff as diff_command

    diff_command(folder(root), session, iteration, other, as_json)


@app.command(rich_help_panel=READ, epilog="Example: dialectic graph --json > graph.json")
def graph(root: Root = Here, session: SessionId = None, as_json: AsJson = False) -> None:
    """Show the tension graph: what each pole measured, who opposes whom, which move comes next."""
    from dialectic.cli.graph import graph as graph_command

    raise typer.Exit(graph_command(folder(root), session, as_json))


@app.command(rich_help_panel=READ, epilog='Example: dialectic best, or cp "$(dialectic best --weights)" model.pt2')
def best(
    root: Root = Here,
    session: SessionId = None,
    weights: Annotated[bool, typer.Option("--weights", help="Only the path of its model.pt2.")] = False,
    as_json: AsJson = False,
) -> None:
    """Name a session's incumbent: its numbers, its train.py and its model."""
    from dialectic.cli.best import best as best_command

    best_command(folder(root), session, weights, as_json)


@app.command(
    rich_help_panel=READ, epilog="Example: dialectic report, then open experiment_logs/<session>/report/report.md"
)
def report(
    root: Root = Here,
    session: SessionId = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the report; default the session's own, report/.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what a session came to: a page, two pictures, results.tsv and a journal."""
    from dialectic.cli.report import report as report_command

    raise typer.Exit(report_command(folder(root), session, out, as_json))


@app.command(rich_help_panel=WORK, epilog="Example: dialectic adopt --session first-night")
def adopt(
    root: Root = Here,
    session: SessionId = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also over a changed train.py, which is saved as train.py.bak.")
    ] = False,
) -> None:
    """Copy a session's incumbent over the top-level train.py."""
    from dialectic.cli.output import show as print_parts
    from dialectic.cli.output import text
    from dialectic.loop import adopt as adopt_incumbent

    print_parts(text(adopt_incumbent(folder(root), session, force), limit=1_000))


@app.command(rich_help_panel=READ, epilog="Example: dialectic sessions")
def sessions(root: Root = Here, as_json: AsJson = False) -> None:
    """List the sessions of a research folder."""
    from dialectic.cli.sessions import sessions as sessions_command

    raise typer.Exit(sessions_command(folder(root), as_json))


@app.command(rich_help_panel=SETUP, epilog="Example: dialectic schema plan > plan.schema.json")
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="state, plan, result, session, manifest or tension.")
    ] = "state",
    root: Root = Here,  # noqa: ARG001  (every command takes it)
    as_json: Annotated[bool, typer.Option("--json", help="Accepted; a schema is JSON anyway.")] = True,  # noqa: ARG001
) -> None:
    """Print the JSON Schema of a file, by default of the staged state."""
    from dialectic.cli.schema import schema as schema_command

    schema_command(kind)


app.add_typer(hand.app)


@app.command(rich_help_panel=SETUP, epilog="Example: dialectic init my-research, then cd my-research")
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; none of these files may be there.")],
) -> None:
    """Make a research folder: train.py, prepare.py, program.md, README.md, .gitignore."""
    from dialectic.cli.init import init as init_command

    init_command(directory)


@app.command(rich_help_panel=SETUP, epilog="Example: dialectic doctor, or dialectic doctor --profile h100")
def doctor(root: Root = Here, profile: Profile = None, corpus: Corpus = None, as_json: AsJson = False) -> None:
    """Look at everything a session needs: hardware, data, git, compiler, sandbox, agent, disk; say what to do."""
    from dialectic.cli.doctor import doctor as doctor_command

    raise typer.Exit(doctor_command(folder(root), profile, corpus, as_json))
