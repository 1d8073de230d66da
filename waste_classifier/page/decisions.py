"""What was decided on the photos of the review, also on those that a decision has moved since."""

from pathlib import Path
from typing import NamedTuple

from waste_classifier.checksum import sha256_of
from waste_classifier.corrections import Correction, read_corrections


class Decisions(NamedTuple):
    """The decisions of the table, found by where their photos stood and may stand now."""

    by_path: dict[str, Correction]
    arrivals: dict[str, list[Correction]]  #: by each path that a photo which moves may get

    @classmethod
    def read(cls, file: Path) -> "Decisions":
        """Read the table; no decisions where there is none.

        Raises:
            InputError: it can't be read, or is another table.
        """
        by_path = read_corrections(file)
        arrivals: dict[str, list[Correction]] = {}
        for decision in by_path.values():
            if not decision.keeps:
                for name in decision.names:
                    arrivals.setdefault(f"{decision.to_label}/{name}", []).append(decision)
        return cls(by_path, arrivals)

    def are_on(self, path: str, photos: Path) -> bool:
        """Return whether one is on this path, or on a photo that has come there."""
        return path in self.by_path or (
            path in self.arrivals and self.find(path, photos)[1] is not None
        )

    def find(self, path: str, photos: Path) -> tuple[Path, Correction | None]:
        """Return the file of a photo, and the decision on it, which its checksum tells.

        Args:
            path: of the photo; it may have left by a decision on it.
            photos: folder that paths are below.
        """
        file = photos / path
        checksum = _checksum_of(file)
        decision = self.by_path.get(path)
        if checksum is not None:
            candidates = [*([decision] if decision else []), *self.arrivals.get(path, [])]
            return file, next((each for each in candidates if each.sha256 == checksum), None)
        # Not whatever the table says, but a label that there is.
        if decision and decision.to_label in _names_in(photos):
            for name in decision.names:
                moved = photos / decision.to_label / name
                if _checksum_of(moved) == decision.sha256:
                    return moved, decision
        return file, None


def _checksum_of(file: Path) -> str | None:
    try:
        return sha256_of(file)
    except (OSError, ValueError):  # not there, or a name that no file can have
        return None


def _names_in(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except OSError:
        return set()
