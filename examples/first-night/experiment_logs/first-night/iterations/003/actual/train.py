"""Train a small GPT for a fixed budget and hand it over to be scored. This is the one file that a session edits.

Four parts, in reading order: the knobs, the model, the optimizers, the training loop. The method is the published
autoresearch baseline: rotary attention over normalised queries and keys, value embeddings, squared ReLU, sliding
windows, soft-capped logits; Muon for matrices, AdamW for the rest. `python train.py` trains alone and prints its score.

Shapes: B sequences of T tokens, C channels, H heads of D channels, G key-value heads, V tokens of vocabulary.
"""

# mypy: disable-error-code="no-untyped-call,no-any-return,untyped-decorator"
# (large parts of torch are not typed)

from __future__ import annotations

import ctypes
import gc
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

import prepare
from prepare import PROFILE

Tensors = Sequence[Tensor]
Optimizers = Sequence[torch.optim.Optimizer]
Rotary = tuple[Tensor, Tensor]  # cosine and sine, each [T, 1, D / 2]
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # q [B, T, H, D], k and v [B, T, G, D] to [B, T, H, D]

# ---------------------------------------------------------------------------------------------------------------------
# Knobs: everything worth turning, in one place. Sizes follow the profile, so that the file runs on any machine.
# ---------------------------------------------------------------------------------------------------------------------

# Model
DEPTH = PROFILE.depth  # number of blocks
ASPECT_RATIO = PROFILE.aspect_ratio  # width = DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = PROFILE.head_dim  # channels of one attention head
KV_HEAD_RATIO = 1  # query heads that share one key-value head
MLP_RATIO = 4  # hidden channels of the MLP per channel of the model
WINDOW_PATTERN = PROFILE.window_pattern  # one letter a block, repeated: L full context, S half; the last block is L
VALUE_EMBEDDINGS = True  # a value embedding in every second block, the last one included
GATE_CHANNELS = 32  # channels that a value embedding's gate looks at
LOGIT_SOFTCAP = 15.0  # logits stay within plus and minus this
ROPE_BASE = 10000.0  # wavelength base of the rotary embedding

# Batches, in tokens and sequences
TOTAL_BATCH_SIZE = PROFILE.total_batch_size // 4  # tokens of one optimizer step
DEVICE_BATCH_SIZE = PROFILE.device_batch_size // 4  # sequences of one forward pass; lower it when memory runs out

# Learning rates; those of embeddings and head hold at width 768 and grow with 1 / sqrt(width) below it
EMBEDDING_LR = 0.6  # token and value embeddings, AdamW
UNEMBEDDING_LR = 0.004  # the output head, AdamW
MATRIX_LR = 0.04  # matrices of the blocks, Muon
SCALAR_LR = 0.5  # x0 scalars, AdamW; residual scalars take a hundredth of it
WEIGHT_DECAY = 0.2  # cautious decay of the matrices, falls to zero over the budget
ADAM_BETAS = (0.8, 0.95)  # AdamW's averaging of gradients and of their squares
X0_BETAS = (0.96, 0.95)  # the same for the x0 scalars
MUON_MOMENTUM = 0.95  # reached after MUON_MOMENTUM_STEPS
MUON_MOMENTUM_START = 0.85  # momentum of the first step
MUON_MOMENTUM_STEPS = 300  # steps of momentum warm-up
MUON_BETA2 = 0.95  # NorMuon's averaging of squared updates
POLAR_STEPS = 5  # iterations of Polar Express, at most 5

# Schedule, in fractions of the time budget
WARMUP_RATIO = 0.0  # learning rates rise
WARMDOWN_RATIO = 0.5  # learning rates fall
FINAL_LR_FRACTION = 0.0  # what they fall to

# ---------------------------------------------------------------------------------------------------------------------
# Model
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GPTConfig:
    """Everything that fixes the model's graph; `width` is C, in channels, `sequence_length` is T, in tokens."""

    vocab_size: int
    sequence_length: int
    depth: int
    width: int
    heads: int
    kv_heads: int
    mlp_ratio: int = 4
    window_pattern: str = "L"
    value_embeddings: bool = True
    gate_channels: int = 32
    logit_softcap: float = 15.0
    rope_base: float = 10000.0

    def __post_init__(self) -> None:
        """Raise ValueError in one line where the sizes do not fit each other."""
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads of an even number of channels")
        if self.heads % self.kv_heads:
            raise ValueError(f"{self.heads} query heads do not fit {self.kv_heads} key-value heads: see KV_HEAD_RATIO")
        if not self.window_pattern or set(self.window_pattern) - {"S", "L"}:
            raise ValueError(f"WINDOW_PATTERN {self.window_pattern!r} must be letters S and L")

    @property
    def head_dim(self) -> int:
        return self.width // self.heads

    def has_value_embedding(self, layer: int) -> bool:
        return self.value_embeddings and layer % 2 == (self.depth - 1) % 2

    def window(self, layer: int) -> int:
        """How many tokens back a query of this block sees, itself not counted; T or more means all of them."""
        letter = self.window_pattern[layer % len(self.window_pattern)]
        return self.sequence_length // 2 if letter == "S" and layer < self.depth - 1 else self.sequence_length


