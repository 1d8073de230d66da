import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages import errors
from stages.class_weights.__main__ import CLASS_WEIGHTS_FILE, main
from stages.manifest import SPLIT_FILE, SplitName, SplitRow, write_table


def write_params(scheme: str = "balanced", beta: str = "0.999") -> None:
    Path("params.yaml").write_text(f"class_weights:\n  scheme: {scheme}\n  beta: {beta}\n")


def images(label: str, split: SplitName, count: int) -> list[SplitRow]:
    paths = [f"{label}/{split}_{i}.jpg" for i in range(count)]
    return [SplitRow(path, label, path, split) for path in paths]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_params()


def test_only_training_images_count() -> None:
    rows = images("trash", "train", 1) + images("glass", "train", 3) + images("trash", "test", 50)
    write_table(SPLIT_FILE, rows, SplitRow)

    main()

    assert json.loads(CLASS_WEIGHTS_FILE.read_text()) == {
        "scheme": "balanced",
        "labels": {
            "glass": {"images": 3, "weight": pytest.approx(4 / 6)},
            "trash": {"images": 1, "weight": pytest.approx(2)},
        },
    }


def test_labels_keep_their_letters() -> None:
    write_table(SPLIT_FILE, images("métal", "train", 2), SplitRow)

    main()

    assert '"métal"' in CLASS_WEIGHTS_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "data/split.csv: no images"),
        (
            images("glass", "train", 2) + images("trash", "test", 1),
            "data/split.csv: label 'trash' has no images in train",
        ),
    ],
)
def test_a_table_without_images_to_count_is_refused(
    rows: list[SplitRow], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(SPLIT_FILE, rows, SplitRow)

    assert errors.run(main) == 1
    assert message in capsys.readouterr().err
    assert not CLASS_WEIGHTS_FILE.exists()


@pytest.mark.parametrize(
    ("scheme", "beta", "key"),
    [("inverse", "0.9", "scheme"), ("balanced", "1", "beta"), ("balanced", "-0.1", "beta")],
)
def test_wrong_parameters_are_named(
    scheme: str, beta: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(scheme, beta)

    assert errors.run(main) == 1
    assert f"error: params.yaml: class_weights.{key}: " in capsys.readouterr().err


def test_no_heavy_library_is_imported() -> None:
    heavy = ["tensorflow", "pandas", "sklearn", "scipy", "dvclive", "matplotlib"]
    program = (
        "import sys, stages.class_weights.__main__; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    root = Path(errors.__file__).parents[1]

    result = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"
