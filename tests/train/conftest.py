"""TensorFlow as the stage sets it up, and models that several tests look at."""

from collections.abc import Iterator

import pytest

from stages import tensorflow_setup

tensorflow_setup.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.train.model import build_model  # noqa: E402


@pytest.fixture(scope="session")
def built_model() -> keras.Model:
    """A model of three labels with random weights, not to be changed."""
    keras.utils.set_random_seed(0)
    return build_model(labels=3, image_size=32, dropout=0.2)


@pytest.fixture
def model(built_model: keras.Model) -> Iterator[keras.Model]:
    """The same model, to be changed: weights and trainable flags are as new."""
    initial = built_model.get_weights()
    yield built_model
    built_model.set_weights(initial)
    built_model.trainable = True
