"""The stage from the predictions to its metrics and plots, in a folder that is no repository."""

import json
import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from stages.evaluate.__main__ import main, main_cross_validation
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, write_cross_validation
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, ManifestRow
from stages.outputs.predictions import PREDICTIONS_FILE, read_predictions, write_predictions
from stages.outputs.split import SplitRow
from stages.outputs.tables import write_table
from stages.params.evaluate import EvaluateParams
from stages.stage import run
from tests.pipeline.workspace import contents
from tests.table_rows import manifest_row
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError
from waste_classifier.intervals import wilson_interval

ROOT = Path(__file__).parents[2]
SETTINGS = EvaluateParams(seed=1, bootstrap_samples=100, calibration_bins=5, sheet_images=6)
LABELS = ("blue", "green", "red")
OUTPUTS = {
    "metrics/evaluate.json",
    "plots/evaluate/custom/confusion_matrix.json",
    "plots/evaluate/custom/headline_scores.json",
    "plots/evaluate/custom/label_scores.json",
    "plots/evaluate/custom/mistakes.json",
    "plots/evaluate/custom/pictures.json",
    "plots/evaluate/custom/precision_recall.json",
    "plots/evaluate/custom/reliability.json",
    "plots/evaluate/images/mistakes.png",
    "plots/evaluate/images/predictions.png",
    "plots/evaluate/predictions.csv",
}
#: Of a softmax of logits 5, 0 and 0.
SURE = np.exp(5) / (np.exp(5) + 2)


