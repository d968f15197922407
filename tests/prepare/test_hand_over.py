"""The hand-over: a graph that gives the model's logits without its Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import prepare


class TinyModel(torch.nn.Module):
    """Embedding and head, with the switch that `hand_over` sets."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(512, 16)
        self.head = torch.nn.Linear(16, 512)
        self.dropout = torch.nn.Dropout(0.5)
        self.attention = "flex"

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        if self.attention != "sdpa":
            raise RuntimeError("this path cannot be exported\nbut tries to say so on two lines")
        return self.head(self.dropout(self.embedding(idx).cumsum(1)))  # type: ignore[no-any-return]


class Stubborn(TinyModel):
    """Branches on data, which no graph can hold."""

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        logits = super().forward(idx)
        return logits if float(logits.detach().sum()) > 0 else -logits


@pytest.fixture
def run_folder(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIALECTIC_RUN_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("compiled", [False, True])
def test_the_graph_gives_the_models_logits(run_folder: Path, compiled: bool) -> None:
    torch.manual_seed(0)
    model = TinyModel().train()
    wrapped = torch.compile(model, backend="eager") if compiled else model
    assert prepare.hand_over(wrapped) is None  # type: ignore[arg-type]
    assert [path.name for path in run_folder.iterdir()] == ["model.pt2"]
    graph = torch.export.load(run_folder / "model.pt2").module()
    idx = torch.randint(0, 512, (32, 64))
    with torch.no_grad():
        assert torch.equal(graph(idx), model(idx))
    assert not model.training


def test_the_graph_is_static(run_folder: Path) -> None:
    prepare.hand_over(TinyModel())
    program = torch.export.load(run_folder / "model.pt2")
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    assert output.args[0][0].meta["val"].shape == (32, 64, 512)
    assert not program.range_constraints


def test_a_failed_export_is_named_and_leaves_nothing(run_folder: Path) -> None:
    with pytest.raises(prepare.ExportError) as caught:
        prepare.hand_over(Stubborn())
    assert str(caught.value).startswith("export failed: ")
    assert "\n" not in str(caught.value)
    assert list(run_folder.iterdir()) == []


def stand_in(folder: Path, body: str) -> None:
    """A scorer that is found before the real one, because `python -m` looks in the current folder first."""
    (folder / "dialectic").mkdir()
    (folder / "dialectic" / "__init__.py").touch()
    (folder / "dialectic" / "scorer.py").write_text("import json, pathlib, sys\n" + body)


def test_alone_the_scorer_is_started(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALECTIC_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    stand_in(
        tmp_path,
        "size = pathlib.Path(sys.argv[1]).stat().st_size\n"
        "pathlib.Path('seen.json').write_text(json.dumps([size, *sys.argv[1:]]))\n"
        "print('loading'); print(json.dumps({'val_bpb': 1.25, 'holdout_bpb': 1.5}))\n",
    )
    assert prepare.hand_over(TinyModel()) == 1.25
    size, model, *options = json.loads((tmp_path / "seen.json").read_text())
    assert size > 16 * 512 * 4 * 2
    assert not Path(model).exists()
    assert options == ["--prepare", prepare.__file__, "--cache", str(prepare.data_folder()), "--profile", "smoke"]


@pytest.mark.parametrize("body", ["sys.exit('the graph is not causal')", "print('no JSON')"])
def test_a_scorer_that_fails_is_one_line(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.delenv("DIALECTIC_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    stand_in(tmp_path, body)
    with pytest.raises(prepare.PrepareError, match=r"scoring failed .*: (the graph is not causal|no JSON)$"):
        prepare.hand_over(TinyModel())


def test_a_model_that_fails_a_check_has_no_score(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALECTIC_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    stand_in(tmp_path, "print(json.dumps({'val_bpb': 0.0, 'checks': {'causal': {'passed': False, 'value': 3.0}}}))\n")
    with pytest.raises(prepare.PrepareError, match="the scorer rejects this model: it failed causal"):
        prepare.hand_over(TinyModel())


def test_a_model_is_handed_over_once(run_folder: Path) -> None:
    prepare.hand_over(TinyModel())
    first = (run_folder / "model.pt2").read_bytes()
    with pytest.raises(prepare.PrepareError, match="handed over already"):
        prepare.hand_over(TinyModel())
    assert (run_folder / "model.pt2").read_bytes() == first


def test_the_hand_over_tells_what_was_trained_on(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_folder / "live-events.ndjson"
    monkeypatch.setenv("DIALECTIC_LIVE_EVENTS", str(path))
    monkeypatch.setattr(prepare, "DELIVERED", {})
    batches = prepare.dataloader("train", 4, 64)
    next(batches)
    next(prepare.dataloader("validation", 2, 64))
    clock = prepare.Clock()
    clock.start()
    next(batches)
    prepare.LiveEvents().emit("run_started")
    prepare.hand_over(TinyModel())
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["type"], event["seq"]) for event in told] == [("run_started", 0), ("handed_over", 1)]
    assert told[1]["tokens_delivered"] == 2 * 4 * 64
    assert 0 <= told[1]["training_seconds_elapsed"] <= clock.elapsed()
