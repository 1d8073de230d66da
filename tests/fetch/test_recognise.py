"""Sets made for other tasks are recognised, and the message says what to do with them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fetch.conftest import RunFetch, SaveImage

COCO = json.dumps({"images": [], "annotations": [], "categories": [{"id": 1, "name": "bottle"}]})
VOC = "<annotation><filename>1.jpg</filename><object><bndbox/></object></annotation>"
YOLO = "0 0.716797 0.395833 0.216406 0.147222\n39 0.5 .5 1 1\n"
POLYGON = "3 0.1 0.1 0.9 0.1 0.9 0.9"


def write(photos: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_text(text)


def refusal(run_fetch: RunFetch, **changes: object) -> str:
    run = run_fetch(**changes)
    assert (run.code, run.out) == (1, "")
    return run.err


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"annotations.json": COCO}, "annotations.json says where things are in photos (COCO)"),
        ({"annotations/instances_train.json": COCO}, "annotations/instances_train.json"),
        ({"glass/_annotations.coco.json": COCO}, "glass/_annotations.coco.json"),
        ({"glass/1.xml": VOC}, "glass/1.xml says where things are in photos (Pascal VOC)"),
        ({"Annotations/1.xml": '<?xml version="1.0"?>\n' + VOC}, "Annotations/1.xml"),
        ({"glass/1.txt": YOLO}, "glass/1.txt says where things are in photos (YOLO)"),
        ({"labels/train/1.txt": POLYGON}, "labels/train/1.txt"),
        ({"glass/1.json": '{"version": "5", "shapes": []}'}, "(LabelMe)"),
        ({"boxes.csv": "ImageID,Source,XMin,XMax,YMin,YMax\n"}, "(a table of boxes)"),
    ],
)
def test_a_detection_set(
    photos: Path, run_fetch: RunFetch, files: dict[str, str], named: str
) -> None:
    write(photos, files)
    message = refusal(run_fetch)
    assert named in message
    assert "Crop each thing to an image of its own, in a folder for each label" in message
    assert message.count("\n") == 1


def test_a_coco_file_of_many_photos_is_recognised_by_its_ends(
    photos: Path, run_fetch: RunFetch
) -> None:
    many = [{"id": number, "file_name": f"{number}.jpg"} for number in range(20_000)]
    write(photos, {"a.json": json.dumps({"images": many, "annotations": []})})
    assert "a.json says where things are in photos (COCO)" in refusal(run_fetch)


def test_images_and_boxes_without_any_folders(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(workspace / "photos/1.jpg")
    write(workspace / "photos", {"1.txt": YOLO})
    assert "1.txt says where things are in photos (YOLO)" in refusal(run_fetch)


def test_other_texts_beside_the_label_folders_are_no_boxes(
    photos: Path, run_fetch: RunFetch
) -> None:
    write(
        photos,
        {
            "labels.csv": "path,label\n1.jpg,glass\n",
            "notes.txt": "2 bottles, 0.5 l each\n1 2 3 4 5\n",
            "info.json": '{"images": [], "licence": "MIT"}',
            "feed.xml": "<rss/>",
            "empty.txt": "",
            "page.json": "not JSON",
        },
    )
    assert run_fetch().code == 0


@pytest.mark.parametrize(
    "splits",
    [
        ("TRAIN", "TEST"),
        ("train", "val", "test"),
        ("training", "validation"),
        ("train", "valid"),
        ("Training_set", "Test_set"),
        ("seg_train", "seg_test"),
    ],
)
def test_a_set_that_is_split_already(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch, splits: tuple[str, ...]
) -> None:
    folder = workspace / "photos/DATASET"
    for split in splits:
        for label in ("O", "R"):
            save_image(folder / split / label / "1.jpg")

    message = refusal(run_fetch)

    assert message == (
        f"error: photos: the folders {', '.join(sorted(splits))} are splits, not labels; this "
        "pipeline splits itself (split.val and split.test). Put the images of one label from all "
        "of them into one folder of that name, as O/1.jpg, without folders for splits in or around "
        "it; images of one name need new names\n"
    )

    # Half of the advice: labels are gone.
    for split in splits:
        shutil.move(folder / split / "O/1.jpg", folder / split / "1.jpg")
        shutil.rmtree(folder / split / "O")
        shutil.rmtree(folder / split / "R")
    assert "are splits, not labels" in refusal(run_fetch)


def test_labels_around_splits(workspace: Path, save_image: SaveImage, run_fetch: RunFetch) -> None:
    for label in ("glass", "paper"):
        for split in ("train", "test"):
            save_image(workspace / "photos" / label / split / "1.jpg")
    message = refusal(run_fetch)
    assert "the folders test, train are splits, not labels" in message
    assert "as glass/1.jpg" in message


def test_the_whole_advice_on_splits_helps(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    for seed, split in enumerate(("train", "test")):
        for label in ("glass", "paper"):
            save_image(workspace / f"split/{split}/{label}/1.jpg", seed)
    assert "are splits, not labels" in refusal(run_fetch, path="split")

    for split in ("train", "test"):
        for label in ("glass", "paper"):
            target = workspace / "merged" / label
            target.mkdir(parents=True, exist_ok=True)
            shutil.move(workspace / f"split/{split}/{label}/1.jpg", target / f"{split}_1.jpg")
    assert run_fetch(path="merged").code == 0


@pytest.mark.parametrize("label", ["test", "train", "Val", "training shoes"])
def test_one_label_may_be_named_as_a_split(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, label: str
) -> None:
    save_image(photos / label / "1.jpg")
    assert run_fetch().code == 0


def test_labels_that_are_all_tests(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    for label in ("crash test", "smoke test", "test 3"):
        save_image(workspace / "photos" / label / "1.jpg")
    assert run_fetch().code == 0


def test_one_split_alone_is_a_wrapper(
    workspace: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    for label in ("glass", "paper"):
        save_image(workspace / "photos/train" / label / "1.jpg")
    assert run_fetch().code == 0
