"""The stage from split and features to a table: every photo by a training that has not seen it."""

import io
import shutil
from contextlib import chdir, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from stages.compute import determinism
from stages.cross_validate.__main__ import STATE_DIR, main
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, read_cross_validation
from stages.outputs.features import FEATURES_DIR
from stages.outputs.split import read_split
from stages.params.class_weights import ClassWeightsParams, Scheme
from stages.params.cross_validate import CrossValidateParams
from stages.params.features import FeaturesParams
from stages.params.train import TrainParams
from stages.training.collection import open_collection
from stages.training.phases import plan_phases
from tests.small_project import LABELS
from tests.training.changes import changed
from waste_classifier.errors import InputError

determinism.configure()

import keras  # noqa: E402  (after the set-up, which it reads)

from stages.cross_validate import held_out  # noqa: E402
from stages.cross_validate.held_out import Recipe  # noqa: E402
from stages.cross_validate.scoring import score_folds  # noqa: E402
from stages.features.__main__ import main as compute_features  # noqa: E402
from tests.legacy_weights import write_random_weights  # noqa: E402

FOLDS = CrossValidateParams(seed=1, folds=3, repeats=1)
WEIGHTS = ClassWeightsParams(scheme="balanced", beta=0.999)


@pytest.fixture(scope="module")
def finished(
    project: Path, head_alone: TrainParams, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A workspace in which the stage has run, and the lines that it printed."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(project, folder, dirs_exist_ok=True)
    policy = keras.config.dtype_policy()
    printed = io.StringIO()
    with chdir(folder), redirect_stdout(printed):
        main(FOLDS, WEIGHTS, head_alone)
    keras.config.set_dtype_policy(policy)
    return folder, printed.getvalue().splitlines()


def test_every_photo_is_scored_once(
    finished: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lines = finished
    monkeypatch.chdir(folder)

    predictions = read_cross_validation()
    assert predictions.labels == LABELS
    assert list(predictions.paths) == [row.path for row in read_split()]
    assert set(predictions.folds) == {0, 1, 2}
    assert (predictions.predicted == predictions.actual).all()
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)
    assert [line.split(":")[0] for line in lines] == ["fold 0", "fold 1", "fold 2"]
    assert " 11 images, accuracy 1.0000, " in lines[0]
    assert [path.name for path in STATE_DIR.iterdir()] == ["lock"]


@pytest.mark.usefixtures("workspace")
def test_a_training_has_not_seen_the_photos_that_it_scores(head_alone: TrainParams) -> None:
    rows = read_split()
    folds = np.arange(len(rows)) % 2
    phases = plan_phases(head_alone, True, "conv3")
    recipe = Recipe(phases, head_alone, WEIGHTS)
    mislabelled = [
        row._replace(label="paper") if fold == 0 and row.path < "glass/05" else row
        for row, fold in zip(rows, folds, strict=True)
    ]

    said = [
        score_folds(
            open_collection(head_alone, of), of, folds[np.newaxis], recipe, new_folder(number)
        )[0]
        for number, of in enumerate((rows, mislabelled))
    ]

    # Labels of fold 0 change what others learn, but not what is said of fold 0.
    np.testing.assert_array_equal(said[0][folds == 0], said[1][folds == 0])
    assert not np.array_equal(said[0][folds == 1], said[1][folds == 1])


def new_folder(number: int) -> Path:
    folder = Path(f"state_{number}")
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("workspace")
def test_one_that_was_killed_goes_on_in_its_fold_and_ends_with_the_same_bytes(
    finished: tuple[Path, list[str]],
    head_alone: TrainParams,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uninterrupted = (finished[0] / CROSS_VALIDATION_FILE).read_bytes()

    class KilledError(Exception):
        pass

    counted = held_out.EpochCount.epoch

    def killed_in_fold_1(log: held_out.EpochCount, report: object) -> None:
        counted(log, report)  # type: ignore[arg-type]
        if log.what == "fold 1":
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(held_out.EpochCount, "epoch", killed_in_fold_1)
        with pytest.raises(KilledError):
            main(FOLDS, WEIGHTS, head_alone)
    assert capsys.readouterr().out.startswith("fold 0:")
    assert not CROSS_VALIDATION_FILE.exists()
    (state,) = (path for path in STATE_DIR.iterdir() if path.is_dir())
    assert (state / "1" / "checkpoint.npz").exists()
    main(FOLDS, WEIGHTS, head_alone)

    assert capsys.readouterr().out.startswith("fold 1:")
    assert CROSS_VALIDATION_FILE.read_bytes() == uninterrupted


@pytest.mark.usefixtures("workspace")
def test_repeats_score_every_photo_again_with_other_folds(head_alone: TrainParams) -> None:
    settings = changed(head_alone, head__epochs=1)

    main(FOLDS.model_copy(update={"folds": 2, "repeats": 2}), WEIGHTS, settings)

    predictions = read_cross_validation()
    assert list(predictions.paths) == [row.path for row in read_split() for _ in range(2)]
    assert set(predictions.folds[0::2]) == {0, 1}
    assert set(predictions.folds[1::2]) == {2, 3}


@pytest.mark.usefixtures("workspace")
def test_rare_labels_weigh_more_as_in_training(head_alone: TrainParams) -> None:
    # Of glass six photos are left: with weights, each counts for more.
    rows = [row for row in read_split() if row.label != "glass" or row.path < "glass/06"]
    collection = open_collection(head_alone, rows)
    phases = plan_phases(changed(head_alone, head__epochs=2), True, "conv3")
    schemes: list[Scheme] = ["none", "balanced"]

    even, balanced = (
        score_folds(
            collection,
            rows,
            np.arange(len(rows))[np.newaxis] % 3,
            Recipe(phases, head_alone, ClassWeightsParams(scheme=scheme, beta=0.5)),
            new_folder(number),
        )
        for number, scheme in enumerate(schemes)
    )

    assert balanced[0, :, 0].mean() > even[0, :, 0].mean()


def test_fine_tuning_is_cross_validated_too(workspace: Path, settings: TrainParams) -> None:
    shutil.rmtree(workspace / FEATURES_DIR)
    file = write_random_weights(BACKBONE_DIR / "resnet50.h5", ("conv1", "conv2", "conv3"))
    write_description(BACKBONE_DIR, "file", file, None)
    compute_features(FeaturesParams(image_size=32, batch_size=32))
    one_epoch = changed(
        settings, head__epochs=1, fine_tune__epochs=1, fine_tune__first_block="conv3"
    )

    main(FOLDS.model_copy(update={"folds": 2}), WEIGHTS, one_epoch)

    predictions = read_cross_validation()
    assert len(predictions.paths) == 33
    assert np.isfinite(predictions.probabilities).all()


@pytest.mark.usefixtures("workspace")
def test_too_few_groups_are_an_error_before_anything_is_trained(head_alone: TrainParams) -> None:
    with pytest.raises(InputError, match="label 'glass' has only 11 groups of images"):
        main(FOLDS.model_copy(update={"folds": 12}), WEIGHTS, head_alone)

    assert not STATE_DIR.exists()
