"""A made-up world: a train.py of the usual shape, and a response surface over its knobs instead of training."""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dialectic.agents import load
from dialectic.agents.catalogue import LEVERS
from dialectic.agents.sizes import Knobs
from dialectic.state.base import MoveType, Side
from dialectic.state.briefing import Briefing, DeadEnd, ExperimentBrief, PoleEvidence, TensionEvidence
from dialectic.state.contracts import PrepareContext
from dialectic.state.program import Steering
from dialectic.state.proposal import EditsSource, Proposal, Refusal
from dialectic.state.session import ProfileFacts
from dialectic.workspace import Bounds, Origins, apply, check, read_knobs

TRAIN = '''"""Train a small model."""

from prepare import PROFILE

# Model
DEPTH = PROFILE.depth  # blocks
ASPECT_RATIO = PROFILE.aspect_ratio  # width = DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = PROFILE.head_dim
KV_HEAD_RATIO = 1
MLP_RATIO = 4
WINDOW_PATTERN = PROFILE.window_pattern  # S half, L full
VALUE_EMBEDDINGS = True
GATE_CHANNELS = 32
LOGIT_SOFTCAP = 15.0
ROPE_BASE = 10000.0
TOTAL_BATCH_SIZE = PROFILE.total_batch_size  # tokens
DEVICE_BATCH_SIZE = PROFILE.device_batch_size  # sequences

# Optimizers
EMBEDDING_LR = 0.6
UNEMBEDDING_LR = 0.004
MATRIX_LR = 0.04
SCALAR_LR = 0.5
WEIGHT_DECAY = 0.2
ADAM_BETAS = (0.8, 0.95)
MUON_MOMENTUM = 0.95
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.5
FINAL_LR_FRACTION = 0.0


def main() -> None:
    """Train."""
    print(DEPTH * ASPECT_RATIO)
'''

SIZES: dict[str, dict[str, float | int | str | bool]] = {
    "cpu": {
        "depth": 4, "aspect_ratio": 32, "head_dim": 32, "window_pattern": "L", "sequence_length": 256,
        "total_batch_size": 4096, "device_batch_size": 16,
    },
    "h100": {
        "depth": 8, "aspect_ratio": 64, "head_dim": 128, "window_pattern": "SSSL", "sequence_length": 2048,
        "total_batch_size": 2**19, "device_batch_size": 128,
    },
}  # fmt: skip


def profile(name: str = "cpu", noise: float = 0.004) -> ProfileFacts:
    return ProfileFacts(
        name=name,
        device="cuda" if name == "h100" else "cpu",
        sequence_length=int(SIZES[name]["sequence_length"]),
        vocab_size=2048,
        time_budget=60.0,
        clock="cpu",
        eval_tokens=131072,
        noise_sigma=noise,
        values=SIZES[name],
        reason="a test",
    )


def optimum(knob: str, world: int) -> tuple[float, float]:
    """Where a lever is best, in steps from the file as it was found, and how much a step costs."""
    draw = random.Random(f"{world}:{knob}")
    return draw.uniform(-1.8, 1.8), draw.uniform(0.002, 0.012)


def true_bpb(knobs: Knobs, world: int) -> float:
    """The response surface: a bent valley for every knob, and two that depend on each other."""
    start = Knobs(read_knobs(TRAIN), knobs.profile)
    away = {}
    total = 2.0
    for knob, lever in LEVERS.items():
        here, there = lever.position(start), lever.position(knobs)
        if here is None or there is None:
            continue
        best, cost = optimum(knob, world)
        away[knob] = there - here - best
        total += cost * (math.sqrt(1 + away[knob] ** 2 * 2) - 1)
    return total + 0.002 * away["MATRIX_LR"] * away["WARMDOWN_RATIO"] / (1 + abs(away["MATRIX_LR"]))


@dataclass
class Turn:
    """One iteration as it went."""

    proposal: Proposal
    text: str
    before: dict[str, str]
    measured: float
    change: float
    delta: float
    kept: bool
    axis: str
    sides: dict[str, Side]

    @property
    def changed(self) -> dict[str, tuple[str, str]]:
        after = read_knobs(self.text)
        names = sorted(self.before.keys() | after.keys())
        pairs = {name: (self.before.get(name, ""), after.get(name, "")) for name in names}
        return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


