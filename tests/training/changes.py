"""Parameters of training that differ from those of the other tests."""

from typing import Any

from stages.params.train import TrainParams


def changed(settings: TrainParams, **values: Any) -> TrainParams:
    """Return settings with other values; those of a section are named as in `head__epochs`."""
    content = settings.model_dump()
    for key, value in values.items():
        *parents, last = key.split("__")
        section = content
        for parent in parents:
            section = section[parent]
        assert last in section
        section[last] = value
    return TrainParams.model_validate(content)
