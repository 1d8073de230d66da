"""What a training reports: curves and summary for git, speed and memory for the eye."""

import resource
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from dvclive import Live

from stages.tracking import StageLive
from stages.train.checkpoint import Progress
from stages.train.fit import EpochReport, Logs

# Timings differ from run to run, so they stay out of git and out of the stage's outputs.
RUNTIME_DIR = Path("logs/train")


class EpochLog:
    """Both trackers of a training, open for the length of a `with` block.

    A resumed training first replays the epochs that it had finished, so that the curves are
    those of an uninterrupted one.
    """

    def __init__(self, history: list[Logs]) -> None:
        """Open the trackers and replay `history`."""
        # A summary from which only some epochs have timings would mislead.
        shutil.rmtree(RUNTIME_DIR, ignore_errors=True)
        self._live = StageLive("train")
        self._curves: dict[str, list[dict[str, float | str]]] = {}
        self._runtime = Live(str(RUNTIME_DIR), dvcyaml=None, save_dvc_exp=False, report=None)
        for logs in history:
            self._log(logs)
        self._runtime.step = len(history)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the trackers."""
        self._runtime.__exit__(kind, error, traceback)
        self._live.__exit__(kind, error, traceback)

    def epoch(self, report: EpochReport) -> None:
        """Log one epoch and print it as a line."""
        epoch = self._live.step
        self._log(report.logs)
        speed = report.images / report.seconds
        self._runtime.log_metric("epoch_seconds", report.seconds)
        self._runtime.log_metric("images_per_second", speed)
        self._runtime.log_metric("peak_memory_mib", _peak_memory_mib())
        self._runtime.next_step()
        print(
            f"epoch {epoch}: "
            + ", ".join(f"{name} {value:.4g}" for name, value in report.logs.items())
            + f", {report.seconds:.1f} s, {speed:.1f} images/s",
            flush=True,
        )

    def summary(self, progress: Progress, precision: str) -> None:
        """Log which epoch was kept, its scores, and the precision that was chosen."""
        best = progress.history[progress.best_epoch]
        self._live.log_metric("best/epoch", progress.best_epoch, plot=False)
        for name in ("accuracy", "macro_f1", "loss"):
            self._live.log_metric(f"best/val_{name}", best[f"val/{name}"], plot=False)
        self._live.log_metric("precision", precision, plot=False)

    def _log(self, logs: Logs) -> None:
        # One file per curve, train and val in it: DVC shows each file of a stage's plots, so
        # dvclive's file per metric would show every line alone.
        for name, value in logs.items():
            self._live.log_metric(name, value, plot=False)
            split, _, curve = name.rpartition("/")
            point: dict[str, float | str] = {"epoch": self._live.step}
            if split:
                point["split"] = split
            self._curves.setdefault(curve, []).append({**point, curve: value})
        for curve, points in self._curves.items():
            self._live.log_plot(curve, points, x="epoch", y=curve)
        self._live.next_step()


def _peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
