"""``dialectic report``, and the report that the end of a run writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dialectic.cli.report import report_at_end
from tests.cli.build import Builder
from tests.cli.conftest import Dialectic

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = ["report.md", "results.tsv", "research_journal.tsv", "progress.png", "tensions.png"]


def test_the_command_writes_five_files_and_says_where(night: Builder, dialectic: Dialectic) -> None:
    code, out, err = dialectic("report", "--root", night.root)
    folder = night.session.folder / "report"
    assert (code, err) == (0, "")
    assert out.splitlines()[2:] == [str(folder / name) for name in FILES]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name in FILES[3:]:
        head = (folder / name).read_bytes()[:24]
        assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (1200, 700)


def test_the_numbers_are_those_of_log(night: Builder, dialectic: Dialectic) -> None:
    told = json.loads(dialectic("report", "--json", "--root", night.root).out)
    standing = dialectic("log", "--root", night.root).out.splitlines()[-1]
    assert f"baseline {told['baseline']:.4f} ± " in standing
    assert f"incumbent {told['incumbent']:.4f} ± " in standing
    assert f"improvement {told['improvement']:+.4f} bpb" in standing
    assert [told[name] for name in ("candidates", "keeps", "proven", "discards", "crashes")] == [3, 1, 0, 1, 1]
    page = (night.session.folder / "report" / "report.md").read_text("utf-8")
    assert f"{told['baseline']:.4f} (baseline)" in page
    assert "DEPTH 4 → 5" in page
    records = json.loads(dialectic("log", "--json", "--root", night.root).out)
    rows = [
        line.split("\t") for line in (night.session.folder / "report" / "results.tsv").read_text("utf-8").splitlines()
    ]
    assert [float(row[1]) for row in rows[1:]] == [record["val_bpb"] or 0.0 for record in records]
    assert [row[3] for row in rows[1:]] == [record["keep_discard_status"] for record in records]


def test_writing_it_again_changes_nothing(night: Builder, dialectic: Dialectic) -> None:
    folder = night.session.folder / "report"
    dialectic("report", "--root", night.root)
    first = {name: (folder / name).read_bytes() for name in FILES}
    dialectic("report", "--root", night.root)
    assert {name: (folder / name).read_bytes() for name in FILES} == first


def test_another_folder_is_taken_but_no_results_of_somebody_else(
    night: Builder, dialectic: Dialectic, tmp_path: Path
) -> None:
    out = tmp_path / "a page" / "for me"
    assert dialectic("report", "--root", night.root, "--out", out).code == 0
    assert dialectic("report", "--root", night.root, "--out", out).code == 0
    assert not (night.session.folder / "report").exists()
    (tmp_path / "results.tsv").write_text("commit\tval_bpb\n", "utf-8")
    code, _, err = dialectic("report", "--root", night.root, "--out", tmp_path)
    assert code == 2
    assert "choose another --out" in err
    assert (tmp_path / "results.tsv").read_text("utf-8") == "commit\tval_bpb\n"


def test_a_damaged_iteration_is_told_and_the_rest_reported(night: Builder, dialectic: Dialectic) -> None:
    night.session.iteration(3).plan.write_text("{", encoding="utf-8")
    code, out, err = dialectic("report", "--root", night.root)
    assert code == 1
    assert err.startswith("dialectic: iteration 3: ")
    assert str(night.session.folder / "report" / "report.md") in out


def test_without_matplotlib_there_are_words(
    night: Builder, dialectic: Dialectic, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialectic("report", "--root", night.root)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = dialectic("report", "--root", night.root)
    assert code == 0
    assert "no pictures: " in err
    folder = night.session.folder / "report"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES[:3])
    assert "The pictures could not be drawn" in (folder / "report.md").read_text("utf-8")


def test_neither_pyplot_nor_torch_is_loaded(night: Builder) -> None:
    script = (
        "import sys\n"
        "from dialectic.cli.border import call\n"
        f"code = call(['report', '--root', {str(night.root)!r}])\n"
        "assert code == 0 and 'matplotlib.figure' in sys.modules\n"
        "assert not {'matplotlib.pyplot', 'torch', 'openai'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.fixture
def folder(tmp_path: Path, smoke_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A research folder with a script of two candidates."""
    for name in ("train.py", "prepare.py", "program.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    script = {
        "agent": {"prepare": [{"knobs": {"MATRIX_LR": "0.05"}}, {"knobs": {"MATRIX_LR": "0.03"}}]},
        "executor": {"default": {"val_bpb": 2.0}, "iterations": {"2": {"val_bpb": 1.3}, "3": {"failure": "nan"}}},
    }
    (tmp_path / "script.json").write_text(json.dumps(script), encoding="utf-8")
    monkeypatch.setenv("DIALECTIC_CACHE", str(smoke_cache))
    return tmp_path


def test_the_end_of_a_run_writes_the_report(folder: Path, dialectic: Dialectic) -> None:
    scripted = ["--agent", "scripted", "--executor", "scripted", "--script", folder / "script.json"]
    code, out, err = dialectic("run", "--root", folder, "--profile", "smoke", "--iterations", "2", *scripted)
    assert (code, err) == (0, "")
    (page,) = (folder / "experiment_logs").glob("*/report/report.md")
    assert out.splitlines()[-1] == f"report: {page}"
    text = page.read_text("utf-8")
    assert "2 candidates: 1 kept (1 proven, 0 provisional), 0 discarded, 1 crashed" in text.split("\n")[2]
    gain = re.search(r"improvement \+([\d.]+) bpb", out)
    assert gain is not None
    assert text.startswith(f"# Session {page.parent.parent.name}: val_bpb lower by {gain[1]} (")


def test_a_report_that_cannot_be_written_is_told_and_does_not_fail_the_run(night: Builder) -> None:
    (night.session.folder / "report").write_text("a file where the folder should be", "utf-8")
    line = report_at_end(night.root, night.session.id)
    assert line.startswith("the report could not be written (")
    assert line.endswith("write it with `dialectic report`")


def test_a_session_that_cannot_be_written_into_is_reported_elsewhere(
    night: Builder, dialectic: Dialectic, tmp_path: Path
) -> None:
    (night.session.folder / "report").write_text("a file where the folder should be", "utf-8")
    code, _, err = dialectic("report", "--root", night.root)
    assert code == 1
    assert err.endswith("`dialectic report --out FOLDER` writes it elsewhere\n")
    assert dialectic("report", "--root", night.root, "--out", tmp_path / "here").code == 0


def test_a_session_without_a_result_has_a_short_page(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    builder.plan(1)
    assert report_at_end(tmp_path, builder.session.id).startswith("report: ")
    text = (builder.session.folder / "report" / "report.md").read_text("utf-8")
    assert text.startswith("# Session night: nothing has a score")
