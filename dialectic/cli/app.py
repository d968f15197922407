"""The commands with their flags and help. Each imports what it needs when it is called: help and log stay quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Root = Annotated[
    Path,
    typer.Option("--root", envvar="DIALECTIC_ROOT", metavar="DIR", help="The research folder, with train.py in it."),
]
SessionId = Annotated[str | None, typer.Option("--session", metavar="ID", help="The session; default the latest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Here = Path()


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
    epilog="Example: dialectic run --iterations 3 --session first-night, "
    "then dialectic run --resume --session first-night"
)
def run(
    root: Root = Here,
    iterations: Annotated[
        int | None, typer.Option(help="Candidates after the baseline.", show_default="until stopped")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a session that was stopped; --iterations is then its total.")
    ] = False,
    max_hours: Annotated[
        float | None, typer.Option(metavar="H", help="Start no iteration that might not end within H hours.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Name of the new session; with --resume default the latest.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Rules for a class of hardware; default what is found.")] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds of training instead of the profile's own.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Text to train on; default the profile's.")] = None,
    agent: Annotated[str | None, typer.Option(help="Who prepares and reflects.", show_default="builtin")] = None,
    script: Annotated[Path | None, typer.Option(help="What the scripted agent and executor read.")] = None,
    executor: Annotated[str | None, typer.Option(help="Where runs happen.", show_default="local")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the session.", show_default="1")] = None,
    track: Annotated[
        str | None, typer.Option(help="Tell mlflow, tensorboard or wandb as well.", show_default="none")
    ] = None,
    adopt: Annotated[
        bool | None,
        typer.Option(
            "--adopt/--no-adopt", help="Whether train.py is replaced when the rule allows.", show_default="adopt"
        ),
    ] = None,
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
        "track": track,
        "adopt": adopt,
    }
    run_command(_folder(root), flags, as_json, resume)


@app.command(epilog="Example: dialectic log --session first-night")
def log(root: Root = Here, session: SessionId = None, as_json: AsJson = False) -> None:
    """List the iterations of a session and where it stands."""
    from dialectic.cli.log import log as log_command

    raise typer.Exit(log_command(_folder(root), session, as_json))


@app.command(epilog="Example: dialectic show 2")
def show(
    iteration: Annotated[str, typer.Argument(metavar="N", help="Number of the iteration: 2 or 002.")],
    root: Root = Here,
    session: SessionId = None,
    as_json: AsJson = False,
) -> None:
    """Show one iteration: prediction, tensions, change, verdict, reflection."""
    from dialectic.cli.show import show as show_command

    show_command(_folder(root), session, iteration, as_json)


@app.command(epilog="Example: dialectic diff 2, or dialectic diff 2 4")
def diff(
    iteration: Annotated[str, typer.Argument(metavar="N", help="Number of the iteration.")],
    other: Annotated[str | None, typer.Argument(metavar="[M]", help="Compare with this iteration.")] = None,
    root: Root = Here,
    session: SessionId = None,
    as_json: AsJson = False,
) -> None:
    """Show what a candidate changed in the incumbent's train.py, or how N and M differ."""
    from dialectic.cli.diff import diff as diff_command

    diff_command(_folder(root), session, iteration, other, as_json)


@app.command(epilog="Example: dialectic graph --json > graph.json")
def graph(root: Root = Here, session: SessionId = None, as_json: AsJson = False) -> None:
    """Show the tension graph: what each pole measured, who opposes whom, which move comes next."""
    from dialectic.cli.graph import graph as graph_command

    raise typer.Exit(graph_command(_folder(root), session, as_json))


@app.command(epilog="Example: dialectic report, then open experiment_logs/<session>/report/report.md")
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

    raise typer.Exit(report_command(_folder(root), session, out, as_json))


@app.command(epilog="Example: dialectic adopt --session first-night")
def adopt(root: Root = Here, session: SessionId = None) -> None:
    """Copy a session's incumbent over the top-level train.py."""
    from dialectic.cli.output import show as print_parts
    from dialectic.cli.output import text
    from dialectic.loop import adopt as adopt_incumbent

    print_parts(text(adopt_incumbent(_folder(root), session), limit=1_000))


@app.command(epilog="Example: dialectic sessions")
def sessions(root: Root = Here, as_json: AsJson = False) -> None:
    """List the sessions of a research folder."""
    from dialectic.cli.sessions import sessions as sessions_command

    raise typer.Exit(sessions_command(_folder(root), as_json))


@app.command(epilog="Example: dialectic schema plan > plan.schema.json")
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


def _folder(root: Path) -> Path:
    from dialectic.errors import UsageError

    if not root.is_dir():
        raise UsageError(f"{root}: there is no such folder; name the research folder with --root")
    return root.resolve()
