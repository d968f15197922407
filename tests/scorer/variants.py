"""Language models as people write them, each a small module from tokens [B, T] to logits [B, T, V]."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY, LENGTH, WIDTH = 512, 64, 16


class Model(nn.Module):
    """Embedding, one mixing layer with a residual, head; the layer maps [B, T, WIDTH] to the same shape."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.layer = layer
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.embedding(tokens)
        logits: Tensor = self.head(x + self.layer(x))
        return logits


class CausalConv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 4, groups=WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.conv(F.pad(self.norm(x).transpose(1, 2), (3, 0)))).transpose(1, 2)


class HandAttention(nn.Module):
    """Softmax attention by hand with a registered mask, ALiBi and dropout that is off in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.register_buffer("mask", torch.ones(LENGTH, LENGTH).tril().bool(), persistent=False)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(WIDTH)
        places = torch.arange(x.size(1), device=x.device)
        scores = scores - 0.1 * (places[:, None] - places[None, :]).abs()
        mask = self.mask[: x.size(1), : x.size(1)]  # type: ignore[index]
        shares: Tensor = self.dropout(scores.masked_fill(~mask, float("-inf")).softmax(-1))
        mixed: Tensor = shares @ v
        return mixed


class Sdpa(nn.Module):
    """Grouped queries, rotary as complex numbers, scaled dot-product attention with or without a mask."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.masked = masked
        self.q, self.kv = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        angles = torch.outer(torch.arange(LENGTH), 1.0 / 100 ** (torch.arange(0, 4, 2) / 4))
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles), persistent=False)

    def rotate(self, x: Tensor) -> Tensor:
        turned = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2)) * self.turns[:, None, :]  # type: ignore[index]
        return torch.view_as_real(turned).flatten(-2).type_as(x)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q = self.rotate(self.q(x).view(batch, length, 4, 4)).transpose(1, 2)
        k, v = self.kv(x).view(batch, length, 2, 2, 4).unbind(2)
        k, v = self.rotate(k).transpose(1, 2), v.transpose(1, 2)
        if not self.masked:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:
            near = torch.ones(length, length, dtype=torch.bool, device=x.device).tril().triu(-8)
            k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=near)
        return y.transpose(1, 2).reshape(batch, length, -1)


