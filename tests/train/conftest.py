"""What trainings are tried with, as those of the room that stages share."""

from tests.training.conftest import head, head_alone, miniature, project, settings, workspace

__all__ = ["head", "head_alone", "miniature", "project", "settings", "workspace"]
