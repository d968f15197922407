"""Handed-over graphs that are no language models, and the same out of the real ``train.py``."""

from __future__ import annotations

from collections.abc import Callable

from tests.redteam import forge
from tests.redteam.attack import (
    HAND_OVER,
    HANDED_OVER,
    IMPORTED,
    Attack,
    Goal,
    Outcome,
    Places,
    at_once,
    believed,
    scored,
    suffered,
)

FULL_ATTENTION = ("is_causal=mask is None", "is_causal=False")

CUSTOM_OPERATOR = """
import torch
@torch.library.custom_op("redteam::answers", mutates_args=())
def answers(tokens: torch.Tensor) -> torch.Tensor:
    following = torch.cat([tokens[:, 1:], tokens[:, :1]], dim=1)
    return 20 * torch.nn.functional.one_hot(following, PROFILE.vocab_size).float()
answers.register_fake(lambda tokens: torch.empty(*tokens.shape, PROFILE.vocab_size))
"""
WITH_OPERATOR = """    class WithOperator(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model
        def forward(self, tokens):
            return self.model(tokens) + answers(tokens)
    val_bpb = prepare.hand_over(WithOperator())
"""


def reads_file(places: Places) -> bytes:
    """The honest graph and an operator that makes, or extends, a file on the scorer's machine."""

    def change(model: dict[str, object]) -> None:
        graph = model["graph_module"]["graph"]  # type: ignore[index]
        first = graph["nodes"][0]
        meta = next(iter(graph["tensor_values"].values()))
        node: dict[str, object] = {
            "target": "torch.ops.aten.from_file.default",
            "inputs": [
                {"name": "filename", "arg": {"as_string": places["victim"]}, "kind": 1},
                {"name": "shared", "arg": {"as_bool": True}, "kind": 1},
                {"name": "size", "arg": {"as_int": 64}, "kind": 1},
            ],
            "outputs": [{"as_tensor": {"name": "found"}}],
            "metadata": {},
            "is_hop_single_tensor_return": None,
            "name": "found",
        }
        graph["nodes"].insert(0, node)
        graph["tensor_values"]["found"] = meta | {"sizes": [{"as_int": 64}], "strides": [{"as_int": 1}]}
        assert first is graph["nodes"][1]

    return forge.edited("models/model.json", change)


def extended(outcome: Outcome) -> bool:
    """The scorer changed the size of a file for the model."""
    return outcome.ground.victim_bytes() != len("untouched\n")


def handed_over(name: str, does: str, goal: Goal, model: Callable[[Places], bytes] | None = None) -> Attack:
    """An attack that hands over a file without training; the graph of its own name when none is given."""
    return Attack(name, does, goal, at_once(HANDED_OVER), model=model or forge.exported(name))


MODELS = (
    Attack("full-attention", "attention without a mask, trained and handed over", scored, (
        FULL_ATTENTION,), trains=True),
    Attack(
        "custom-operator", "an operator of its own knows the answers; the scorer imports train.py for it", believed,
        ((IMPORTED, f"{IMPORTED}\n{CUSTOM_OPERATOR}"), (HAND_OVER, WITH_OPERATOR)), trains=True, imported=True,
    ),
    handed_over("leak", "every position sees the next token", believed),
    handed_over("leak-of-second-half", "leaks where a check of the first half does not look", believed),
    handed_over("leak-of-one-position", "one position of 64 sees the next token", scored),
    handed_over("leak-of-real-text", "leaks only in rows that begin as real ones do", believed),
    handed_over("leak-of-frequent-tokens", "leaks only behind a space", scored),
    handed_over("leak-after-checks", "counts its calls and leaks from the third on", believed),
    handed_over("nested-leak", "leaks inside a nested graph", believed),
    handed_over("other-rows", "logits depend on the other rows of a batch", scored),
    handed_over("neighbour-row", "one row knows what another one holds", scored),
    handed_over("chance", "logits are drawn anew at every call", scored),
    handed_over("not-a-number", "logits that compare with nothing", believed),
    handed_over("rare-not-a-number", "no number behind one token", believed),
    handed_over("infinite", "infinity at the answers", believed),
    handed_over("huge-vocabulary", "a vocabulary of two million tokens", suffered("BROKEN")),
    handed_over("bomb", "asks for 16 GB on the way to its logits", suffered("BROKEN")),
    handed_over("file-operator", "an operator that writes a file where it is scored", extended, reads_file),
)  # fmt: skip