@dataclass
class World:
    """A session without training: measures, keeps or discards, and briefs as the tension graph would."""

    number: int
    facts: ProfileFacts = field(default_factory=profile)
    steering: Steering = field(default_factory=Steering)
    remembers: int = 32
    text: str = TRAIN
    falling: float = 0.0
    """By how much every measurement is better than the one before, whatever was changed."""
    estimate: float = 0.0
    variance: float = 0.0
    turns: list[Turn] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.estimate = self.measure(self.text, 1)
        self.variance = self.facts.noise_sigma**2
        self.known[self.bounds().fingerprint(self.text)] = "s:001"

    def knobs(self, text: str) -> Knobs:
        return Knobs(read_knobs(text), self.facts.values, text)

    def measure(self, text: str, iteration: int) -> float:
        noise = random.Random(f"{self.number}:{iteration}:noise").gauss(0, self.facts.noise_sigma)
        return true_bpb(self.knobs(text), self.number) + noise - self.falling * iteration

    def bounds(self) -> Bounds:
        origins = Origins(root=Path(), current=self.text, iteration=lambda _: None)
        return Bounds(origins, self.steering, self.facts, "data", self.known)

    def context(self, crash: str = "") -> PrepareContext:
        iteration, bounds = len(self.turns) + 2, self.bounds()
        digest = hashlib.sha256(f"{self.number}:{iteration}".encode()).digest()
        return PrepareContext(
            session_id="s",
            iteration=iteration,
            train_py=self.text,
            knobs=read_knobs(self.text),
            program="",
            steering=self.steering,
            briefing=self.briefing(iteration),
            profile=self.facts,
            folder=Path(),
            seed=int.from_bytes(digest[:4], "big"),
            deadline=time.monotonic() + 60,
            check=lambda proposal: check(proposal, bounds),
            crash=crash,
        )

    def play(self, proposal: Proposal) -> Turn:
        """Run a proposal that passed the check, and keep it when it is probably better."""
        iteration, before = len(self.turns) + 2, read_knobs(self.text)
        text = apply(self.text, proposal.edits)
        measured = self.measure(text, iteration)
        # What a Bayesian verdict does: effects are a little bad and spread, and every run tells of the incumbent too.
        usual, spread, noise = 0.003, 0.008**2, self.facts.noise_sigma**2
        change = measured - self.estimate
        surprise, total = measured - self.estimate - usual, self.variance + spread + noise
        delta = usual + surprise * spread / total
        self.estimate += surprise * self.variance / total
        self.variance -= self.variance**2 / total
        turn = Turn(proposal, text, before, measured, change, delta, delta < 0, _axis(proposal), _sides(proposal))
        self.turns.append(turn)
        self.known[self.bounds().fingerprint(text)] = f"s:{iteration:03d}"
        if turn.kept:
            self.text, self.estimate = text, self.estimate + delta
            self.variance = spread * noise / (spread + noise)
        return turn

    def briefing(self, iteration: int) -> Briefing:
        move, axis = self.suggestion()
        return Briefing(
            session_id="s",
            iteration=iteration,
            incumbent_experiment_id="s:001",
            incumbent_estimate=self.estimate,
            incumbent_sd=self.facts.noise_sigma,
            noise_sigma=self.facts.noise_sigma,
            knowledge_anchor_experiment_id=None,
            knowledge_opposing_experiment_id=None,
            knowledge_selection_reason="a test",
            knowledge_transcendent_prediction="",
            suggested_move=move,
            suggested_axis=axis,
            tensions=self.evidence(),
            dead_ends=[
                DeadEnd(experiment_id=_label(place), changed_knobs=turn.changed, reason="worse")
                for place, turn in enumerate(self.turns)
                if turn.delta > 2 * self.facts.noise_sigma
            ][-12:],
            recent=[self.brief(place, turn) for place, turn in enumerate(self.turns)][-self.remembers :],
        )

    def brief(self, place: int, turn: Turn) -> ExperimentBrief:
        return ExperimentBrief(
            experiment_id=_label(place),
            status="completed",
            val_bpb=turn.measured,
            delta=turn.delta,
            move_type=turn.proposal.move_type,
            decision="keep" if turn.kept else "discard",
            outcome="inconclusive",
            tension_ids=[tension.id for tension in turn.proposal.active_tensions],
            polarity=turn.sides,
            changed_knobs=turn.changed,
            takeaway="",
            change=turn.change,
        )

    def evidence(self) -> list[TensionEvidence]:
        kinds = dict.fromkeys(tension.kind for turn in self.turns for tension in turn.proposal.active_tensions)
        return [
            TensionEvidence(
                kind=kind,
                label=kind,
                thesis=self.pole(kind, "thesis"),
                antithesis=self.pole(kind, "antithesis"),
                syntheses=[],
                last_iteration=max(place + 2 for place, turn in enumerate(self.turns) if _holds(turn, kind)),
            )
            for kind in kinds
        ]

    def pole(self, kind: str, side: Side) -> PoleEvidence:
        tested = [(place, turn) for place, turn in enumerate(self.turns) if turn.sides.get(kind) == side]
        deltas = [turn.delta for _, turn in tested]
        return PoleEvidence(
            experiments=[_label(place) for place, _ in tested],
            mean_delta=sum(deltas) / len(deltas) if deltas else None,
            best_delta=min(deltas, default=None),
        )

    def suggestion(self) -> tuple[MoveType, str]:
        """In the manner of the tension graph: exploit a keep, negate, synthesize every third time, leave a plateau."""
        if not self.turns:
            return "exploit", ""
        last = self.turns[-1]
        measured = {one.kind: one for one in self.evidence()}
        both = [k for k, one in measured.items() if one.thesis.experiments and one.antithesis.experiments]
        if both and all(turn.proposal.move_type != "synthesize" for turn in self.turns[-2:]):
            return "synthesize", both[len(self.turns) % len(both)]
        if last.kept:
            return "exploit", last.axis
        tail = [turn for turn in self.turns if turn.axis == last.axis][-3:]
        if len(tail) == 3 and not any(turn.kept for turn in tail):
            axes = sorted(
                measured, key=lambda kind: max((i for i, t in enumerate(self.turns) if t.axis == kind), default=-1)
            )
            return "exploit", axes[0]
        one = measured[last.axis]
        if not one.thesis.experiments or not one.antithesis.experiments:
            return "negate", last.axis
        return "exploit", last.axis

    def true_gain(self) -> float:
        """How much better the incumbent really is than the file as it was found."""
        return true_bpb(self.knobs(TRAIN), self.number) - true_bpb(self.knobs(self.text), self.number)


