"""`predict`: a line per photo, and the same for machines."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.outputs import (
    Write,
    check_outputs,
    csv_table,
    explanations,
    json_lines,
    sheet,
)
from waste_classifier.commands.photos import (
    Result,
    find_photos,
    is_of_photo,
    results,
    say_left_out,
    say_unread,
    told,
)
from waste_classifier.commands.progress import counted, drop_output, say
from waste_classifier.commands.sheets import say_boxes
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import MAX_PIXELS
from waste_classifier.whole import is_standard_output


def predict(
    folder: Path,
    photos: Sequence[str],
    csv_file: Path | None,
    jsonl_file: Path | None,
    sheet_file: Path | None,
    explain_folder: Path | None,
    top: int,
    max_pixels: int = MAX_PIXELS,
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
        max_pixels: width x height of the largest photo accepted.

    Returns:
        0, or 1 where a photo could not be read.

    Raises:
        InputError: the classifier or a file is missing, or a file can't be written or would
            replace something else.
    """
    check_outputs(photos, csv_file, jsonl_file, sheet_file, explain_folder)
    classifier = Classifier.load(folder)
    left_out: Counter[str] = Counter()
    with ExitStack() as stack:
        # What is opened last is finished first: a sheet that can't be written takes no table along.
        pictures: list[Write] = []
        if explain_folder is not None:
            pictures.append(
                stack.enter_context(explanations(explain_folder, classifier, max_pixels))
            )
        if sheet_file is not None:
            pictures.append(stack.enter_context(sheet(sheet_file)))
        if pictures:
            say_boxes(classifier.labels)
        tables: list[Write] = []
        if jsonl_file is not None:
            tables.append(stack.enter_context(json_lines(jsonl_file)))
        if csv_file is not None:
            tables.append(stack.enter_context(csv_table(csv_file, classifier.labels)))
        lines: list[Write] = []
        # A table on the standard output would be none with lines in it.
        if not any(is_standard_output(file) for file in (csv_file, jsonl_file) if file):
            lines.append(_lines(top, needed=not pictures + tables))
        decided = results(classifier, find_photos(photos, left_out), max_pixels=max_pixels)
        count, photos_found, unread = _write_all(decided, [*tables, *lines, *pictures])
        # Within the block, so that tables of before stay.
        if photos_found == 0:
            reason = told(left_out)
            raise InputError(
                f"{', '.join(photos)}: no photos found{f' ({reason})' if reason else ''}"
            )
    say_left_out(left_out)
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


def _write_all(decided: Iterable[Result], writers: Sequence[Write]) -> tuple[int, int, int]:
    """Give each result to each writer.

    Returns:
        How many results there were, how many of these are of photos, and of how many a writer or
        the result says that they can't be read, which is said on standard error.
    """
    count = photos = unread = 0
    for result in counted(decided, "photos"):
        count += 1
        photos += is_of_photo(result.found)
        problem: InputError | None = result.error
        try:
            for write in writers:
                write(result)
        except PhotoError as error:
            problem = error
        if problem is not None:
            unread += 1
            say_unread(problem)
    return count, photos, unread


def _lines(top: int, needed: bool) -> Write:
    """Return what prints a line; where its reader has left, files are still to be written.

    Args:
        top: how many labels a line names.
        needed: whether lines are all that was asked for; then what is returned raises a
            `BrokenPipeError` where their reader has left.
    """

    def write(result: Result) -> None:
        if result.answer is None:
            return
        try:
            say(line_of(result.found.name, result.answer, top))
        except BrokenPipeError:
            if needed:
                raise
            drop_output()

    return write
