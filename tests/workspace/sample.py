"""A small research file, and what a check needs beside it."""

from __future__ import annotations

from pathlib import Path

from dialectic.state.program import Steering
from dialectic.state.proposal import Edit, EditsSource, Pole, Prediction, Proposal, Source, Tension, Transcendent
from dialectic.state.session import ProfileFacts
from dialectic.workspace import Bounds, Origins

TRAIN = '''"""A training script."""

import prepare
from prepare import PROFILE

# Model
DEPTH = PROFILE.depth  # number of blocks
WIDTH = DEPTH * 32
PATTERN = "SSSL"  # windows
FLAG: bool = True
BATCH = (
    2**4
    * 4
)  # sequences
TABLE = {"a": 1}
POLYNOMIALS = ((1.0, 2.0), (3.0, 4.0))
BETAS = (0.8, 0.95)
MATRIX_LR = 0.04  # Muon
lower = 3


def main() -> None:
    """Train."""
    LOCAL = 3
    print(DEPTH, LOCAL)
'''

VALUES: dict[str, float | int | str | bool] = {"depth": 4, "name": "cpu", "time_budget": 60.0}

PROFILE = ProfileFacts(
    name="cpu",
    device="cpu",
    sequence_length=256,
    vocab_size=2048,
    time_budget=60.0,
    clock="cpu",
    eval_tokens=131072,
    noise_sigma=0.01,
    values=VALUES,
    reason="no accelerator",
)


def experiments(experiment_id: str) -> str | None:
    """One earlier experiment is known."""
    return TRAIN.replace("0.04", "0.05") if experiment_id == "s:002" else None


def origins(root: Path) -> Origins:
    return Origins(root=root, current=TRAIN, iteration=experiments)


def bounds(root: Path, steering: Steering | None = None, known: dict[str, str] | None = None) -> Bounds:
    return Bounds(origins(root), steering or Steering(), PROFILE, "data", known or {})


def tension(name: str, thesis: Source, antithesis: Source) -> Tension:
    return Tension(
        id=name,
        label=name,
        kind=name,
        why_active="it is open",
        favored_side="thesis",
        thesis=Pole(summary="more", source=thesis),
        antithesis=Pole(summary="less", source=antithesis),
    )


def proposal(edits: list[Edit], thesis: Source | None = None, synthesis: Source | None = None) -> Proposal:
    nothing = EditsSource(edits=[])
    return Proposal(
        prediction="Prediction: changing it will improve val_bpb because of that.",
        prediction_scored=Prediction(
            direction="decrease", expected_delta=-0.01, interval=(-0.02, 0.0), confidence=0.5, mechanism="that"
        ),
        move_type="exploit",
        why_now="now",
        thesis="more",
        antithesis="less",
        synthesis_candidate="both",
        knowledge_transcendent_prediction="both",
        active_tensions=[tension("one", thesis or nothing, nothing), tension("two", nothing, nothing)],
        transcendent=Transcendent(
            source_tension_ids=["one"],
            thesis_ref="one:thesis",
            antithesis_ref="one:antithesis",
            emergent_thought="both",
            concrete_change="both",
            tested_in_iteration=False,
            train_py_source=synthesis,
        ),
        edits=edits,
    )
