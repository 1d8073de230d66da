"""What DVC runs again, and what it does not, after each kind of change."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

from PIL import Image

from tests.pipeline.workspace import commit_all, contents, copy_of, run, set_params

ALL_STAGES = [
    "fetch",
    "backbone",
    "features",
    "split",
    "explore",
    "class_weights",
    "train",
    "evaluate",
]


def stages_run(output: str) -> list[str]:
    return re.findall(r"^Running stage '(\w+)'", output, re.MULTILINE)


def results(workspace: Path) -> dict[str, bytes]:
    """Return dvc.lock, metrics and plots: what git keeps of a run."""
    lock = {"dvc.lock": (workspace / "dvc.lock").read_bytes()}
    return lock | contents(workspace, "metrics", "plots")


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
    labels = json.loads((workspace / "data/model/labels.json").read_text())
    assert labels == ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
    with (workspace / "data/predictions.csv").open() as file:
        predictions = list(csv.DictReader(file))
    with (workspace / "data/split.csv").open() as file:
        test_images = [row["path"] for row in csv.DictReader(file) if row["split"] == "test"]
    assert [row["path"] for row in predictions] == test_images


def test_two_clones_give_the_same_results(tiny_repository: Path, workspace: Path) -> None:
    # The other clone has its own empty cache, so every stage really runs.
    other = copy_of(tiny_repository, workspace.parent / "other")

    output = run(other, "dvc", "repro").stdout

    assert stages_run(output) == ALL_STAGES
    assert results(other) == results(workspace)


def test_an_experiment_on_the_learning_rate_trains_and_evaluates_only(workspace: Path) -> None:
    output = run(workspace, "dvc", "exp", "run", "-S", "train.lr=1e-5", "-n", "slower").stdout
    assert stages_run(output) == ["train", "evaluate"]

    # Back, and the same experiment again: both come from the run cache.
    for lr in ("0.01", "1e-5"):
        again = run(workspace, "dvc", "exp", "run", "-S", f"train.lr={lr}").stdout
        assert "epoch 0" not in again
        assert re.search(r"Stage 'train' is cached - skipping run", again)

    run(workspace, "git", "add", "--all")
    run(workspace, "git", "commit", "--quiet", "--message", "Slower")
    params = run(workspace, "dvc", "params", "diff", "HEAD~1").stdout
    assert re.search(r"train\.lr\s+0\.01\s+1e-05", params)
    assert "macro_f1" in run(workspace, "dvc", "metrics", "diff", "--all", "HEAD~1").stdout
    plots = run(workspace, "dvc", "plots", "diff", "HEAD~1").stdout
    page = workspace / "dvc_plots/index.html"
    assert str(page) in plots
    assert not re.search(r'<(script|link)[^>]+(src|href)="https?:', page.read_text())
    shown = list(csv.DictReader(io.StringIO(run(workspace, "dvc", "exp", "show", "--csv").stdout)))
    assert shown[0]["train.lr"] == "1e-05"


def test_another_split_reuses_the_features(workspace: Path) -> None:
    output = run(workspace, "dvc", "exp", "run", "-S", "split.group_by=embedding", "split").stdout

    assert stages_run(output) == ["split"]


def test_other_code_of_evaluate_does_not_train(workspace: Path) -> None:
    with (workspace / "stages/evaluate/sheets.py").open("a") as file:
        file.write("\n# A change.\n")

    assert stages_run(run(workspace, "dvc", "repro").stdout) == ["evaluate"]


def test_a_typo_in_params_stops_with_one_line(workspace: Path) -> None:
    params = workspace / "params.yaml"
    params.write_text(params.read_text().replace("  dropout:", "  dropuot:"))

    done = run(workspace, "dvc", "repro", check=False)

    assert done.returncode != 0
    assert "error: params.yaml: train.dropuot: unknown key; did you mean 'train.dropout'?" in (
        done.stdout.splitlines()
    )
    assert "Traceback" not in done.stdout


def test_a_failing_fetch_leaves_nothing_that_a_later_run_takes_for_good(
    workspace: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(workspace / "data/raw", photos)
    bad = photos / "glass/glass_001_1.jpg"
    good_bytes = bad.read_bytes()
    bad.write_bytes(good_bytes[:200])
    set_params(workspace, {"fetch.source": "path", "fetch.path": str(photos)})

    failed = run(workspace, "dvc", "repro", "split", check=False)

    assert failed.returncode != 0
    assert "glass/glass_001_1.jpg: truncated or corrupt" in failed.stdout
    assert not (workspace / "data/raw").exists()
    assert not (workspace / "data/manifest.csv").exists()
    bad.write_bytes(good_bytes)
    mended = run(workspace, "dvc", "repro", "split").stdout
    assert stages_run(mended) == ["fetch"]


def test_new_photos_in_the_folder_are_noticed(workspace: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(workspace / "data/raw", photos)
    set_params(workspace, {"fetch.source": "path", "fetch.path": str(photos)})
    run(workspace, "dvc", "repro", "split")
    commit_all(workspace, "Own photos")

    Image.effect_noise((40, 40), 80).convert("RGB").save(photos / "glass/new.png")
    output = run(workspace, "dvc", "repro", "split").stdout

    assert stages_run(output) == ["fetch", "features", "split"]
    assert "glass/new.png" in (workspace / "data/split.csv").read_text()
