"""``program.md``: its one fenced TOML block steers every agent."""

from __future__ import annotations

import difflib
import re
import tomllib

from pydantic import ValidationError

from dialectic.errors import WorkspaceError
from dialectic.state.program import Steering
from dialectic.workspace.sign_rules import FLAGGED, REFUSED

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^`\s]*)[^`]*")


def read_steering(program: str) -> Steering:
    """The steering block of a ``program.md``; without one nothing is steered.

    Raises:
        WorkspaceError: the block is not closed, there are two, it is not TOML, or a key or a value is not known.
    """
    blocks = _toml_blocks(program.splitlines())
    if not blocks:
        return Steering()
    if len(blocks) > 1:
        places = " and ".join(str(line) for line, _ in blocks)
        raise WorkspaceError(f"program.md has {len(blocks)} TOML blocks (lines {places}); put everything into one")
    line, text = blocks[0]
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"program.md: the TOML block is broken: {_moved(str(error), line)}; mend it") from error
    unknown = sorted(set(data) - set(Steering.model_fields))
    if unknown:
        known = ", ".join(Steering.model_fields)
        raise WorkspaceError(f"program.md: the TOML block does not know {', '.join(unknown)}; it may hold {known}")
    return _validated(data)


def _validated(data: dict[str, object]) -> Steering:
    try:
        steering = Steering.model_validate(data)
    except ValidationError as error:
        _check_allow(data.get("allow"))
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WorkspaceError(f"program.md: the TOML block: {where}: {first['msg']}; mend it") from error
    for knob, (low, high) in steering.ranges.items():
        if low > high:
            raise WorkspaceError(f"program.md: ranges.{knob}: {low:g} is more than {high:g}; write [smallest, largest]")
    return steering


def _check_allow(names: object) -> None:
    """Say what is wrong with the names under ``allow``: one that cannot be allowed, or one that is near another."""
    for name in names if isinstance(names, list) else []:
        if name in REFUSED:
            raise WorkspaceError(
                f"program.md: the TOML block: allow: {name} is refused whatever the block says; it may name "
                f"{', '.join(sorted(FLAGGED))}"
            )
        if name not in FLAGGED:
            near = difflib.get_close_matches(str(name), sorted(FLAGGED), n=1)
            guess = f"did you mean {near[0]}?" if near else f"it may name {', '.join(sorted(FLAGGED))}"
            raise WorkspaceError(f"program.md: the TOML block: allow: there is no sign {name}; {guess}")


def _toml_blocks(lines: list[str]) -> list[tuple[int, str]]:
    """Number of the opening line and content of every block that is fenced as TOML."""
    blocks: list[tuple[int, str]] = []
    fence, language, begin = "", "", 0
    for number, line in enumerate(lines, start=1):
        match = FENCE.fullmatch(line)
        if not fence and match:
            fence, language, begin = match[1], match[2].lower(), number
        elif fence and match and not match[2] and match[1].startswith(fence):
            if language == "toml":
                blocks.append((begin, "\n".join(lines[begin : number - 1])))
            fence = ""
    if fence and language == "toml":
        raise WorkspaceError(
            f"program.md: the TOML block that begins in line {begin} is not closed; end it with {fence}"
        )
    return blocks


def _moved(message: str, begin: int) -> str:
    """The parser's message with the line counted from the beginning of ``program.md``."""
    message = message.replace("at end of document", "at the end of the block")
    return re.sub(r"\bline (\d+)", lambda match: f"line {int(match[1]) + begin}", message)
