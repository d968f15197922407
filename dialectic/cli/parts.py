"""One part of an iteration as it lies on disk: for a pipe, an editor or another program."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dialectic.cli.output import print_json
from dialectic.errors import CorruptRecord, UsageError
from dialectic.session import Session
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.text import clean


class Part(NamedTuple):
    """What of an iteration is asked for; ``thesis`` and ``antithesis`` name a tension or its beginning."""

    plan: bool = False
    result: bool = False
    thesis: str | None = None
    antithesis: str | None = None
    log: bool = False

    @property
    def asked(self) -> list[str]:
        """The flags that were given."""
        return [f"--{name}" for name, value in self._asdict().items() if value not in (False, None)]


def show_part(session: Session, plan: Plan, result: Result | None, part: Part) -> None:
    """Print one record as JSON, one pole's ``train.py`` or the run's log.

    Raises:
        UsageError: several parts at once, or what was asked for is not there.
    """
    if len(part.asked) > 1:
        raise UsageError(f"{' and '.join(part.asked)}: ask for one of them at a time")
    folder = session.iteration(plan.iteration)
    if part.plan:
        print_json(plan.model_dump(mode="json"))
    elif part.result:
        if result is None:
            raise UsageError(f"iteration {plan.iteration} has no result yet; `dialectic status` says where it stands")
        print_json(result.model_dump(mode="json"))
    elif part.log:
        _print_file(folder.execution / "run.log", f"iteration {plan.iteration} has no run.log: nothing ran")
    else:
        name = tension_named(part.thesis or part.antithesis or "", plan)
        path = folder.snapshot(name, "thesis" if part.thesis is not None else "antithesis")
        _print_file(path, f"tension {name} kept no train.py of that side")


def tension_named(name: str, plan: Plan) -> str:
    """The active tension that is called ``name``, or that alone begins so.

    Raises:
        UsageError: there is none, or several begin so.
    """
    known = plan.active_tension_ids
    found = [name] if name in known else [one for one in known if name and one.startswith(name)]
    if len(found) != 1:
        raise UsageError(f"{name!r} names no single tension of iteration {plan.iteration}; it has {', '.join(known)}")
    return found[0]


def _print_file(path: Path, missing: str) -> None:
    """Print a text line by line, without control sequences; it may be long."""
    try:
        stream = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise UsageError(missing) from error
    except OSError as error:
        raise CorruptRecord(f"{path}: cannot be read ({error.strerror or error})") from error
    with stream:
        for line in stream:
            plain = line.rstrip("\n")
            print(plain if plain.replace("\t", "").isprintable() else clean(plain, len(plain)))
