"""What `predict` writes: tables, a sheet, and pictures that say why; and what stays in its place.

Each is opened for a `with` block, and gives a function that takes what became of a photo.
"""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from PIL import ExifTags, Image

from waste_classifier.classifier import Answer, Classifier
from waste_classifier.commands.photos import Result, is_folder, is_hidden, is_photo
from waste_classifier.commands.sheets import MOST_PHOTOS, contact_sheet, explanation_sheet
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import MAX_PIXELS, load
from waste_classifier.whole import (
    check_writable,
    is_stream,
    refusals_explained,
    whole_file,
    whole_text,
)

#: Takes what became of a photo.
Write = Callable[[Result], None]

#: How bytes of a file name that are no text are written.
BYTES_AS_TEXT = "backslashreplace"
#: Bytes of a photo's name in that of its explanation.
LONGEST_STEM = 200
#: How `explanations` names pictures.
EXPLANATIONS = "[0-9][0-9][0-9][0-9][0-9]*_*.jpg"
#: Formats of pictures that are written, by the ends of their names.
PICTURES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
#: Side of a photo on a sheet, pixels.
SHEET_SIDE = 160
#: What pictures say of themselves, as EXIF's Software: what has none is a photo of the user's.
SHEET_MARK = "waste_classifier predict --sheet"
EXPLANATION_MARK = "waste_classifier predict --explain"
#: How a table begins, also where a spreadsheet has saved it.
TABLE_BEGINS = re.compile(r'\ufeff?"?photo"?[,;\t]"?decision"?[,;\t]')
#: Letters of a file that are looked at to tell whether it is a table.
_BEGINNING = 65_536


def check_outputs(
    photos: Sequence[str],
    csv_file: Path | None,
    jsonl_file: Path | None,
    sheet_file: Path | None,
    explain_folder: Path | None,
) -> None:
    """Check, before photos are decided on, that what is written replaces nothing but its like.

    A shell may have put the names of photos where that of an output was meant.

    Args:
        photos: files, folders and archives that are decided on.
        csv_file: as of `predict`; so are the others.
        jsonl_file: of JSON lines.
        sheet_file: of a picture.
        explain_folder: of pictures.

    Raises:
        InputError: an output is one of the photos, lies where it would be looked at as one, has the
            place of another output, or is there and is something else.
    """
    named = {
        "--csv": csv_file,
        "--jsonl": jsonl_file,
        "--sheet": sheet_file,
        "--explain": explain_folder,
    }
    outputs = {option: path for option, path in named.items() if path is not None}
    for (option, path), (other, elsewhere) in combinations(outputs.items(), 2):
        if os.path.realpath(path) == os.path.realpath(elsewhere):
            raise InputError(
                f"{path}: named for two outputs, {option} and {other}; give each its own file"
            )
    for option, path in outputs.items():
        _check_no_photo(option, path, photos)
    if csv_file is not None:
        _check_like(csv_file, "a table of `predict`", _begins_as_table)
    if jsonl_file is not None:
        _check_like(jsonl_file, "a file of JSON lines of `predict`", _begins_as_json_line)
    if sheet_file is not None:
        if sheet_file.suffix.lower() not in PICTURES:
            raise InputError(
                f"{sheet_file}: no kind of picture; end its name with {' or '.join(PICTURES)}"
            )
        _check_like(sheet_file, "a picture of `predict`", _is_marked)
    if explain_folder is not None:
        if not is_folder(explain_folder) and os.path.lexists(explain_folder):
            raise InputError(f"{explain_folder}: is a file; name a folder for --explain")
        for picture in sorted(explain_folder.glob(EXPLANATIONS)):
            _check_like(picture, "a picture of `predict`", _is_marked)


