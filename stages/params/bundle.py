"""Section `bundle` of params.yaml, which says what each key does."""

from typing import Literal

from stages.params.reading import Params


class BundleParams(Params):
    """Section `bundle`."""

    format: Literal["float32", "float16", "int8"]
