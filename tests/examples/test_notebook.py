"""analysis.ipynb runs on the shipped example, and is stored without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dialectic import read

REPOSITORY = Path(__file__).resolve().parent.parent.parent
NOTEBOOK = REPOSITORY / "analysis.ipynb"


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """What the cells showed as ``kind``, a MIME type."""
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in shown if kind in output.get("data", {})]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
def test_the_notebook_runs_on_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A home of its own: nobody's settings, and nothing left behind in them.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(REPOSITORY)}}
    )
    client.execute()
    assert len(outputs(notebook, "image/png")) == 4
    tables = "\n".join(outputs(notebook, "text/plain"))
    knob = next(row["knob"] for row in read.session(REPOSITORY / "examples" / "first-night").knobs() if row["changed"])
    for expected in ("keep_discard_status", str(knob), "stated confidence", "built-on"):
        assert expected in tables
    errors = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not errors, "a cell warned"


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) > 5
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
