"""The settings of training that the rooms beside this one use."""

from tests.training.conftest import settings

__all__ = ["settings"]
