"""A network small enough for plain references, and the plain references themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import train

SIZES: dict[str, Any] = {
    "vocab_size": 32,
    "sequence_length": 16,
    "depth": 3,
    "width": 32,
    "heads": 4,
    "kv_heads": 4,
    "window_pattern": "SL",
    "gate_channels": 8,
}


def tiny_model(**sizes: Any) -> train.GPT:
    """Every weight is random, since the first weights of a real run make each block the identity."""
    torch.manual_seed(1)
    model = train.GPT(train.GPTConfig(**{**SIZES, **sizes}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.5, 0.5)
    return model


def tiny_tokens(model: train.GPT, batch: int = 2) -> Tensor:
    config = model.config
    generator = torch.Generator().manual_seed(2)
    return torch.randint(config.vocab_size, (batch, config.sequence_length), generator=generator)


def naive_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """One query at a time, one head at a time: [B, T, H, D] and [B, T, G, D] to [B, T, H, D]."""
    shared = q.size(2) // k.size(2)
    y = torch.empty_like(q)
    for batch in range(q.size(0)):
        for head in range(q.size(2)):
            for query in range(q.size(1)):
                keys = slice(max(query - window, 0), query + 1)
                scores = k[batch, keys, head // shared] @ q[batch, query, head] / q.size(-1) ** 0.5
                y[batch, query, head] = scores.softmax(0) @ v[batch, keys, head // shared]
    return y
