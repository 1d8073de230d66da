"""What trainings are tried with, as those of the room that stages share."""

from tests.training.conftest import head_alone, project, settings, workspace

__all__ = ["head_alone", "project", "settings", "workspace"]
