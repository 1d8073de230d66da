"""What DVC runs again, and what it does not, after each kind of change."""

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.workspace import (
    commit_all,
    contents,
    copy_of,
    run,
    set_params,
    stages_run,
)
from waste_classifier import Classifier
from waste_classifier.page.review import Review

ALL_STAGES = [
    "check_params",
    "fetch",
    "backbone",
    "features",
    "views",
    "duplicates",
    "split",
    "explore",
    "class_weights",
    "train",
    "predict",
    "evaluate",
]


def results(workspace: Path) -> dict[str, bytes]:
    """Return dvc.lock, metrics and plots: what git keeps of a run."""
    lock = {"dvc.lock": (workspace / "dvc.lock").read_bytes()}
    return lock | contents(workspace, "metrics", "plots")


def rows_of(workspace: Path, table: str) -> list[dict[str, str]]:
    with (workspace / "data" / f"{table}.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_second_run_does_nothing(workspace: Path) -> None:
    output = run(workspace, "dvc", "repro").stdout

    assert stages_run(output) == []
    assert run(workspace, "git", "status", "--porcelain").stdout == ""


def test_the_main_outputs_are_there(workspace: Path) -> None:
    metrics = json.loads((workspace / "metrics/evaluate.json").read_text())
    assert 0 <= metrics["macro_f1"] <= 1
    assert {path.name for path in (workspace / "metrics").iterdir()} == {
        "evaluate.json",
        "explore.json",
        "train.json",
    }
    assert sorted(path.name for path in (workspace / "data/model").iterdir()) == [
        "backbone.keras",
        "classifier.json",
        "head.npz",
    ]
    described = json.loads((workspace / "data/model/classifier.json").read_text())
    assert described["labels"] == ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
    of_val_and_test = [row for row in rows_of(workspace, "split") if row["split"] != "train"]
    predictions = rows_of(workspace, "predictions")
    assert [row["path"] for row in predictions] == [row["path"] for row in of_val_and_test]


def test_the_folder_of_the_model_says_what_the_predictions_say(workspace: Path) -> None:
    classifier = Classifier.load(workspace / "data/model")
    rows = rows_of(workspace, "predictions")

    probabilities = classifier.predict([workspace / "data/raw" / row["path"] for row in rows])

    columns = [f"probability_{label}" for label in classifier.labels]
    expected = [[float(row[column]) for column in columns] for row in rows]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_two_clones_give_the_same_results(tiny_repository: Path, workspace: Path) -> None:
    # The other clone has its own empty cache, so every stage really runs.
    other = copy_of(tiny_repository, workspace.parent / "other")

    output = run(other, "dvc", "repro").stdout

    assert stages_run(output) == ALL_STAGES
    assert results(other) == results(workspace)


def test_an_experiment_on_the_learning_rate_trains_predicts_and_evaluates_only(
    workspace: Path,
) -> None:
    output = run(workspace, "dvc", "exp", "run", "-S", "train.lr=1e-5", "-n", "slower").stdout
    assert stages_run(output) == ["check_params", "train", "predict", "evaluate"]

    # Back to what was trained before: it comes from the run cache.
    again = run(workspace, "dvc", "exp", "run", "-S", "train.lr=0.01").stdout
    assert "epoch 0" not in again
    assert re.search(r"Stage 'train' is cached - skipping run", again)

    params = run(workspace, "dvc", "params", "diff", "slower").stdout
    assert re.search(r"train\.lr\s+1e-05\s+0\.01", params)
    assert "macro_f1" in run(workspace, "dvc", "metrics", "diff", "--all", "slower").stdout
    shown = list(csv.DictReader(io.StringIO(run(workspace, "dvc", "exp", "show", "--csv").stdout)))
    rates = {row["Experiment"]: row["train.lr"] for row in shown}
    assert (rates[""], rates["slower"]) == ("0.01", "1e-05")


def test_another_split_reuses_the_features(workspace: Path) -> None:
    output = run(workspace, "dvc", "exp", "run", "-S", "split.group_by=embedding", "split").stdout

    assert stages_run(output) == ["check_params", "split"]


def test_another_seed_of_the_training_leaves_the_split(workspace: Path) -> None:
    before = (workspace / "data/split.csv").read_bytes()

    output = run(workspace, "dvc", "exp", "run", "-S", "train.seed=2", "class_weights").stdout

    assert stages_run(output) == ["check_params"]
    assert (workspace / "data/split.csv").read_bytes() == before
    assert stages_run(run(workspace, "dvc", "repro", "--dry").stdout) == ["train"]


@pytest.mark.parametrize("stage", ["evaluate", "explore"])
def test_other_code_of_a_report_runs_that_stage_only(workspace: Path, stage: str) -> None:
    with (workspace / f"stages/{stage}/sheets.py").open("a") as file:
        file.write("\n# A change.\n")

    assert stages_run(run(workspace, "dvc", "repro", "--dry").stdout) == [stage]


def test_line_ends_of_windows_change_nothing(workspace: Path) -> None:
    clone = workspace.parent / "clone"
    run(workspace.parent, "git", "clone", "-c", "core.autocrlf=true", str(workspace), str(clone))
    for folder in ("data", ".dvc/cache"):
        shutil.copytree(workspace / folder, clone / folder, dirs_exist_ok=True)

    assert "up to date" in run(clone, "dvc", "status", "dvc.yaml").stdout
    assert stages_run(run(clone, "dvc", "repro", "--dry").stdout) == []


def test_what_is_committed_belongs_together_which_a_clone_can_check_without_data(
    workspace: Path,
) -> None:
    clone = workspace.parent / "clone"
    run(workspace.parent, "git", "clone", str(workspace), str(clone))

    output = run(clone, "dvc", "repro", "--dry", "--allow-missing").stdout

    assert stages_run(output) == []
    assert "up to date" in output


def test_a_failing_fetch_leaves_nothing_that_a_later_run_takes_for_good(
    workspace: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(workspace / "data/raw", photos)
    bad = photos / "glass/glass_001_1.jpg"
    good_bytes = bad.read_bytes()
    bad.write_bytes(good_bytes[:200])
    set_params(workspace, {"fetch.source": "path", "fetch.path": str(photos)})

    failed = run(workspace, "dvc", "repro", "fetch", check=False)

    assert failed.returncode != 0
    assert "glass/glass_001_1.jpg: truncated or corrupt" in failed.stdout
    assert not (workspace / "data/raw").exists()
    assert not (workspace / "data/manifest.csv").exists()
    bad.write_bytes(good_bytes)
    mended = run(workspace, "dvc", "repro", "fetch").stdout
    assert stages_run(mended) == ["fetch"]


def test_new_photos_in_the_folder_are_noticed(workspace: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(workspace / "data/raw", photos)
    set_params(workspace, {"fetch.source": "path", "fetch.path": str(photos)})
    run(workspace, "dvc", "repro", "split")
    commit_all(workspace, "Own photos")

    Image.effect_noise((40, 40), 80).convert("RGB").save(photos / "glass/new.png")
    output = run(workspace, "dvc", "repro", "split").stdout

    assert stages_run(output) == ["fetch", "features", "duplicates", "split"]
    assert "glass/new.png" in (workspace / "data/split.csv").read_text()


def test_decisions_on_labels_are_noticed_and_can_be_taken_back(workspace: Path) -> None:
    received = contents(workspace, "data/raw")
    (workspace / "data/label_errors.csv").write_text(
        "path,label,suggested_label,quality\n"
        "glass/glass_001_1.jpg,glass,metal,0.1\nglass/glass_002_1.jpg,glass,paper,0.2\n"
    )
    table = workspace / "corrections.csv"
    review = Review.load(workspace / "data/label_errors.csv", workspace / "data/raw", table)
    assert review is not None
    review.decide(0, accept=True, seen=None)
    review.decide(1, accept=False, seen=None)

    output = run(workspace, "dvc", "repro", "split").stdout

    assert stages_run(output) == ["fetch", "features", "duplicates", "split"]
    assert "labels corrected by corrections.csv: 1 applied, 1 kept, 0 already done" in output
    moved = [row for row in rows_of(workspace, "split") if row["path"].endswith("glass_001_1.jpg")]
    assert [(row["path"], row["label"]) for row in moved] == [("metal/glass_001_1.jpg", "metal")]
    commit_all(workspace, "Decide on two labels")
    assert "path: corrections.csv" in run(workspace, "git", "show", "HEAD:dvc.lock").stdout
    assert stages_run(run(workspace, "dvc", "repro", "split").stdout) == []

    run(workspace, "git", "checkout", "HEAD~1", "corrections.csv", "dvc.lock")
    run(workspace, "dvc", "checkout", "fetch")

    assert contents(workspace, "data/raw") == received


def test_an_experiment_can_have_decisions_of_its_own(workspace: Path) -> None:
    row = rows_of(workspace, "manifest")[0]
    (workspace / "decided.csv").write_text(
        f"path,sha256,from,to\n{row['path']},{row['sha256']},{row['label']},trash\n"
    )
    commit_all(workspace, "Decide on a label")

    changes = ("-S", "fetch.corrections=decided.csv")
    output = run(workspace, "dvc", "exp", "run", "--temp", "fetch", *changes).stdout

    assert "labels corrected by decided.csv: 1 applied, 0 kept, 0 already done" in output


def test_photos_in_shards_change_no_later_output(workspace: Path) -> None:
    later = ("features", "views", "duplicates.csv", "split.csv", "model", "predictions.csv")
    places = [f"data/{name}" for name in later]
    before = contents(workspace, *places, "metrics", "plots")
    set_params(workspace, {"fetch.shard_images": 7})

    run(workspace, "dvc", "repro")

    # Of 60 photos.
    names = sorted(path.name for path in (workspace / "data/raw").iterdir())
    assert names == [f"{number:06}.tar" for number in range(9)]
    assert contents(workspace, *places, "metrics", "plots") == before
    shutil.rmtree(workspace / "data/raw")
    run(workspace, "dvc", "checkout", "fetch")
    assert sorted(path.name for path in (workspace / "data/raw").iterdir()) == names


def test_a_label_may_be_named_as_what_dvc_ignores_elsewhere(
    workspace: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    labels = {"__pycache__": "glass", "experiments": "metal", "logs": "paper"}
    for label, material in labels.items():
        shutil.copytree(workspace / "data/raw" / material, photos / label)
    set_params(workspace, {"fetch.source": "path", "fetch.path": str(photos)})
    run(workspace, "dvc", "repro", "fetch")
    before = contents(workspace, "data/raw")
    shutil.rmtree(workspace / "data/raw")

    run(workspace, "dvc", "checkout", "fetch")

    assert contents(workspace, "data/raw") == before
    assert {name.split("/")[2] for name in before} == set(labels)


def test_the_second_pipeline_runs_when_it_is_asked_for(workspace: Path) -> None:
    # Of so short a training int8 is refused.
    formats = ["float32", "onnx"]
    changes = {"train.fine_tune.epochs": 0, "cross_validate.folds": 2, "export.formats": formats}
    set_params(workspace, changes)
    run(workspace, "dvc", "repro")
    release = {
        f"release/dvc.yaml:{each}"
        for each in (
            *("cross_validate", "evaluate", "label_errors", "novelty", "decide", "export", "card"),
            *("bundle", "explain"),
        )
    }

    output = run(workspace, "dvc", "repro", "release/dvc.yaml").stdout
    assert set(stages_run(output)) == release
    rows = rows_of(workspace, "cross_validation")
    assert [row["path"] for row in rows] == [row["path"] for row in rows_of(workspace, "split")]
    metrics = json.loads((workspace / "metrics/cross_validation.json").read_text())
    assert sum(each["support"] for each in metrics["labels"].values()) == len(rows)
    assert (workspace / "plots/cross_validation/predictions.csv").exists()
    commit_all(workspace, "Cross-validated")
    assert stages_run(run(workspace, "dvc", "repro", "release/dvc.yaml").stdout) == []
    assert stages_run(run(workspace, "dvc", "repro", "--dry").stdout) == []

    # What was made decides on a photo.
    photo = f"data/raw/{rows[0]['path']}"
    decided = run(workspace, sys.executable, "-m", "waste_classifier", "predict", photo).stdout
    assert decided.startswith(f"{photo}\t")
    card = (workspace / "data/classifier/README.md").read_text()
    assert f"| accuracy | {metrics['accuracy']:.4f} |" in card

    # An experiment on all photos, and a verdict on it.
    command = ["dvc", "exp", "run", "release/dvc.yaml:evaluate", "-S", "train.lr=1e-3"]
    again = run(workspace, *command, "-n", "slower").stdout
    assert stages_run(again) == [
        *("check_params", "release/dvc.yaml:cross_validate", "release/dvc.yaml:evaluate"),
    ]
    verdict = run(workspace, sys.executable, "-m", "experiments.verdict", "HEAD", "slower").stdout
    assert " by accuracy: " in verdict
    assert f"{len(rows)} photos, cross-validated, of " in verdict