@contextmanager
def csv_table(file: Path, labels: Sequence[str]) -> Iterator[Write]:
    """Write a table, a row per photo.

    Args:
        file: that appears whole at the end of the block, or not at all.
        labels: of the classifier.

    Raises:
        InputError: it can't be written.
    """
    # A name of a photo may hold bytes that are no text.
    with whole_text(file, errors=BYTES_AS_TEXT) as opened:
        writer = csv.writer(opened, lineterminator="\n")
        columns = ["photo", "decision", "reason", "label", "probability"]
        columns += ["distance", "label_distance", "error"]

        def write_row(cells: Sequence[str]) -> None:
            # A carriage return, which `csv` does not quote, would end the row.
            escaped = [cell.replace("\r", r"\r") for cell in cells]
            with refusals_explained(file):
                writer.writerow(escaped)

        write_row([*columns, *(f"probability_{label}" for label in labels)])
        yield lambda result: write_row(_cells(result, len(labels)))


@contextmanager
def json_lines(file: Path) -> Iterator[Write]:
    """Write a JSON object per photo, each in a line.

    Args:
        file: as of `csv_table`.

    Raises:
        InputError: it can't be written.
    """
    with whole_text(file, errors=BYTES_AS_TEXT) as opened:

        def write(result: Result) -> None:
            said = {} if result.answer is None else result.answer._asdict()
            error = None if result.error is None else str(result.error)
            document = {"photo": result.found.name, **said, "error": error}
            with refusals_explained(file):
                opened.write(json.dumps(document, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def sheet(file: Path) -> Iterator[Write]:
    """Write a picture of the first photos that have an answer; none where none has.

    Args:
        file: as of `csv_table`; the end of its name says what kind of picture it is.

    Raises:
        InputError: it can't be written.
    """
    shown: list[tuple[Image.Image, Answer]] = []
    check_writable(file)

    def write(result: Result) -> None:
        if result.image is not None and result.answer is not None and len(shown) < MOST_PHOTOS:
            small = Image.fromarray(result.image).resize((SHEET_SIDE, SHEET_SIDE))
            shown.append((small, result.answer))

    yield write
    if shown:
        _save(contact_sheet(shown), file, SHEET_MARK)


@contextmanager
def explanations(
    folder: Path, classifier: Classifier, max_pixels: int = MAX_PIXELS
) -> Iterator[Write]:
    """Write a picture per photo that says why it has its answer, each named by its number.

    What is given raises a `PhotoError` where a photo has left, or changed, since it was decided on.
    At the end of the block pictures of before, whose numbers are of other photos, are removed; an
    error within it leaves them.

    Args:
        folder: is made where it is not there.
        classifier: that has decided.
        max_pixels: width x height of the largest photo accepted.

    Raises:
        InputError: a picture can't be written or removed.
    """
    with refusals_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    check_writable(folder / "00001_.jpg")
    pictures = _Explanations(folder, classifier, max_pixels)
    yield pictures.write
    pictures.remove_older()


class _Explanations:
    """Pictures of a run in a folder, numbered as photos come."""

    def __init__(self, folder: Path, classifier: Classifier, max_pixels: int) -> None:
        self._folder = folder
        self._classifier = classifier
        self._max_pixels = max_pixels
        self._photos = 0
        self._written: set[Path] = set()

    def write(self, result: Result) -> None:
        """Write the picture of a photo, if it has an answer."""
        self._photos += 1
        if result.image is None or result.features is None:
            return
        why = self._classifier.explain_seen(result.image, result.features)
        try:
            photo = load(result.found.photo, self._max_pixels, result.found.name)
        except InputError as error:
            raise PhotoError(str(error)) from None
        file = self._folder / f"{self._photos:05}_{_file_stem(result.found.name)}.jpg"
        _save(explanation_sheet(photo, why), file, EXPLANATION_MARK)
        self._written.add(file)

    def remove_older(self) -> None:
        """Remove pictures of runs before."""
        with refusals_explained(self._folder):
            for picture in {*self._folder.glob(EXPLANATIONS)} - self._written:
                # A sheet may have such a name, and one of the user's have come since outputs were
                # checked.
                if picture.is_file() and _mark_of(picture) == EXPLANATION_MARK:
                    picture.unlink()


def _file_stem(name: str) -> str:
    """Return the name of a photo without its ending, as it may stand in that of another file."""
    # With number and extension, a file system takes so long a name.
    content = Path(name).stem.encode("utf-8", "surrogateescape")[:LONGEST_STEM]
    stem = content.decode("utf-8", "ignore")
    # One from an archive may have letters that names of files here have not.
    encoding = sys.getfilesystemencoding()
    return stem.encode(encoding, "ignore").decode(encoding)


def _cells(result: Result, labels: int) -> list[str]:
    """Return the cells of a row."""
    answer = result.answer
    if answer is None:
        return [result.found.name, *[""] * 6, str(result.error), *[""] * labels]
    distances = [
        "" if each is None else f"{each:.4f}" for each in (answer.distance, answer.label_distance)
    ]
    return [
        *(result.found.name, answer.decision, answer.reason, answer.label),
        *(f"{answer.probability:.6f}", *distances, ""),
        *(f"{value:.6f}" for value in answer.probabilities.values()),
    ]


def _save(picture: Image.Image, file: Path, mark: str) -> None:
    """Write a picture, whole or not at all, that says of itself what it is."""
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = mark
    content = io.BytesIO()
    picture.save(content, PICTURES[file.suffix.lower()], exif=exif)
    with whole_file(file) as opened, refusals_explained(file):
        opened.write(content.getbuffer())


def _check_no_photo(option: str, path: Path, photos: Sequence[str]) -> None:
    """Check that an output is none of the photos, and would not be looked at as one.

    Raises:
        InputError: it is, or would be.
    """
    place = Path(os.path.realpath(path))
    for name in photos:
        given = Path(os.path.realpath(name))
        if place == given:
            raise InputError(
                f"{path}: named for {option}, but also to be decided on; name another "
                f"{'folder' if option == '--explain' else 'file'}"
            )
        if not place.is_relative_to(given):
            continue
        # Pictures that say why get names of their own.
        shown = place.name if option != "--explain" else "why.jpg"
        if is_photo(shown) and not any(map(is_hidden, place.relative_to(given).parts)):
            raise InputError(
                f"{path}: named for {option}, but in {name}, whose pictures are decided on; name "
                "a place outside it"
            )


def _check_like(file: Path, what: str, is_like: Callable[[Path], bool]) -> None:
    """Check that a file is not there, is empty, or is one of before.

    Raises:
        InputError: it is something else, which would be lost.
    """
    try:
        if is_stream(file) or file.is_dir() or not file.exists() or file.stat().st_size == 0:
            return
        replaceable = is_like(file)
    except OSError as error:
        raise InputError(
            f"{file}: can't be looked at ({error.strerror or error}), and is perhaps not {what}; "
            "name another file"
        ) from None
    if not replaceable:
        raise InputError(f"{file}: is there, and not {what}; move it away, or name another file")


def _begins_as_table(file: Path) -> bool:
    return TABLE_BEGINS.match(_first_line(file)) is not None


def _begins_as_json_line(file: Path) -> bool:
    try:
        document = json.loads(_first_line(file))
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and {"photo", "error"} <= document.keys()


def _first_line(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.readline(_BEGINNING)


def _is_marked(file: Path) -> bool:
    return _mark_of(file) in (SHEET_MARK, EXPLANATION_MARK)


def _mark_of(file: Path) -> str | None:
    """Return what a picture says of itself; None where it says nothing, or is none."""
    try:
        with Image.open(file, formats=sorted({*PICTURES.values()})) as picture:
            return picture.getexif().get(ExifTags.Base.Software)
    except OSError as error:
        if error.errno is not None:
            raise
        return None
    # Damaged files make Pillow raise anything.
    except Exception:
        return None
