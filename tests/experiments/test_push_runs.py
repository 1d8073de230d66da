"""Which files a run consists of."""

import json
from pathlib import Path

from experiments.push_runs import objects_of, outputs_of_runs


def test_the_outputs_of_a_run_stand_in_its_note(tmp_path: Path) -> None:
    note = tmp_path / "ab/abcd/ef01"
    note.parent.mkdir(parents=True)
    note.write_text("cmd: x\nouts:\n- {path: a, md5: '1'}\n- {path: b, md5: 2.dir}\n")

    assert outputs_of_runs(tmp_path) == [{"1", "2.dir"}]


def test_a_folder_is_whole_with_all_of_its_files(tmp_path: Path) -> None:
    def path_of(checksum: str) -> str:
        return str(tmp_path / checksum)

    (tmp_path / "1").write_text("a file")
    (tmp_path / "2.dir").write_text(json.dumps([{"md5": "3", "relpath": "c"}]))
    assert objects_of({"1", "2.dir"}, path_of) is None

    (tmp_path / "3").write_text("a file of the folder")
    assert objects_of({"1", "2.dir"}, path_of) == {"1", "2.dir", "3"}
    assert objects_of({"1", "4.dir"}, path_of) is None
