from __future__ import annotations

import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dialectic.agents import load
from dialectic.agents.catalogue import tensions_of
from dialectic.agents.found import baseline
from dialectic.agents.grafts import GRAFTS
from dialectic.agents.options import Search
from dialectic.errors import AgentError
from dialectic.state.briefing import DeadEnd, ExperimentBrief
from dialectic.state.program import Steering
from dialectic.state.proposal import EditsSource, KnobEdit, Proposal
from dialectic.workspace import apply, read_knobs, resolve
from tests.agents.world import TRAIN, World, builtin_session, profile, random_session

OURS = (Path(__file__).resolve().parent.parent.parent / "train.py").read_text("utf-8")


def test_it_beats_random_changes_in_a_made_up_world() -> None:
    ours = [builtin_session(World(number), 20).true_gain() for number in range(8)]
    random = [random_session(World(number), 20).true_gain() for number in range(8)]
    assert statistics.mean(ours) > 1.15 * statistics.mean(random)
    assert statistics.mean(ours) > 0.02
    assert min(ours) > -0.005


def test_it_finds_something_new_for_sixty_iterations() -> None:
    world = builtin_session(World(3), 60)
    assert len(world.known) == 61
    moves = [turn.proposal.move_type for turn in world.turns]
    assert {"exploit", "negate", "synthesize"} == set(moves)


def test_it_finds_something_new_with_a_single_knob_left() -> None:
    freeze = [knob for knob in World(1).knobs(TRAIN).sources if knob not in ("MATRIX_LR", "EMBEDDING_LR")]
    world = builtin_session(World(1, steering=Steering(freeze=freeze)), 25)
    assert all(set(turn.changed) <= {"MATRIX_LR", "EMBEDDING_LR"} for turn in world.turns)


@pytest.mark.parametrize("name", ["cpu", "h100"])
def test_every_proposal_is_sound(name: str) -> None:
    world = builtin_session(World(5, profile(name)), 16)
    for turn in world.turns:
        proposal = turn.proposal
        scored = proposal.prediction_scored
        assert 2 <= len(proposal.active_tensions) <= 4
        assert proposal.transcendent.source_tension_ids[0] == proposal.active_tensions[0].id
        assert proposal.transcendent.tested_in_iteration == (proposal.move_type == "synthesize")
        assert scored.interval[0] < scored.expected_delta < scored.interval[1]
        assert scored.confidence == 0.8
        assert proposal.prediction.startswith("Prediction: changing ")
        assert " val_bpb because " in proposal.prediction
        assert all(isinstance(edit, KnobEdit) for edit in proposal.edits)
        assert not any(" + 1 + " in edit.value for edit in proposal.edits if isinstance(edit, KnobEdit))


def test_both_poles_are_runnable_and_differ() -> None:
    world = World(2)
    for _ in range(12):
        context = world.context()
        proposal = load("builtin").prepare(context)
        for tension in proposal.active_tensions:
            thesis = resolve(tension.thesis.source, world.bounds().origins)
            antithesis = resolve(tension.antithesis.source, world.bounds().origins)
            assert thesis != antithesis
            compile(thesis + antithesis, "poles", "exec")
        world.play(proposal)


def test_a_pole_move_embodies_the_pole_that_it_tests() -> None:
    for turn in builtin_session(World(4), 14).turns:
        proposal = turn.proposal
        own = proposal.active_tensions[0]
        if proposal.move_type == "synthesize":
            continue
        side = own.favored_side if proposal.move_type == "exploit" else _other(own.favored_side)
        source = own.thesis.source if side == "thesis" else own.antithesis.source
        assert isinstance(source, EditsSource)
        assert source.edits == proposal.edits


def _other(side: str) -> str:
    return "antithesis" if side == "thesis" else "thesis"


