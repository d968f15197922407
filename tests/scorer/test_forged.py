"""Forged files: torch's own loader runs their code, the scorer refuses them by name and runs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.scorer.graph import load_graph
from dialectic.scorer.refusal import Refused
from tests.forging import RUNS_CODE, Forge, forged, symbolic_value, symbolic_weight
from tests.scorer.conftest import Scorer

LOADS = """
import sys, torch
for path in sys.argv[1:]:
    try:
        torch.export.load(path).module()(torch.zeros(32, 64, dtype=torch.int64))
    except Exception:
        pass
"""


@pytest.fixture(scope="module")
def forgeries(honest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every forgery, loaded by torch once; a file ``marker`` beside it tells that code of it ran."""
    paths = {}
    for name, (forge, _) in RUNS_CODE.items():
        folder = tmp_path_factory.mktemp("forged")
        paths[name] = forged(honest, folder / "model.pt2", forge, folder / "marker")
    subprocess.run([sys.executable, "-c", LOADS, *map(str, paths.values())], capture_output=True, check=True)
    return paths


@pytest.mark.parametrize("name", RUNS_CODE)
def test_it_runs_code_under_torchs_loader_and_none_under_ours(name: str, forgeries: dict[str, Path]) -> None:
    path, (_, rule) = forgeries[name], RUNS_CODE[name]
    marker = path.with_name("marker")
    assert marker.exists(), "this forgery is none"
    marker.unlink()
    if rule:
        with pytest.raises(Refused) as caught:
            load_graph(path, "cpu", 32, 64)
        assert caught.value.rule == rule
        assert "\n" not in str(caught.value)
    else:
        load_graph(path, "cpu", 32, 64)
    assert not marker.exists()


def test_the_process_refuses_in_one_line(honest: Path, tmp_path: Path, score: Scorer) -> None:
    forge, _ = RUNS_CODE["symbolic size"]
    done = score(forged(honest, tmp_path / "model.pt2", forge, tmp_path / "marker"))
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("model refused: symbol: ")
    assert not (tmp_path / "marker").exists()


def test_what_nobody_looks_at_changes_no_score(honest: Path, tmp_path: Path, score: Scorer) -> None:
    forge, _ = RUNS_CODE["sample inputs"]
    done = score(forged(honest, tmp_path / "model.pt2", forge, tmp_path / "marker"))
    assert json.loads(done.stdout)["val_bpb"] == json.loads(score(honest).stdout)["val_bpb"]
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("forge", [symbolic_weight, symbolic_value])
def test_a_symbol_is_refused_wherever_it_stands(forge: Forge, honest: Path, tmp_path: Path) -> None:
    path = forged(honest, tmp_path / "model.pt2", forge, tmp_path / "marker")
    with pytest.raises(Refused, match="symbol"):
        load_graph(path, "cpu", 32, 64)