# Every function below is defined by its plain formula, which is what compiles and exports. Eager training on a CPU
# waits for memory, not for arithmetic: there a second, hand-written form of the same formula touches memory less often.


def eager_cpu(x: Tensor) -> bool:
    """Whether the hand-written forms apply: training, on a CPU, without a compiler or an export at work."""
    return x.device.type == "cpu" and torch.is_grad_enabled() and not torch.compiler.is_compiling()


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T for x [..., C] and weight [K, C]."""
    if not (eager_cpu(x) and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()):
        return F.linear(x, weight)
    # A convolution over single pixels is the same product, but runs in oneDNN: twice the speed of MKL on AMD.
    pixels = x.reshape(1, -1, 1, x.size(-1)).permute(0, 3, 1, 2)
    y = F.conv2d(pixels, weight[:, :, None, None]).permute(0, 2, 3, 1)
    return y.reshape(*x.shape[:-1], -1)


def rms_norm(x: Tensor) -> Tensor:
    """Scale the last dimension to a root mean square of 1 (Zhang and Sennrich 2019), without parameters."""
    return F.rms_norm(x, (x.size(-1),))


def rotary_norm(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate channel pairs of [B, T, H, D] by position (Su et al. 2021), then normalise every head."""
    if eager_cpu(x):
        return RotaryNorm.apply(x, cos, sin)
    first, second = x.chunk(2, dim=-1)
    return rms_norm(torch.cat([first * cos + second * sin, second * cos - first * sin], dim=-1))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """The rotation of `rotary_norm` alone; with -sin its inverse."""
    (first, second), y = x.chunk(2, dim=-1), torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.mul(first, cos, out=y[..., : first.size(-1)]).addcmul_(second, sin)
    torch.mul(second, cos, out=y[..., first.size(-1) :]).addcmul_(first, sin, value=-1)
    return y


class RotaryNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        y = rotate(x, cos, sin)
        scale = y.square().mean(-1, keepdim=True).add_(torch.finfo(x.dtype).eps).rsqrt_()
        y.mul_(scale)
        ctx.save_for_backward(y, scale, cos, sin)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        y, scale, cos, sin = ctx.saved_tensors
        along = (gradient * y).mean(-1, keepdim=True)
        return rotate(torch.addcmul(gradient, y, along, value=-1).mul_(scale), cos, -sin), None, None


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0)^2 (So et al. 2021)."""
    return SquaredReLU.apply(x) if eager_cpu(x) else F.relu(x).square()


class SquaredReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = F.relu(x)
        ctx.save_for_backward(y)
        return y * y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return (gradient * y).mul_(2)


def capped_logits(x: Tensor, head: Tensor, softcap: float) -> Tensor:
    """Float32 logits softcap * tanh(x @ head.T / softcap) for x [..., C] and head [V, C]."""
    return softcap * torch.tanh(F.linear(x, head).float() / softcap)


def capped_loss(x: Tensor, head: Tensor, targets: Tensor, softcap: float) -> Tensor:
    """Mean cross-entropy in nats of `capped_logits` for x [N, C] against targets [N]."""
    if eager_cpu(x):
        return CappedLoss.apply(linear(x / softcap, head), targets, softcap)
    return F.cross_entropy(capped_logits(x, head, softcap), targets)


class CappedLoss(torch.autograd.Function):
    """Loss of raw / softcap [N, V], which forward overwrites with its own gradient, rows at a time in the cache."""

    @staticmethod
    def forward(ctx: Any, scaled: Tensor, targets: Tensor, softcap: float) -> Tensor:
        loss = scaled.new_zeros(())
        for tanh, target in zip(scaled.split(256), targets[:, None].split(256), strict=True):
            log_probability = F.log_softmax(tanh.tanh_() * softcap, dim=-1)
            loss -= log_probability.gather(1, target).sum()
            gradient = log_probability.exp_().scatter_add_(1, target, -torch.ones_like(target, dtype=scaled.dtype))
            torch.addcmul(gradient, gradient, tanh.square_(), value=-1, out=tanh)
        ctx.save_for_backward(scaled)
        ctx.scale = softcap / len(targets)
        return loss / len(targets)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (scaled,) = ctx.saved_tensors
        return scaled * (gradient * ctx.scale), None, None


class Linear(nn.Linear):
    """A matrix without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight)


