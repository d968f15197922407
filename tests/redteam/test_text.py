"""The attacks as texts: each is a candidate like any other, and most are refused before they cost any compute."""

from __future__ import annotations

from tests.redteam.arena import signs
from tests.redteam.attacks import ATTACKS, GROUPS

NAMES = """token mark home victim root train_py knowledge repository session pinned first data tokenizer site socket tcp
udp"""
PLACES = dict.fromkeys(NAMES.split(), "somewhere")
UNSEEN = {
    "printed-score",
    "printed-summary",
    "own-clock",
    "restarted-clock",
    "trained-warm-up",
    "trained-afterwards",
    "full-attention",
    "memory-bomb",
    "endless-log",
    "control-sequences",
    "hangs",
}
"""Attacks in whose text no sign stands: what they print, how long they train, which attention they use. All of them are
stopped by what is measured."""


def test_there_are_many_attacks_of_every_kind() -> None:
    assert len(ATTACKS) == sum(len(attacks) for attacks in GROUPS.values()) >= 36
    assert all(len(attacks) >= 5 for attacks in GROUPS.values())


def test_every_attack_is_a_python_file_made_from_the_real_one(honest: str) -> None:
    for attack in ATTACKS.values():
        text = attack.train_py(honest, PLACES)
        compile(text, attack.name, "exec")
        assert text != honest


def test_what_the_text_of_an_attack_gives_away(honest: str) -> None:
    told = {name: signs(attack, honest, PLACES) for name, attack in ATTACKS.items()}
    assert {name for name, (rules, _) in told.items() if not rules} == UNSEEN
    refused = {name for name, (_, stopped) in told.items() if stopped}
    assert len(refused) > len(ATTACKS) / 2
    # What only its text gives away is refused by its text.
    assert {name for name, attack in ATTACKS.items() if attack.only_text} <= refused
