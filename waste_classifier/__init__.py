"""The waste classifier as a user has it: `Classifier.load("data/classifier").decide(["a.jpg"])`."""

from typing import TYPE_CHECKING, Any

from waste_classifier.errors import InputError, PhotoError

if TYPE_CHECKING:
    from waste_classifier.classifier import Classifier

__all__ = ["Classifier", "InputError", "PhotoError"]


def __getattr__(name: str) -> Any:
    """Import the classifier when it is asked for: who needs an error alone waits for no NumPy."""
    if name == "Classifier":
        from waste_classifier.classifier import Classifier

        return Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