class Attention(nn.Module):
    """Causal self-attention with grouped key-value heads, normalised queries and keys, and a gated value embedding."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        kv_width = config.kv_heads * config.head_dim
        self.query = Linear(config.width, config.width)
        self.key = Linear(config.width, kv_width)
        self.value = Linear(config.width, kv_width)
        self.out = Linear(config.width, config.width)
        self.gate_channels = min(config.gate_channels, config.width)
        self.gate = Linear(self.gate_channels, config.kv_heads) if config.has_value_embedding(layer) else None

    def forward(self, x: Tensor, embedded: Tensor | None, rotary: Rotary, attend: Attend) -> Tensor:
        """[B, T, C] to [B, T, C]; `embedded` is the value embedding [B, T, G * D] where this block has one."""
        batch, length, width = x.shape
        # One product for all three, so that x is read once; each stays a matrix of its own for Muon.
        weights = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        qkv = linear(x, weights).view(batch, length, -1, self.head_dim)
        heads, kv_heads = width // self.head_dim, self.key.out_features // self.head_dim
        qk, v = qkv.split([heads + kv_heads, kv_heads], dim=2)
        q, k = rotary_norm(qk, *rotary).to(v.dtype).split([heads, kv_heads], dim=2)
        if self.gate is not None and embedded is not None:
            gate = 2 * torch.sigmoid(self.gate(x[..., : self.gate_channels]))  # 1 at the start: weights are zero
            v = torch.addcmul(v, gate.unsqueeze(-1).to(v.dtype), embedded.view_as(v).to(v.dtype))
        return self.out(attend(q, k, v).reshape(batch, length, width))


class Block(nn.Module):
    """Attention and MLP, each on the normalised residual stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.attention = Attention(config, layer)
        self.expand = Linear(config.width, config.mlp_ratio * config.width)
        self.contract = Linear(config.mlp_ratio * config.width, config.width)

    def forward(self, x: Tensor, embedded: Tensor | None, rotary: Rotary, attend: Attend) -> Tensor:
        x = x + self.attention(rms_norm(x), embedded, rotary, attend)
        return x + self.contract(squared_relu(self.expand(rms_norm(x))))


def sdpa_attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """PyTorch's own attention; mask [T, T] is true where a query may look, None is plain causal."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    grouped = q.size(1) != k.size(1)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped)
    return y.transpose(1, 2)


def flex_attend(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask) -> Tensor:
    """FlexAttention (Dong et al. 2024), which skips the blocks that a window hides; fast only when compiled."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    y = flex_attention(q, k, v, block_mask=mask, enable_gqa=q.size(1) != k.size(1))
    assert isinstance(y, Tensor)
    return y.transpose(1, 2)


def window_mask(length: int, window: int, device: torch.device) -> Tensor:
    """Boolean [T, T]: query i sees keys i - window to i."""
    position = torch.arange(length, device=device)
    distance = position[:, None] - position[None, :]
    return (distance >= 0) & (distance <= window)


def window_block_mask(length: int, window: int, device: torch.device) -> BlockMask:
    """The same as `window_mask`, as FlexAttention wants it."""

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:  # noqa: ARG001
        return (query >= key) & (query - key <= window)

    return create_block_mask(visible, B=None, H=None, Q_LEN=length, KV_LEN=length, device=str(device))


