"""The drawn image set: how many, of what, and always the same bytes."""

from collections import Counter
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from stages.fetch.sample import draw_sample
from stages.fetch.sample.layout import View, draw_view, plan_views, share_out
from stages.fetch.sample.objects import KINDS, Draw
from stages.fetch.sample.texture import CANVAS

LABELS = ("cardboard", "glass", "metal", "paper", "plastic", "trash")


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*.jpg")
    }


def draw_one(view: View, directory: Path, seed: int = 7) -> Image.Image:
    (directory / view.label).mkdir(parents=True, exist_ok=True)
    draw_view(view, directory, image_size=64, seed=seed)
    return Image.open(directory / view.path)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        # TrashNet's own number: its own counts.
        (2527, (403, 501, 410, 594, 482, 137)),
        # 100 x 403/2527 = 15.95, 19.83, 16.22, 23.51, 19.07, 5.42: four are left for the
        # remainders .95, .83, .51 and .42.
        (100, (16, 20, 16, 24, 19, 5)),
    ],
)
def test_labels_are_as_rare_as_in_trashnet(images: int, expected: tuple[int, ...]) -> None:
    assert tuple(share_out(images)[label] for label in LABELS) == expected


def test_every_object_has_one_to_four_views() -> None:
    views = plan_views(800, seed=7)

    assert len(views) == 800
    shots = Counter((view.label, view.object_number) for view in views)
    assert set(shots.values()) == {1, 2, 3, 4}


def test_the_name_tells_the_object_and_the_view() -> None:
    assert View("glass", 17, 2).path == "glass/glass_017_2.jpg"


def test_a_drawn_set_is_the_same_every_time(tmp_path: Path) -> None:
    for name, seed in (("first", 7), ("second", 7), ("other", 8)):
        draw_sample(tmp_path / name, images=12, image_size=32, seed=seed)

    first = files(tmp_path / "first")
    assert len(first) == 12
    assert sorted({path.split("/")[0] for path in first}) == list(LABELS)
    assert first == files(tmp_path / "second")
    assert set(first.values()).isdisjoint(files(tmp_path / "other").values())


def test_an_image_does_not_depend_on_how_many_others_there_are(tmp_path: Path) -> None:
    draw_sample(tmp_path / "few", images=12, image_size=32, seed=7)
    draw_view(View("trash", 1, 1), tmp_path / "few", image_size=32, seed=7)
    alone = (tmp_path / "few/trash/trash_001_1.jpg").read_bytes()

    draw_sample(tmp_path / "more", images=18, image_size=32, seed=7)

    assert (tmp_path / "more/trash/trash_001_1.jpg").read_bytes() == alone


def test_some_views_repeat_the_one_before_and_the_others_do_not(tmp_path: Path) -> None:
    distances = []
    for label in LABELS:
        for number in range(1, 9):
            views = [View(label, number, shot) for shot in (1, 2, 3)]
            first, second, third = [imagehash.phash(draw_one(view, tmp_path)) for view in views]
            distances += [first - second, second - third]

    # One in ten further photos is taken from where the one before was.
    repeated = [distance for distance in distances if distance <= 4]
    assert 4 <= len(repeated) <= 16, "of 96"
    assert sorted(distances)[len(repeated)] >= 8, "nothing between near-duplicates and others"


def test_images_have_the_size_asked_for(tmp_path: Path) -> None:
    image = draw_one(View("metal", 3, 1), tmp_path)
    assert image.size == (64, 64)
    assert image.mode == "RGB"


@pytest.mark.parametrize("kind", [kind for label in LABELS for kind in dict.fromkeys(KINDS[label])])
def test_every_kind_of_object_lies_within_its_canvas(kind: Draw) -> None:
    for seed in range(3):
        drawn = kind(np.random.default_rng(seed))

        assert drawn.shape == (CANVAS, CANVAS, 4)
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        opacity = drawn[..., 3]
        assert 0.03 < opacity.mean() < 0.75
        border = np.concatenate([opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]])
        assert border.max() == 0, "an object that is cut off would show its straight edge"
