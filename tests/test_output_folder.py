from pathlib import Path

import pytest

from stages.output_folder import written_whole


def test_the_folder_appears_whole_in_place_of_an_older_one(tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"
    (tmp_path / "new" / "model").mkdir(parents=True)
    (target / "old.txt").write_text("old")

    with written_whole(target) as folder:
        (folder / "model.keras").write_text("new")
        assert [path.name for path in target.iterdir()] == ["old.txt"]

    assert [path.name for path in target.iterdir()] == ["model.keras"]
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_an_error_leaves_the_older_one_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")

    with pytest.raises(OSError, match="disk full"), written_whole(target) as folder:
        (folder / "half.txt").write_text("half")
        raise OSError("disk full")

    assert [path.name for path in target.iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_run_left_is_removed_but_not_that_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / ".model-a1b2" / "model").mkdir(parents=True)
    (tmp_path / ".features-c3d4").mkdir()

    with written_whole(tmp_path / "model"):
        pass

    assert sorted(path.name for path in tmp_path.iterdir()) == [".features-c3d4", "model"]
