"""The directions in which the images differ most: what the map is computed from."""

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from stages.outputs.features import Features
from stages.similarity.embedding import unit_vectors
from waste_classifier.errors import InputError

#: Of unit vectors: what rounding makes of equal ones is smaller.
SMALLEST_SPREAD = 1e-5
COMPONENTS = 50  # as the documentation of scikit-learn's t-SNE suggests


def tell_apart(
    features: Features,
    sample: npt.NDArray[np.intp],
    used: npt.NDArray[np.intp],
    shown: npt.NDArray[np.intp],
    seed: int,
) -> tuple[npt.NDArray[np.float32], str]:
    """Return the principal components of images, or why there are none that tell them apart.

    Args:
        features: of all images of the manifest, of which images are rows.
        sample: `(k,)`, rising: images received, that the components follow from.
        used: those that were given a split.
        shown: `(m,)`, rising: those of the sample that components are returned of.
        seed: as of `principal_components`.

    Returns:
        The components, `(m, c)`, and an empty reason; or `(m, 0)` and the reason.
    """
    nothing = np.empty((len(shown), 0), np.float32)
    of_sample = np.isin(sample, used)
    try:
        vectors = unit_vectors(features.of_last_stage(sample))[of_sample]
    # A picture for people is not worth a training that needs none of it.
    except InputError as error:
        return nothing, str(error)
    if spread(vectors) < SMALLEST_SPREAD:
        return nothing, "the features of all images are equal"
    places = np.searchsorted(sample[of_sample], shown)
    return principal_components(vectors, seed)[places], ""


def spread(components: npt.NDArray[np.float32]) -> float:
    """Return how far apart images are in the direction in which they are farthest; 0 without."""
    return float(np.ptp(components, axis=0).max(initial=0))


def principal_components(vectors: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """Return the first principal components of images, `(n, up to 50) float32`, largest first.

    Args:
        vectors: `(n, d)`, as of `unit_vectors`.
        seed: of the randomised decomposition (Halko et al. 2011).
    """
    count = min(COMPONENTS, *vectors.shape)
    reduced: npt.NDArray[np.float32] = PCA(count, random_state=seed).fit_transform(vectors)
    return reduced
