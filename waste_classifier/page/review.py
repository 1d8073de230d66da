"""The likely label errors, one after the other, for a person to decide on."""

from html import escape
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from waste_classifier.corrections import Correction, read_corrections, write_corrections
from waste_classifier.errors import InputError
from waste_classifier.images import Photo, load
from waste_classifier.page.answers import message_html
from waste_classifier.page.decisions import Decisions, checksum_of
from waste_classifier.page.label_errors import LabelError, read_label_errors
from waste_classifier.page.pictures import data_uri, smaller
from waste_classifier.whole import others_wait

#: Where the pipeline writes them.
LABEL_ERRORS = Path("data/label_errors.csv")
PHOTOS = Path("data/raw")
CORRECTIONS = Path("corrections.csv")
SHOWN_SIDE = 640

#: People decide at once, and each decision rewrites the table; of other pages `others_wait`.
_writing = Lock()


class OvertakenError(InputError):
    """Somebody decided on a photo after it was shown."""


class Review(NamedTuple):
    """What people decide on, and where their decisions go."""

    errors: list[LabelError]
    photos: Path  #: folder that paths are below, or that holds them in shards
    corrections: Path

    @classmethod
    def load(
        cls, label_errors: Path | None, photos: Path | None, corrections: Path
    ) -> "Review | None":
        """Return what there is to review; None where nothing is given and nothing is found.

        Photos of the pipeline may be missing beside its table, as in a clone without its data:
        each is then shown as missing.

        Args:
            label_errors: table; None: that of the pipeline, if there is one.
            photos: folder; None: that of the pipeline.
            corrections: table that decisions go to.

        Raises:
            InputError: a table can't be read, or the folder is missing where either is given.
        """
        asked_for = label_errors is not None or photos is not None
        if label_errors is None:
            if photos is None and not LABEL_ERRORS.exists():
                return None
            label_errors = LABEL_ERRORS
        photos = PHOTOS if photos is None else photos
        errors = read_label_errors(label_errors)
        if asked_for and not photos.is_dir():
            raise _no_photos(photos)
        read_corrections(corrections)
        return cls(errors, photos, corrections)

    def html(self, position: int) -> str:
        """Return what is shown of a likely label error.

        Raises:
            InputError: the table of decisions can't be read.
        """
        error = self.errors[position]
        decisions = Decisions.read(self.corrections)
        decided = sum(decisions.are_on(each.path, self.photos) for each in self.errors)
        photo, decision = decisions.find(error.path, self.photos)
        said = _said(decision, decided_before=error.path in decisions.by_path)
        return (
            f'<article class="review"><h2>{position + 1} of {len(self.errors)}</h2>'
            f'<p>{decided} decided</p><div class="columns">'
            f"{_picture(photo, error.path, self.photos)}"
            '<dl class="labels">'
            f"<div><dt>Stands under</dt><dd>{escape(error.label)}</dd></div>"
            f"<div><dt>Suggested</dt><dd>{escape(error.suggested_label)}</dd></div>"
            f"<div><dt>Probability that it stands right</dt><dd>{escape(error.quality)}</dd></div>"
            f"<div><dt>Decision</dt><dd>{said}</dd></div>"
            "</dl></div></article>"
        )

    def decided(self, position: int) -> str | None:
        """Return the label that was decided on for a likely label error; None: none yet.

        Raises:
            InputError: the table of decisions can't be read.
        """
        path = self.errors[position].path
        return _label(Decisions.read(self.corrections).find(path, self.photos)[1])

    def decide(self, position: int, accept: bool, seen: str | None) -> int:
        """Write a decision, and return the position of the next photo that has none.

        Args:
            position: of the likely label error.
            accept: the label suggested; else the photo stays where it is.
            seen: what `decided` gave when it was shown.

        Raises:
            OvertakenError: it would give something else by now.
            InputError: the photo or the table can't be read, or the table can't be written.
        """
        if not self.photos.is_dir():
            raise _no_photos(self.photos)
        error = self.errors[position]
        to = error.suggested_label if accept else error.label
        with _writing, others_wait(self.corrections):
            decisions = Decisions.read(self.corrections)
            photo, earlier = decisions.find(error.path, self.photos)
            if _label(earlier) != seen:
                raise OvertakenError(f"{error.path}: somebody decided meanwhile; look again")
            try:
                checksum = checksum_of(photo)
            except OSError as problem:
                raise InputError(
                    f"{photo}: cannot be read ({problem.strerror}); bring the photos back"
                ) from None
            # A photo that has moved by a decision keeps the path that it was received under.
            decision = earlier or Correction(error.path, checksum, error.label, to)
            decided = decisions.by_path | {decision.path: decision._replace(to_label=to)}
            write_corrections(self.corrections, decided.values())
        return self._next_undecided(position, Decisions.read(self.corrections))

    def first(self) -> int:
        """Return the position of the likeliest label error that nobody decided on yet.

        Raises:
            InputError: the table of decisions can't be read.
        """
        return self._next_undecided(len(self.errors) - 1, Decisions.read(self.corrections))

    def _next_undecided(self, position: int, decisions: Decisions) -> int:
        """Return the first position after one that has no decision; the same where all have."""
        for step in range(1, len(self.errors) + 1):
            following = (position + step) % len(self.errors)
            if not decisions.are_on(self.errors[following].path, self.photos):
                return following
        return position


def _no_photos(folder: Path) -> InputError:
    return InputError(f"{folder}: no such folder; give that of the photos (--photos)")


def _picture(photo: Photo, path: str, folder: Path) -> str:
    try:
        if not folder.is_dir():
            raise _no_photos(folder)
        # However large: `fetch` took it in.
        image = smaller(load(photo, max_pixels=None), SHOWN_SIDE)
    except InputError as problem:
        return message_html(str(problem))
    return (
        f'<figure><img src="{data_uri(image)}" alt="The photo {escape(path)}" '
        f'width="{image.width}" height="{image.height}">'
        f"<figcaption>{escape(path)}</figcaption></figure>"
    )


def _label(decision: Correction | None) -> str | None:
    return None if decision is None else decision.to_label


def _said(decision: Correction | None, decided_before: bool) -> str:
    """Return what is shown of a decision.

    Args:
        decision: on the photo that is there; None: there is none.
        decided_before: whether one names its path.
    """
    if decision is None:
        if decided_before:
            return "was on another photo of this name; decide again"
        return "none yet"
    return f"{'stays' if decision.keeps else 'is'} {escape(decision.to_label)}"
