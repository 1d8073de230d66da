"""What trainings are tried with, as those of the room that stages share."""

from tests.training.conftest import head, miniature, settings

__all__ = ["head", "miniature", "settings"]