class GPT(nn.Module):
    """The decoder. `attention` names the path it takes: "sdpa", "flex" or "fa3" (which needs `flash_attention`)."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.attention = "sdpa"
        self.flash_attention: Callable[..., Tensor] | None = None
        self.block_masks: dict[tuple[int, int, torch.device], BlockMask] = {}
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.depth))
        self.head = Linear(config.width, config.vocab_size)
        self.residual_scalars = nn.Parameter(torch.ones(config.depth))
        self.x0_scalars = nn.Parameter(torch.full((config.depth,), 0.1))
        kv_width = config.kv_heads * config.head_dim
        layers = [layer for layer in range(config.depth) if config.has_value_embedding(layer)]
        self.value_embeddings = nn.ModuleDict({str(n): nn.Embedding(config.vocab_size, kv_width) for n in layers})
        self.initialize()
        # Tables are buffers, so that they follow the model to a device, but no weights, so that nothing stores them.
        frequency = config.rope_base ** (-torch.arange(0, config.head_dim, 2) / config.head_dim)
        angle = torch.outer(torch.arange(config.sequence_length), frequency)[:, None, :]
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for window in {config.window(layer) for layer in range(config.depth)} - {config.sequence_length}:
            mask = window_mask(config.sequence_length, window, self.residual_scalars.device)
            self.register_buffer(f"mask_{window}", mask, persistent=False)

    @torch.no_grad()
    def initialize(self) -> None:
        """Draw the first weights: each block starts as the identity, the head near zero."""
        bound = math.sqrt(3 / self.config.width)  # uniform with standard deviation 1 / sqrt(C)
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.head.weight, std=0.001)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("out.weight", "contract.weight", "gate.weight")):
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -bound, bound)
        for table in self.value_embeddings.parameters():
            nn.init.uniform_(table, -bound, bound)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """Logits [B, T, V] in float32 for tokens [B, T]; with targets [B, T] their mean cross-entropy in nats."""
        length = tokens.size(1)
        rotary = self.cos[:length], self.sin[:length]  # type: ignore[index]
        with self.autocast():
            x = x0 = rms_norm(self.embedding(tokens))
            for layer, block in enumerate(self.blocks):
                x = self.residual_scalars[layer] * x + self.x0_scalars[layer] * x0
                table = self.value_embeddings[str(layer)] if self.config.has_value_embedding(layer) else None
                x = block(x, table(tokens) if table else None, rotary, self.attend(layer, length))
            x = rms_norm(x)
            if targets is None:
                return capped_logits(x, self.head.weight, self.config.logit_softcap)
            return capped_loss(x.flatten(0, 1), self.head.weight, targets.flatten(), self.config.logit_softcap)

    def autocast(self) -> AbstractContextManager[Any]:
        """Products in bfloat16 on CUDA; everything in the weights' own type elsewhere."""
        on_cuda = self.residual_scalars.device.type == "cuda"
        return torch.autocast("cuda", dtype=torch.bfloat16) if on_cuda else nullcontext()

    def attend(self, layer: int, length: int) -> Attend:
        """The attention of one block for sequences of `length` tokens, along the path that was chosen."""
        window = self.config.window(layer)
        if self.attention == "fa3":
            assert self.flash_attention is not None
            return partial(self.flash_attention, window=window)
        if self.attention == "flex":
            return partial(flex_attend, mask=self.block_mask(window, length))
        assert self.attention == "sdpa", f"unknown attention path {self.attention!r}"
        hidden = window < length - 1  # a window that hides nothing is plain causal attention, which is quicker
        return partial(sdpa_attend, mask=getattr(self, f"mask_{window}")[:length, :length] if hidden else None)

    def block_mask(self, window: int, length: int) -> BlockMask:
        """FlexAttention's mask, built once for each window, length and device."""
        key = (window, length, self.residual_scalars.device)
        if key not in self.block_masks:
            self.block_masks[key] = window_block_mask(length, window, self.residual_scalars.device)
        return self.block_masks[key]

    def flops_per_token(self) -> int:
        """Floating-point operations of forward and backward: 6 a matrix weight, 12 H D a key that is looked at."""
        weights = sum(p.numel() for p in self.blocks.parameters()) + self.head.weight.numel()
        seen = sum(min(self.config.window(n), self.config.sequence_length) for n in range(self.config.depth))
        return 6 * weights + 12 * self.config.width * seen

    def parameter_counts(self) -> dict[str, int]:
        """How many parameters each part has, and the total."""
        counts = {
            "embedding": self.embedding.weight.numel(),
            "value_embeddings": sum(p.numel() for p in self.value_embeddings.parameters()),
            "head": self.head.weight.numel(),
            "matrices": sum(p.numel() for p in self.blocks.parameters()),
            "scalars": self.residual_scalars.numel() + self.x0_scalars.numel(),
        }
        return counts | {"total": sum(counts.values())}


# ---------------------------------------------------------------------------------------------------------------------
# Optimizers
# ---------------------------------------------------------------------------------------------------------------------

