"""The commands: parse, call one function, print.

app       the commands with their flags and help
border    what every command has in common: errors become exit codes
interrupt what ends a command from outside: signals, a closed pipe
output    consoles, colours, and foreign text made safe for a terminal
words     numbers and verdicts as people read them
rows      an iteration as one row, and the table of them
reading   what the readers of a session share
view      what someone who watches a session must remember
panel     the live panel's drawing
screen    the observer for a terminal
plain     the observers for everything else: plain lines, and JSON lines
parts     one part of an iteration, for show
options   the options that several commands share, and their completion
confirm   fresh pairs of baseline and incumbent
hand      stepping by hand: prepare, execute, reflect; steps tells the person what to edit
run, log, show, diff, graph, sessions, schema, status, best, init, doctor    one command each
"""

from __future__ import annotations


def main() -> None:
    """Run one command line and leave with its exit code: 0, 1, 2 (usage) or 130 (interrupted)."""
    # Typer and rich wait until here, so that looking at this package costs nothing.
    import sys

    try:
        from dialectic.cli.border import call

        sys.exit(call(sys.argv[1:]))
    except KeyboardInterrupt:  # before any command has begun
        sys.exit(130)