def write_inputs(root: Path) -> None:
    """Write images of one colour each, and predictions that take the colour for the label.

    Five images of each label are in test and one in val. Three of those in test are of the colour
    of their label, two are red.
    """
    rows, seen, manifest = [], [], []
    for label in LABELS:
        (root / RAW_DIR / label).mkdir(parents=True)
        for number in range(6):
            path = f"{label}/{number}.png"
            painted = label if number < 3 else "red"
            Image.new("RGB", (10 + number, 12), painted).save(root / RAW_DIR / path)
            checksum = sha256_of(root / RAW_DIR / path)
            manifest.append(manifest_row(path)._replace(sha256=checksum))
            rows.append(SplitRow(path, label, path, "val" if number == 5 else "test"))
            seen.append(LABELS.index(painted))
    probabilities = np.where(np.eye(3)[seen] == 1, SURE, (1 - SURE) / 2).astype(np.float32)
    write_table(root / MANIFEST_FILE, manifest, ManifestRow)
    write_predictions(root / PREDICTIONS_FILE, rows, LABELS, probabilities)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the stage has run, to be looked at."""
    root = tmp_path_factory.mktemp("evaluated")
    write_inputs(root)
    with pytest.MonkeyPatch.context() as patch, (root / "printed.txt").open("w") as printed:
        patch.chdir(root)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        # What can't be imported is not needed.
        for name in ("tensorflow", "keras"):
            patch.setitem(sys.modules, name, None)
        with redirect_stdout(printed):
            main(SETTINGS)
    return root


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which nothing has run, as the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    write_inputs(tmp_path)
    return tmp_path


def write_params() -> None:
    section = "".join(f"  {key}: {value}\n" for key, value in SETTINGS)
    Path("params.yaml").write_text(f"evaluate:\n{section}")


def metrics_of(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "metrics/evaluate.json").read_text())
    return content


def test_scores_are_of_the_test_split(evaluated: Path) -> None:
    metrics = metrics_of(evaluated)

    assert metrics["accuracy"] == 11 / 15
    assert metrics["accuracy_interval"]["low"] < 11 / 15 < metrics["accuracy_interval"]["high"]
    blue, green, red = [0, 0, 0, 2, 2], [1, 1, 1, 2, 2], [2, 2, 2, 2, 2]
    assert metrics["macro_f1"] == pytest.approx(
        sklearn.metrics.f1_score(np.arange(3).repeat(5), blue + green + red, average="macro")
    )
    assert metrics["labels"]["blue"]["recall"] == 3 / 5
    assert metrics["labels"]["red"]["precision"] == 5 / 9
    assert metrics["labels"]["red"]["support"] == 5
    assert metrics["expected_calibration_error"] == pytest.approx(0.98670 - 11 / 15, abs=1e-4)
    assert metrics["log_loss"] == pytest.approx((11 * 0.013386 + 4 * 5.013386) / 15, abs=1e-4)


def test_plots_are_of_the_test_split(evaluated: Path) -> None:
    custom = evaluated / "plots/evaluate/custom"

    cells = json.loads((custom / "confusion_matrix.json").read_text())
    (reliability,) = json.loads((custom / "reliability.json").read_text())

    assert [cell["images"] for cell in cells] == [3, 0, 2, 0, 3, 2, 0, 0, 5]
    assert (reliability["images"], reliability["accuracy"]) == (15, 11 / 15)
    assert reliability["confidence"] == pytest.approx(SURE)


def test_scores_are_printed(evaluated: Path) -> None:
    printed = (evaluated / "printed.txt").read_text()

    assert "accuracy     0.7333  (95 % " in printed
    # Precision 5 / 9, recall 1, F1 2 * 5 / 14.
    assert printed.endswith("red       0.5556    1.0000    0.7143         5\n")


def test_writes_the_same_bytes_again_and_nothing_else(evaluated: Path, workspace: Path) -> None:
    before = set(contents(workspace, "."))

    main(SETTINGS)

    assert set(contents(workspace, ".")) - before == OUTPUTS
    assert contents(workspace, "metrics", "plots") == contents(evaluated, "metrics", "plots")


def test_another_seed_draws_other_resamples(evaluated: Path, workspace: Path) -> None:
    main(SETTINGS.model_copy(update={"seed": 2}))

    one, other = metrics_of(evaluated), metrics_of(workspace)
    assert one["macro_f1"] == other["macro_f1"]
    assert one["macro_f1_interval"] != other["macro_f1_interval"]


def test_resamples_are_of_groups(workspace: Path) -> None:
    # All images of test are of one group, of which every resample consists.
    table = read_predictions(PREDICTIONS_FILE, "test")
    rows = [
        SplitRow(path, LABELS[actual], "one group", "test")
        for path, actual in zip(table.paths, table.actual, strict=True)
    ]
    write_predictions(PREDICTIONS_FILE, rows, LABELS, table.probabilities)

    main(SETTINGS)

    # Of one trial that is right in 11 of 15 parts.
    expected = wilson_interval(11 / 15, 1)
    assert metrics_of(workspace)["accuracy_interval"] == {
        "low": expected.low,
        "high": expected.high,
    }


def error_of_stage() -> str:
    with pytest.raises(InputError) as caught:
        main(SETTINGS)
    assert not Path("metrics").exists()
    assert not Path("plots").exists()
    return str(caught.value)


@pytest.mark.usefixtures("workspace")
def test_missing_predictions_say_how_to_make_them() -> None:
    PREDICTIONS_FILE.unlink()

    assert error_of_stage() == "data/predictions.csv: no such file; run `dvc repro` to make it"


@pytest.mark.usefixtures("workspace")
def test_predictions_without_test_images_are_refused() -> None:
    PREDICTIONS_FILE.write_text(PREDICTIONS_FILE.read_text().replace(",test,", ",val,"))

    assert error_of_stage().startswith("data/predictions.csv: no images")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no image")])
@pytest.mark.usefixtures("workspace")
def test_a_missing_or_damaged_image_is_named(
    damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    # One of the mistakes, all of which are shown.
    damage(RAW_DIR / "blue/3.png")
    assert error_of_stage().startswith("data/raw/blue/3.png: ")

    write_params()
    assert run("evaluate", EvaluateParams, main) == 1
    assert capsys.readouterr().err.endswith("; run `dvc checkout` to bring the photo back\n")


def test_the_cross_validation_is_evaluated_by_the_same_code(workspace: Path) -> None:
    rows = [
        SplitRow(f"{label}/{number}.png", label, f"{label}/{number}.png", "train")
        for label in LABELS
        for number in range(6)
    ]
    labels = list(LABELS)
    said = np.array([labels.index(row.label) for row in rows])
    probabilities = np.eye(len(labels), dtype=np.float32)[np.stack([said, said])]
    # In the second of two repeats the first image is wrong.
    probabilities[1, 0] = np.roll(probabilities[1, 0], 1)
    folds = np.stack([np.arange(len(rows)) % 2, 2 + np.arange(len(rows)) % 2])
    write_cross_validation(CROSS_VALIDATION_FILE, rows, folds, labels, probabilities)

    main_cross_validation(SETTINGS)

    metrics = json.loads((workspace / "metrics/cross_validation.json").read_text())
    assert metrics["accuracy"] == 1 - 1 / (2 * len(rows))
    # Each image counts once, however often it was asked about.
    assert sum(each["support"] for each in metrics["labels"].values()) == len(rows)
    answers = (workspace / "plots/cross_validation/predictions.csv").read_text().splitlines()
    assert len(answers) == 1 + 2 * len(rows)
    assert not (workspace / "metrics/evaluate.json").exists()


def test_another_word_behind_the_command_is_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate", "train"])

    # Its message becomes that of the process, which ends with 1.
    message = r"^usage: python -m stages\.evaluate \[cross_validation\]$"
    with pytest.raises(SystemExit, match=message):
        runpy.run_path(str(ROOT / "stages/evaluate/__main__.py"), run_name="__main__")

    assert not (workspace / "metrics").exists()
