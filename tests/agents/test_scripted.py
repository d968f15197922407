from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dialectic.agents import REGISTRY, load
from dialectic.errors import AgentError, UsageError
from dialectic.state.contracts import Agent
from dialectic.state.proposal import KnobEdit, Refusal
from tests.agents.test_computed import context
from tests.agents.world import World


def scripted(folder: Path, agent: object) -> Agent:
    path = folder / "script.json"
    path.write_text(json.dumps({"agent": agent, "executor": {"anything": 1}}), "utf-8")
    return load("scripted", script=path)


def edits(agent: Agent, iteration: int, attempts: int = 0) -> list[object]:
    asked = replace(
        World(1).context(),
        iteration=iteration,
        refusals=(Refusal(rule="repeats", reason="again"),) * attempts,
    )
    return list(agent.prepare(asked).edits)


def rate(value: str) -> list[KnobEdit]:
    return [KnobEdit(knob="MATRIX_LR", value=value)]


def test_answers_in_turn_by_number_and_by_attempt(tmp_path: Path) -> None:
    entries = [{"knobs": {"MATRIX_LR": "0.05"}}, {"knobs": {"MATRIX_LR": "0.06"}, "move_type": "negate"}]
    agent = scripted(tmp_path, {"prepare": entries, "iterations": {"3": [{"fault": "invalid"}, entries[0]]}})
    assert edits(agent, 2) == rate("0.05")
    assert edits(agent, 3) != rate("0.06")
    assert edits(agent, 3, attempts=1) == edits(agent, 3, attempts=2) == rate("0.05")
    assert edits(agent, 9) == list(load("builtin").prepare(replace(World(1).context(), iteration=9)).edits)


def test_given_words_stay(tmp_path: Path) -> None:
    agent = scripted(tmp_path, {"prepare": [{"knobs": {"DEPTH": "5"}, "why_now": "Because.", "move_type": "negate"}]})
    proposal = agent.prepare(World(1).context())
    assert (proposal.why_now, proposal.move_type) == ("Because.", "negate")
    assert World(1).context().check(proposal) is None


def test_faults_of_prepare(tmp_path: Path) -> None:
    entries = [{"fault": "error"}, {"fault": "slow", "seconds": 0.2}, {"fault": "invalid"}, {"move_type": "dance"}]
    agent = scripted(tmp_path, {"prepare": entries})
    with pytest.raises(AgentError, match="the script says"):
        edits(agent, 2)
    begun = time.monotonic()
    assert edits(agent, 3)
    assert time.monotonic() - begun >= 0.2
    refusal = World(1).context().check(agent.prepare(replace(World(1).context(), iteration=4)))
    assert refusal is not None
    assert refusal.rule == "does-not-apply"
    with pytest.raises(AgentError, match="iteration 5: move_type"):
        edits(agent, 5)


def test_an_agent_that_knows_no_more(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no answer"):
        edits(scripted(tmp_path, {"default": "error"}), 2)


def test_reflections(tmp_path: Path) -> None:
    asked = context(-0.02)
    iteration = asked.plan.iteration
    agent = scripted(tmp_path, {"reflect": {str(iteration): {"outcome": "mixed", "summary_text": "So."}}})
    reflection = agent.reflect(asked)
    assert (reflection.outcome, reflection.summary_text) == ("mixed", "So.")
    assert load("builtin").reflect(asked) == scripted(tmp_path, {}).reflect(asked)
    with pytest.raises(AgentError, match="the script says"):
        scripted(tmp_path, {"reflect": {str(iteration): {"fault": "error"}}}).reflect(asked)
    with pytest.raises(AgentError, match="outcome"):
        scripted(tmp_path, {"reflect": {str(iteration): {"outcome": "great"}}}).reflect(asked)
    assert scripted(tmp_path, {"reflect": {str(iteration): {"fault": "invalid"}}}).reflect(asked).summary_text == "…"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "no JSON object"),
        ('{"agent": {"prepares": []}}', "agent.prepares"),
        ('{"agent": {"default": "openai"}}', "agent.default"),
        ('{"agent": {"prepare": [{"fault": "fire"}]}}', "no fault 'fire'"),
        ('{"agent": {"prepare": [{"knob": {}}]}}', "no knob"),
        ('{"agent": {"prepare": [{"knobs": {"DEPTH": 5}}]}}', "knobs must be"),
        ('{"agent": {"iterations": {"2": [{"seconds": -1}]}}}', "seconds"),
        ('{"agent": {"iterations": {"two": {}}}}', "agent.iterations"),
    ],
)
def test_a_broken_script_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=words) as error:
        load("scripted", script=path)
    assert "\n" not in str(error.value)


def test_the_registry(tmp_path: Path) -> None:
    assert load("builtin", script=None, model=None).name == "builtin"
    with pytest.raises(UsageError, match=f"there is no agent 'jung'; choose one of {', '.join(sorted(REGISTRY))}"):
        load("jung")
    with pytest.raises(UsageError, match="needs --script"):
        load("scripted")
    with pytest.raises(UsageError, match="takes no --model"):
        load("builtin", model="large")
    with pytest.raises(UsageError, match="no such file"):
        load("scripted", script=tmp_path / "missing.json")
