"""Section `predict` of params.yaml, which says what each key does."""

from stages.params.reading import BatchSize, Params


class PredictParams(Params):
    """Section `predict`."""

    batch_size: BatchSize
