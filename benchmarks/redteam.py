"""The red team: every attack on a plain runner, before the static signs, and in sessions at every level of the cage.

    python -m benchmarks.redteam plain                    each attack is seen to work where nothing stops it
    python -m benchmarks.redteam session                  in a session with the whole cage, past the static signs
    python -m benchmarks.redteam session --level none     the same at another level
    python -m benchmarks.redteam table                    the table from what is there

Name groups or attacks to run only these. One JSON file an attack under benchmarks/results/redteam/; a part that is in
it is not run again. Nothing here harms the machine: see tests/redteam/ground.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bench import RESULTS, ROOT, Variant, describe, machine, save
from dialectic.errors import DialecticError
from dialectic.state.cage import LEVELS, Level
from dialectic.state.trees import remove_tree
from tests.redteam.arena import Arena, signs
from tests.redteam.attack import Attack
from tests.redteam.attacks import GROUPS
from tests.redteam.ground import Ground
from tests.redteam.plain import PlainScorer, attack_plainly, run_honestly

FOLDER = RESULTS / "redteam"
MESSAGE_CHARACTERS = 300
Json = dict[str, Any]


def known(attack: Attack) -> Json:
    """What is there of an attack."""
    path = FOLDER / f"{attack.name}.json"
    found: Json = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def note(attack: Attack, part: str, value: Json) -> None:
    """Add a part to an attack's file, and say it."""
    group = next(name for name, attacks in GROUPS.items() if attack in attacks)
    facts = {"attack": attack.name, "group": group, "does": attack.does}
    save(FOLDER / f"{attack.name}.json", known(attack) | facts | {part: value | {"machine": machine()}})
    print(f"{attack.name:28} {part:16} {value['told']}", flush=True)


@contextmanager
def ground() -> Iterator[Ground]:
    """A ground in a temporary folder, with the smoke profile's data prepared."""
    place = Path(tempfile.mkdtemp(prefix="dialectic-redteam-"))
    before = os.environ.get("DIALECTIC_CACHE")
    data = Path(str(describe(Variant("smoke", "smoke"), place)["data_folder"]))
    try:
        with Ground(place / "ground", data) as made:
            os.environ["DIALECTIC_CACHE"] = str(made.cache)
            yield made
    finally:
        if before is None:
            os.environ.pop("DIALECTIC_CACHE", None)
        else:
            os.environ["DIALECTIC_CACHE"] = before
        remove_tree(str(place))


def plainly(attacks: list[Attack]) -> None:
    """What each does where nothing stops it, and what its text gives away."""
    missing = [attack for attack in attacks if "plain" not in known(attack)]
    if not missing:
        return
    honest = (ROOT / "train.py").read_text("utf-8")
    scorer = PlainScorer()
    with ground() as made:
        incumbent = run_honestly(made, scorer, honest)
        for attack in missing:
            found, refused = signs(attack, honest, made.places())
            note(attack, "signs", {"refused": refused, "signs": found, "told": "refused" if refused else "not refused"})
            done = attack_plainly(attack, made, scorer, incumbent, honest)
            told = "works" if done.reached else "DOES NOT WORK"
            facts = {"reached": done.reached, "score": _number(done.outcome.score), "baseline": incumbent[1]}
            note(attack, "plain", facts | {"seconds": round(done.seconds, 1), "told": told})
    scorer.close()


def in_sessions(attacks: list[Attack], level: Level) -> None:
    """What becomes of each in a session, past the static signs; an attack that ends one is followed by a new one."""
    missing = [attack for attack in attacks if level not in known(attack)]
    while missing:
        with ground() as made:
            arena = Arena(made, level)
            reached = arena.level
            while missing:
                attack = missing.pop(0)
                if not _one(arena, attack, level, reached):
                    break


def _one(arena: Arena, attack: Attack, level: Level, reached: Level) -> bool:
    """One attack; False when it ended the session, or moved its incumbent."""
    try:
        fate = arena.let_loose(attack)
    except (DialecticError, RecursionError) as error:
        told = f"ENDS THE SESSION: {made_short(str(error), arena.ground)}"
        note(attack, level, {"held": False, "level": reached, "told": told})
        return False
    facts = {
        "held": fate.held,
        "level": reached,
        "status": fate.status,
        "failure": fate.failure,
        "score": _number(fate.outcome.score),
        "baseline": fate.outcome.baseline,
        "kept": fate.kept,
        "reached": fate.reached,
        "spoiled": [name.partition("/")[2] for name in fate.spoiled],
        "seconds": round(fate.seconds, 1),
        "told": ("held: " if fate.held else "HOLE: ") + made_short(fate.told, arena.ground),
    }
    note(attack, level, facts)
    return not fate.kept


def made_short(text: str, made: Ground) -> str:
    """A message without this machine's temporary folders."""
    short = text.replace(str(made.place), "…").replace(str(ROOT), "…")
    return re.sub(rf"{re.escape(tempfile.gettempdir())}\S*", "…", short)[:MESSAGE_CHARACTERS]


def _number(value: float | None) -> float | str | None:
    """A score as JSON knows numbers."""
    return value if value is None or abs(value) < float("inf") else repr(value)


def table(attacks: list[Attack]) -> None:
    """Attack, whether it works plainly, what its text comes to, and what became of it at each level."""
    print(f"{'attack':28} {'plainly':14} {'its text':12} past the static signs, at each level that was tried")
    counts = {"attacks": 0, "works plainly": 0, "refused by its text": 0}
    for attack in attacks:
        found = known(attack)
        if not found:
            continue
        plain, text = found.get("plain", {}), found.get("signs", {})
        levels = [f"{level}: {found[level]['told']}" for level in reversed(LEVELS) if level in found]
        print(f"{attack.name:28} {plain.get('told', '-'):14} {text.get('told', '-'):12} {(levels or ['-'])[0][:150]}")
        for more in levels[1:]:
            print(f"{'':56} {more[:150]}")
        counts["attacks"] += 1
        counts["works plainly"] += bool(plain.get("reached"))
        counts["refused by its text"] += bool(text.get("refused"))
        for level in LEVELS:
            if level in found:
                tried, held = f"tried at {level}", f"held at {level}"
                counts[tried] = counts.get(tried, 0) + 1
                counts[held] = counts.get(held, 0) + bool(found[level]["held"])
    print("; ".join(f"{name} {count}" for name, count in counts.items()))


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["plain", "session", "table"])
    parser.add_argument("names", nargs="*", help="groups or attacks; all when left out")
    parser.add_argument("--level", choices=LEVELS, default="sealed", help="of the cage, for sessions")
    arguments = parser.parse_intermixed_args()
    attacks = [
        attack
        for group, members in GROUPS.items()
        for attack in members
        if not arguments.names or {group, attack.name} & set(arguments.names)
    ]
    if arguments.study == "plain":
        plainly(attacks)
    elif arguments.study == "session":
        in_sessions(attacks, arguments.level)
    table(attacks)


if __name__ == "__main__":
    main()
