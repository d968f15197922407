"""The optimizers against a plain, slow reference: one matrix and one number at a time, in float64."""

# mypy: disable-error-code="no-untyped-call,no-any-return"
from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import train
from tests.train.tiny import tiny_model


def matrix_with(singular_values: Tensor, rows: int, columns: int) -> Tensor:
    u, _ = torch.linalg.qr(torch.randn(rows, len(singular_values)))
    v, _ = torch.linalg.qr(torch.randn(columns, len(singular_values)))
    return u @ singular_values.diag() @ v.T


@pytest.mark.parametrize(("rows", "columns"), [(24, 24), (48, 12), (12, 48)])
def test_polar_express_against_svd(rows: int, columns: int) -> None:
    """Directions are those of U V^T, and five steps bring every singular value that is at least 1e-2 of the Frobenius
    norm to within 0.15 of 1: the published coefficients are built for speed, not to converge exactly."""
    torch.manual_seed(0)
    stack = torch.stack([matrix_with(torch.logspace(0, -1.5, 12), rows, columns) for _ in range(3)])
    for matrix, result in zip(stack, train.polar_express(stack, 5), strict=True):
        u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
        in_basis = u[:, :12].T @ result @ vh[:12].T
        values = in_basis.diagonal()
        torch.testing.assert_close(in_basis, values.diag(), atol=2e-4, rtol=0)
        assert values.min() > 0.85, values
        assert values.max() < 1.15, values


def test_polar_express_improves_with_every_step() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(2, 16, 32)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    errors = [(train.polar_express(matrix, steps) - u @ vh).norm().item() for steps in (1, 3, 5)]
    assert errors[0] > errors[1] > errors[2]


def reference_polar(matrix: Tensor, steps: int) -> Tensor:
    """The odd polynomials applied to the singular values themselves."""
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / (1.02 * s.norm() + 1e-6)
    for a, b, c in train.POLAR_EXPRESS[:steps]:
        s = a * s + b * s**3 + c * s**5
    return u @ s.diag() @ vh


def reference_muon(weight: Tensor, gradient: Tensor, state: dict[str, Tensor], rates: dict[str, float]) -> Tensor:
    """Muon with NorMuon and cautious decay for one matrix; returns the new weight."""
    rows, columns = weight.shape
    state["momentum"] = rates["momentum"] * state["momentum"] + (1 - rates["momentum"]) * gradient
    update = reference_polar((1 - rates["momentum"]) * gradient + rates["momentum"] * state["momentum"], 5)
    lines = [update[r] for r in range(rows)] if rows >= columns else [update[:, c] for c in range(columns)]
    squares = torch.stack([line.square().mean() for line in lines])
    state["mean_square"] = 0.95 * state["mean_square"] + 0.05 * squares
    scaled = [line / state["mean_square"][n].clamp(min=1e-10).sqrt() for n, line in enumerate(lines)]
    evened = torch.stack(scaled, dim=0 if rows >= columns else 1)
    evened = evened * update.norm() / evened.norm()
    rate = rates["lr"] * math.sqrt(max(1.0, rows / columns))
    new = weight.clone()
    for r in range(rows):
        for c in range(columns):
            decay = rates["weight_decay"] * weight[r, c] if evened[r, c] * weight[r, c] >= 0 else 0.0
            new[r, c] = weight[r, c] - rate * (evened[r, c] + decay)
    return new


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (12, 4), (4, 12)])
def test_muon_steps_against_the_reference(rows: int, columns: int) -> None:
    torch.manual_seed(0)
    matrices = [nn.Parameter(torch.randn(rows, columns)) for _ in range(3)]
    optimizer = train.Muon(matrices, lr=0.04, steps=5, compiled=False)
    expected = [matrix.detach().double() for matrix in matrices]
    states = [
        {"momentum": torch.zeros(rows, columns).double(), "mean_square": torch.zeros(max(rows, columns)).double()}
        for _ in matrices
    ]
    for step in range(4):
        rates = {"lr": 0.04 / (step + 1), "momentum": 0.85 + 0.02 * step, "weight_decay": 0.2 - 0.05 * step}
        optimizer.param_groups[0].update(rates)
        for n, matrix in enumerate(matrices):
            matrix.grad = torch.randn(rows, columns)
            expected[n] = reference_muon(expected[n], matrix.grad.double(), states[n], rates)
        optimizer.step()
        for matrix, reference in zip(matrices, expected, strict=True):
            torch.testing.assert_close(matrix.detach(), reference.float(), atol=2e-5, rtol=1e-4)


def test_decay_is_cautious() -> None:
    """Decay pulls at a weight only where the update does so too."""
    torch.manual_seed(0)
    moved = []
    for decay in (0.0, 0.5):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(8, 8))
        before, weight.grad = weight.detach().clone(), torch.randn(8, 8)
        optimizer = train.Muon([weight], lr=0.01, steps=5, compiled=False)
        optimizer.param_groups[0]["weight_decay"] = decay
        optimizer.step()
        moved.append(before - weight.detach())
    with_update = moved[0] * before >= 0
    torch.testing.assert_close(moved[1][~with_update], moved[0][~with_update])
    torch.testing.assert_close((moved[1] - moved[0])[with_update], (0.01 * 0.5 * before)[with_update])
    assert 0 < with_update.sum() < 64


