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
from tests.training.changes import changed

determinism.configure()

from stages.cross_validate import scoring  # noqa: E402  (after the set-up, which Keras reads)
from stages.cross_validate.held_out import Recipe  # noqa: E402

WEIGHTING = ClassWeightsParams(scheme="none", beta=0.999)


@pytest.mark.usefixtures("workspace")
def test_of_a_finished_fold_its_answers_are_kept_alone(
    head_alone: TrainParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_split()
    folds = np.arange(len(rows)) % 3
    recipe = Recipe(plan_phases(head_alone, True, "conv3"), head_alone, WEIGHTING)
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

    (said,) = scoring.score_folds(
        open_collection(head_alone, rows), rows, folds[np.newaxis], recipe, state
    )

    assert seen == [["0.npy"], ["0.npy", "1.npy"]]
    assert sorted(path.name for path in state.iterdir()) == ["0.npy", "1.npy", "2.npy"]
    np.testing.assert_array_equal(said[:, 0], np.where(folds == 0, 0.2, 0.5).astype(np.float32))


def test_damaged_answers_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = np.full((11, 3), 0.5, np.float32)
    whole, cut, empty = (tmp_path / f"{fold}.npy" for fold in range(3))
    scoring.write_answers(whole, said)
    cut.write_bytes(whole.read_bytes()[:-4])
    empty.touch()

    np.testing.assert_array_equal(scoring.read_answers(whole, 11, 3), said)
    assert scoring.read_answers(whole, 12, 3) is None
    assert scoring.read_answers(tmp_path / "3.npy", 11, 3) is None
    assert capsys.readouterr().err == ""
    assert scoring.read_answers(cut, 11, 3) is None
    assert scoring.read_answers(empty, 11, 3) is None
    assert capsys.readouterr().err.count("; the fold is trained anew\n") == 2


@pytest.mark.parametrize(
    ("tuned_epochs", "replicas", "address", "told"),
    [
        (1, None, "127.0.0.1:1", ""),
        (0, None, None, ""),
        (
            1,
            object(),
            None,
            "train.devices is above 1: folds train on the devices of this machine\n",
        ),
    ],
    ids=["fine-tuning", "a head alone", "several devices"],
)
def test_a_cluster_trains_what_takes_long_on_one_device(
    tuned_epochs: int,
    replicas: Any,
    address: str | None,
    told: str,
    settings: TrainParams,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    of = changed(settings, fine_tune__epochs=tuned_epochs, fine_tune__first_block="conv3")
    recipe = Recipe(plan_phases(of, True, "conv3"), of, WEIGHTING, replicas)

    assert scoring.cluster_for(recipe) == address

    assert capsys.readouterr().out == told


@pytest.mark.usefixtures("workspace")
def test_where_all_folds_are_finished_no_cluster_is_asked(
    settings: TrainParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    of = changed(settings, fine_tune__epochs=1, fine_tune__first_block="conv3")
    recipe = Recipe(plan_phases(of, True, "conv3"), of, WEIGHTING)
    rows = read_split()
    folds = np.arange(len(rows))[np.newaxis] % 3
    for fold in range(3):
        scoring.write_answers(tmp_path / f"{fold}.npy", np.full((11, 3), fold, np.float32))

    said = scoring.score_folds(open_collection(of, rows), rows, folds, recipe, tmp_path)

    np.testing.assert_array_equal(said[0, :, 2], folds[0])
