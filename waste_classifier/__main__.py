"""The classifier on a command line: `python -m waste_classifier predict photo.jpg`."""

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from waste_classifier.errors import InputError

#: Where the pipelines leave a classifier: the whole one, or what training alone makes.
FOLDERS = (Path("data/classifier"), Path("data/model"))

#: What a full disk raises; files that are asked for say so themselves.
FULL = (errno.ENOSPC, errno.EDQUOT)
#: As of `waste_classifier.images`, which takes a while to import.
MAX_PIXELS = 50_000_000
#: A hundred years, which no clock of the system refuses.
MOST_SECONDS = 3_155_760_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 where something could not be read."""
    parsed = parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except InputError as error:
        from waste_classifier.commands.progress import say

        say(f"error: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        from waste_classifier.commands.progress import drop_output

        # The reader has left.
        drop_output()
        return 0
    except OSError as error:
        if error.errno not in FULL:
            raise
        from waste_classifier.commands.progress import drop_output, say

        drop_output()
        say(f"error: standard output: no room to write ({error.strerror})", sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(
        prog="python -m waste_classifier",
        description="Tells which material a photo of waste shows, or that it is unsure.",
    )
    whole.add_argument("--version", action=_Version, nargs=0, help="say which version is installed")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    predict = _command(commands, "predict", "decide on photos")
    predict.add_argument(
        "photos", nargs="+", type=_word, metavar="PHOTO|FOLDER|ZIP", help="what to decide on"
    )
    predict.add_argument("--csv", type=_path, metavar="FILE", help="write a table")
    predict.add_argument("--jsonl", type=_path, metavar="FILE", help="write a JSON object per line")
    predict.add_argument(
        "--sheet",
        type=_path,
        metavar="FILE",
        help="write a picture of the first photos and answers",
    )
    predict.add_argument(
        "--explain",
        type=_path,
        metavar="DIR",
        help="write for each photo where it is seen, and the nearest training photos",
    )
    predict.add_argument(
        "--top", type=_positive, default=1, metavar="N", help="say the N most probable labels"
    )
    _add_max_pixels(predict)
    predict.set_defaults(run=_predict)

    score = _command(commands, "score", "how right it is on photos whose label is known")
    score.add_argument("folder", type=_path, help="with a folder of photos for each label")
    _add_max_pixels(score)
    score.set_defaults(run=_score)

    watch = _command(commands, "watch", "decide on photos as they come")
    watch.add_argument(
        "source",
        type=_word,
        metavar="FOLDER|-",
        help="a folder, whose new photos are decided on, or - for JPEGs on standard input",
    )
    watch.add_argument(
        "--seconds", type=_seconds, metavar="S", help="end after so long; without it: never"
    )
    _add_max_pixels(watch)
    watch.set_defaults(run=_watch)

    adapt = _command(commands, "adapt", "take the photos of another line as the new normal")
    adapt.add_argument("folder", type=_path, help="with photos of the usual mix; no labels needed")
    adapt.add_argument(
        "--output",
        type=_path,
        required=True,
        metavar="DIR",
        help="new folder",
    )
    _add_max_pixels(adapt)
    adapt.set_defaults(run=_adapt)

    page = _command(commands, "page", "try it in a browser")
    page.add_argument(
        "--host", type=_word, default="127.0.0.1", help="address to listen on (%(default)s)"
    )
    page.add_argument("--port", type=int, default=7860, help="(%(default)s)")
    page.add_argument(
        "--label-errors",
        type=_path,
        metavar="FILE",
        help="likely wrong labels, to decide on (default: data/label_errors.csv)",
    )
    page.add_argument(
        "--photos",
        type=_path,
        metavar="DIR",
        help="folder of the photos that it names, as files or in tar files (default: data/raw)",
    )
    page.add_argument(
        "--corrections",
        type=_path,
        default=Path("corrections.csv"),
        metavar="FILE",
        help="where decisions on labels are written (%(default)s)",
    )
    page.set_defaults(run=_page)
    return whole


class _Version(argparse.Action):
    """Say which version is installed, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"waste-classifier {version('waste-classifier')}")
        except PackageNotFoundError:
            print(f"waste-classifier, not installed: run from {Path(__file__).parents[1]}")
        parser.exit()


def chosen_folder(folder: Path | None) -> Path:
    """Return the folder of the classifier: the one named, or the one that the pipelines made.

    Raises:
        InputError: there is none.
    """
    if folder is not None:
        return folder
    found = next((each for each in FOLDERS if each.is_dir()), None)
    if found is None:
        raise InputError(
            f"no classifier in {' or '.join(map(str, FOLDERS))}: name one by --model, or run `make "
            "release`"
        )
    return found


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    command.add_argument(
        "--model",
        type=_path,
        metavar="DIR",
        help=f"folder of the classifier ({' or '.join(map(str, FOLDERS))})",
    )
    return command


def _add_max_pixels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-pixels",
        type=_positive,
        default=MAX_PIXELS,
        metavar="N",
        help="largest photo, width x height (%(default)s)",
    )


def _path(text: str) -> Path:
    # Of an empty text, such as a variable that is not set, `Path` makes the current folder.
    return Path(_word(text))


def _word(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("empty; give one, or leave the option out")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r}; expected seconds, 0 to {MOST_SECONDS}")
    return number


# Each imports what it needs when it is run: `--help` waits for nothing.
def _predict(parsed: argparse.Namespace) -> int:
    from waste_classifier.commands.predict import predict

    return predict(
        chosen_folder(parsed.model),
        parsed.photos,
        csv_file=parsed.csv,
        jsonl_file=parsed.jsonl,
        sheet_file=parsed.sheet,
        explain_folder=parsed.explain,
        top=parsed.top,
        max_pixels=parsed.max_pixels,
    )


def _score(parsed: argparse.Namespace) -> int:
    from waste_classifier.commands.score import score

    return score(chosen_folder(parsed.model), parsed.folder, parsed.max_pixels)


def _watch(parsed: argparse.Namespace) -> int:
    from waste_classifier.commands.watch import watch

    return watch(chosen_folder(parsed.model), parsed.source, parsed.seconds, parsed.max_pixels)


def _adapt(parsed: argparse.Namespace) -> int:
    from waste_classifier.commands.adapt import adapt

    return adapt(chosen_folder(parsed.model), parsed.folder, parsed.output, parsed.max_pixels)


def _page(parsed: argparse.Namespace) -> int:
    from waste_classifier.page.server import serve

    serve(
        chosen_folder(parsed.model),
        parsed.host,
        parsed.port,
        label_errors=parsed.label_errors,
        photos=parsed.photos,
        corrections=parsed.corrections,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
