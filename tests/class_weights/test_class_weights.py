"""The stage from the split to the weight of each label."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.class_weights.__main__ import main
from stages.outputs.class_weights import CLASS_WEIGHTS_FILE
from stages.outputs.split import SPLIT_FILE, SplitName, SplitRow
from stages.outputs.tables import write_table
from stages.params.class_weights import ClassWeightsParams
from stages.stage import run
from waste_classifier.errors import InputError

ROOT = Path(__file__).parents[2]
BALANCED = ClassWeightsParams(scheme="balanced", beta=0.999)


def images(label: str, split: SplitName, count: int) -> list[SplitRow]:
    paths = [f"{label}/{split}_{i}.jpg" for i in range(count)]
    return [SplitRow(path, label, path, split) for path in paths]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_only_training_images_count() -> None:
    rows = images("trash", "train", 1) + images("glass", "train", 3) + images("trash", "test", 50)
    write_table(SPLIT_FILE, rows, SplitRow)

    main(BALANCED)

    assert json.loads(CLASS_WEIGHTS_FILE.read_text()) == {
        "scheme": "balanced",
        "labels": {
            "glass": {"images": 3, "weight": pytest.approx(4 / 6)},
            "trash": {"images": 1, "weight": pytest.approx(2)},
        },
    }


def test_labels_keep_their_letters() -> None:
    write_table(SPLIT_FILE, images("métal", "train", 2), SplitRow)

    main(BALANCED)

    assert '"métal"' in CLASS_WEIGHTS_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"data/split\.csv: no images; run `dvc repro`"),
        (
            images("glass", "train", 2) + images("trash", "test", 1),
            r"data/split\.csv: label 'trash' has no images in train; lower split\.val",
        ),
    ],
)
def test_a_table_without_images_to_count_is_refused(rows: list[SplitRow], message: str) -> None:
    write_table(SPLIT_FILE, rows, SplitRow)

    with pytest.raises(InputError, match=message):
        main(BALANCED)

    assert not CLASS_WEIGHTS_FILE.exists()


def test_scheme_and_weights_are_printed_and_come_from_the_section(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table(SPLIT_FILE, images("glass", "train", 4) + images("trash", "train", 1), SplitRow)
    Path("params.yaml").write_text("class_weights:\n  scheme: sqrt\n  beta: 0.9\n")

    assert run("class_weights", ClassWeightsParams, main) == 0

    assert json.loads(CLASS_WEIGHTS_FILE.read_text())["scheme"] == "sqrt"
    # 1/2 : 1, and 4 w + 2 w = 5.
    assert capsys.readouterr().out == (
        "glass       4 images in train  weight 0.8333\n"
        "trash       1 images in train  weight 1.6667\n"
    )


def test_no_heavy_library_is_imported() -> None:
    heavy = ["tensorflow", "pandas", "sklearn", "scipy", "dvclive", "matplotlib"]
    program = (
        "import sys, stages.class_weights.__main__; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"
