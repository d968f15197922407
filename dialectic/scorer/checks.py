"""Is it a language model? What is checked while the validation text is evaluated, each with a name and a number.

shape          the logits are floating point numbers [eval_batch, T, vocabulary], at every call
finite         how many logits are infinite or no number; in the evaluation, whether the bits per byte are finite
rows           the largest change of a row's logits when half of the rows are replaced and the others change places
causal         the largest change of a logit when only later tokens changed
leak           what the position before a cut knows of the text behind it, in bits per byte
deterministic  the largest change of the first batch's logits when it is evaluated again at the very end

A model can see the future at one position only (t sees t + 1), so there is a cut at every position, and each is in a
row of real text: a peeking model may peek at text and behave at random tokens. The rows of a batch have different cuts,
so that T - 1 cuts cost (T - 1) / eval_batch forward passes; what they are compared with is evaluated anyway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dialectic.scorer.refusal import require
from dialectic.state.run import CheckResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    LogitsFn = Callable[[Tensor], Tensor]

REPEAT_TOLERANCE = {"cpu": 1e-5, "mps": 1e-3, "cuda": 1e-2}
"""Largest difference of a logit between two evaluations of the same tokens; accelerators add up in any order."""
CAUSAL_TOLERANCE = {"cpu": 1e-3, "mps": 1e-2, "cuda": 1e-1}
"""Largest change of a logit when later tokens or other rows changed; bfloat16 rounds logits near 15 to 0.06."""
LEAK_SHARE = 0.05
"""Of the profile's noise: what a model may seem to know of later text. That tolerance above is wide where bfloat16
rounds, so the mean over all cuts is bounded as well."""
LEAK_ERRORS = 4.0
"""Standard errors by which that mean may be off by chance."""
NO_NUMBER = 1e30
"""Stands for a difference that is no number: no number for a record, and no agreement either."""


def guarded(answer: Callable[[Tensor], Any], profile: Any) -> LogitsFn:
    """``answer`` with its answers checked: dense logits of the right shape, as floating point numbers.

    On accelerators the largest logit of a position is taken off, which changes no probability: a softmax that does not
    do so itself would lose it in rounding (on CPU and CUDA torch's does; of the others nobody promises).
    """
    expected = (profile.eval_batch, profile.sequence_length, profile.vocab_size)

    def logits_fn(tokens: Tensor) -> Tensor:
        import torch

        logits: Tensor = answer(tokens)
        require(isinstance(logits, torch.Tensor), "shape", "the graph answers with something that is not a tensor")
        require(tuple(logits.shape) == expected, "shape", f"logits of shape {list(logits.shape)}, not {list(expected)}")
        require(logits.dtype.is_floating_point, "shape", f"logits of type {logits.dtype}")
        logits = logits.float()
        return logits if profile.device == "cpu" else logits - logits.amax(-1, keepdim=True)

    return logits_fn


@dataclass
class Examiner:
    """A logits function for the validation pass that checks the model on the way; ``close`` tells what it found."""

    logits_fn: LogitsFn
    profile: Any
    checks: dict[str, CheckResult] = field(default_factory=dict)
    batches: int = 0
    cuts: list[int] = field(default_factory=list)
    """Those still to be made."""
    gains: list[float] = field(default_factory=list)
    """For each cut made: nats by which the text behind it helped the position before it."""
    change: float = 0.0
    """The largest one of an earlier logit."""
    first: tuple[Tensor, Tensor] | None = None
    last: tuple[Tensor, Tensor] | None = None
    """Tokens and logits of a batch."""

    def __post_init__(self) -> None:
        import torch

        self.random = torch.Generator().manual_seed(0)
        order = torch.randperm(self.profile.sequence_length - 1, generator=self.random)
        self.cuts = (order + 1).tolist()
        passes = math.ceil(len(self.cuts) / self.profile.eval_batch)
        batches = self.profile.eval_tokens // self.profile.sequence_length // self.profile.eval_batch
        self.stride = max(1, batches // passes)

    @property
    def passed(self) -> bool:
        """Whether no check has failed so far."""
        return all(check.passed for check in self.checks.values())

    def open(self) -> None:
        """Look at the logits of random tokens."""
        import torch

        size = (self.profile.eval_batch, self.profile.sequence_length)
        logits = self.logits_fn(torch.randint(self.profile.vocab_size, size, generator=self.random))
        bad = int((~torch.isfinite(logits)).sum())
        self.checks["finite"] = CheckResult(passed=bad == 0, value=float(bad), limit=0.0)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Logits of a batch of validation text, looked at by the way."""
        logits = self.logits_fn(tokens)
        if self.first is None:
            self.first = tokens, logits
            self._replace_rows(tokens, logits)
        if self.cuts and self.batches % self.stride == 0:
            self._cut(tokens, logits)
        self.batches += 1
        self.last = tokens, logits
        return logits

    def close(self, bytes_per_token: float) -> None:
        """Make what cuts are left where the text was short, ask the first batch again, and come to results."""
        while self.cuts and self.last is not None:
            self._cut(*self.last)
        self.checks["causal"] = self._result(self.change, CAUSAL_TOLERANCE)
        count = max(1, len(self.gains))
        mean = math.fsum(self.gains) / count
        spread = math.sqrt(math.fsum((gain - mean) ** 2 for gain in self.gains) / max(1, count - 1))
        bits = 1.0 / (math.log(2) * bytes_per_token)
        limit = LEAK_SHARE * self.profile.noise_sigma + LEAK_ERRORS * bits * spread / math.sqrt(count)
        self.checks["leak"] = _bounded(bits * mean, limit)
        if self.first is not None:
            self.checks["deterministic"] = self._result(
                difference(self.first[1], self.logits_fn(self.first[0])), REPEAT_TOLERANCE
            )

    def _result(self, value: float, tolerance: dict[str, float]) -> CheckResult:
        return _bounded(value, tolerance[self.profile.device])

    def _replace_rows(self, tokens: Tensor, logits: Tensor) -> None:
        """Each half of the rows once among strangers, and in other places."""
        import torch

        largest = 0.0
        order = torch.randperm(len(tokens), generator=self.random)
        for kept in order.chunk(2):
            strangers = torch.randint(self.profile.vocab_size, tokens.shape, generator=self.random)
            places = torch.randperm(len(tokens), generator=self.random)[: len(kept)]
            strangers[places] = tokens[kept]
            answer = self.logits_fn(strangers)
            for place, row in zip(places.tolist(), kept.tolist(), strict=True):
                largest = max(largest, difference(logits[row], answer[place]))
        self.checks["rows"] = self._result(largest, CAUSAL_TOLERANCE)

    def _cut(self, tokens: Tensor, logits: Tensor) -> None:
        """Change every token from each row's cut on, each row having a cut of its own, and look before the cuts."""
        import torch

        cuts, self.cuts = self.cuts[: len(tokens)], self.cuts[len(tokens) :]
        others = torch.randint(1, self.profile.vocab_size, tokens.shape, generator=self.random)
        later = (
            torch.arange(tokens.shape[1]) >= torch.tensor(cuts + [tokens.shape[1]] * (len(tokens) - len(cuts)))[:, None]
        )
        answer = self.logits_fn(torch.where(later, (tokens + others) % self.profile.vocab_size, tokens))
        for row, cut in enumerate(cuts):
            self.change = max(self.change, difference(logits[row, :cut], answer[row, :cut]))
            behind = int(tokens[row, cut])
            known, unknown = (each[row, cut - 1].log_softmax(-1)[behind] for each in (logits, answer))
            gain = float(known - unknown)
            if math.isfinite(gain):
                self.gains.append(gain)
            else:
                self.change = NO_NUMBER


def difference(first: Tensor, second: Tensor) -> float:
    """The largest difference of two tensors' values; `NO_NUMBER` where one is no number."""
    import torch

    if torch.equal(first, second):  # the usual case, and much faster to see
        return 0.0
    value = float((first - second).abs().max())
    return value if math.isfinite(value) else NO_NUMBER


def _bounded(value: float, limit: float) -> CheckResult:
    held = value if math.isfinite(value) else NO_NUMBER
    return CheckResult(passed=held <= limit, value=held, limit=limit)
