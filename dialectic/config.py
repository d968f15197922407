"""Settings: defaults < ``dialectic.toml`` < ``DIALECTIC_*`` < flags.

A key that nobody knows is refused in the file and in flags. In the environment it is only warned about, because a
variable may be meant for another version.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from dialectic.errors import UsageError
from dialectic.state.cage import Level

FILE_NAME = "dialectic.toml"
PREFIX = "DIALECTIC_"
RUN_VARIABLES = frozenset({"ROOT", "CACHE", "RUN_DIR", "RUN_SEED", "LIVE_EVENTS"})
"""Variables of ours that are no settings: where things are, and what a run is handed."""

FIXED = ("profile", "budget", "corpus", "seed", "agent", "executor", "rule")
"""What a session keeps when it is resumed: its numbers would not compare otherwise."""
OF_THE_COMMAND = ("max_hours", "session", "script")
"""What every command says anew; a path is not recorded."""

SettingValue = str | int | float | bool | Path | None


class Settings(BaseSettings):
    """What a session is asked to do; every field is a flag of ``dialectic run``, a key of the file and a variable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    iterations: int | None = Field(default=None, ge=1)
    """Candidates after the baseline, also those of a resumed session from before; without it a new session goes on
    until it is stopped, and a resumed one up to the total that it had."""
    max_hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """No iteration is started that might not end within so many hours from the command on."""
    session: str | None = None
    """Name of the new session, the time when it is left out; of the one to resume, the latest when it is left out."""
    profile: str | None = None
    """Chosen from the hardware when left out."""
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Seconds of training instead of the profile's own."""
    corpus: str | None = None
    agent: str = "builtin"
    script: Path | None = None
    """The file that the scripted agent and executor read."""
    executor: str = "local"
    seed: int = Field(default=1, ge=0)
    sandbox: Level = "sealed"
    """The highest level of the cage around a run that is used, as far as the machine has it."""
    require_sandbox: Level = "none"
    """The session is refused where the machine does not reach this level."""
    rule: Literal["bayes", "greedy"] = "bayes"
    """How candidates are kept: by the verdict's estimates, or any lower number, which is the field's plain rule."""
    max_repeats: int = Field(default=4, ge=0)
    """How many further runs of candidate or incumbent one iteration may buy; 0 for never."""
    confirm: bool | None = None
    """Whether baseline and incumbent run fresh in pairs at the end; by itself from five candidates on."""
    pairs: int | None = Field(default=None, ge=1)
    """How many such pairs; by itself three, or fewer where their share of the runs allows no more."""
    track: str | None = None
    """A tracking tool that is told about the session as well: mlflow, tensorboard or wandb."""
    adopt: bool = True
    """Whether a proven-enough incumbent may replace the top-level train.py at the very end."""


def load(root: Path, flags: Mapping[str, SettingValue]) -> Settings:
    """The settings for a research folder; flags that are None were not given.

    Raises:
        UsageError: an unknown key, or a value that does not fit; one line that names where it stands.
    """
    file = root / FILE_NAME

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (no .env file: keys do not belong there)
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    given = {name: value for name, value in flags.items() if value is not None}
    _check_syntax(file)
    try:
        layered = Layered(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(_one_line(error, given, file)) from error
    return Settings.model_construct(**dict(layered))


def resumed(settings: Settings, given: Collection[str], recorded: Mapping[str, SettingValue]) -> Settings:
    """The settings of a resumed session: its own as ``recorded``, but for how long it goes on and what was ``given``.

    Raises:
        UsageError: a given flag would make its numbers something else than those it has.
    """
    for name in FIXED:
        if name in given and name in recorded and getattr(settings, name) != recorded[name]:
            raise UsageError(
                f"--{name} {getattr(settings, name)}: the session was started with {name} {recorded[name]}; "
                f"leave the flag out, or start a new session without --resume"
            )
    own = {
        name: value
        for name, value in recorded.items()
        if name in Settings.model_fields and name not in (*OF_THE_COMMAND, *set(given) - set(FIXED))
    }
    return settings.model_copy(update=own)


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """``DIALECTIC_*`` variables that mean nothing to this version."""
    environment = os.environ if environment is None else environment
    known = {name.upper() for name in Settings.model_fields} | RUN_VARIABLES
    return sorted(name for name in environment if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known)


def _check_syntax(file: Path) -> None:
    """pydantic-settings reports broken TOML as a value error without the file's name; so it is read once before."""
    try:
        if file.exists():
            tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: is not valid TOML ({error}); mend that line") from error


def _one_line(error: ValidationError, given: Mapping[str, SettingValue], file: Path) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif PREFIX + name.upper() in os.environ:
        where = PREFIX + name.upper()
    else:
        where = f"{file}: {name}"
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; known are {', '.join(sorted(Settings.model_fields))}"
    return f"{where}: {first['msg'].lower()}, got {first['input']!r}"
