# mypy: disable-error-code="no-untyped-call,no-any-return"
from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import train
from tests.train.tiny import SIZES, tiny_model, tiny_tokens


def plain_forward(model: train.GPT, tokens: Tensor) -> Tensor:
    """The method, written a second time with the fewest tricks: logits [B, T, V]."""
    config, weights = model.config, dict(model.named_parameters())

    def norm(x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()

    def rotate(x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        turned = torch.complex(first, second) * torch.complex(model.cos, -model.sin)  # type: ignore[arg-type,operator]
        return torch.cat([turned.real, turned.imag], dim=-1)

    x = x0 = norm(weights["embedding.weight"][tokens])
    for layer in range(config.depth):
        block = {name.removeprefix(f"blocks.{layer}."): w for name, w in weights.items() if f"blocks.{layer}." in name}
        x = weights["residual_scalars"][layer] * x + weights["x0_scalars"][layer] * x0
        y = norm(x)
        q, k, v = (
            (y @ block[f"attention.{n}.weight"].T).unflatten(-1, (-1, config.head_dim))
            for n in ("query", "key", "value")
        )
        if "attention.gate.weight" in block:
            gate = 2 * torch.sigmoid(y[..., : config.gate_channels] @ block["attention.gate.weight"].T)
            v = v + gate[..., None] * weights[f"value_embeddings.{layer}.weight"][tokens].view_as(v)
        q, k = norm(rotate(q)), norm(rotate(k))
        k, v = (h.repeat_interleave(config.heads // config.kv_heads, dim=2) for h in (k, v))
        distance = torch.arange(tokens.size(1))[:, None] - torch.arange(tokens.size(1))
        hidden = (distance < 0) | (distance > config.window(layer))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / config.head_dim**0.5
        y = torch.einsum("bhqk,bkhd->bqhd", scores.masked_fill(hidden, -torch.inf).softmax(-1), v).flatten(2)
        x = x + y @ block["attention.out.weight"].T
        x = x + (norm(x) @ block["expand.weight"].T).clamp(min=0) ** 2 @ block["contract.weight"].T
    return config.logit_softcap * torch.tanh(norm(x) @ weights["head.weight"].T / config.logit_softcap)


def gradients(model: train.GPT, loss: Tensor) -> dict[str, Tensor]:
    names = [name for name, _ in model.named_parameters()]
    return dict(zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True))


@pytest.mark.parametrize("sizes", [{}, {"kv_heads": 2}, {"value_embeddings": False}, {"depth": 2, "mlp_ratio": 2}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradients_against_a_plain_reference(sizes: dict[str, Any], dtype: torch.dtype) -> None:
    """The hand-written forms of training on a CPU, the plain forms and a second implementation agree."""
    model = tiny_model(**sizes).to(dtype)
    tokens, targets = tiny_tokens(model), tiny_tokens(model).roll(-1, 1)
    reference = F.cross_entropy(plain_forward(model, tokens).flatten(0, 1), targets.flatten())
    expected, actual = gradients(model, reference), gradients(model, model(tokens, targets))
    tolerance: dict[str, Any] = (
        {"atol": 1e-6, "rtol": 1e-3} if dtype == torch.float32 else {"atol": 1e-12, "rtol": 1e-8}
    )
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[name], gradient, **tolerance, msg=name)
    with torch.no_grad():  # the plain forms, which end in float32
        logits, loss = model(tokens), model(tokens, targets)
    torch.testing.assert_close(loss, reference.detach().float(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits, plain_forward(model, tokens).detach().float(), atol=1e-5, rtol=1e-5)


def test_rotary_tables() -> None:
    """Pair j of D channels turns by position * base^(-2 j / D)."""
    model = tiny_model(rope_base=100.0)
    for position, pair in [(0, 0), (1, 0), (5, 1), (15, 3)]:
        angle = position * 100.0 ** (-2 * pair / 8)
        assert model.cos[position, 0, pair].item() == pytest.approx(math.cos(angle), abs=1e-6)  # type: ignore[index]
        assert model.sin[position, 0, pair].item() == pytest.approx(math.sin(angle), abs=1e-6)  # type: ignore[index]


def test_gradcheck_in_float64() -> None:
    """Finite differences through the whole network."""
    model = tiny_model(vocab_size=7, sequence_length=5, depth=2, width=8, heads=2, kv_heads=1).double()
    tokens, targets = tiny_tokens(model, batch=1), tiny_tokens(model, batch=1).roll(-1, 1)
    names = [name for name, _ in model.named_parameters()]

    def loss(*values: Tensor) -> Any:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (tokens, targets))

    values = tuple(parameter.detach().clone().requires_grad_() for parameter in model.parameters())
    assert torch.autograd.gradcheck(loss, values, eps=1e-6, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("function", ["rotary_norm", "squared_relu", "capped_loss"])
def test_gradcheck_of_hand_written_forms(function: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    if function == "squared_relu":
        assert torch.autograd.gradcheck(train.squared_relu, (x,))
    elif function == "rotary_norm":
        angle = torch.randn(3, 1, 2, dtype=torch.float64)
        wide = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)

        def of_a_slice(x: Tensor) -> Tensor:  # with the strides that training has
            return train.rotary_norm(x[:, :, 1:3], angle.cos(), angle.sin())

        assert torch.autograd.gradcheck(of_a_slice, (wide,))
    else:
        head = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
        targets = torch.tensor([0, 8, 3, 3, 1, 5])
        assert torch.autograd.gradcheck(
            lambda x, head: train.capped_loss(x.flatten(0, 1), head, targets, 2.0), (x, head)
        )


def test_loss_runs_over_more_rows_than_one_chunk() -> None:
    torch.manual_seed(0)
    x, head, targets = torch.randn(700, 8, requires_grad=True), torch.randn(40, 8), torch.randint(40, (700,))
    loss = train.capped_loss(x, head, targets, 15.0)
    (actual,) = torch.autograd.grad(loss, x)
    plain = F.cross_entropy(15 * torch.tanh(x @ head.T / 15), targets)
    (expected,) = torch.autograd.grad(plain, x)
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(actual, expected)


def test_logits_stay_within_the_cap() -> None:
    model = tiny_model(logit_softcap=2.0)
    with torch.no_grad():
        model.head.weight.mul_(1000)
        logits = model(tiny_tokens(model))
    assert logits.dtype == torch.float32
    assert logits.abs().max() <= 2


def test_first_weights() -> None:
    """At the start a block adds nothing and the model is nearly undecided."""
    model = train.GPT(train.GPTConfig(**SIZES))
    tokens = tiny_tokens(model)
    loss = model(tokens, tokens.roll(-1, 1)).item()
    assert loss == pytest.approx(torch.tensor(32.0).log().item(), abs=0.02)
    weights = dict(model.blocks.named_parameters())
    assert not any(
        weights[f"{layer}.{name}.weight"].any() for layer in range(3) for name in ("contract", "attention.out")
    )
    assert weights["0.expand.weight"].std().item() == pytest.approx(32**-0.5, rel=0.1)


def test_value_embeddings_alternate_and_end_included() -> None:
    for depth, layers in [(3, {"0", "2"}), (4, {"1", "3"}), (1, {"0"})]:
        assert set(tiny_model(depth=depth).value_embeddings) == layers
    assert not tiny_model(value_embeddings=False).value_embeddings


def test_counts_by_hand() -> None:
    model = tiny_model(kv_heads=2)
    block = 2 * 32 * 32 + 2 * 32 * 16 + 2 * 4 * 32 * 32
    counts = model.parameter_counts()
    assert counts["matrices"] == 3 * block + 2 * (2 * 8)
    assert counts["total"] == sum(p.numel() for p in model.parameters())
    weights = counts["matrices"] + 32 * 32
    assert model.flops_per_token() == 6 * weights + 12 * 32 * (8 + 16 + 16)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"width": 30}, "width 30"),
        ({"width": 12}, "even number"),
        ({"kv_heads": 3}, "KV_HEAD_RATIO"),
        ({"window_pattern": "SX"}, "WINDOW_PATTERN"),
        ({"window_pattern": ""}, "WINDOW_PATTERN"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_in_one_line(sizes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        train.GPTConfig(**{**SIZES, **sizes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [{}, {"kv_heads": 2, "value_embeddings": False}])
def test_export_save_load(sizes: dict[str, Any]) -> None:
    """With gradients on, as at the end of training, the graph holds plain operations only, and equal logits."""
    model = tiny_model(**sizes).eval()
    tokens = tiny_tokens(model)
    exported = torch.export.export(model, (tokens,))
    operators = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert not [name for name in operators if "conv" in name]
    assert all(name.startswith("aten.") or name == "<built-in function getitem>" for name in operators), operators
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    with torch.no_grad():
        torch.testing.assert_close(loaded(tokens), model(tokens))
    model(tokens, tokens).backward()  # the export left nothing behind that breaks training


def test_nothing_but_weights_is_stored() -> None:
    model = tiny_model()
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def in_bfloat16(model: train.GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `build_model` and `autocast` do on CUDA, done on a CPU."""
    model.embedding.bfloat16()
    model.value_embeddings.bfloat16()
    monkeypatch.setattr(train.GPT, "autocast", lambda self: torch.autocast("cpu", dtype=torch.bfloat16))


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("sizes", [{}, {"kv_heads": 2}])
def test_bfloat16_under_autocast(sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the float32 loss, gradients for every parameter, and a graph that can be exported."""
    model = tiny_model(**sizes)
    tokens = tiny_tokens(model)
    targets = tokens.roll(-1, 1)
    with torch.no_grad():
        expected = model(tokens, targets).item()
    in_bfloat16(model, monkeypatch)
    loss = torch.compile(model, dynamic=False, backend="aot_eager")(tokens, targets)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=0.02)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    file = io.BytesIO()
    torch.export.save(torch.export.export(model.eval(), (tokens,)), file)
    file.seek(0)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.load(file).module()(tokens), model(tokens))


@pytest.mark.usefixtures("fresh_compiler")
def test_compiles_as_one_graph() -> None:
    """The plain forms are what a compiler sees, and it sees all of them."""
    model = tiny_model()
    tokens = tiny_tokens(model)
    compiled = torch.compile(model, dynamic=False, fullgraph=True, backend="aot_eager")
    plain, eager = gradients(model, compiled(tokens, tokens)), gradients(model, model(tokens, tokens))
    for name, gradient in plain.items():
        torch.testing.assert_close(eager[name], gradient, atol=1e-6, rtol=1e-3)