# Coefficients (a, b, c) of the odd polynomials a x + b x^3 + c x^5 that drive singular values to 1, one triple an
# iteration (Amsel et al. 2025, table for singular values of 1e-3 and more, with their safety factor).
POLAR_EXPRESS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def polar_express(matrices: Tensor, steps: int) -> Tensor:
    """Bring stacked matrices [N, R, C] near the orthogonal factor U V^T of their decomposition U S V^T."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    tall = x.size(-2) > x.size(-1)
    for a, b, c in POLAR_EXPRESS[:steps]:
        # The Gram matrix of the shorter side costs least; baddbmm adds the scaled term in the same pass.
        gram = x.mT @ x if tall else x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, x, polynomial, beta=a) if tall else torch.baddbmm(x, polynomial, x, beta=a)
    return x


def normuon(update: Tensor, second_moment: Tensor, beta2: Tensor, dim: int) -> Tensor:
    """Even out the squared size of rows (dim -1) or columns (-2) by its running mean, keeping the whole norm (NorMuon,
    Li et al. 2025). Changes `second_moment` in place."""
    mean_square = update.square().mean(dim=dim, keepdim=True)
    second_moment.lerp_(mean_square, 1 - beta2)
    scale = second_moment.clamp_min(1e-10).rsqrt()
    norm = mean_square.sum(dim=(-2, -1), keepdim=True).sqrt()
    scaled_norm = (mean_square * scale.square()).sum(dim=(-2, -1), keepdim=True).sqrt()
    return update * (scale * (norm / scaled_norm.clamp_min(1e-10)))


def muon_update(weights: Tensor, gradients: Tensor, state: Tensors, rates: Tensors, steps: int) -> None:
    """One Muon step on stacked matrices [N, R, C], in place. State: momentum and NorMuon's mean square; rates: learning
    rate, decay, momentum and beta2."""
    (momentum_buffer, second_moment), (rate, decay, momentum, beta2) = state, rates
    momentum_buffer.lerp_(gradients, 1 - momentum)
    nesterov = torch.lerp(gradients, momentum_buffer, momentum)
    half = weights.device.type == "cuda"  # elsewhere bfloat16 products are slower than float32 ones
    update = polar_express(nesterov.bfloat16() if half else nesterov, steps).to(weights.dtype)
    update = normuon(update, second_moment, beta2, dim=-1 if weights.size(-2) >= weights.size(-1) else -2)
    # Cautious: only weights that the update already shrinks are decayed (Chen et al. 2025).
    shrinking = (update * weights) >= 0
    weights.sub_(rate * (update + decay * weights * shrinking))


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) with Nesterov momentum, for matrices; those of one shape are updated as one stack."""

    def __init__(self, matrices: list[nn.Parameter], lr: float, steps: int, compiled: bool) -> None:
        shapes = sorted({tuple(p.shape) for p in matrices})
        groups = [{"params": [p for p in matrices if tuple(p.shape) == shape]} for shape in shapes]
        super().__init__(groups, {"lr": lr, "momentum": MUON_MOMENTUM, "weight_decay": 0.0, "beta2": MUON_BETA2})
        self.steps = steps
        self.update = torch.compile(muon_update, dynamic=False, fullgraph=True) if compiled else muon_update

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            parameters = group["params"]
            weights = torch.stack([p.detach() for p in parameters])
            gradients = torch.stack([p.grad for p in parameters])
            state = self.state[parameters[0]]  # of the whole stack
            if not state:
                tall = weights.size(-2) >= weights.size(-1)
                state["momentum"] = torch.zeros_like(weights)
                state["mean_square"] = torch.zeros_like(weights[..., :1] if tall else weights[..., :1, :])
            # Wide steps for tall matrices, so that a step changes outputs alike whatever the shape.
            rate = group["lr"] * max(1.0, weights.size(-2) / weights.size(-1)) ** 0.5
            # As tensors, because a Python number that changes would compile the update again.
            rates = torch.tensor([rate, group["weight_decay"], group["momentum"], group["beta2"]]).unbind()
            self.update(weights, gradients, (state["momentum"], state["mean_square"]), rates, self.steps)
            torch._foreach_copy_(parameters, list(weights.unbind()))


def build_optimizers(model: GPT, compiled: bool) -> list[torch.optim.Optimizer]:
    """AdamW for embeddings, head and scalars, Muon for the matrices; every parameter is in one group exactly."""
    scale = (model.config.width / 768) ** -0.5
    adamw = torch.optim.AdamW(
        [
            {"params": [model.head.weight], "lr": UNEMBEDDING_LR * scale},
            {"params": [model.embedding.weight], "lr": EMBEDDING_LR * scale},
            {"params": list(model.value_embeddings.parameters()), "lr": EMBEDDING_LR * scale},
            {"params": [model.residual_scalars], "lr": SCALAR_LR * 0.01},
            {"params": [model.x0_scalars], "lr": SCALAR_LR, "betas": X0_BETAS},
        ],
        betas=ADAM_BETAS,
        eps=1e-10,
        weight_decay=0.0,
        fused=True,
    )
    optimizers = [adamw, Muon(list(model.blocks.parameters()), MATRIX_LR, POLAR_STEPS, compiled)]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def learning_rate_multiplier(progress: float) -> float:
    """Warm-up, constant, warm-down; `progress` is the fraction of the time budget that is used."""
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress <= 1 - WARMDOWN_RATIO:
        return 1.0
    left = max(1 - progress, 0.0) / WARMDOWN_RATIO
    return left + (1 - left) * FINAL_LR_FRACTION


