"""The stage from a cross-validation to the table and the sheet of likely label errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages.label_errors.__main__ import main
from stages.outputs.cross_validation import CROSS_VALIDATION_FILE, write_cross_validation
from stages.outputs.label_errors import LABEL_ERRORS_FILE, LabelErrorRow
from stages.outputs.manifest import RAW_DIR
from stages.outputs.split import read_split
from stages.outputs.tables import read_table
from stages.params.label_errors import LabelErrorsParams
from tests.shard_files import damage_shard, pack_photos
from tests.small_project import LABELS, write_tables
from waste_classifier.errors import PhotoError

SETTINGS = LabelErrorsParams(sheet_images=4)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos of three labels, of which the trainings take the first of glass for metal."""
    monkeypatch.chdir(tmp_path)
    write_tables()
    rows = read_split()
    said = np.array([LABELS.index(row.label) for row in rows])
    said[0] = 1
    probabilities = (0.05 + 0.85 * np.eye(3)[said]).astype(np.float32)
    folds = np.arange(len(rows)) % 3
    write_cross_validation(
        CROSS_VALIDATION_FILE, rows, folds[np.newaxis], LABELS, probabilities[np.newaxis]
    )
    return tmp_path


def test_the_planted_error_is_listed_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    main(SETTINGS)

    assert read_table(LABEL_ERRORS_FILE, LabelErrorRow) == [
        (1, "glass/00.png", "glass", "metal", "0.0500")
    ]
    metrics = json.loads(Path("metrics/label_errors.json").read_text())
    assert metrics["label_errors"] == 1
    assert Path("plots/label_errors/images/label_errors.png").exists()
    assert "1 images likely stand under a wrong label" in capsys.readouterr().out


def test_a_photo_that_is_gone_is_an_error_before_anything_is_written() -> None:
    (RAW_DIR / "glass/00.png").unlink()

    with pytest.raises(PhotoError, match=r"glass/00\.png: cannot be read"):
        main(SETTINGS)

    assert not LABEL_ERRORS_FILE.exists()
    assert not Path("metrics").exists()


def test_photos_in_shards_give_the_same_bytes() -> None:
    main(SETTINGS)
    sheet = Path("plots/label_errors/images/label_errors.png")
    of_files = LABEL_ERRORS_FILE.read_bytes(), sheet.read_bytes()
    pack_photos(per_shard=4)

    main(SETTINGS)

    assert (LABEL_ERRORS_FILE.read_bytes(), sheet.read_bytes()) == of_files


def test_a_damaged_shard_is_named_with_the_photo() -> None:
    pack_photos(per_shard=4)
    shard = damage_shard(0)

    with pytest.raises(PhotoError, match=rf"^{shard}: glass/00\.png: cut off"):
        main(SETTINGS)
