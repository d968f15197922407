"""What a session says and refuses about the cage of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialectic.config import Settings, load
from dialectic.errors import ExecutorError, UsageError
from dialectic.loop import cage, kernels
from dialectic.sandbox.plan import forecast
from dialectic.sandbox.survey import survey
from dialectic.state.cage import Cage, CageRecord, Layer
from dialectic.state.run import Job, Limits
from dialectic.state.session import ProfileFacts
from tests.loop.conftest import Remembering
from tests.loop.test_faults import facts


def look(tmp_path: Path, executor: str = "local", **settings: object) -> CageRecord | None:
    return cage.look(Settings.model_construct(**settings), executor, facts(), tmp_path, tmp_path / "data")  # type: ignore[arg-type]


def test_a_level_that_is_not_reached_refuses_the_session_in_one_line(tmp_path: Path) -> None:
    held = look(tmp_path, sandbox="limits", require_sandbox="limits")
    assert held is not None
    assert held.level == "limits"
    expected = (
        "--require-sandbox offline: --sandbox limits asks for no more than limits; raise the one or lower the other"
    )
    with pytest.raises(UsageError, match=expected):
        look(tmp_path, sandbox="limits", require_sandbox="offline")


def test_a_machine_without_namespaces_refuses_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    survey.cache_clear()
    try:
        with pytest.raises(ExecutorError) as refused:
            look(tmp_path, sandbox="sealed", require_sandbox="sealed")
    finally:
        survey.cache_clear()
    told = str(refused.value)
    assert told.startswith("--require-sandbox sealed: this machine reaches ")
    assert "mount namespace, network namespace, process namespace absent: not installed" in told
    assert "install bubblewrap and allow user namespaces" in told
    assert "\n" not in told


def test_where_nothing_runs_nothing_is_required(tmp_path: Path) -> None:
    assert look(tmp_path, "scripted", sandbox="none", require_sandbox="sealed") is None
    assert cage.warning(None) == ""


def test_what_is_missing_is_said_loudly_with_what_a_run_can_do() -> None:
    whole = forecast(Cage())
    if whole.level == "sealed":
        assert cage.warning(whole) == ""
    layers = [
        Layer(name="resource limits", state="applied"),
        Layer(name="landlock", state="absent", detail="Function not implemented"),
        Layer(name="mount namespace", state="failed", detail="bubblewrap: Operation not permitted"),
        Layer(name="network namespace", state="failed", detail="bubblewrap: Operation not permitted"),
    ]
    told = cage.warning(CageRecord(level="limits", layers=layers))
    assert told.startswith("WARNING: the cage of a run is only at level limits of sealed: it can read and change every")
    assert "it can use the network; it can see other processes" in told
    assert "landlock absent: Function not implemented; mount namespace, network namespace failed: bubblewrap" in told


def test_the_levels_are_settings_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, {}).sandbox == "sealed"
    (tmp_path / "dialectic.toml").write_text('sandbox = "offline"\nrequire_sandbox = "files"\n')
    monkeypatch.setenv("DIALECTIC_SANDBOX", "files")
    told = load(tmp_path, {"require_sandbox": "limits"})
    assert (told.sandbox, told.require_sandbox) == ("files", "limits")
    with pytest.raises(UsageError, match=r"--require-sandbox: input should be 'none', 'limits', 'files'"):
        load(tmp_path, {"require_sandbox": "everything"})


def test_a_run_hides_everything_of_the_session_and_the_data(tmp_path: Path) -> None:
    settings = Settings.model_construct(sandbox="files", require_sandbox="limits")
    one = cage.cage_of(settings, facts(), tmp_path, tmp_path / "data")
    assert (one.level, one.require, one.accelerator, one.read) == ("files", "limits", False, [])
    hidden = {Path(path).name for path in one.hidden}
    assert hidden == {"experiment_logs", "knowledge_base", "research_state", "data"}


def hopper(**changes: object) -> ProfileFacts:
    return facts().model_copy(update={"device": "cuda", "gpu": "NVIDIA H100 80GB HBM3"} | changes)


def test_kernels_are_fetched_for_a_hopper_only_and_once(tmp_path: Path) -> None:
    observer = Remembering()
    (tmp_path / "cache" / "kernels").mkdir(parents=True)
    data = tmp_path / "cache" / "fingerprint"
    for profile in (facts(), hopper(gpu="NVIDIA A100-SXM4-80GB"), hopper(device="cpu")):
        kernels.fetch(profile, data, observer)
    (tmp_path / "cache" / "kernels" / "ready").touch()
    kernels.fetch(hopper(), data, observer)
    assert observer.notes == []


def test_kernels_that_cannot_be_had_are_said_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LOAD", "raise OSError('no network here')")
    observer, job = Remembering(), Job(job_id="s:001:1", folder="/f", command=["x"], limits=Limits(wall_seconds=1))
    job = job.model_copy(update={"cage": Cage()})
    kernels.fetch(hopper(), tmp_path / "fingerprint", observer)
    assert observer.notes[1].endswith("so training goes on with other attention: OSError: no network here")
    assert kernels.with_kernels(job, tmp_path / "fingerprint") == job
    for name in ("LOAD", "NAME_THE_VERSION"):
        monkeypatch.setattr(kernels, name, "import os; os.makedirs(os.environ['HF_HOME'], exist_ok=True)")
    kernels.fetch(hopper(), tmp_path / "fingerprint", observer)
    shown = kernels.with_kernels(job, tmp_path / "fingerprint")
    assert shown.cage is not None
    assert shown.cage.home == {".cache/huggingface": str(tmp_path / "kernels")}
    assert shown.environment == {"HF_HUB_OFFLINE": "1"}


def test_train_py_asks_for_the_kernel_that_is_fetched() -> None:
    text = (Path(__file__).parents[2] / "train.py").read_text("utf-8")
    assert f'"{kernels.NAME}"' in text
    assert f"get_kernel(name, version={kernels.VERSION}," in text
