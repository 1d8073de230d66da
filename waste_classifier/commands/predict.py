"""`predict`: a line per photo, and the same for machines."""

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from PIL import Image

from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import Result, find_photos, results, say_left_out, told
from waste_classifier.commands.progress import counted, drop_output, say
from waste_classifier.commands.sheets import MOST_PHOTOS, contact_sheet, explanation_sheet
from waste_classifier.errors import InputError
from waste_classifier.explanation import Explanation
from waste_classifier.images import load

#: How bytes of a file name that are no text are written.
BYTES_AS_TEXT = "backslashreplace"
#: Bytes of a photo's name in that of its explanation.
LONGEST_STEM = 200
#: Kinds of pictures that are written, by the ends of their names.
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
#: Side of a photo on a sheet, pixels.
SHEET_SIDE = 160


def predict(
    folder: Path,
    photos: Sequence[str],
    csv_file: Path | None,
    jsonl_file: Path | None,
    sheet_file: Path | None,
    explain_folder: Path | None,
    top: int,
) -> int:
    """Print what a classifier says of photos, and write it as asked for.

    Args:
        folder: of the classifier.
        photos: files, folders, archives.
        csv_file: for a table.
        jsonl_file: for a JSON object per line.
        sheet_file: for a picture of the first photos and what is said of them.
        explain_folder: for a picture per photo that says why.
        top: how many labels a line names.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: the classifier or a file is missing, or a file can't be written.
    """
    classifier = Classifier.load(folder)
    if sheet_file is not None:
        _check_picture(sheet_file)
    unread = count = 0
    left_out: Counter[str] = Counter()
    files = [file for file in (csv_file, jsonl_file, sheet_file, explain_folder) if file]
    shown: list[tuple[Image.Image, Answer]] = []
    if explain_folder is not None:
        with _refusals_explained(explain_folder):
            explain_folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        tables = [
            stack.enter_context(opened(file, classifier.labels))
            for opened, file in ((_csv_table, csv_file), (_json_lines, jsonl_file))
            if file is not None
        ]
        for result in counted(results(classifier, find_photos(photos, left_out)), "photos"):
            count += 1
            for table in tables:
                table(result)
            if result.answer is None or result.image is None:
                unread += 1
                say(f"error: {result.error}", sys.stderr)
                continue
            _say_line(line_of(result.found.name, result.answer, top), needed=not files)
            if sheet_file is not None and len(shown) < MOST_PHOTOS:
                small = Image.fromarray(result.image).resize((SHEET_SIDE, SHEET_SIDE))
                shown.append((small, result.answer))
            if explain_folder is not None and result.features is not None:
                why = classifier.explain_seen(result.image, result.features)
                _save_explanation(why, result, explain_folder, count)
        # Within the block, so that tables of before stay.
        if count == 0:
            reason = told(left_out)
            raise InputError(
                f"{', '.join(photos)}: no photos found{f' ({reason})' if reason else ''}"
            )
    say_left_out(left_out)
    if sheet_file is not None and shown:
        _save(contact_sheet(shown), sheet_file)
    if unread:
        say(f"{unread} of {count} photos could not be read", sys.stderr)
    return 1 if unread else 0


def line_of(name: str, answer: Answer, top: int = 1) -> str:
    """Return a line on one photo: its name, the decision, and why or how sure."""
    if top > 1:
        ranked = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:top]
        said = ", ".join(f"{label} {probability:.2f}" for label, probability in ranked)
        why = f"{said}{'; ' if answer.reason else ''}{answer.reason}"
    else:
        why = answer.reason or f"{answer.probabilities[answer.decision]:.2f}"
    return f"{name}\t{answer.decision}\t{why}"


def _say_line(line: str, needed: bool) -> None:
    """Print a line; where the reader of lines has left, files are still to be written.

    Raises:
        BrokenPipeError: the reader has left, and lines are all that was asked for.
    """
    try:
        say(line)
    except BrokenPipeError:
        if needed:
            raise
        drop_output()


@contextmanager
def _csv_table(file: Path, labels: Sequence[str]) -> Iterator[Any]:
    with _written(file) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        columns = ["photo", "decision", "reason", "label", "probability"]
        columns += ["distance", "label_distance", "error"]
        writer.writerow([*columns, *(f"probability_{label}" for label in labels)])

        def write(result: Result) -> None:
            with _refusals_explained(file):
                writer.writerow(_cells(result, len(labels)))

        yield write


def _cells(result: Result, labels: int) -> list[str]:
    """Return the cells of a row."""
    answer = result.answer
    if answer is None:
        return [result.found.name, *[""] * 6, result.error, *[""] * labels]
    distances = [
        "" if each is None else f"{each:.4f}" for each in (answer.distance, answer.label_distance)
    ]
    return [
        *(result.found.name, answer.decision, answer.reason, answer.label),
        *(f"{answer.probability:.6f}", *distances, ""),
        *(f"{value:.6f}" for value in answer.probabilities.values()),
    ]


@contextmanager
def _json_lines(file: Path, _: Sequence[str]) -> Iterator[Any]:
    with _written(file) as opened:

        def write(result: Result) -> None:
            said = {} if result.answer is None else result.answer._asdict()
            document = {"photo": result.found.name, **said, "error": result.error or None}
            with _refusals_explained(file):
                opened.write(json.dumps(document, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _written(file: Path) -> Iterator[IO[str]]:
    """Open a file that appears whole at the end of the block, or not at all."""
    if not file.name:
        raise InputError(f"{file}: no name of a file; name one")
    unfinished = file.with_name(f".{file.name}.new")
    with _refusals_explained(file):
        # A name of a photo may hold bytes that are no text.
        opened = unfinished.open("w", encoding="utf-8", errors=BYTES_AS_TEXT, newline="")
    try:
        yield opened
        with _refusals_explained(file):
            opened.close()
            unfinished.replace(file)
    finally:
        with suppress(OSError):  # of a full disk, again
            opened.close()
        unfinished.unlink(missing_ok=True)


def _save_explanation(explanation: Explanation, result: Result, folder: Path, number: int) -> None:
    picture = explanation_sheet(load(result.found.photo, name=result.found.name), explanation)
    # With number and extension, a file system takes so long a name.
    stem = os.fsencode(Path(result.found.name).stem)[:LONGEST_STEM].decode(errors="ignore")
    _save(picture, folder / f"{number:05}_{stem}.jpg")


def _check_picture(file: Path) -> None:
    """Check, before photos are decided on, that a picture can have this name.

    Raises:
        InputError: it can't.
    """
    if file.suffix.lower() not in PICTURES:
        raise InputError(f"{file}: no kind of picture; end its name with {' or '.join(PICTURES)}")


def _save(picture: Image.Image, file: Path) -> None:
    """Write a picture, whole or not at all."""
    unfinished = file.with_name(f".{file.stem}.new{file.suffix}")
    try:
        with _refusals_explained(file):
            picture.save(unfinished)
            unfinished.replace(file)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextmanager
def _refusals_explained(file: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"{file}: can't be written ({error.strerror or error})") from None