def test_sizes_go_together_in_train_py() -> None:
    for name in ("cpu", "h100"):
        world = World(6, profile(name))
        for turn in builtin_session(world, 30).turns:
            knobs = world.knobs(turn.text)
            depth, head = knobs.number("DEPTH") or 0, knobs.number("HEAD_DIM") or 1
            heads = math.ceil(depth * (knobs.number("ASPECT_RATIO") or 0) / head)
            kv_heads = max(heads // int(knobs.number("KV_HEAD_RATIO") or 1), 1)
            tokens = (knobs.number("DEVICE_BATCH_SIZE") or 0) * world.facts.sequence_length
            assert heads % kv_heads == 0
            assert (knobs.number("TOTAL_BATCH_SIZE") or 1) % tokens == 0
            if name == "cpu":
                assert 3 <= depth <= 6
                assert 96 <= heads * head <= 256


def test_the_suggested_move_is_followed_and_a_departure_from_the_axis_is_explained() -> None:
    world = builtin_session(World(7), 6)
    followed = 0
    for kind in tensions_of(world.knobs(world.text)):
        for move in ("exploit", "negate"):
            context = world.context()
            told = {"suggested_axis": kind, "suggested_move": move, "recent": context.briefing.recent[:1]}
            briefing = context.briefing.model_copy(update=told)
            proposal = load("builtin").prepare(replace(context, briefing=briefing))
            assert proposal.move_type == move
            if proposal.active_tensions[0].kind == kind:
                followed += 1
            else:
                assert f"The tension graph suggested {kind}" in proposal.why_now
    assert followed >= 3


def test_the_briefings_move_is_made_whatever_was_made_before() -> None:
    world = World(7)
    for _ in range(9):
        context = world.context()
        briefing = context.briefing.model_copy(update={"suggested_move": "exploit"})
        world.play(load("builtin").prepare(replace(context, briefing=briefing)))
    assert {turn.proposal.move_type for turn in world.turns} == {"exploit"}


@pytest.mark.parametrize(
    ("move", "why"),
    [
        ("negate", "everything that is left to negate is as good as certain to lose, or cannot be moved"),
        ("synthesize", "nothing of that move is left"),
    ],
)
def test_a_departure_from_the_move_is_explained(move: str, why: str) -> None:
    """One rate may move, and only down: no third form, and nothing to negate."""
    context = World(1, profile("cpu", 0.004)).context()
    steering = Steering(
        freeze=[knob for knob in context.knobs if knob != "MATRIX_LR"], ranges={"MATRIX_LR": (0.0001, 0.04)}
    )
    briefing = context.briefing.model_copy(update={"suggested_move": move, "suggested_axis": ""})
    proposal = load("builtin").prepare(replace(context, briefing=briefing, steering=steering))
    assert proposal.move_type != move
    assert f"The move was changed: the tension graph suggested to {move}, but {why}." in proposal.why_now


def test_a_dead_end_of_an_earlier_session_is_not_repeated() -> None:
    context = World(1).context()
    first = load("builtin").prepare(context)
    before = read_knobs(TRAIN)
    changed = {edit.knob: (before[edit.knob], edit.value) for edit in first.edits if isinstance(edit, KnobEdit)}
    dead = DeadEnd(experiment_id="old:004", changed_knobs=changed, reason="It measured 0.1 bpb worse.")
    briefing = context.briefing.model_copy(update={"dead_ends": [dead]})
    again = load("builtin").prepare(replace(context, briefing=briefing))
    assert again.edits != first.edits


def _dead(changed: dict[str, tuple[str, str]]) -> Search:
    """Everything that could be tried next where ``changed`` was a dead end."""
    context = World(1).context()
    dead = DeadEnd(experiment_id="old:004", changed_knobs=changed, reason="It measured 0.1 bpb worse.")
    briefing = context.briefing.model_copy(update={"dead_ends": [dead]})
    return Search(replace(context, briefing=briefing))


def test_a_dead_end_with_a_second_chance_for_memory_is_recognised() -> None:
    batch = ("PROFILE.device_batch_size", "PROFILE.device_batch_size // 2")
    dead = _dead({"MATRIX_LR": ("0.04", "0.06"), "DEVICE_BATCH_SIZE": batch})
    assert dead.option("aggression-vs-stability", "exploit", {"MATRIX_LR": 1.0}) is None
    assert dead.option("aggression-vs-stability", "exploit", {"MATRIX_LR": -1.0})
    # Memory alone is no reason to leave anything else alone.
    assert _dead({"DEVICE_BATCH_SIZE": batch}).option("aggression-vs-stability", "exploit", {"MATRIX_LR": 1.0})


def test_a_dead_end_of_one_knob_is_no_part_of_a_combination() -> None:
    both = {"MATRIX_LR": 1.0, "SCALAR_LR": -1.0}
    dead = _dead({"MATRIX_LR": ("0.04", "0.06")})
    assert dead.option("aggression-vs-stability", "synthesize", both) is None
    # Of a dead end of two knobs nobody knows which one failed.
    two = _dead({"MATRIX_LR": ("0.04", "0.06"), "EMBEDDING_LR": ("0.6", "0.3")})
    assert two.option("aggression-vs-stability", "synthesize", both)


def test_the_prediction_agrees_with_itself() -> None:
    world = builtin_session(World(5), 20)
    assert len({turn.proposal.prediction_scored.direction for turn in world.turns}) == 3
    for turn in world.turns:
        proposal, scored = turn.proposal, turn.proposal.prediction_scored
        little = abs(scored.expected_delta) < 0.1 * world.facts.noise_sigma
        assert scored.direction == ("unchanged" if little else "decrease" if scored.expected_delta < 0 else "increase")
        effect = {"decrease": "improve", "increase": "worsen", "unchanged": "not noticeably change"}
        assert f" will {effect[scored.direction]} val_bpb because {scored.mechanism}" in proposal.prediction
        assert ("means giving up that" in scored.mechanism) == (scored.direction == "increase")
        assert ("no difference beyond the noise" in scored.mechanism) == little
        assert ("expected to make no difference beyond the noise; it is tested because" in proposal.why_now) == little
        assert not any(digit.isdigit() for digit in scored.mechanism)
        told = (proposal.prediction, proposal.why_now, proposal.thesis, proposal.synthesis_candidate)
        assert not any("0.0000" in text for text in told)


def test_profiles_begin_differently() -> None:
    begun = {}
    for name, noise in (("cpu", 0.018), ("h100", 0.002)):
        world = World(1, profile(name, noise))
        begun[name] = [load("builtin").prepare(world.context()).active_tensions[0].kind]
        for _ in range(5):
            world.play(load("builtin").prepare(world.context()))
        begun[name] += [turn.axis for turn in world.turns]
    assert begun["cpu"][0] == "steps-vs-gradient-quality"
    assert begun["cpu"] != begun["h100"]


def test_noise_makes_first_steps_bold() -> None:
    def first(noise: float) -> float:
        context = World(1, profile("cpu", noise)).context()
        steering = Steering(freeze=[knob for knob in context.knobs if knob != "UNEMBEDDING_LR"])
        (edit,) = load("builtin").prepare(replace(context, steering=steering)).edits
        assert isinstance(edit, KnobEdit)
        return abs(math.log(float(edit.value) / 0.004))

    assert first(0.03) > 1.5 * first(0.002)


def test_steering_is_obeyed() -> None:
    steering = Steering(
        freeze=["DEPTH", "TOTAL_BATCH_SIZE", "WINDOW_PATTERN"],
        ranges={"MATRIX_LR": (0.035, 0.05), "WARMDOWN_RATIO": (0.5, 0.6)},
        prefer=["value-embeddings-vs-simplicity"],
    )
    world = builtin_session(World(8, steering=steering), 20)
    assert world.turns[0].axis == "value-embeddings-vs-simplicity"
    assert not any({"DEPTH", "TOTAL_BATCH_SIZE", "WINDOW_PATTERN"} & set(turn.changed) for turn in world.turns)
    for turn in world.turns:
        assert 0.035 <= (world.knobs(turn.text).number("MATRIX_LR") or 0) <= 0.05


def test_the_same_context_gives_the_same_proposal() -> None:
    world = builtin_session(World(9), 5)
    assert load("builtin").prepare(world.context()) == load("builtin").prepare(world.context())


def test_after_a_crash_it_proposes_something_else() -> None:
    world = World(1)
    first = load("builtin").prepare(world.context())
    # As the loop does it: what crashed is among the candidates that were run.
    world.known[world.bounds().fingerprint(apply(world.text, first.edits))] = "s:002"
    again = load("builtin").prepare(world.context(crash="Traceback"))
    assert first.edits != again.edits


def test_it_gives_up_in_one_line() -> None:
    world = World(1)
    with pytest.raises(AgentError, match="none of the knobs"):
        load("builtin").prepare(replace(world.context(), knobs={"OTHER": "1"}))
    with pytest.raises(AgentError, match="ran out of time"):
        load("builtin").prepare(replace(world.context(), deadline=time.monotonic() - 1))


def test_a_baseline_holds_two_tensions_and_changes_nothing() -> None:
    context = World(1).context()
    proposal = baseline(context)
    assert proposal.edits == []
    assert proposal.move_type == "exploit"
    assert len(proposal.active_tensions) == 2
    scored = proposal.prediction_scored
    assert (scored.direction, scored.expected_delta, scored.interval) == ("unchanged", 0.0, (-0.008, 0.008))
    assert "repeats its own value within the noise" in proposal.prediction
    for tension in proposal.active_tensions:
        assert tension.thesis.source != tension.antithesis.source
    foreign: Proposal = baseline(replace(context, knobs={}))
    assert len(foreign.active_tensions) == 2


def test_evidence_makes_predictions_surer() -> None:
    world = World(3, remembers=60)
    first = load("builtin").prepare(world.context()).prediction_scored
    world = builtin_session(world, 40)
    widths = [turn.proposal.prediction_scored.interval for turn in world.turns if len(turn.changed) == 1]
    assert min(high - low for low, high in widths) < first.interval[1] - first.interval[0]
    hits = [
        turn.proposal.prediction_scored.interval[0] <= turn.delta <= turn.proposal.prediction_scored.interval[1]
        for turn in world.turns
    ]
    assert sum(hits) / len(hits) > 0.6


def test_what_earlier_sessions_measured_counts() -> None:
    context = World(1, profile("cpu", 0.004)).context()
    first = load("builtin").prepare(context)
    before = read_knobs(TRAIN)
    changed = {edit.knob: (before[edit.knob], edit.value) for edit in first.edits if isinstance(edit, KnobEdit)}
    lost = ExperimentBrief(
        experiment_id="old:002",
        status="completed",
        val_bpb=2.1,
        delta=0.05,
        move_type="exploit",
        decision="discard",
        outcome="contradicted",
        tension_ids=[first.active_tensions[0].id],
        polarity={},
        changed_knobs=changed,
        takeaway="",
        change=0.06,
    )
    briefing = context.briefing.model_copy(update={"earlier": [lost]})
    again = load("builtin").prepare(replace(context, briefing=briefing))
    assert again.edits != first.edits


def test_edits_of_several_iterations_stack() -> None:
    """On our own file, where each candidate is kept and the next one is built on it."""
    world = World(4, profile("cpu", 0.004), text=OURS, falling=0.05)
    for _ in range(7):
        proposal = load("builtin").prepare(world.context())
        assert world.play(proposal).kept
    brought = read_knobs(world.text).keys() - read_knobs(OURS).keys()
    assert brought
    assert brought <= set(GRAFTS)
    compile(world.text, "train.py", "exec")


def test_a_loss_that_is_as_good_as_certain_is_no_negation() -> None:
    for turn in builtin_session(World(6, profile("cpu", 0.018)), 12).turns:
        scored = turn.proposal.prediction_scored
        if turn.proposal.move_type == "negate":
            assert scored.expected_delta < scored.interval[1] - scored.expected_delta
