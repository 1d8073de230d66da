"""Every kind of image file becomes upright RGB, or is refused with a reason."""

import gc
import itertools
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.images import ImageError, available_cores, decode, load_resized, map_in_threads

RED = (255, 0, 0)


def test_pixels_of_a_lossless_file_are_unchanged(tmp_path: Path) -> None:
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    image = decode(tmp_path / "1.png")
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("L", "JPEG"),
        ("RGB", "JPEG"),
        ("CMYK", "JPEG"),
        ("YCbCr", "JPEG"),
        ("1", "BMP"),
        ("L", "BMP"),
        ("P", "BMP"),
        ("RGB", "BMP"),
        ("RGBA", "WEBP"),
        ("RGB", "WEBP"),
        ("1", "GIF"),
        ("L", "GIF"),
        ("P", "GIF"),
    ],
)
def test_white_is_white_in_any_mode(tmp_path: Path, mode: str, kind: str) -> None:
    file = tmp_path / "image"
    if mode == "I;16":
        Image.fromarray(np.full((8, 8), 65535, np.uint16)).save(file, kind)
    else:
        Image.new("RGB", (8, 8), "white").convert(mode).save(file, kind)
    image = decode(file)
    assert image.mode == "RGB"
    assert np.asarray(image).min() >= 250


def test_grey_of_16_bits_is_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], np.uint16)).save(tmp_path / "1.png")
    assert np.asarray(decode(tmp_path / "1.png"))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_transparent_is_white(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 0))
    image.putpixel((1, 0), (*RED, 255))
    image.save(tmp_path / "image", kind, lossless=True)
    decoded = decode(tmp_path / "image")
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((1, 0)) == RED


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 51)).save(tmp_path / "1.png")
    assert decode(tmp_path / "1.png").getpixel((0, 0)) == (204, 204, 204)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    # Where the red pixel, stored at the top left, is when the image is upright: (x, y).
    [
        (1, (0, 0)),
        (2, (2, 0)),
        (3, (2, 1)),
        (4, (0, 1)),
        (5, (0, 0)),
        (6, (1, 0)),
        (7, (1, 2)),
        (8, (0, 2)),
    ],
)
def test_the_image_is_upright(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (3, 2), "white")
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "1.png", exif=exif)
    upright = decode(tmp_path / "1.png")
    assert upright.size == ((3, 2) if orientation < 5 else (2, 3))
    assert upright.getpixel(corner) == RED


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_no_harm(tmp_path: Path) -> None:
    image = Image.new("RGB", (3, 2), "white")
    image.save(tmp_path / "1.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert decode(tmp_path / "1.jpg").size == (3, 2)


def test_a_photo_with_previews_is_its_first_frame(tmp_path: Path) -> None:
    preview = Image.new("RGB", (8, 8), "blue")
    Image.new("RGB", (16, 16), "white").save(
        tmp_path / "1.jpg", "MPO", save_all=True, append_images=[preview]
    )
    image = decode(tmp_path / "1.jpg")
    assert image.size == (16, 16)
    assert image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_are_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    frames[0].save(tmp_path / "image", kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"^animated \(2 frames\)$"):
        decode(tmp_path / "image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = tmp_path / "image"
    Image.fromarray(pixels).save(file, kind)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError, match=r"^truncated or corrupt"):
        decode(file)


def test_damaged_files_raise_nothing_but_image_errors(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = tmp_path / "image"
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        Image.fromarray(pixels).save(file, kind, exif=exif)
        content = np.frombuffer(file.read_bytes(), np.uint8)
        for _ in range(200):
            damaged = content.copy()
            damaged[random.integers(0, len(content), 4)] = random.integers(0, 256, 4)
            file.write_bytes(damaged.tobytes())
            try:
                with warnings.catch_warnings(action="ignore"):
                    assert decode(file, max_pixels=10_000).mode == "RGB"
            except ImageError:
                pass


def test_too_many_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (10, 11)).save(tmp_path / "1.png")
    assert decode(tmp_path / "1.png", max_pixels=110).size == (10, 11)
    with pytest.raises(ImageError, match=r"^10 x 11 pixels, more than the limit of 109$"):
        decode(tmp_path / "1.png", max_pixels=109)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "^empty file$"),
        (b"text", "^not an image of JPEG, PNG, WebP, BMP or GIF$"),
        (b"II*\0 a TIFF", "^not an image"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "1.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        decode(tmp_path / "1.jpg")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^cannot be read \(No such file or directory\)$"):
        decode(tmp_path / "1.jpg")


def test_resized_to_a_square(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste(RED, (0, 0, 20, 20))
    image.save(tmp_path / "1.png")
    pixels = load_resized(tmp_path / "1.png", 10)
    assert pixels.shape == (10, 10, 3)
    assert pixels.dtype == np.uint8
    assert pixels[5, 2].tolist() == [255, 0, 0]
    assert pixels[5, 7].tolist() == [255, 255, 255]


def test_results_come_in_order() -> None:
    assert list(map_in_threads(lambda n: n * n, range(1000))) == [n * n for n in range(1000)]


def test_endless_items_are_taken_as_needed() -> None:
    results = map_in_threads(lambda n: n, itertools.count())
    assert list(itertools.islice(results, 100)) == list(range(100))


def test_few_results_are_kept() -> None:
    alive: set[int] = set()
    most = 0
    lock = threading.Lock()

    class Result:
        def __init__(self, number: int) -> None:
            self.number = number
            with lock:
                alive.add(number)

        def __del__(self) -> None:
            alive.discard(self.number)

    def results() -> Iterator[Result]:
        yield from map_in_threads(Result, range(500))

    for result in results():
        most = max(most, len(alive))
        del result
    gc.collect()
    assert most <= 4 * available_cores() + 4
    assert not alive


def test_an_error_ends_the_work() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda n: 1 // n, [1, 0, 1]))
