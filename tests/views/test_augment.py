"""What views show, and that all of it follows from the random numbers given."""

import numpy as np
import numpy.typing as npt
import pytest

from stages.views import augment
from stages.views.augment import (
    change_camera,
    change_light,
    draw_part,
    draw_view,
    lay_on_other_ground,
)
from stages.views.ground import drawn_ground, drawn_texture, thing_on_even_ground

Pixels = npt.NDArray[np.uint8]


def photo_of(thing: tuple[int, int, int], ground: tuple[int, int, int] = (225, 220, 215)) -> Pixels:
    """A square thing in the middle of even ground, a quarter of the photo."""
    pixels = np.full((96, 96, 3), ground, np.uint8)
    pixels[24:72, 24:72] = thing
    return pixels


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_view_has_its_size_and_follows_from_what_it_is_drawn_from() -> None:
    photo = photo_of((200, 30, 30))

    first, again, other = (
        draw_view(photo, 64, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(photo, photo_of((200, 30, 30)))


def test_views_are_turned_any_way() -> None:
    # Brightest at one corner, whatever part of it is shown.
    slope = np.linspace(250, 20, 96)
    photo = np.repeat((np.outer(slope, slope) / 250).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)

    views = [draw_view(photo, 64, 0, np.random.default_rng(seed)) for seed in range(40)]

    quarters = [view.reshape(2, 32, 2, 32, 3).mean(axis=(1, 3, 4)) for view in views]
    assert {int(each.argmax()) for each in quarters} == {0, 1, 2, 3}


@pytest.mark.parametrize("thing", [(200, 30, 30), (20, 20, 20), (150, 190, 240)])
def test_a_thing_on_even_ground_is_told_from_it(thing: tuple[int, int, int]) -> None:
    mask = thing_on_even_ground(photo_of(thing))

    assert mask is not None
    assert mask.shape == (96, 96)
    assert mask[30:66, 30:66].min() > 0.95
    outside = mask.copy()
    outside[18:78, 18:78] = 0
    assert outside.max() < 0.05


def test_a_light_that_falls_off_is_ground_too() -> None:
    slope = np.linspace(1, 0.75, 96)[:, np.newaxis, np.newaxis]
    photo = (photo_of((200, 30, 30)) * slope).astype(np.uint8)

    mask = thing_on_even_ground(photo)

    assert mask is not None
    assert mask[:12].max() < 0.05
    assert mask[-12:].max() < 0.05


@pytest.mark.parametrize(
    "photo",
    [
        photo_of((200, 30, 30), ground=(60, 60, 60)),  # dark, as in the night
        photo_of(
            (200, 30, 30), ground=(180, 120, 60)
        ),  # a thing that fills the photo, of cardboard
        np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8),
        np.full((96, 96, 3), 220, np.uint8),  # nothing
    ],
    ids=["dark", "coloured", "uneven", "empty"],
)
def test_where_it_can_not_be_told_the_ground_stays(
    photo: Pixels, random: np.random.Generator
) -> None:
    assert thing_on_even_ground(photo) is None
    np.testing.assert_array_equal(lay_on_other_ground(photo, random), photo)


def test_other_ground_lies_under_the_thing_alone() -> None:
    photo = photo_of((200, 30, 30))

    for seed in range(20):
        laid = lay_on_other_ground(photo, np.random.default_rng(seed))
        red = np.abs(laid.astype(int) - [200, 30, 30]).max(axis=2) < 12
        # As large as it was, or down to 0.55 of width and height.
        assert 0.55**2 * 48**2 * 0.7 < red.sum() < 48**2 * 1.5
        assert np.abs(laid[0, 0].astype(int) - photo[0, 0]).max() > 0


def test_ground_is_of_pixels_values(random: np.random.Generator) -> None:
    for _ in range(20):
        ground = drawn_ground(40, 60, random)
        texture = drawn_texture(40, 60, random)
        assert ground.shape == (40, 60, 3)
        assert 0 <= ground.min() <= ground.max() <= 255
        assert (texture.min(), texture.max()) == (0, pytest.approx(1))


def test_a_part_is_a_rectangle_of_the_photo(random: np.random.Generator) -> None:
    rows, columns = np.mgrid[:96, :96]
    photo = np.stack([rows, columns, np.zeros_like(rows)], axis=2).astype(np.uint8)

    areas = []
    for _ in range(200):
        part = draw_part(photo, random)
        (top, left, _), (bottom, right, _) = part[0, 0], part[-1, -1]
        assert part.shape[:2] == (bottom - top + 1, right - left + 1)
        areas.append(part.shape[0] * part.shape[1] / 96**2)

    assert min(areas) > augment.SMALLEST_PART * 0.9
    # Uniform from a quarter to the whole.
    assert np.mean(areas) == pytest.approx(0.625, abs=0.06)


def test_light_changes_and_black_stays_black(random: np.random.Generator) -> None:
    photo = photo_of((200, 30, 30))

    lights = [change_light(photo, random).mean() for _ in range(50)]

    assert np.std(lights) > 15
    black = np.zeros((8, 8, 3), np.uint8)
    assert change_light(black, random).max() == 0


def test_a_camera_may_be_good(random: np.random.Generator) -> None:
    photo = photo_of((200, 30, 30))

    unchanged = [np.array_equal(change_camera(photo, random), photo) for _ in range(300)]

    # Neither blurred nor noisy nor compressed: 0.75 x 0.8 x 0.6.
    assert np.mean(unchanged) == pytest.approx(0.36, abs=0.09)