def schedule(optimizers: Optimizers, step: int, progress: float) -> dict[str, float]:
    """Set this step's learning rates, Muon's momentum and its decay, and return the three numbers to report."""
    multiplier = learning_rate_multiplier(progress)
    ramp = min(step / max(MUON_MOMENTUM_STEPS, 1), 1.0)
    momentum = (1 - ramp) * MUON_MOMENTUM_START + ramp * MUON_MOMENTUM
    decay = WEIGHT_DECAY * (1 - progress)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * multiplier
            if isinstance(optimizer, Muon):
                group |= {"momentum": momentum, "weight_decay": decay}
    return {"lr_multiplier": multiplier, "muon_momentum": momentum, "muon_weight_decay": decay}


# ---------------------------------------------------------------------------------------------------------------------
# Machine
# ---------------------------------------------------------------------------------------------------------------------

# Peak dense bfloat16 operations a second, in units of 1e12, by a part of the device's name; the first that fits counts.
PEAK_TFLOPS = {
    "B200": 2250, "H200": 989.5, "GH200": 989.5, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989.5, "A100": 312,
    "L40S": 362, "L40": 181, "L4": 121, "A10": 125, "RTX 5090": 209.5, "RTX 4090": 165.2, "RTX 4080": 97.5,
    "RTX 3090": 71, "MI300X": 1307.4,
}  # fmt: skip


