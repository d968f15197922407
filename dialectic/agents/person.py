"""A person with an editor: the staged state as a form, and what was written into it.

The form is the staged state that the builtin agent would fill, but for what only the person can say of the candidate:
those fields begin with ``TODO``. What still begins so when the candidate is run was left out, is computed, and is
marked so. The reflection comes with the computed words in it; the ones that were changed are the person's.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from dialectic.agents import computed
from dialectic.errors import AgentError
from dialectic.state.contracts import PrepareContext, ReflectContext
from dialectic.state.proposal import Edit, KnobEdit, Prediction, Proposal, StagedResult, StagedState
from dialectic.state.result import Reflection, Verdict

LEFT = "TODO"
FORM = {
    "prediction": f"{LEFT} Prediction: changing X will improve val_bpb because of Y.",
    "why_now": f"{LEFT} why this candidate comes now",
}
MECHANISM = f"{LEFT} through which mechanism"


def form(suggestion: Proposal, context: PrepareContext) -> StagedState:
    """The staged state to be filled; tensions and their poles are the suggestion's. Of the baseline all is known."""
    briefing = context.briefing
    given = suggestion.model_dump(exclude={"edits"})
    if context.iteration > 1:
        given |= FORM | {"prediction_scored": _guess(context.briefing.noise_sigma, MECHANISM)}
        given["transcendent"]["tested_in_iteration"] = False
    return StagedState.model_validate(
        given
        | {
            "knowledge_anchor_experiment_id": briefing.knowledge_anchor_experiment_id,
            "knowledge_opposing_experiment_id": briefing.knowledge_opposing_experiment_id,
            "knowledge_selection_reason": briefing.knowledge_selection_reason,
        }
    )


def _guess(noise: float, mechanism: str) -> Prediction:
    """What a candidate that somebody chose is expected to bring; ``noise`` is the SD of one run in bpb."""
    interval = (-3 * noise, noise)
    return Prediction(
        direction="decrease", expected_delta=-noise, interval=interval, confidence=0.8, mechanism=mechanism
    )


def proposal(staged: StagedState, edits: Sequence[Edit], context: PrepareContext) -> tuple[Proposal, tuple[str, ...]]:
    """What the person proposes, and the names of the fields that were left out, as they are computed.

    Raises:
        AgentError: the parts do not fit together; one line.
    """
    given = {name: getattr(staged, name) for name in Proposal.model_fields if name != "edits"}
    left = [name for name in FORM if given[name].startswith(LEFT)]
    because = "of a reason that was not written down"
    number = given["prediction_scored"] or _guess(context.briefing.noise_sigma, MECHANISM)
    if number.mechanism.startswith(LEFT):
        left.append("prediction_scored")
        number = number.model_copy(update={"mechanism": "not written down"})
    given["prediction_scored"] = number
    if "prediction" in left:
        direction = "improve" if number.expected_delta <= 0 else "worsen"
        given["prediction"] = (
            f"Prediction: changing {_changed(edits, context.knobs)} will {direction} val_bpb because {because}."
        )
    if "why_now" in left:
        given["why_now"] = "It was chosen by hand; why now was not written down."
    try:
        return Proposal.model_validate({**given, "edits": list(edits)}), tuple(left)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AgentError(f"{where or 'the staged state'}: {' '.join(first['msg'].split())}") from error


def _changed(edits: Sequence[Edit], before: dict[str, str]) -> str:
    knobs = [
        f"{edit.knob} from {before.get(edit.knob, 'nothing')} to {edit.value}"
        for edit in edits
        if isinstance(edit, KnobEdit)
    ]
    return " and ".join(knobs) or "the code of train.py"


class Person:
    """Reflects with the words of the staged state."""

    name = "person"
    model = ""

    def __init__(self, words: StagedResult | None) -> None:
        self.words = words
        self.left: tuple[str, ...] = ()
        """After :meth:`reflect`: the fields whose computed words were left as they were."""

    def prepare(self, context: PrepareContext) -> Proposal:
        """Not this way: the proposal comes from the staged state and an edited file, when they are ready.

        Raises:
            AgentError: always.
        """
        raise AgentError(f"iteration {context.iteration} is prepared by hand: dialectic prepare, then an editor")

    def reflect(self, context: ReflectContext) -> Reflection:
        """The person's words over the computed ones."""
        reflection = computed.reflect(context)
        if self.words is None:
            self.left = tuple(sorted(set(StagedResult.model_fields) - {"keep_discard_status"}))
            return reflection
        given = self.words.model_dump(exclude={"keep_discard_status"})
        self.left = tuple(sorted(name for name, words in given.items() if words == getattr(reflection, name)))
        return reflection.model_copy(update=given)


def suggested_result(context: ReflectContext) -> StagedResult:
    """The computed reflection as the form's last part; keep or discard in it is the verdict's, whatever is written."""
    reflection = computed.reflect(context)
    given = {name: getattr(reflection, name) for name in StagedResult.model_fields if hasattr(reflection, name)}
    return StagedResult.model_validate(given | {"keep_discard_status": status_of(context.verdict)})


def status_of(verdict: Verdict) -> str:
    """``crash`` where nothing was scored, else the decision."""
    return verdict.decision if any(run.of == "candidate" for run in verdict.runs) else "crash"
