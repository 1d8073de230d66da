"""label_errors.csv, as the page reads it: its columns, and paths that stay within the photos."""

import re
from pathlib import Path

import pytest

from stages.outputs.label_errors import LabelErrorRow
from stages.outputs.tables import write_table
from waste_classifier.errors import InputError
from waste_classifier.page.label_errors import LabelError, read_label_errors

HEADER = "rank,path,label,suggested_label,quality\n"


def test_reads_what_the_pipeline_writes(tmp_path: Path) -> None:
    file = tmp_path / "label_errors.csv"
    rows = [
        LabelErrorRow(1, "glass/a, b.jpg", "glass", "metal", "0.0245"),
        LabelErrorRow(2, "métal/c.jpg", "métal", "glass", "0.1"),
    ]
    write_table(file, rows, LabelErrorRow)

    assert read_label_errors(file) == [
        LabelError("glass/a, b.jpg", "glass", "metal", "0.0245"),
        LabelError("métal/c.jpg", "métal", "glass", "0.1"),
    ]


def test_a_table_without_rows_has_no_errors(tmp_path: Path) -> None:
    file = tmp_path / "label_errors.csv"
    file.write_text(HEADER)

    assert read_label_errors(file) == []


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.jpg", "glass/../../secret.jpg", "/etc/passwd", "..", ".", ""),
        *("C:/secret.jpg", "C:secret.jpg", "..\\secret.jpg", "\\\\host\\share\\a.jpg", "a\0.jpg"),
    ],
)
def test_no_path_leads_out_of_the_photos(path: str, tmp_path: Path) -> None:
    file = tmp_path / "label_errors.csv"
    file.write_text(f"{HEADER}1,glass/a.jpg,glass,metal,0.1\n2,{path},glass,metal,0.1\n")

    with pytest.raises(InputError, match=r"line 3: path .* leads out of the folder of photos"):
        read_label_errors(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column path, label, suggested_label, quality"),
        (b"path,label\n", "no column suggested_label, quality"),
        (HEADER.encode() + b"1,glass/a.jpg,glass\n", "line 2 is short"),
        (HEADER.encode() + b'1,"glass/a.jpg,glass\n', "unexpected end of data"),
        (b"\xff\xfe", "can't decode byte"),
    ],
)
def test_another_table_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "label_errors.csv"
    file.write_bytes(content)

    with pytest.raises(InputError, match=rf"^{re.escape(str(file))}: not a table of .*{reason}"):
        read_label_errors(file)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv: cannot be read \(No such file"):
        read_label_errors(tmp_path / "none.csv")