def peak_flops(device: torch.device) -> float:
    """What the device can do at most, in operations a second; 0 where it is not known, and then MFU is 0."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((1e12 * tflops for part, tflops in PEAK_TFLOPS.items() if part in name), 0.0)


def memory_mb(device: torch.device) -> dict[str, float]:
    """Accelerator memory in MiB, by the names of the live events; nothing on a CPU."""
    names = ("memory_allocated", "memory_reserved", "max_memory_allocated") if device.type == "cuda" else ()
    return {f"{name}_mb": getattr(torch.cuda, name)(device) / 2**20 for name in names}


def configure_process(device: torch.device) -> None:
    """Settings of the whole process; they must come before the first large tensor."""
    if device.type == "cuda":
        os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        torch.set_float32_matmul_precision("high")
    elif sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        # By default every large tensor is mapped from the kernel anew and zeroed page by page, which takes longer than
        # the arithmetic on it. So malloc shall map nothing apart (M_MMAP_MAX) and give nothing back (M_TRIM_THRESHOLD).
        libc.mallopt(-4, 0)
        libc.mallopt(-1, 2**31 - 1)


def load_flash_attention() -> Callable[..., Tensor] | None:
    """FlashAttention 3 (Shah et al. 2024) from the kernel hub, or None where there is no network and no copy of it."""
    name = "kernels-community/flash-attn3"
    try:
        from kernels import get_kernel

        kernel: Any = get_kernel(name, version=1, trust_remote_code=[name]).flash_attn_func
    except Exception as error:  # noqa: BLE001 - whatever keeps an optional kernel away, training goes on without it
        print(f"no FlashAttention 3: {type(error).__name__} {error}"[:200])
        return None

    @torch.compiler.disable  # the compiler cannot look into the kernel
    def attend(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
        y = kernel(q, k, v, causal=True, window_size=(window, 0))
        return y[0] if isinstance(y, tuple) else y  # some builds add the log-sum-exp

    return attend


def choose_attention(model: GPT, device: torch.device) -> None:
    """Set the quickest path that this device has: fa3 on Hopper, flex where windows pay and compile, else sdpa."""
    if device.type != "cuda" or torch.version.cuda is None or not PROFILE.compile:
        return
    capability, config = torch.cuda.get_device_capability(device), model.config
    windows = {config.window(layer) for layer in range(config.depth)}
    if capability == (9, 0) and (kernel := load_flash_attention()):
        model.attention, model.flash_attention = "fa3", kernel
    elif capability >= (8, 0) and min(windows) < config.sequence_length:
        model.attention = "flex"
        for window in windows:  # outside the compiled graph
            model.block_mask(window, config.sequence_length)


# ---------------------------------------------------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------------------------------------------------

Batch = tuple[Tensor, Tensor, int]  # tokens [B, T], targets [B, T], epoch
LossOf = Callable[[Tensor, Tensor], Tensor]  # of tokens and targets


class TrainingFailed(Exception):
    """The loss left the numbers that training can come back from."""

    def __init__(self, loss: float, step: int) -> None:
        super().__init__(f"loss is {loss:.4g} at step {step}")
        self.step = step


def build_config(vocab_size: int) -> GPTConfig:
    """The model's sizes out of the knobs."""
    heads = -(-DEPTH * ASPECT_RATIO // HEAD_DIM)
    return GPTConfig(
        vocab_size=vocab_size, sequence_length=PROFILE.sequence_length, depth=DEPTH, width=heads * HEAD_DIM,
        heads=heads, kv_heads=max(heads // KV_HEAD_RATIO, 1), mlp_ratio=MLP_RATIO, window_pattern=WINDOW_PATTERN,
        value_embeddings=VALUE_EMBEDDINGS, gate_channels=GATE_CHANNELS, logit_softcap=LOGIT_SOFTCAP,
        rope_base=ROPE_BASE,
    )  # fmt: skip


def build_model(config: GPTConfig, device: torch.device) -> GPT:
    """The model on its device; embeddings are kept in bfloat16 on CUDA, where reading them waits for memory."""
    with device:
        model = GPT(config)
    if device.type == "cuda":
        model.embedding.bfloat16()
        model.value_embeddings.bfloat16()
    return model


def accumulation_steps() -> int:
    """Forward passes in one optimizer step; ValueError where the batch sizes do not fit."""
    tokens = DEVICE_BATCH_SIZE * PROFILE.sequence_length
    if TOTAL_BATCH_SIZE % tokens:
        raise ValueError(f"TOTAL_BATCH_SIZE {TOTAL_BATCH_SIZE} is not a multiple of {tokens} tokens in a forward pass")
    return TOTAL_BATCH_SIZE // tokens


def train_step(
    loss_of: LossOf, optimizers: Optimizers, batch: Batch, batches: Iterator[Batch], accumulation: int
) -> tuple[Tensor, Batch]:
    """One optimizer step, beginning with `batch`; returns its mean loss and the batch to begin the next one with."""
    losses = []
    for _ in range(accumulation):
        loss = loss_of(batch[0], batch[1]) / accumulation
        loss.backward()
        losses.append(loss.detach())
        batch = next(batches)  # while an accelerator is still busy
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return torch.stack(losses).sum(), batch


def warm_up(model: GPT, loss_of: LossOf, optimizers: Optimizers, batch: Batch, accumulation: int) -> None:
    """Let everything compile on real data, then forget what was learnt: no step is free."""
    initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(PROFILE.warmup_steps):
        train_step(loss_of, optimizers, batch, repeat(batch), accumulation)
    model.load_state_dict(initial)
    for optimizer in optimizers:
        optimizer.state.clear()


class Progress:
    """One line that is rewritten on a terminal; elsewhere a plain line every 10 s or 10 % of the budget."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self.shown_at, self.tenth = -math.inf, -1

    def show(self, line: str, progress: float) -> None:
        now, tenth = time.monotonic(), int(progress * 10)
        if self.terminal:
            print(f"\r{line}\x1b[K", end="\n" if progress >= 1 else "", flush=True)
        elif now - self.shown_at >= 10 or tenth > self.tenth:
            print(line, flush=True)
            self.shown_at, self.tenth = now, tenth


def train(model: GPT, optimizers: Optimizers, clock: prepare.Clock, events: prepare.LiveEvents) -> int:
    """Train until the budget is used and return the number of steps. Raises TrainingFailed when the loss explodes."""
    device, length, accumulation = model.residual_scalars.device, PROFILE.sequence_length, accumulation_steps()
    loss_of = torch.compile(model, dynamic=False) if PROFILE.compile else model
    # In the corpus's order, as published: its documents are shuffled, and another order for each seed would only add
    # noise to every comparison.
    batches = prepare.dataloader("train", DEVICE_BATCH_SIZE, length, device=str(device))
    batch = next(batches)
    warm_up(model, loss_of, optimizers, batch, accumulation)
    # A collection in mid-training stalls it for up to half a second, and there is next to nothing to collect.
    gc.collect()
    gc.freeze()
    gc.disable()
    mfu_factor = 100 * model.flops_per_token() / (peak_flops(device) or math.inf)
    display, step, progress, average = Progress(), 0, 0.0, 0.0
    clock.start()
    while progress < 1:
        began, epoch = time.perf_counter(), batch[2]
        rates = schedule(optimizers, step, progress)
        mean_loss, batch = train_step(loss_of, optimizers, batch, batches, accumulation)
        loss = mean_loss.item()
        if not loss <= 100:  # not a number is not either
            raise TrainingFailed(loss, step)
        step += 1
        elapsed, seconds = clock.elapsed(), time.perf_counter() - began
        progress, left, speed = elapsed / PROFILE.time_budget, PROFILE.time_budget - elapsed, TOTAL_BATCH_SIZE / seconds
        average = 0.9 * average + 0.1 * loss
        smooth_loss = average / (1 - 0.9**step)
        display.show(
            f"step {step:5d} ({min(progress, 1):4.0%}) loss {smooth_loss:.4f} lr {rates['lr_multiplier']:.2f} "
            f"{1e3 * seconds:.0f} ms {speed:,.0f} tokens/s mfu {mfu_factor * speed:.1f} % epoch {epoch} "
            f"{max(left, 0):.0f} s left",
            progress,
        )
        events.emit(
            "train_step", step=step, epoch=epoch, progress_pct=100 * min(progress, 1), total_tokens_seen=step *
            TOTAL_BATCH_SIZE, training_seconds_elapsed=elapsed, remaining_seconds=max(left, 0.0), train_loss_raw=loss,
            train_loss_ema=smooth_loss, step_dt_ms=1e3 * seconds, tokens_per_second=speed,
            mfu_percent_instant=mfu_factor * speed, cuda=memory_mb(device), **rates,
        )  # fmt: skip
    return step


def announce(model: GPT, events: prepare.LiveEvents) -> None:
    """Say what is about to be trained, to a person and to whoever reads the events."""
    device, counts, accumulation = model.residual_scalars.device, model.parameter_counts(), accumulation_steps()
    print(f"profile {PROFILE.name}, device {device}, attention {model.attention}, seed {prepare.run_seed()}")
    print("model " + ", ".join(f"{name} {value}" for name, value in asdict(model.config).items()))
    print("parameters " + ", ".join(f"{part} {count:,}" for part, count in counts.items()))
    print(f"{PROFILE.time_budget:g} s, {TOTAL_BATCH_SIZE:,} tokens a step, accumulation {accumulation}", flush=True)
    events.emit(
        "run_started", config=asdict(model.config), attention_backend=model.attention, param_counts=counts,
        device_batch_size=DEVICE_BATCH_SIZE, total_batch_size=TOTAL_BATCH_SIZE, grad_accum_steps=accumulation,
        time_budget_s=PROFILE.time_budget,
    )  # fmt: skip


def summarize(model: GPT, steps: int, trained: float, total: float, val_bpb: float | None) -> dict[str, float]:
    """The summary numbers; val_bpb is missing under a runner, which scores the model itself."""
    device, tokens = model.residual_scalars.device, steps * TOTAL_BATCH_SIZE
    return ({} if val_bpb is None else {"val_bpb": val_bpb}) | {
        "training_seconds": trained,
        "total_seconds": total,
        "peak_vram_mb": memory_mb(device).get("max_memory_allocated_mb", 0.0),
        "mfu_percent": 100 * model.flops_per_token() * tokens / trained / (peak_flops(device) or math.inf),
        "total_tokens_M": tokens / 1e6,
        "num_steps": steps,
        "num_params_M": model.parameter_counts()["total"] / 1e6,
        "depth": DEPTH,
    }


def main() -> int:
    """Build, train, hand over, summarize; the exit code is 1 when training failed."""
    began = time.perf_counter()
    device = torch.device(PROFILE.device)
    configure_process(device)
    torch.manual_seed(prepare.run_seed())
    model = build_model(build_config(prepare.load_tokenizer().vocab_size), device)
    optimizers = build_optimizers(model, PROFILE.compile)
    choose_attention(model, device)
    clock, events = prepare.Clock(), prepare.LiveEvents()
    announce(model, events)
    try:
        steps = train(model, optimizers, clock, events)
    except TrainingFailed as failure:
        events.emit("run_failed", step=failure.step, reason=str(failure))
        print(f"\nFAIL: {failure}", flush=True)
        return 1
    except torch.OutOfMemoryError:
        events.emit("run_failed", step=0, reason="out of memory")
        raise
    trained = clock.elapsed()
    events.emit("eval_started", step=steps, training_seconds_elapsed=trained)
    val_bpb = prepare.hand_over(model)
    summary = summarize(model, steps, trained, time.perf_counter() - began, val_bpb)
    events.emit("run_summary", **summary)
    print("---")
    for name, value in summary.items():
        number = f"{value:.6f}" if name == "val_bpb" else f"{value:.6g}"  # six digits of seconds, tokens and counts
        print(f"{name + ':':<17} {number}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
