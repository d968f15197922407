"""The scripted agent: answers from a file, so that every failure of an agent can be reproduced.

One JSON file serves ``--agent scripted`` and ``--executor scripted``; this one reads its key ``agent``::

    {
      "agent": {
        "prepare": [{"knobs": {"MATRIX_LR": "0.05"}}, {"fault": "error"}],
        "iterations": {"4": {"fault": "slow", "seconds": 2}, "5": [{"fault": "invalid"}, {"knobs": {"DEPTH": "5"}}]},
        "reflect": {"3": {"outcome": "mixed"}, "4": {"fault": "error"}},
        "default": "builtin"
      },
      "executor": {}
    }

``prepare`` answers iterations 2, 3, … in turn (the baseline asks nobody); ``iterations`` answers by number and goes
first. A list there answers the attempts of one iteration in turn, after a refusal or after a crash before training,
its last entry all further ones. What the script
leaves out, ``default`` answers: ``builtin``, or ``error`` for an agent that knows no more.

An entry of prepare is any part of a proposal; what is missing is filled with plain words, and ``knobs`` stands for knob
edits. An entry of reflect is any part of a reflection, over the computed one. A fault is ``error`` (an AgentError),
``slow`` (answers as ``default`` does, ``seconds`` late) or ``invalid`` (in prepare an edit that applies nowhere, in
reflect words that say nothing).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from dialectic.agents import computed
from dialectic.agents.builtin import BuiltinAgent
from dialectic.agents.found import baseline
from dialectic.errors import AgentError, CorruptRecord, UsageError
from dialectic.state.base import Value
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.files import read_json
from dialectic.state.proposal import KnobEdit, Proposal, ReplaceEdit
from dialectic.state.result import Reflection

FIRST = 2
"""The first iteration that asks an agent."""

NOWHERE = "a text that stands nowhere in train.py"

Answer = dict[str, Any]
"""Part of a proposal or of a reflection, or a fault; validated when it is used, because it is completed first."""

FAULTS = ("error", "slow", "invalid")


class Script(Value):
    """The key ``agent`` of a script."""

    prepare: list[Answer] = []
    iterations: dict[int, Answer | list[Answer]] = {}
    reflect: dict[int, Answer] = {}
    default: Literal["builtin", "error"] = "builtin"


class ScriptedAgent:
    """Answers from ``script``.

    Raises:
        UsageError: the file cannot be read, or is not what this module describes.
    """

    name = "scripted"
    model = ""

    def __init__(self, script: Path) -> None:
        self.path = Path(script)
        self.script = read_script(self.path)
        self.builtin = BuiltinAgent()

    def prepare(self, context: PrepareContext) -> Proposal:
        """The script's proposal for this iteration and attempt.

        Raises:
            AgentError: the script says so, or its proposal is none.
        """
        answer = self._answer(context)
        fault = "" if answer is None else self._fault(answer)
        if answer is None or fault == "slow":
            self._default()
            return self.builtin.prepare(context)
        if fault == "invalid":
            answer = {"edits": [ReplaceEdit(search=NOWHERE, replace="").model_dump()]}
        return completed(answer, context)

    def reflect(self, context: ReflectContext) -> Reflection:
        """The script's words over the computed ones.

        Raises:
            AgentError: the script says so, or its words are no reflection.
        """
        answer = self.script.reflect.get(context.plan.iteration, {})
        reflection = computed.reflect(context)
        if self._fault(answer) == "invalid":
            words = dict.fromkeys(("framing_diagnosis", "summary_text", "emergent_thought"), "…")
            return reflection.model_copy(update=words)
        given = {name: value for name, value in answer.items() if name not in ("fault", "seconds")}
        try:
            return Reflection.model_validate(reflection.model_dump() | given)
        except ValidationError as error:
            raise AgentError(f"the script's reflection on iteration {context.plan.iteration}: {line(error)}") from error

    def _answer(self, context: PrepareContext) -> Answer | None:
        iteration, attempt = context.iteration, len(context.refusals) + bool(context.crash)
        found = self.script.iterations.get(iteration)
        if found is None:
            turn = iteration - FIRST
            return self.script.prepare[turn] if 0 <= turn < len(self.script.prepare) else None
        if isinstance(found, list):
            return found[min(attempt, len(found) - 1)] if found else None
        return found

    def _fault(self, answer: Answer) -> str:
        """Act out an entry's fault, and tell its name; empty when it has none."""
        fault = str(answer.get("fault", ""))
        if fault == "error":
            raise AgentError("the script says that the agent fails here")
        if fault == "slow":
            time.sleep(float(answer.get("seconds", 1.0)))
        return fault

    def _default(self) -> None:
        if self.script.default == "error":
            raise AgentError("the script has no answer for this iteration")


def read_script(path: Path) -> Script:
    """The key ``agent`` of the script in ``path``; without the key an empty script.

    Raises:
        UsageError: the file cannot be read, or is not what this module describes.
    """
    try:
        data = read_json(path)
    except CorruptRecord as error:
        raise UsageError(f"--script {error}") from error
    try:
        script = Script.model_validate(data.get("agent", {}))
    except ValidationError as error:
        raise UsageError(f"--script {path}: agent.{line(error)}") from error
    entries: list[Answer] = [*script.prepare, *script.reflect.values()]
    for found in script.iterations.values():
        entries += found if isinstance(found, list) else [found]
    for entry in entries:
        problem = _problem(entry)
        if problem:
            raise UsageError(f"--script {path}: agent: {problem}")
    return script


def completed(answer: Answer, context: PrepareContext) -> Proposal:
    """A proposal out of parts of one.

    Raises:
        AgentError: the parts are not those of a proposal.
    """
    given = dict(answer)
    knobs = given.pop("knobs", None)
    if knobs is not None:
        given["edits"] = [KnobEdit(knob=knob, value=knobs[knob]).model_dump() for knob in sorted(knobs)]
    what = " and ".join(sorted(knobs)) if knobs else "train.py"
    because = "the script says so"
    plain = baseline(context).model_dump() | {
        "prediction": f"Prediction: changing {what} will improve val_bpb because {because}.",
        "prediction_scored": {
            "direction": "decrease",
            "expected_delta": -context.briefing.noise_sigma,
            "interval": (-3 * context.briefing.noise_sigma, context.briefing.noise_sigma),
            "confidence": 0.8,
            "mechanism": because,
        },
        "why_now": "The script has it here.",
    }
    try:
        return Proposal.model_validate(plain | given)
    except ValidationError as error:
        raise AgentError(f"the script's proposal for iteration {context.iteration}: {line(error)}") from error


def line(error: ValidationError) -> str:
    """The first thing that is wrong, on one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the entry"
    return f"{where}: {' '.join(first['msg'].split())}"


def _problem(entry: Answer) -> str:
    """Why an entry cannot be used; empty when it can."""
    fault, knobs, seconds = entry.get("fault"), entry.get("knobs", {}), entry.get("seconds", 0)
    if fault is not None and fault not in FAULTS:
        return f"there is no fault {fault!r}; choose one of {', '.join(FAULTS)}"
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= 3600:
        return f"seconds must be a number from 0 to 3600, not {seconds!r}"
    if not isinstance(knobs, dict) or not all(isinstance(value, str) and value for value in knobs.values()):
        return f"knobs must be an object of knob and source text, not {knobs!r}"
    known = {*Proposal.model_fields, *Reflection.model_fields, "fault", "seconds", "knobs"}
    unknown = sorted(set(entry) - known)
    return f"an entry has no {', '.join(unknown)}; see the documentation of the scripted agent" if unknown else ""
