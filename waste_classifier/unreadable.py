"""What stands for a photo, or for what was to hold photos, that can't be read."""

from typing import NamedTuple

from waste_classifier.errors import PhotoError


class Unreadable(NamedTuple):
    """Gives no content, but says why (`waste_classifier.images.Readable`)."""

    name: str
    message: str

    def __str__(self) -> str:
        """Return what errors call it."""
        return self.name

    def read_bytes(self) -> bytes:
        """Say why there is none.

        Raises:
            PhotoError: always.
        """
        raise PhotoError(self.message)
