"""How soon a classifier answers: one photo from the shell, and photos as `watch` gets them.

Measures (a) `python -m waste_classifier predict PHOTO` from start to end; (b) `watch FOLDER`, from
the copying of a photo into the folder; (c) `watch -`, from the sending of a photo; the last two
until their line is there. With `--other`, the same of another classifier beside it, as of smaller
images. All take the same photos, one after the other.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    seconds_of,
)
from benchmarks.workspace import environment, require
from stages.stage import exit_code
from waste_classifier.commands.watch import seconds_to_settle
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import load
from waste_classifier.parallel import available_cores

SHELL = "predict PHOTO"
FOLDER = "watch FOLDER"
STREAM = "watch -"
#: Before each answer, seconds: the threads of a runtime spin for a while after the one before.
PAUSE = 0.3


class Watching(NamedTuple):
    """A `watch` that waits for photos."""

    process: "subprocess.Popen[bytes]"
    folder: Path | None  #: that it looks at; None: at its standard input

    def answer(self, photo: Path) -> str:
        """Show it a photo, and return its line.

        Raises:
            InputError: it has none to say.
        """
        if self.folder is None:
            stream = _opened(self.process.stdin)
            # It may have ended, as is said below.
            with suppress(BrokenPipeError):
                stream.write(photo.read_bytes())
                stream.flush()
        else:
            coming = self.folder / "coming"
            shutil.copyfile(photo, coming)
            coming.replace(self.folder / "photo.jpg")
        line = _opened(self.process.stdout).readline().decode()
        if not line:
            raise InputError(f"{photo}: watch ended without an answer")
        return line


@contextmanager
def watching(model: Path, folder: Path | None) -> Iterator[Watching]:
    """Start a `watch`, which is ready when the block begins, and end it with the block."""
    process = subprocess.Popen(
        command("watch", model, "-" if folder is None else str(folder)),
        env=environment(Path()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        said = _opened(process.stderr).readline().decode().strip()
        if said != "watching":
            raise InputError(said.removeprefix("error: "))
        yield Watching(process, folder)
    finally:
        process.kill()
        process.communicate()


def answer_from_shell(model: Path, photo: Path) -> str:
    """Start a `predict` for one photo, and return its line.

    Raises:
        InputError: it failed.
    """
    ended = subprocess.run(
        command("predict", model, str(photo)),
        env=environment(Path()),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise InputError(ended.stderr.strip().removeprefix("error: "))
    return ended.stdout


def check_jpegs(photos: Sequence[Path]) -> None:
    """Check that each photo can be sent in a stream, and has an answer.

    Raises:
        InputError: one is no JPEG, or is damaged.
    """
    for photo in photos:
        try:
            load(photo)
        except PhotoError as error:
            raise InputError(f"{error}; give another") from None
        # Of a whole JPEG alone no time passes.
        if seconds_to_settle(photo):
            raise InputError(f"{photo}: no JPEG, or more than one; give JPEGs")


def command(name: str, model: Path, source: str) -> list[str]:
    """Return a command of the classifier."""
    return [sys.executable, "-m", "waste_classifier", name, "--model", str(model), source]


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("expected a process with pipes")
    return stream


def measure(
    models: Sequence[Path], photos: Sequence[Path], repetitions: int
) -> dict[tuple[Path, str], list[float]]:
    """Return the seconds of each answer, by classifier and by how it was asked.

    Args:
        models: folders of classifiers.
        photos: that each repetition takes the next of.
        repetitions: answers of each kind.
    """
    with ExitStack() as stack:
        measures: dict[tuple[Path, str], Callable[[int], float]] = {}
        for model in models:
            intake = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
            answers: dict[str, Callable[[Path], str]] = {
                SHELL: partial(answer_from_shell, model),
                FOLDER: stack.enter_context(watching(model, intake)).answer,
                STREAM: stack.enter_context(watching(model, None)).answer,
            }
            for name, answer in answers.items():
                measures[model, name] = partial(seconds_to_answer, answer, photos)
        return interleave(measures, repetitions)


def seconds_to_answer(answer: Callable[[Path], str], photos: Sequence[Path], number: int) -> float:
    """Return the seconds that one of some photos, taken in turn by number, is answered in."""
    time.sleep(PAUSE)
    return seconds_of(partial(answer, photos[number % len(photos)]))


def main() -> None:
    """Read the command line, measure, print values and ratios."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.answers", description=__doc__.splitlines()[0]
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="JPEG", help="to ask about")
    parser.add_argument(
        "--model", type=Path, default=Path("data/classifier"), help="(default %(default)s)"
    )
    parser.add_argument(
        "--other", type=Path, action="append", default=[], help="folder of another classifier"
    )
    add_repetitions(parser, default=20)
    arguments = parser.parse_args()
    models = [arguments.model, *arguments.other]
    require(models)
    check_jpegs(arguments.photos)
    seconds = measure(models, arguments.photos, arguments.repetitions)
    print(f"{available_cores()} cores")
    for (model, name), values in seconds.items():
        print_values(f"{name}, {model}", [1000 * value for value in values], "ms")
    for (model, name), values in seconds.items():
        if model != arguments.model:
            print_ratio(f"{name}, {model}", values, seconds[arguments.model, name])


if __name__ == "__main__":
    sys.exit(exit_code(main))
