"""Products of few rows are those of many."""

import numpy as np
import pytest

from waste_classifier.products import MANY_ROWS, product


@pytest.mark.parametrize("rows", [0, 1, MANY_ROWS - 1, MANY_ROWS])
def test_a_product_is_the_same_by_either_way(rows: int) -> None:
    random = np.random.default_rng(0)
    left, right = (
        random.normal(size=shape).astype(np.float32) for shape in ((rows, 300), (300, 5))
    )

    found = product(left, right)

    assert found.shape == (rows, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, left.astype(np.float64) @ right, atol=1e-4)
