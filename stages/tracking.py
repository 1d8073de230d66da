"""The one dvclive `Live` of a stage: metrics/<stage>.json and plots/<stage>/."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from dvclive import Live
from scmrepo.exceptions import SCMError  # of DVC's access to git

from stages.outputs.whole import explain_disk_error
from stages.page_text import harmless
from waste_classifier.errors import InputError


class StageLive(Live):
    """A `Live` that writes where this project keeps metrics and plots; use it in a `with` block.

    dvclive puts both into one directory; here metrics of all stages stand together, as do plots,
    and two stages can't share a directory, since a `Live` clears its own when it starts.
    """

    def __init__(self, stage: str) -> None:
        """Open the tracker of `stage`.

        Raises:
            InputError: git can't say which commit this is, as before the first one.
        """
        self._stage = stage
        directory = str(Path("plots") / stage)
        try:
            super().__init__(dir=directory, dvcyaml=None, save_dvc_exp=False, report=None)
        except SCMError as error:
            raise InputError(
                f"git: {error}; dvclive needs a commit: git add --all && git commit"
            ) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the tracker; where the disk refused a file, leave no half of it.

        Raises:
            InputError: the disk is full or refuses to be written.
        """
        # A message on a disk may have taken the place of what the disk raised.
        raised = (error, error.__context__ if error else None)
        refused = next((each for each in raised if isinstance(each, OSError)), None)
        try:
            super().__exit__(kind, error, traceback)
        except OSError as closing:
            refused = refused or closing
        if refused is None:
            return
        with suppress(OSError):  # of a disk that refuses this too
            shutil.rmtree(self.plots_dir)
        with suppress(OSError):
            Path(self.metrics_file).unlink()
        if isinstance(error, InputError):
            return
        message = explain_disk_error(refused, Path(self.plots_dir))
        if message is None:
            raise refused
        raise InputError(message) from None

    @property
    def metrics_file(self) -> str:
        """Path of the summary, JSON."""
        return str(Path("metrics") / f"{self._stage}.json")

    @property
    def plots_dir(self) -> str:
        """Directory of the plots."""
        return str(self.dir)

    def log_points(self, name: str, points: Sequence[Mapping[str, Any]]) -> None:
        """Write the points of a plot; dvc.yaml says along which axes and how they are drawn."""
        safe = [
            {
                key: harmless(value) if isinstance(value, str) else value
                for key, value in point.items()
            }
            for point in points
        ]
        self.log_plot(name, safe, x="", y="")