class SwiGLU(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(WIDTH, 32), nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return y + F.gelu(x, approximate="tanh") + F.softplus(x)


class Experts(nn.Module):
    """Two of four experts a token, all computed and weighted; and the same by sorting, gathering and scattering."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(WIDTH, 4)
        self.weight = nn.Parameter(torch.randn(4, WIDTH, WIDTH) / 4)

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.router(x).softmax(-1).topk(2, dim=-1)
        shares = torch.zeros_like(self.router(x)).scatter(-1, chosen, weights)
        y = torch.einsum("btd,edf,bte->btf", x, self.weight, shares)
        ordered, order = self.router(x).sort(-1, descending=True)
        place: Tensor = (ordered * order).sum(-1, keepdim=True).gather(-1, torch.zeros_like(chosen[..., :1]))
        return y + place / 100


class Averages(nn.Module):
    """Running means, an exponential average by a product of decays, a shift by one, and an n-gram table."""

    def __init__(self) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.zeros(WIDTH))
        self.table = nn.Parameter(torch.randn(64, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.size(1) + 1, device=x.device, dtype=x.dtype)
        mean = x.cumsum(1) / count[:, None]
        steps = (count[:, None] - count[None, :]).clamp(min=0)
        powers = torch.where(steps >= 0, self.decay.sigmoid()[:, None, None] ** steps, 0.0).tril()
        ema = torch.einsum("dts,bsd->btd", powers, x)
        shifted = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        key = (x.detach()[..., 0].mul(100).long() * 31).remainder(64)
        return mean + ema + shifted + x.roll(1, 1) * (count[:, None] > 1) + self.table[key]


class LongConvolution(nn.Module):
    """A convolution over all earlier positions through Fourier transforms; rounding mixes positions a little."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(WIDTH, LENGTH) / LENGTH)

    def forward(self, x: Tensor) -> Tensor:
        size = 2 * x.size(1)
        spectrum = torch.fft.rfft(x.transpose(1, 2), n=size) * torch.fft.rfft(self.kernel, n=size)
        mixed: Tensor = torch.fft.irfft(spectrum, n=size)[..., : x.size(1)]
        return mixed.transpose(1, 2)


class InPlace(nn.Module):
    """Writes into tensors of its own making."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[:, 1:] = x[:, :-1]
        y += x
        y.mul_(0.5).clamp_(-1, 1)
        return y


class Recurrent(nn.Module):
    """A linear recurrence, unrolled."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        state, states = torch.zeros_like(x[:, 0]), []
        for step in x.unbind(1):
            state = torch.tanh(self.mix(state) + step)
            states.append(state)
        return torch.stack(states, 1)


class Mixed(nn.Module):
    """bfloat16 inside of forward, softmax in float32 with autocast off, a part without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Sdpa(masked=True)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            y = self.linear(x)
            with torch.autocast(x.device.type, enabled=False):
                z = y.float().softmax(-1)
            with torch.no_grad():
                scale = y.float().abs().mean(-1, keepdim=True)
        mixed: Tensor = self.inner(x) + z * scale
        return mixed


class Odds(nn.Module):
    """What else is met in such files: constants made in forward, masks combined, normalised vectors, mixtures."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.linspace(0.5, 1.5, WIDTH))
        self.norm = nn.BatchNorm1d(WIDTH)
        self.maps = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(2)])
        self.gate = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.tensor([0.25, 0.75], device=x.device)
        places = torch.arange(x.size(1), device=x.device)
        seen = (places[:, None] >= places) & ((places[:, None] - places < 4) | (places == 0))
        unit = F.normalize(x, dim=-1)
        near = torch.bmm(unit, unit.transpose(1, 2)).masked_fill(~seen, -1e9)
        shares = torch.exp(near - near.logsumexp(-1, keepdim=True))
        y: Tensor = torch.matmul(shares, self.norm(x.transpose(1, 2)).transpose(1, 2) * self.scale)
        for weight, layer in zip(weights.unbind(), self.maps, strict=True):
            y = y + weight * F.leaky_relu(layer(y)).clamp(max=5.0)
        hot = F.one_hot(y.argmax(-1), WIDTH).to(y.dtype)
        spread = torch.rsqrt(y.var(-1, keepdim=True, unbiased=False) + 1e-6)
        chosen = torch.where(self.gate.tanh() > 0, y * spread, y.square().mean(-1, keepdim=True).sqrt())
        return torch.lerp(chosen, hot, self.gate.sigmoid()) + torch.outer(
            places.to(y.dtype), weights.repeat(WIDTH // 2)
        )


class Tied(nn.Module):
    """Embedding and head share their weights, and the logits are capped."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(F.rms_norm(self.embedding(tokens), (WIDTH,)))
        return 15.0 * torch.tanh(logits / 15.0)


def variants() -> dict[str, nn.Module]:
    """Every variant by name, with the same first weights each time."""
    torch.manual_seed(0)
    layers: dict[str, nn.Module] = {
        "nothing": nn.Identity(),
        "convolution": CausalConv(),
        "attention by hand": HandAttention(),
        "sdpa": Sdpa(masked=False),
        "sdpa with a mask": Sdpa(masked=True),
        "swiglu": SwiGLU(),
        "experts": Experts(),
        "averages": Averages(),
        "long convolution": LongConvolution(),
        "in place": InPlace(),
        "recurrent": Recurrent(),
        "mixed precision": Mixed(),
        "odds and ends": Odds(),
        "norms": nn.Sequential(nn.RMSNorm(WIDTH), nn.LayerNorm(WIDTH)),
    }
    return {name: Model(layer) for name, layer in layers.items()} | {"tied": Tied()}
