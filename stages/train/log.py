"""What a training reports: curves and summary for git, speed and memory for the eye."""

import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from dvclive import Live

from stages.outputs.model import MODEL_DIR
from stages.tracking import StageLive
from stages.training.reports import EpochReport, Logs
from stages.training.resume import Progress

# Timings differ from run to run, so they stay out of git and out of the stage's outputs.
RUNTIME_DIR = Path("logs/train")
# Curves are written whole each time: more often would be felt where epochs are short.
CURVES_EVERY_SECONDS = 2.0

SCORES = ("loss", "accuracy", "macro_f1")


class EpochLog:
    """Both trackers of a training, open for the length of a `with` block.

    A resumed training first replays the epochs that it had finished, so that the curves are
    those of an uninterrupted one.
    """

    def __init__(self) -> None:
        """Open the trackers."""
        # A summary from which only some epochs have timings would mislead.
        shutil.rmtree(RUNTIME_DIR, ignore_errors=True)
        self._live = StageLive("train")
        self._curves: dict[str, list[dict[str, float | str]]] = {}
        self._curves_written = 0.0
        self._runtime = Live(str(RUNTIME_DIR), dvcyaml=None, save_dvc_exp=False, report=None)
        self._seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is left and close the trackers."""
        try:
            self._write_curves()
            for part, seconds in self._seconds.items():
                self._runtime.log_metric(f"seconds/{part}", seconds, plot=False)
        # The trackers are told, which leave no half of a plot then.
        except OSError as refused:
            kind, error, traceback = type(refused), refused, refused.__traceback__
        try:
            self._runtime.__exit__(kind, error, traceback)
        finally:
            self._live.__exit__(kind, error, traceback)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the seconds of a `with` block to those of a part of the training."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add_seconds(part, time.perf_counter() - started)

    def add_seconds(self, part: str, seconds: float) -> None:
        """Add seconds to those of a part of the training."""
        self._seconds[part] = self._seconds.get(part, 0.0) + seconds

    def replay(self, logs: Logs) -> None:
        """Log an epoch of an earlier run."""
        self._log(logs)
        self._runtime.step += 1

    def epoch(self, report: EpochReport) -> None:
        """Log one epoch and print it as a line."""
        epoch = self._live.step
        self._log(report.logs)
        self._runtime.log_metric("epoch_seconds", report.seconds)
        self._runtime.log_metric("train_seconds", report.train_seconds)
        self._runtime.log_metric("peak_memory_mib", _peak_memory_mib())
        self._runtime.next_step()
        best = "  best so far" if report.best else ""
        scores = "  ".join(f"{split} {_scores(report.logs, split)}" for split in ("train", "val"))
        print(f"{f'epoch {epoch}:':10} {scores}  {report.seconds:6.2f} s{best}", flush=True)

    def summary(self, progress: Progress, precision: str, largest_difference: float) -> None:
        """Log and print which epoch was kept and its scores.

        Args:
            progress: of the finished training.
            precision: that was chosen.
            largest_difference: between what training and the delivered classifier say.
        """
        best = progress.history[progress.best_epoch]
        for point in (point for points in self._curves.values() for point in points):
            point["best"] = point["epoch"] == progress.best_epoch
        self._live.log_metric("best/epoch", progress.best_epoch, plot=False)
        for name in SCORES:
            self._live.log_metric(f"best/val_{name}", best[f"val/{name}"], plot=False)
        self._live.log_metric("precision", precision, plot=False)
        self._live.log_metric("largest_difference", largest_difference, plot=False)
        scores = _scores(best, "val")
        print(f"best epoch {progress.best_epoch}:  val {scores}; it is in {MODEL_DIR}/")

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
        if time.perf_counter() - self._curves_written >= CURVES_EVERY_SECONDS:
            self._write_curves()
        self._live.next_step()

    def _write_curves(self) -> None:
        for curve, points in self._curves.items():
            self._live.log_plot(curve, points, x="epoch", y=curve)
        self._curves_written = time.perf_counter()


def _scores(logs: Logs, split: str) -> str:
    return "  ".join(f"{name} {logs[f'{split}/{name}']:.4f}" for name in SCORES)


def _peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