def reference_adamw(weight: Tensor, gradients: list[Tensor], lr: float, betas: tuple[float, float]) -> Tensor:
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for step, gradient in enumerate(gradients, start=1):
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * gradient**2
        weight = weight - lr * (mean / (1 - betas[0] ** step)) / ((square / (1 - betas[1] ** step)).sqrt() + 1e-10)
    return weight


def test_every_step_of_every_group_against_the_reference() -> None:
    """Rates by width, betas by group, three steps of both optimizers on a whole model."""
    model = tiny_model()
    optimizers = train.build_optimizers(model, compiled=False)
    before = {name: parameter.detach().double() for name, parameter in model.named_parameters()}
    gradients: dict[str, list[Tensor]] = {name: [] for name in before}
    torch.manual_seed(3)
    for _ in range(3):
        for name, parameter in model.named_parameters():
            parameter.grad = torch.randn_like(parameter)
            gradients[name].append(parameter.grad.double())
        for optimizer in optimizers:
            optimizer.step()
    scale = (32 / 768) ** -0.5
    for name, parameter in model.named_parameters():
        if name.startswith("blocks."):
            rows, columns = parameter.shape
            state = {"momentum": torch.zeros(rows, columns), "mean_square": torch.zeros(max(rows, columns))}
            rates = {"lr": 0.04, "momentum": 0.95, "weight_decay": 0.0}
            expected = before[name]
            for gradient in gradients[name]:
                expected = reference_muon(expected, gradient, state, rates)
        else:
            lr, betas = {
                "head.weight": (0.004 * scale, (0.8, 0.95)),
                "residual_scalars": (0.005, (0.8, 0.95)),
                "x0_scalars": (0.5, (0.96, 0.95)),
            }.get(name, (0.6 * scale, (0.8, 0.95)))
            expected = reference_adamw(before[name], gradients[name], lr, betas)
        torch.testing.assert_close(parameter.detach(), expected.float(), atol=5e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("sizes", [{}, {"value_embeddings": False}, {"kv_heads": 2, "depth": 1}])
def test_groups_hold_every_parameter_once(sizes: dict[str, Any]) -> None:
    model = tiny_model(**sizes)
    optimizers = train.build_optimizers(model, compiled=False)
    held = [id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in optimizers:
        optimizer.step()


def test_learning_rate_over_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "WARMUP_RATIO", 0.1)
    monkeypatch.setattr(train, "WARMDOWN_RATIO", 0.4)
    monkeypatch.setattr(train, "FINAL_LR_FRACTION", 0.2)
    values = [train.learning_rate_multiplier(progress) for progress in (0.0, 0.05, 0.1, 0.6, 0.8, 1.0, 1.3)]
    assert values == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.6, 0.2, 0.2])


def test_learning_rate_without_warm_up_or_warm_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "WARMUP_RATIO", 0.0)
    monkeypatch.setattr(train, "WARMDOWN_RATIO", 0.0)
    assert [train.learning_rate_multiplier(progress) for progress in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_schedule_reaches_the_groups() -> None:
    optimizers = train.build_optimizers(tiny_model(), compiled=False)
    assert train.schedule(optimizers, step=0, progress=0.0) == {
        "lr_multiplier": 1.0, "muon_momentum": 0.85, "muon_weight_decay": 0.2
    }  # fmt: skip
    reported = train.schedule(optimizers, step=150, progress=0.75)
    assert reported == pytest.approx({"lr_multiplier": 0.5, "muon_momentum": 0.9, "muon_weight_decay": 0.05})
    adamw, muon = optimizers
    assert {group["lr"] / group["initial_lr"] for group in adamw.param_groups + muon.param_groups} == {0.5}
    assert all(group["momentum"] == pytest.approx(0.9) for group in muon.param_groups)
    assert all(group["weight_decay"] == 0 for group in adamw.param_groups)


@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_update_is_one_graph_for_all_rates() -> None:
    """Rates that change from step to step compile nothing anew, and change nothing."""
    graphs = []

    def counting(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> Any:
        graphs.append(graph)
        return graph.forward

    weights = []
    for compiled in (False, True):
        torch.manual_seed(0)
        matrix = nn.Parameter(torch.randn(6, 4))
        optimizer = train.Muon([matrix], lr=0.04, steps=5, compiled=False)
        if compiled:
            optimizer.update = torch.compile(train.muon_update, dynamic=False, fullgraph=True, backend=counting)
        for step in range(4):
            optimizer.param_groups[0].update({"lr": 0.04 / (step + 1), "momentum": 0.9 + 0.01 * step})
            matrix.grad = torch.randn(6, 4)
            optimizer.step()
        weights.append(matrix.detach())
    torch.testing.assert_close(*weights)
    assert len(graphs) == 1
