"""Principal components of images, against their definition."""

from pathlib import Path

import numpy as np
import pytest

from stages.explore.components import COMPONENTS, principal_components, tell_apart
from stages.outputs.features import open_features
from stages.outputs.manifest import Manifest, ManifestRow
from stages.outputs.tables import write_table
from tests.feature_files import write_feature_files
from tests.table_rows import manifest_row


def test_components_are_of_largest_variance_and_uncorrelated() -> None:
    random = np.random.default_rng(0)
    # Spread by 3 in one direction, by 1 in another, by 0.1 in all others.
    rotation, _ = np.linalg.qr(random.normal(size=(8, 8)))
    vectors = (random.normal(size=(5000, 8)) * [3, 1, *[0.1] * 6]) @ rotation.T

    components = principal_components(vectors.astype(np.float32), seed=1)

    assert components.shape == (5000, 8)
    assert components.dtype == np.float32
    np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-4)
    covariance = np.cov(components.T)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance))[:3], [3, 1, 0.1], rtol=0.05)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-3)


@pytest.mark.parametrize(("shape", "count"), [((6, 4), 4), ((4, 6), 4), ((130, 150), COMPONENTS)])
def test_there_are_as_many_as_there_can_be(shape: tuple[int, int], count: int) -> None:
    vectors = np.random.default_rng(0).normal(size=shape).astype(np.float32)

    assert principal_components(vectors, seed=1).shape == (shape[0], count)


def test_equal_seeds_give_equal_components() -> None:
    # So many that the decomposition is a randomised one.
    vectors = np.random.default_rng(0).normal(size=(501, 165)).astype(np.float32)

    first = principal_components(vectors, seed=1)

    np.testing.assert_array_equal(principal_components(vectors, seed=1), first)
    assert not np.array_equal(principal_components(vectors, seed=2), first)


def test_they_follow_from_the_sample_alone(tmp_path: Path) -> None:
    rows = [manifest_row(f"glass/{number}.jpg") for number in range(8)]
    write_table(tmp_path / "manifest.csv", rows, ManifestRow)
    images = Manifest(tmp_path / "manifest.csv")
    array = np.random.default_rng(0).normal(size=(8, 2, 2048)).astype(np.float32)
    sample, used, shown = np.array([0, 2, 3, 5, 7]), np.array([0, 1, 2, 5, 7]), np.array([2, 7])

    def components() -> np.ndarray:
        write_feature_files(tmp_path / "features", images, array, last_stage="conv4")
        found, reason = tell_apart(
            open_features(images, tmp_path / "features"), sample, used, shown, seed=1
        )
        assert reason == ""
        return found

    first = components()
    array[[1, 4, 6]] = 9  # not in the sample
    of_others = components()
    array[3] = 9  # dropped, but the others are standardised by it too

    assert first.shape == (2, 4)
    np.testing.assert_array_equal(of_others, first)
    assert not np.array_equal(components(), first)
