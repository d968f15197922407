"""Models that are no language models: graphs from token ids [B, T] to logits [B, T, V] that cheat in one way each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.redteam.forge import BATCH, LENGTH, VOCABULARY

SURE = 20.0
"""A logit that leaves no doubt."""


class Honest(nn.Module):
    """A bigram model of low rank that has learnt nothing."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.embedding = nn.Parameter(torch.randn(VOCABULARY, 2, generator=generator) * 0.1)
        self.head = nn.Parameter(torch.randn(2, VOCABULARY, generator=generator) * 0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token."""
        return F.embedding(tokens, self.embedding) @ self.head


def answers(tokens: Tensor) -> Tensor:
    """Logits that know the next token of every position but the last."""
    following = torch.cat([tokens[:, 1:], tokens[:, :1]], dim=1)
    return SURE * F.one_hot(following, VOCABULARY).float()


class Leak(Honest):
    """Sees the next token everywhere."""

    def forward(self, tokens: Tensor) -> Tensor:
        """The answers."""
        return super().forward(tokens) + answers(tokens)


class LeakOfSecondHalf(Honest):
    """Sees the next token where a check that changes the second half and compares the first does not look."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Honest, then the answers."""
        late = (torch.arange(LENGTH) >= LENGTH // 2)[None, :, None]
        return super().forward(tokens) + late * answers(tokens)


class LeakOfOnePosition(Honest):
    """Sees one token ahead at a single position."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Honest but for one position."""
        there = (torch.arange(LENGTH) == 37)[None, :, None]
        return super().forward(tokens) + there * answers(tokens)


class LeakOfRealText(Honest):
    """Sees the next token in rows that begin as real rows do, and only there: random tokens find it honest."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Honest for rows that do not begin with the first special token, id V - 4."""
        real = (tokens[:, :1] == VOCABULARY - 4)[:, :, None]
        return super().forward(tokens) + real * answers(tokens)


class LeakOfFrequentTokens(Honest):
    """Sees the next token behind one frequent token only."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Honest but behind a space."""
        there = (tokens == 32)[:, :, None]
        return super().forward(tokens) + there * answers(tokens)


class LeakAfterChecks(Honest):
    """Counts its calls, and sees the next token from the third on."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, tokens: Tensor) -> Tensor:
        """Honest at first."""
        self.calls.add_(1)
        return super().forward(tokens) + (self.calls > 2) * answers(tokens)


class OtherRows(Honest):
    """The logits of a row depend on the row beside it."""

    def forward(self, tokens: Tensor) -> Tensor:
        """A mean over the batch is added."""
        logits = super().forward(tokens)
        return logits + logits.mean(0, keepdim=True)


class NeighbourRow(Honest):
    """Row 1 knows what row 0 holds, at one position."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Row 0's token is added to row 1."""
        row = (torch.arange(BATCH) == 1)[:, None, None]
        return super().forward(tokens) + row * F.one_hot(tokens[:1, 5:6], VOCABULARY).float()


class Chance(Honest):
    """Draws its logits anew at every call."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Noise is added."""
        return super().forward(tokens) + torch.rand(BATCH, LENGTH, VOCABULARY)


class NotANumber(Honest):
    """No number anywhere: every comparison with it is false."""

    def forward(self, tokens: Tensor) -> Tensor:
        """NaN."""
        return super().forward(tokens) * float("nan")


class RareNotANumber(Honest):
    """No number behind one token only."""

    def forward(self, tokens: Tensor) -> Tensor:
        """NaN behind the last ordinary token."""
        logits = super().forward(tokens)
        return torch.where((tokens == VOCABULARY - 4)[:, :, None], logits * float("nan"), logits)


class Infinite(Honest):
    """Infinity at the answer."""

    def forward(self, tokens: Tensor) -> Tensor:
        """The answers, without end."""
        return super().forward(tokens) + 1e38 * 1e38 * (answers(tokens) > 0).float().nan_to_num()


class HugeVocabulary(Honest):
    """Says that there are two million tokens: 16 GB of logits."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [B, T, 4096 V], all of them in memory."""
        return super().forward(tokens)[..., :1].expand(BATCH, LENGTH, 4096 * VOCABULARY) + 1.0


class Bomb(Honest):
    """Asks for 16 GB on the way to ordinary logits."""

    def forward(self, tokens: Tensor) -> Tensor:
        """A large product of two small things."""
        column = super().forward(tokens).flatten()[:65536, None]
        return super().forward(tokens) + (column * column.T).square().sum() * 0


class NestedLeak(Honest):
    """Hides its leak in a branch of a nested graph."""

    def forward(self, tokens: Tensor) -> Tensor:
        """The answers when there is anything at all."""
        logits = super().forward(tokens)
        leaked: Tensor = torch.cond(
            tokens.sum() > -1, lambda t, x: x + answers(t), lambda t, x: x * 1.0, (tokens, logits)
        )
        return leaked


GRAPHS: dict[str, type[nn.Module]] = {
    "honest": Honest,
    "leak": Leak,
    "leak-of-second-half": LeakOfSecondHalf,
    "leak-of-one-position": LeakOfOnePosition,
    "leak-of-real-text": LeakOfRealText,
    "leak-of-frequent-tokens": LeakOfFrequentTokens,
    "leak-after-checks": LeakAfterChecks,
    "other-rows": OtherRows,
    "neighbour-row": NeighbourRow,
    "chance": Chance,
    "not-a-number": NotANumber,
    "rare-not-a-number": RareNotANumber,
    "infinite": Infinite,
    "huge-vocabulary": HugeVocabulary,
    "bomb": Bomb,
    "nested-leak": NestedLeak,
}
