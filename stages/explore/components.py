"""The directions in which the images differ most: what map and label errors are computed from."""

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

COMPONENTS = 128  # more take longer and find the same label errors


def principal_components(vectors: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """Return the first principal components of images, `(n, up to 128) float32`, largest first.

    Args:
        vectors: `(n, d)`, as of `unit_vectors`.
        seed: of the randomised decomposition (Halko et al. 2011).
    """
    count = min(COMPONENTS, *vectors.shape)
    reduced: npt.NDArray[np.float32] = PCA(count, random_state=seed).fit_transform(vectors)
    return reduced