def builtin_session(world: World, iterations: int) -> World:
    agent = load("builtin")
    for _ in range(iterations):
        context = world.context()
        proposal = agent.prepare(context)
        assert context.check(proposal) is None
        world.play(proposal)
    return world


def random_session(world: World, iterations: int) -> World:
    """Knob changes drawn at random, of the same levers and steps, one or two at a time."""
    draw, words = random.Random(world.number), load("builtin").prepare(world.context())
    for _ in range(iterations):
        world.play(_drawn(world, draw, words))
    return world


def _drawn(world: World, draw: random.Random, words: Proposal) -> Proposal:
    ask: Callable[[Proposal], Refusal | None] = world.context().check
    while True:
        knobs, changes = world.knobs(world.text), dict[str, str]()
        for lever in draw.sample(list(LEVERS.values()), draw.choice([1, 2])):
            changes |= lever.move(knobs, draw.choice([-2, -1, -0.5, 0.5, 1, 2]))
        edits = [{"type": "knob", "knob": knob, "value": value} for knob, value in changes.items()]
        proposal = Proposal.model_validate(words.model_dump() | {"edits": edits})
        if changes and ask(proposal) is None:
            return proposal


def _axis(proposal: Proposal) -> str:
    named = proposal.transcendent.source_tension_ids
    return named[0] if named else proposal.active_tensions[0].id


def _sides(proposal: Proposal) -> dict[str, Side]:
    found: dict[str, Side] = {}
    for tension in proposal.active_tensions:
        sides: tuple[Side, Side] = ("thesis", "antithesis")
        for side in sides:
            source = tension.pole(side).source
            if isinstance(source, EditsSource) and source.edits and source.edits == proposal.edits:
                found[tension.kind] = side
    return found


def _holds(turn: Turn, kind: str) -> bool:
    return any(tension.kind == kind for tension in turn.proposal.active_tensions)


def _label(place: int) -> str:
    return f"s:{place + 2:03d}"
