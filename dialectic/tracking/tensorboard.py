"""TensorBoard: a folder for each session, in it a run for each iteration."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from torch.utils.tensorboard import SummaryWriter

from dialectic.state.base import Metrics
from dialectic.state.files import make_folder
from dialectic.tracking.backend import Begun, Ended


class TensorBoard:
    """Event files below ``<folder>/tensorboard``. It knows no artefacts: the files are shown as text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tensorboard"
        self.where = f"{self.folder} (look at it: tensorboard --logdir {quote(str(self.folder))})"
        self.writer: SummaryWriter | None = None
        self.params: dict[str, str] = {}

    def begin(self, begun: Begun) -> None:
        """Open a run; the files of an earlier attempt at the same iteration stay beside it."""
        self.writer = SummaryWriter(str(make_folder(self.folder / begun.session_id / begun.label)))
        self.params = begun.params
        self._texts(begun.tags)

    def _texts(self, texts: dict[str, str]) -> None:
        assert self.writer is not None
        for name, text in texts.items():
            self.writer.add_text(name, text)

    def step(self, step: int, metrics: Metrics) -> None:
        """One point on each curve."""
        assert self.writer is not None
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def end(self, ended: Ended) -> None:
        """The final metrics stand at the iteration's number, so that a session is a curve; the knobs as hparams."""
        assert self.writer is not None
        for name, value in ended.metrics.items():
            self.writer.add_scalar(name, value, ended.iteration)
        self._texts(ended.tags)
        self._texts({path.name: _fenced(path) for path in ended.files})
        # Without a run name the hparams would go into a run of their own, named after the time.
        measured = {f"hparams/{name}": ended.metrics[name] for name in ("val_bpb", "delta") if name in ended.metrics}
        self.writer.add_hparams(self.params, measured, run_name=".")
        self.close()

    def close(self) -> None:
        """Write out what is buffered."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _fenced(path: Path) -> str:
    """The file as a block of code; four spaces before each line, because three backticks may stand in it."""
    text = path.read_text("utf-8", errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines())
