"""Structural changes that bring a knob of their own into ``train.py``.

A graft is code plus the constant that turns it on, such as ``PREVIOUS_TOKEN = 0.3``. So a structural change is
recorded, steered, tuned further and taken back like any other knob, and the file says in one place what was changed.
Where the code that a graft rewrites is not there, the graft does not apply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from dialectic.agents.syntax import Rewrite, replacements, rewritten
from dialectic.state.arithmetic import Evaluated
from dialectic.state.proposal import Edit, KnobEdit


@dataclass(frozen=True)
class Graft:
    """One structural change."""

    knob: str
    neutral: Evaluated
    """The value with which the code does what it did before."""
    comment: str
    """What stands behind the constant in the file."""
    near: str
    """The knob below which the constant is written."""
    rewrites: tuple[Rewrite, ...]

    def onto(self, text: str) -> str | None:
        """``text`` with the graft, which changes nothing until its knob is set; None where it does not apply."""
        value = json.dumps(self.neutral) if isinstance(self.neutral, str) else repr(self.neutral)
        constant = f"{self.knob} = {value}  # {self.comment}"
        return rewritten(text, (Rewrite("", f"{self.near} = _value", after=constant), *self.rewrites))


ACTIVATION = Graft(
    "MLP_ACTIVATION", "squared_relu", "squared_relu, gelu or silu", "MLP_RATIO",
    (
        Rewrite(
            "", "class Linear",
            before='ACTIVATIONS = {"squared_relu": squared_relu, "gelu": F.gelu, "silu": F.silu}\n\n',
        ),
        Rewrite("Block.forward", "squared_relu(self.expand(_x))", put="ACTIVATIONS[MLP_ACTIVATION](self.expand(_x))"),
    ),
)  # fmt: skip

GATED = Graft(
    "MLP_GATED", False, "whether a second matrix scales the MLP's hidden channels", "MLP_RATIO",
    (
        Rewrite(
            "Block.__init__", "self.expand = Linear(_inputs, _hidden)",
            after="self.scale = Linear(_inputs, _hidden) if MLP_GATED else None",
        ),
        Rewrite(
            "Block.forward", "return x + self.contract(_act(self.expand(_n)))",
            put="hidden = _act(self.expand(_n))\n"
            "if self.scale is not None:\n"
            "    hidden = hidden * self.scale(_n)\n"
            "return x + self.contract(hidden)",
        ),
    ),
)  # fmt: skip

PARALLEL = Graft(
    "PARALLEL_BLOCK", False, "whether the MLP reads what attention reads instead of what attention wrote", "MLP_RATIO",
    (
        Rewrite("Block.forward", "x = x + self.attention(rms_norm(x), *_rest)", before="read = x"),
        Rewrite(
            "Block.forward", "self.expand(rms_norm(x))", put="self.expand(rms_norm(read if PARALLEL_BLOCK else x))"
        ),
        Rewrite(
            "Block.forward", "self.scale(rms_norm(x))", put="self.scale(rms_norm(read if PARALLEL_BLOCK else x))",
            optional=True,
        ),
    ),
)  # fmt: skip

QK_SCALE = Graft(
    "QK_SCALE", 1.0, "size of normalised queries and keys; attention sharpens with its square", "ROPE_BASE",
    (Rewrite("Attention.forward", "rotary_norm(qk, *_rest)", put="(QK_SCALE * rotary_norm(qk, _rest))"),),
)  # fmt: skip

PREVIOUS_TOKEN = Graft(
    "PREVIOUS_TOKEN", 0.0, "how much of the token before is added to each token's embedding", "ROPE_BASE",
    (
        Rewrite(
            "GPT.forward", "x = x0 = rms_norm(self.embedding(tokens))",
            put="token = self.embedding(tokens)\n"
            "previous = torch.cat([token[:, :1], token[:, :-1]], dim=1)\n"
            "x = x0 = rms_norm(token + PREVIOUS_TOKEN * previous)",
        ),
    ),
)  # fmt: skip

WINDOW_DIVISOR = Graft(
    "WINDOW_DIVISOR", 2, "a short window is the sequence length over this", "WINDOW_PATTERN",
    (Rewrite("GPTConfig.window", "self.sequence_length // 2", put="self.sequence_length // WINDOW_DIVISOR"),),
)  # fmt: skip

X0_INIT = Graft(
    "X0_INIT", 0.1, "first weight of the embedding that every block adds again", "ROPE_BASE",
    (Rewrite("GPT.__init__", "torch.full((_depth,), 0.1)", put="torch.full((_depth,), X0_INIT)"),),
)  # fmt: skip

INIT_SCALE = Graft(
    "INIT_SCALE", 1.0, "first size of the blocks' matrices, times 1 / sqrt(width)", "ROPE_BASE",
    (Rewrite("GPT.initialize", "bound = math.sqrt(_x)", put="bound = INIT_SCALE * math.sqrt(_x)"),),
)  # fmt: skip

TABLE_DECAY = Graft(
    "TABLE_DECAY", 0.0, "weight decay of embeddings and head", "WEIGHT_DECAY",
    (
        Rewrite(
            "build_optimizers", "for optimizer in optimizers:\n    for group in optimizer.param_groups:\n        "
            'group["initial_lr"] = group["lr"]',
            before='for group in adamw.param_groups[:3]:\n    group["weight_decay"] = TABLE_DECAY',
        ),
    ),
)  # fmt: skip

CAUTIOUS_DECAY = Graft(
    "CAUTIOUS_DECAY", True, "whether only weights that the update shrinks are decayed", "WEIGHT_DECAY",
    (
        Rewrite(
            "muon_update", "shrinking = (update * weights) >= 0",
            put="shrinking = (update * weights) >= 0 if CAUTIOUS_DECAY else torch.ones_like(weights)",
        ),
    ),
)  # fmt: skip

EVEN_ROWS = Graft(
    "EVEN_ROWS", True, "whether NorMuon evens out the rows of an update", "MUON_MOMENTUM_STEPS",
    (
        Rewrite(
            "muon_update", "update = normuon(_u, _moment, _beta, dim=_dim)",
            put="if EVEN_ROWS:\n    update = normuon(_u, _moment, _beta, dim=_dim)",
        ),
    ),
)  # fmt: skip

WARMDOWN_POWER = Graft(
    "WARMDOWN_POWER", 1.0, "shape of the warm-down: 1 is linear, below it falls late, above early", "WARMDOWN_RATIO",
    (
        Rewrite(
            "learning_rate_multiplier", "left = max(1 - progress, 0.0) / WARMDOWN_RATIO",
            put="left = (max(1 - progress, 0.0) / WARMDOWN_RATIO) ** WARMDOWN_POWER",
        ),
    ),
)  # fmt: skip

AVERAGED_STEPS = Graft(
    "AVERAGED_STEPS", 0, "steps over which the weights that are handed over are averaged", "FINAL_LR_FRACTION",
    (
        Rewrite(
            "train", "clock.start()", before="averaged = [weight.detach().clone() for weight in model.parameters()]"
        ),
        Rewrite(
            "train", "step += 1",
            after="current = [weight.detach() for weight in model.parameters()]\n"
            "torch._foreach_lerp_(averaged, current, 1 / (AVERAGED_STEPS + 1))",
        ),
        Rewrite(
            "train", "return step",
            before="with torch.no_grad():\n"
            "    for weight, mean in zip(model.parameters(), averaged, strict=True):\n"
            "        weight.copy_(mean)",
        ),
    ),
)  # fmt: skip

GROWING_BATCH = Graft(
    "GROWING_BATCH", 0.0, "fraction of the time budget in which batches have half their size", "DEVICE_BATCH_SIZE",
    (
        Rewrite(
            "train", "rates = schedule(optimizers, step, progress)",
            before="passes = max(accumulation // 2, 1) if progress < GROWING_BATCH else accumulation\n"
            "batch_tokens = passes * DEVICE_BATCH_SIZE * length\n"
            "model.tokens_seen += batch_tokens",
        ),
        Rewrite(
            "train", "mean_loss, batch = train_step(loss_of, optimizers, batch, batches, accumulation)",
            put="mean_loss, batch = train_step(loss_of, optimizers, batch, batches, passes)",
        ),
        Rewrite("train", "TOTAL_BATCH_SIZE / seconds", put="batch_tokens / seconds"),
        Rewrite("train", "step * TOTAL_BATCH_SIZE", put="model.tokens_seen"),
        Rewrite("summarize", "steps * TOTAL_BATCH_SIZE", put="model.tokens_seen"),
        Rewrite("GPT.__init__", 'self.attention = "sdpa"', after="self.tokens_seen = 0"),
    ),
)  # fmt: skip

DATA_ORDER = Graft(
    "DATA_ORDER", 0, "0 is the corpus's order, any other number a shuffle of its documents", "DEVICE_BATCH_SIZE",
    (
        Rewrite(
            "train", 'prepare.dataloader("train", _batch, _length, device=_device)',
            put='prepare.dataloader("train", _batch, _length, device=_device, seed=DATA_ORDER)',
        ),
    ),
)  # fmt: skip

GRAFTS: Mapping[str, Graft] = {
    one.knob: one
    for one in (
        ACTIVATION, GATED, PARALLEL, QK_SCALE, PREVIOUS_TOKEN, WINDOW_DIVISOR, X0_INIT, INIT_SCALE, TABLE_DECAY,
        CAUTIOUS_DECAY, EVEN_ROWS, WARMDOWN_POWER, AVERAGED_STEPS, GROWING_BATCH, DATA_ORDER,
    )
}  # fmt: skip


@lru_cache(maxsize=512)
def applies(knob: str, text: str) -> bool:
    """Whether the graft of ``knob`` can be put onto ``text``."""
    graft = GRAFTS.get(knob)
    return graft is not None and graft.onto(text) is not None


def edits_of(text: str, present: Mapping[str, str], changes: Mapping[str, str]) -> list[Edit]:
    """``changes``, knob → new source text, as edits of ``text``: grafts that change nothing yet, then every knob.

    ``present`` are the knobs of ``text``. Grafts come in the order of their names, so the same changes always give the
    same edits.
    """
    edits: list[Edit] = list(_grafted(text, tuple(sorted(changes.keys() - present.keys()))))
    return edits + [KnobEdit(knob=knob, value=changes[knob]) for knob in sorted(changes)]


@lru_cache(maxsize=256)
def _grafted(text: str, knobs: tuple[str, ...]) -> tuple[Edit, ...]:
    after = text
    for knob in knobs:
        made = GRAFTS[knob].onto(after)
        assert made is not None, f"{knob} was not asked whether it applies"
        after = made
    return tuple(replacements(text, after)) if knobs else ()
