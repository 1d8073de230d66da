"""The stage on the user's own folders and archives: what it accepts and what it writes."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from stages import stage
from stages.fetch.__main__ import main
from stages.outputs.manifest import ManifestRow
from stages.outputs.rejected import RejectedRow
from stages.outputs.suspects import SUSPECTS_FILE, SuspectRow
from stages.outputs.tables import read_table
from stages.params.fetch import FetchParams
from tests.fetch.conftest import RunFetch, SaveImage, outputs
from waste_classifier.images import decode

MANIFEST = Path("data/manifest.csv")
REJECTED = Path("data/rejected.csv")
REPOSITORY = Path(__file__).parents[2]


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files under a folder, by relative path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def names_in(folder: str) -> list[str]:
    return sorted(entry.name for entry in Path(folder).iterdir())


def fetched_paths() -> list[str]:
    return [row.path for row in read_table(MANIFEST, ManifestRow)]


@pytest.mark.usefixtures("photos")
def test_each_image_gets_a_row(run_fetch: RunFetch) -> None:
    run = run_fetch()

    assert run.code == 0
    file = Path("photos/glass/1.jpg")
    content = file.read_bytes()
    with Image.open(file) as image:
        phash = str(imagehash.phash(image))
        red, green, blue = np.asarray(image).mean(axis=(0, 1)).round(2).tolist()
    assert read_table(MANIFEST, ManifestRow)[0] == ManifestRow(
        path="glass/1.jpg",
        label="glass",
        width=30,
        height=20,
        bytes=len(content),
        red=red,
        green=green,
        blue=blue,
        sha256=hashlib.sha256(content).hexdigest(),
        phash=phash,
    )
    assert fetched_paths() == ["glass/1.jpg", "glass/2.png", "paper/1.jpg"]
    assert REJECTED.read_text() == "path,reason\n"


def test_rows_are_sorted_by_path_not_by_folder(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "glass-clear/1.jpg")

    run_fetch()

    # The folder `glass` comes before `glass-clear`, but `-` before `/`.
    assert fetched_paths() == ["glass-clear/1.jpg", "glass/1.jpg", "glass/2.png", "paper/1.jpg"]


def test_images_are_copied_byte_for_byte_and_the_source_stays(
    photos: Path, run_fetch: RunFetch
) -> None:
    before = tree(photos)

    run_fetch()

    assert tree(photos) == before
    assert tree(Path("data/raw")) == before
    assert Path("data/raw/glass/1.jpg").stat().st_nlink == 1


@pytest.mark.usefixtures("photos")
def test_only_the_outputs_are_left_in_data(run_fetch: RunFetch) -> None:
    run_fetch()
    assert names_in("data") == [
        ".unfinished",
        "manifest.csv",
        "raw",
        "rejected.csv",
        "suspects.csv",
    ]
    assert names_in("data/.unfinished/fetch") == ["lock"]


@pytest.mark.usefixtures("photos")
def test_summary_counts_images_per_label(run_fetch: RunFetch) -> None:
    run = run_fetch()
    assert run.out == ("glass       2\npaper       1\n3 images of 2 labels, 0 rejected\n")
    assert run.err == ""


@pytest.mark.usefixtures("photos")
def test_running_twice_gives_the_same_bytes(run_fetch: RunFetch) -> None:
    run_fetch()
    first = tree(Path("data"))
    run_fetch()
    assert tree(Path("data")) == first


@pytest.mark.parametrize("wrapper", ["", "TrashType_Image_Dataset/", "outer/inner/"])
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("photos.zip", "zip"),
        ("PHOTOS.ZIP", "zip"),
        ("photos.tar", "w"),
        ("photos.tar.gz", "w:gz"),
        ("photos.tgz", "w:gz"),
        ("photos.tar.bz2", "w:bz2"),
        ("photos.tar.xz", "w:xz"),
    ],
)
def test_archives_hold_the_same_as_a_folder(
    photos: Path, run_fetch: RunFetch, wrapper: str, name: str, mode: str
) -> None:
    if mode == "zip":
        with zipfile.ZipFile(name, "w") as archive:
            for path in tree(photos):
                archive.write(photos / path, wrapper + path)
    else:
        with tarfile.open(name, mode) as tar:  # type: ignore[call-overload]
            tar.add(photos, arcname=wrapper or ".")
    before = Path(name).read_bytes()

    run = run_fetch(path=name)

    assert run.code == 0
    assert tree(Path("data/raw")) == tree(photos)
    assert Path(name).read_bytes() == before


def test_a_folder_may_have_wrappers(photos: Path, run_fetch: RunFetch) -> None:
    shutil.move(photos, "outer/photos")
    run = run_fetch(path="outer")
    assert run.code == 0
    assert fetched_paths() == ["glass/1.jpg", "glass/2.png", "paper/1.jpg"]


def test_hidden_and_system_files_are_ignored_and_counted(photos: Path, run_fetch: RunFetch) -> None:
    for name in (".DS_Store", "glass/.DS_Store", "glass/Thumbs.db", "paper/desktop.ini"):
        (photos / name).write_bytes(b"x")
    (photos / "__MACOSX/glass").mkdir(parents=True)
    (photos / "glass/.ipynb_checkpoints").mkdir()

    run = run_fetch()

    assert run.code == 0
    assert (
        "ignored hidden and system files: 6 (.DS_Store 2, .ipynb_checkpoints 1, Thumbs.db 1, "
        "__MACOSX 1, desktop.ini 1)\n"
    ) in run.out
    assert len(fetched_paths()) == 3


def test_other_files_beside_the_labels_are_ignored_and_named(
    photos: Path, run_fetch: RunFetch
) -> None:
    (photos / "README.md").write_text("read me")
    (photos / "labels.csv").write_text("a,b")

    run = run_fetch()

    assert run.code == 0
    assert "ignored files beside the label folders: 2 (README.md, labels.csv)\n" in run.out


def test_ignored_names_may_be_anything(photos: Path, run_fetch: RunFetch) -> None:
    for name in (b"caf\xe9", b"glass/.caf\xe9"):
        (photos / os.fsdecode(name)).touch()
    run = run_fetch()
    assert run.code == 0
    assert r"beside the label folders: 1 (caf\udce9)" in run.out
    assert r"hidden and system files: 1 (.caf\udce9 1)" in run.out


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1.JPG",
        "b.JPEG",
        "c.PnG",
        "d.webp",
        "e.bmp",
        "f.gif",
        "no extension.jpg",
        "a,b.jpg",
        "it's a bottle (1) & more.jpg",
        "Bildschirmfoto\u202f1.jpg",
        "👩\u200d🔬.jpg",
        "Flasche grün.jpg",
        "瓶子.jpg",
        "♻.png",
        "wrong extension.png.jpg",
    ],
)
def test_names_are_accepted(
    photos: Path, run_fetch: RunFetch, save_image: SaveImage, name: str
) -> None:
    save_image(photos / "glass" / name)

    run = run_fetch()

    assert run.code == 0, run.err
    assert f"glass/{name}" in fetched_paths()
    assert (Path("data/raw/glass") / name).exists()


def test_content_decides_not_the_extension(
    photos: Path, run_fetch: RunFetch, save_image: SaveImage
) -> None:
    save_image(photos / "glass" / "really a png.jpg", format="PNG")
    save_image(photos / "glass" / "none", format="WEBP")
    assert run_fetch().code == 0
    assert {"glass/none", "glass/really a png.jpg"} < set(fetched_paths())


def test_names_are_brought_to_composed_unicode(
    photos: Path, run_fetch: RunFetch, save_image: SaveImage
) -> None:
    decomposed = unicodedata.normalize("NFD", "métal/é.jpg")
    save_image(photos / decomposed)

    run = run_fetch(expected_counts={"glass": 2, "paper": 1, "métal": 1})

    assert run.code == 0, run.err
    assert "métal/é.jpg" in fetched_paths()
    assert Path("data/raw/métal/é.jpg").exists()


def test_links_in_a_folder_are_copied_as_files(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/link.jpg").symlink_to(photos / "paper/1.jpg")
    assert run_fetch().code == 0
    copy = Path("data/raw/glass/link.jpg")
    assert not copy.is_symlink()
    assert copy.read_bytes() == (photos / "paper/1.jpg").read_bytes()


def test_size_is_that_of_the_upright_image(
    photos: Path, run_fetch: RunFetch, save_image: SaveImage
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees
    save_image(photos / "glass" / "0.jpg", exif=exif)
    run_fetch()
    row = read_table(MANIFEST, ManifestRow)[0]
    assert (row.width, row.height) == (20, 30)


def test_mean_colours_are_those_of_the_pixels_the_pipeline_sees(
    photos: Path, run_fetch: RunFetch
) -> None:
    # Half transparent, so half white: (255 + 200) / 2, 255 / 2 twice, to within rounding.
    Image.new("RGBA", (10, 10), (200, 0, 0, 128)).save(photos / "glass/0.png")
    Image.new("L", (10, 10), 90).save(photos / "paper/0.png")
    half = np.zeros((10, 4, 3), np.uint8)
    half[:5] = (10, 20, 31)
    Image.fromarray(half).save(photos / "paper/2.png")

    run_fetch()

    colours = {
        row.path: (row.red, row.green, row.blue) for row in read_table(MANIFEST, ManifestRow)
    }
    assert colours["glass/0.png"] == pytest.approx((227.5, 127.5, 127.5), abs=1)
    assert colours["paper/0.png"] == (90.0, 90.0, 90.0)
    assert colours["paper/2.png"] == (5.0, 10.0, 15.5)


def test_rejected_images_are_listed_up_to_the_limit(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/bad.jpg").write_text("no image")
    (photos / "glass/empty.jpg").touch()

    run = run_fetch(max_rejected=2)

    assert run.code == 0
    assert read_table(REJECTED, RejectedRow) == [
        RejectedRow("glass/bad.jpg", "not an image of JPEG, PNG, WebP, BMP or GIF"),
        RejectedRow("glass/empty.jpg", "empty file"),
    ]
    assert names_in("data/raw/glass") == ["1.jpg", "2.png"]
    assert "3 images of 2 labels, 2 rejected\n" in run.out


def test_one_rejected_image_too_many_lists_them_all(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/bad.jpg").write_text("no image")
    (photos / "paper/empty.jpg").touch()

    run = run_fetch(max_rejected=1)

    assert run.code == 1
    assert run.err == (
        "error: photos: 2 images refused:\n"
        "  glass/bad.jpg: not an image of JPEG, PNG, WebP, BMP or GIF\n"
        "  paper/empty.jpg: empty file\n"
        "mend or remove them, or raise fetch.max_rejected (1)\n"
    )


@pytest.mark.usefixtures("photos")
def test_expected_counts_match(run_fetch: RunFetch) -> None:
    assert run_fetch(expected_counts={"glass": 2, "paper": 1}).code == 0


def test_expected_counts_of_labels_of_digits(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    for label in ("0", "1"):
        save_image(workspace / "photos" / label / "1.jpg")
    assert run_fetch().code == 0
    # The file is JSON, which is YAML, but has no numbers for keys.
    params = (workspace / "params.yaml").read_text()
    assert params.count('"expected_counts": null') == 1
    for counts, code in (("{0: 1, 1: 1}", 0), ("{0: 1, 1: 2}", 1)):
        counted = params.replace('"expected_counts": null', f'"expected_counts": {counts}')
        (workspace / "params.yaml").write_text(counted)
        assert stage.run("fetch", FetchParams, main) == code


@pytest.mark.usefixtures("photos")
def test_other_counts_than_expected_are_listed(run_fetch: RunFetch) -> None:
    run = run_fetch(expected_counts={"glass": 3, "metal": 1})
    assert run.code == 1
    assert run.err == (
        "error: images per label differ from fetch.expected_counts:\n"
        "  glass: expected 3, got 2\n"
        "  metal: expected 1, got 0\n"
        "  paper: expected 0, got 1\n"
        "mend the folders or the counts\n"
    )


def test_a_failing_run_leaves_the_last_outputs_as_they_were(
    photos: Path, run_fetch: RunFetch
) -> None:
    run_fetch()
    before = outputs()
    (photos / "glass/bad.jpg").write_text("no image")

    assert run_fetch().code == 1

    assert outputs() == before
    assert {"raw/glass/1.jpg", "manifest.csv", "rejected.csv"} < before.keys()


def test_a_later_run_replaces_the_outputs(photos: Path, run_fetch: RunFetch) -> None:
    run_fetch()
    (photos / "glass/1.jpg").unlink()
    assert run_fetch().code == 0
    assert sorted(tree(Path("data/raw"))) == fetched_paths() == ["glass/2.png", "paper/1.jpg"]


@pytest.mark.usefixtures("photos")
def test_what_a_killed_run_left_is_removed(run_fetch: RunFetch) -> None:
    Path("data/.unfinished/fetch/scratch/received").mkdir(parents=True)
    assert run_fetch().code == 0
    assert names_in("data/.unfinished/fetch") == ["lock"]


@pytest.mark.usefixtures("photos")
def test_the_stage_as_a_program(write_params: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "stages.fetch"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}

    write_params()
    good = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    write_params(path="nowhere")
    bad = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (good.returncode, good.stderr) == (0, "")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == (
        "error: fetch.path: nowhere: no such file or folder; set it to the folder or archive of "
        "your label folders\n"
    )


@pytest.mark.usefixtures("workspace")
def test_the_sample(run_fetch: RunFetch) -> None:
    sample = {"seed": 7, "images": 60, "image_size": 32}
    run = run_fetch(source="sample", sample=sample)
    rows = read_table(MANIFEST, ManifestRow)
    assert (run.code, run.err) == (0, "")
    assert len(rows) == 60
    assert {(row.width, row.height) for row in rows} == {(32, 32)}
    assert len({row.label for row in rows}) == 6


@pytest.mark.skipif("TRASHNET_DIR" not in os.environ, reason="TRASHNET_DIR is not set")
@pytest.mark.usefixtures("workspace")
def test_trashnet(run_fetch: RunFetch) -> None:
    counts = {
        "cardboard": 403,
        "glass": 501,
        "metal": 410,
        "paper": 594,
        "plastic": 482,
        "trash": 137,
    }
    run = run_fetch(
        path=str(Path(os.environ["TRASHNET_DIR"]) / "trashnet.zip"),
        expected_counts=counts,
        max_pixels=384 * 512,
    )
    assert run.code == 0, run.err
    assert read_table(SUSPECTS_FILE, SuspectRow) == [], "no sound photo is suspect"
    row = read_table(MANIFEST, ManifestRow)[0]
    image = decode(Path("data/raw") / row.path)
    assert (row.width, row.height) == image.size == (384, 512)
    assert np.asarray(image).shape == (512, 384, 3)
