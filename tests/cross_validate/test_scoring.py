"""What stands in the folder of a cross-validation while it goes from fold to fold."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stages.compute import determinism
from stages.outputs.split import read_split
from stages.params.class_weights import ClassWeightsParams
from stages.params.train import TrainParams
from stages.training.collection import open_collection
from stages.training.phases import plan_phases

determinism.configure()

from stages.cross_validate import scoring  # noqa: E402  (after the set-up, which Keras reads)
from stages.cross_validate.held_out import Recipe  # noqa: E402


@pytest.mark.usefixtures("workspace")
def test_of_a_finished_fold_its_answers_are_kept_alone(
    head_alone: TrainParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_split()
    folds = np.arange(len(rows)) % 3
    weighting = ClassWeightsParams(scheme="none", beta=0.999)
    recipe = Recipe(plan_phases(head_alone, True, "conv3"), head_alone, weighting)
    state = tmp_path / "state"
    state.mkdir()
    # Of fold 0 a run was killed after it wrote the answers.
    np.save(state / "0.npy", np.full((11, 3), 0.2, np.float32))
    (state / "0").mkdir()
    (state / "0" / "checkpoint.npz").touch()
    seen: list[list[str]] = []

    def scored(*arguments: Any) -> npt.NDArray[np.float32]:
        seen.append(sorted(path.name for path in state.iterdir()))
        folder: Path = arguments[-1]
        folder.mkdir()
        (folder / "checkpoint.npz").touch()
        return np.full((int(arguments[2].sum()), 3), 0.5, np.float32)

    monkeypatch.setattr(scoring, "score_fold", scored)

    said = scoring.score_folds(open_collection(head_alone, rows), rows, folds, recipe, state)

    assert seen == [["0.npy"], ["0.npy", "1.npy"]]
    assert sorted(path.name for path in state.iterdir()) == ["0.npy", "1.npy", "2.npy"]
    np.testing.assert_array_equal(said[:, 0], np.where(folds == 0, 0.2, 0.5).astype(np.float32))
