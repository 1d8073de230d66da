"""What the stage refuses: each with a message that says what is wrong, and nothing written."""

import errno
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from stages.fetch import __main__ as fetch
from tests.fetch.conftest import RunFetch, SaveImage, outputs

FRAMES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]


def assert_refused(run_fetch: RunFetch, *messages: str, **changes: object) -> None:
    run = run_fetch(**changes)
    assert run.code == 1
    assert run.out == ""
    assert run.err.startswith("error: ")
    for message in messages:
        assert message in run.err
    assert outputs() == {}


# --- one bad image -----------------------------------------------------------------------------


def truncated(path: Path, save_image: SaveImage) -> None:
    content = save_image(path).read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def animated(path: Path, _: SaveImage) -> None:
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:])


def corrupt_png(path: Path, save_image: SaveImage) -> None:
    content = bytearray(save_image(path).read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)


def of_kind(kind: str) -> Callable[[Path, SaveImage], None]:
    def make(path: Path, save_image: SaveImage) -> None:
        save_image(path, format=kind)

    return make


def of_content(content: bytes) -> Callable[[Path, SaveImage], None]:
    def make(path: Path, _: SaveImage) -> None:
        path.write_bytes(content)

    return make


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("text.jpg", of_content(b"hello"), "not an image of JPEG, PNG, WebP, BMP or GIF"),
        ("notes.txt", of_content(b"hello"), "not an image of JPEG, PNG, WebP, BMP or GIF"),
        ("page.jpg", of_content(b"<html>404</html>"), "not an image"),
        ("vector.svg", of_content(b"<svg xmlns=''/>"), "not an image"),
        ("zeros.jpg", of_content(bytes(1000)), "not an image"),
        ("empty.jpg", of_content(b""), "empty file"),
        ("tiff.jpg", of_kind("TIFF"), "not an image"),
        ("icon.png", of_kind("ICO"), "not an image"),
        ("header.jpg", of_content(b"\xff\xd8\xff\xe0\x00\x10JF"), "truncated or corrupt"),
        ("cut.jpg", truncated, "truncated or corrupt (image file is truncated"),
        ("cut.png", truncated, "truncated or corrupt"),
        ("cut.webp", truncated, "truncated or corrupt"),
        ("cut.bmp", truncated, "truncated or corrupt"),
        ("cut.gif", truncated, "truncated or corrupt"),
        ("holes.png", corrupt_png, "truncated or corrupt"),
        ("moving.gif", animated, "animated (3 frames)"),
        ("moving.png", animated, "animated (3 frames)"),
        ("moving.webp", animated, "animated (3 frames)"),
    ],
)
def test_a_bad_image_is_named_with_its_reason(
    photos: Path,
    run_fetch: RunFetch,
    save_image: SaveImage,
    name: str,
    make: Callable[[Path, SaveImage], None],
    reason: str,
) -> None:
    make(photos / "glass" / name, save_image)
    assert_refused(run_fetch, "1 image refused:", f"  glass/{name}: {reason}")


@pytest.mark.usefixtures("photos")
def test_an_image_of_too_many_pixels(run_fetch: RunFetch) -> None:
    assert_refused(
        run_fetch,
        "glass/1.jpg: 30 x 20 pixels, more than the limit of 599",
        "3 images refused",
        max_pixels=599,
    )


def test_a_decompression_bomb_is_not_decoded(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    file = save_image(photos / "glass" / "bomb.png")
    content = bytearray(file.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)  # width and height
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    file.write_bytes(content)
    assert_refused(run_fetch, "bomb.png: 60000 x 60000 pixels, more than the limit")


def test_a_label_of_which_nothing_is_left(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "paper/1.jpg").write_text("no image")
    assert_refused(run_fetch, "every image of these labels was refused: paper", max_rejected=5)


# --- a bad folder ------------------------------------------------------------------------------


@pytest.mark.usefixtures("workspace")
def test_no_such_path(run_fetch: RunFetch) -> None:
    assert_refused(run_fetch, "fetch.path: nowhere: no such file or folder", path="nowhere")


def test_paths_that_lead_nowhere(workspace: Path, run_fetch: RunFetch) -> None:
    (workspace / "loop").symlink_to("loop")
    for path in ("loop", "a\0b"):
        assert_refused(run_fetch, f"fetch.path: {path!r} is not a usable path", path=path)


def test_a_file_that_is_no_archive(workspace: Path, run_fetch: RunFetch) -> None:
    (workspace / "photos.rar").write_bytes(b"Rar!")
    assert_refused(
        run_fetch, "photos.rar: neither a folder nor an archive; expected", path="photos.rar"
    )


def test_an_empty_folder(workspace: Path, run_fetch: RunFetch) -> None:
    (workspace / "photos").mkdir()
    (workspace / "photos/README.md").write_text("Put your label folders here")
    assert_refused(
        run_fetch, "photos: no label folders; expected one folder of images for each label"
    )


def test_one_label(photos: Path, run_fetch: RunFetch) -> None:
    shutil.rmtree(photos / "paper")
    assert_refused(run_fetch, "glass: the only label; at least two are needed")


def test_links_to_folders(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "paper").rename(photos.parent / "store")
    (photos / "paper").symlink_to(photos.parent / "store")
    assert_refused(
        run_fetch,
        "  paper: a link to a folder, behind which DVC does not see changes; put the folder itself "
        "there\n",
    )


def test_a_wrapper_that_is_a_link(photos: Path, run_fetch: RunFetch) -> None:
    (photos.parent / "outer").mkdir()
    (photos.parent / "outer/linked").symlink_to(photos)
    assert_refused(run_fetch, "outer:\n  linked: a link to a folder", path="outer")


def test_photos_inside_another_archive(photos: Path, run_fetch: RunFetch) -> None:
    shutil.make_archive("inner", "zip", photos)
    with zipfile.ZipFile("outer.zip", "w") as outer:
        outer.write("inner.zip", "download/inner.zip")
    assert_refused(
        run_fetch,
        "outer.zip: no label folders, but another archive (inner.zip); unpack it, and give what is "
        "in it",
        path="outer.zip",
    )


def test_an_archive_for_each_label(photos: Path, run_fetch: RunFetch) -> None:
    for label in ("glass", "paper"):
        shutil.make_archive(f"packed/{label}", "gztar", photos / label)
    Path("packed/README.md").touch()
    assert_refused(
        run_fetch, "packed: no label folders, but another archive (glass.tar.gz)", path="packed"
    )


def test_an_archive_in_a_label_folder(photos: Path, run_fetch: RunFetch) -> None:
    shutil.make_archive(str(photos / "glass/more"), "zip", photos / "paper")
    assert_refused(run_fetch, "glass/more.zip: an archive; unpack it there and take it out")


def test_label_folders_that_lie_deep(photos: Path, run_fetch: RunFetch) -> None:
    deep = Path("deep", *"d" * 1500)
    for folder in reversed([deep, *deep.parents][:-1]):
        folder.mkdir()
    photos.rename(deep / "photos")
    try:
        assert_refused(
            run_fetch,
            "deep: no label folders within 10 folders that each hold one folder; give the folder "
            "that holds the label folders",
            path="deep",
        )
    finally:
        # Python's own deletion can't go so deep, pytest's neither.
        subprocess.run(["rm", "-r", "deep"], check=True)


@pytest.mark.usefixtures("workspace")
def test_a_queued_experiment_sees_only_what_git_tracks(
    workspace: Path, run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = workspace / ".dvc/tmp/exps/tmpabc"
    (copy / "photos").mkdir(parents=True)
    monkeypatch.chdir(copy)
    for name in ("params.yaml", "corrections.csv"):
        (workspace / name).touch()
        (copy / name).symlink_to(workspace / name)
    assert_refused(
        run_fetch,
        "A queued experiment sees only what git tracks: give it fetch.path as an absolute path",
    )


def test_many_problems_are_counted(photos: Path, run_fetch: RunFetch) -> None:
    for number in range(23):
        (photos / f"lost{number:02}.jpg").touch()
    run = run_fetch()
    assert run.code == 1
    assert run.err.count("an image beside the label folders; move it into one\n") == 20
    assert run.err.endswith("\n  and 3 more\n")


def test_a_label_without_images(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "metal").mkdir()
    (photos / "metal/.keep").touch()
    assert_refused(run_fetch, "metal: a label without images; add some or remove the folder")


def test_a_folder_in_a_label_folder(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "glass/green/1.jpg")
    assert_refused(
        run_fetch,
        "glass/green: a folder inside a label folder; move its images up, or it beside the others "
        "if it is a label",
    )


@pytest.mark.parametrize(("name", "kind"), [("1.JPG", "JPEG"), ("scan", "PNG")])
def test_an_image_beside_the_label_folders(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, name: str, kind: str
) -> None:
    save_image(photos / name, format=kind)
    assert_refused(run_fetch, f"{name}: an image beside the label folders")


def test_a_damaged_file_beside_the_label_folders_is_none_of_them(
    photos: Path, run_fetch: RunFetch
) -> None:
    # Pillow raises ValueError, not OSError, at so short a header.
    short = b"\x00\x00\x00\x04IHDR\x00\x00\x00\x01" + bytes(4)
    (photos / "notes").write_bytes(b"\x89PNG\r\n\x1a\n" + short)

    assert run_fetch().code == 0


def test_no_label_is_called_as_the_answer_without_one(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "unsure/1.jpg")
    assert_refused(run_fetch, "unsure: what the classifier says where it knows none")


def test_all_problems_of_a_folder_at_once(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "lost.jpg")
    (photos / "glass/green").mkdir()
    (photos / "metal").mkdir()
    assert_refused(run_fetch, "lost.jpg:", "glass/green:", "metal:")


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("photo.jpg", "PHOTO.jpg"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("STRASSE.jpg", "straße.jpg"),
    ],
)
def test_names_that_other_systems_take_for_one(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, name: str, twin: str
) -> None:
    save_image(photos / "glass" / name)
    save_image(photos / "glass" / twin)
    assert_refused(run_fetch, "in nothing but case or Unicode form; rename one")


@pytest.mark.parametrize(
    ("name", "twin"), [("1.JPG", "1.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg")]
)
def test_names_in_an_archive_that_other_systems_take_for_one(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, name: str, twin: str
) -> None:
    save_image(photos / "glass" / name)
    save_image(photos / "glass" / twin)
    shutil.make_archive("photos", "tar", photos)
    first, second = sorted([name, twin])
    assert_refused(
        run_fetch,
        f"photos.tar:\n  glass/{second}: differs from '{first}' in nothing but case or Unicode "
        "form; rename one\n",
        path="photos.tar",
        shard_images=2,
    )


def test_labels_in_an_archive_that_other_systems_take_for_one(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "Glass/1.jpg")
    shutil.make_archive("photos", "tar", photos)
    assert_refused(
        run_fetch, "can't be told from", "/' on every system; nothing was", path="photos.tar"
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_holds_a_photo_twice(photos: Path, run_fetch: RunFetch) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for path in ("glass/1.jpg", "paper/1.jpg", "glass/1.jpg"):
            archive.write(photos / path, path)
    assert_refused(run_fetch, "photos.zip: 'glass/1.jpg' is there twice", path="photos.zip")


def test_labels_that_other_systems_take_for_one(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch
) -> None:
    save_image(photos / "Glass/1.jpg")
    assert_refused(run_fetch, "glass: differs from 'Glass' in nothing but case")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"caf\xe9.jpg", r"caf\udce9.jpg: is not plain UTF-8"),
        (b"a\rb.jpg", r"a\rb.jpg: has a control character in its name"),
        (b"\x1b[31mred.jpg", r"\x1b[31mred.jpg: has a control character in its name"),
        (b"a:b.jpg", "a:b.jpg: has a : in its name"),
        (b"<script>.jpg", "<script>.jpg: has a < in its name"),
        (b"aux.jpg", "aux.jpg: has the name of a device of Windows"),
        (b"1.jpg ", "1.jpg : has a blank at an end of its name"),
        (b"1.", "1.: has a dot at the end of its name"),
    ],
)
def test_names_that_not_every_system_can_hold(
    photos: Path, run_fetch: RunFetch, name: bytes, problem: str
) -> None:
    shutil.copy(photos / "glass/1.jpg", photos / "glass" / os.fsdecode(name))
    assert_refused(run_fetch, f"glass/{problem}, which not every system can hold; rename it")


@pytest.mark.parametrize("label", ["glass ", "glass.", "CON", "nul.old", "a|b", "<script>"])
def test_labels_that_not_every_system_can_hold(
    photos: Path, save_image: SaveImage, run_fetch: RunFetch, label: str
) -> None:
    save_image(photos / label / "1.jpg")
    assert_refused(run_fetch, f"  {label}: has ", "which not every system can hold; rename it")


def test_special_files_and_broken_links(photos: Path, run_fetch: RunFetch) -> None:
    os.mkfifo(photos / "glass/pipe.jpg")
    (photos / "glass/gone.jpg").symlink_to("nowhere.jpg")
    (photos / "glass/loop.jpg").symlink_to("loop.jpg")
    assert_refused(
        run_fetch,
        "glass/gone.jpg: a broken link or a special file",
        "glass/loop.jpg: a broken link or a special file",
        "glass/pipe.jpg: a broken link or a special file",
    )


@pytest.mark.parametrize("path", [".", "data", "data/raw", "data/raw/glass", "photos/../data"])
def test_a_path_that_overlaps_the_outputs(photos: Path, run_fetch: RunFetch, path: str) -> None:
    photos.rename(photos.parent / "photos_before")
    run_fetch(path="photos_before")
    photos.mkdir()
    run = run_fetch(path=path)
    assert run.code == 1
    assert "overlaps data/raw, which this stage replaces" in run.err
    assert Path("data/raw/glass/1.jpg").exists()


# --- the system --------------------------------------------------------------------------------


@pytest.mark.usefixtures("photos")
def test_too_little_space(run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert_refused(run_fetch, "photos needs 0 MiB of disk space", "free some space")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "data: no room to write it (No space left on device); free some space"),
        (errno.EACCES, "Permission denied"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_errors_of_the_disk(
    run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "photos/glass/1.jpg")

    monkeypatch.setattr(shutil, "copyfile", fail)
    assert_refused(run_fetch, message)


def test_a_file_in_place_of_data(workspace: Path, photos: Path, run_fetch: RunFetch) -> None:
    (workspace / "data").touch()
    run = run_fetch(path=str(photos))
    assert (run.code, run.out) == (1, "")
    assert run.err.endswith(
        "can't be written (Not a directory); a file stands where a folder should; move it away\n"
    )


def test_another_fetch_at_work(workspace: Path, photos: Path, run_fetch: RunFetch) -> None:
    (workspace / "data/.unfinished/fetch").mkdir(parents=True)
    with FileLock(workspace / "data/.unfinished/fetch/lock"):
        run = run_fetch(path=str(photos))
    assert run.code == 1
    assert "error: another fetch runs in this workspace" in run.err


@pytest.mark.parametrize("failing_at", [1, 2, 3, 4, 5, 6])
def test_an_error_while_outputs_are_replaced_puts_the_old_back(
    photos: Path,
    save_image: SaveImage,
    run_fetch: RunFetch,
    monkeypatch: pytest.MonkeyPatch,
    failing_at: int,
) -> None:
    run_fetch()
    before = outputs()
    save_image(photos / "glass/new.jpg")
    calls = 0
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing_at:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    run = run_fetch()

    assert run.code == 130
    assert outputs() == before


@pytest.fixture
def start_fetch(write_params: Callable[..., None]) -> Callable[..., subprocess.Popen[str]]:
    """Start the stage as a program, and wait until its scratch folder holds what is asked for."""

    def start(at_work: str, **changes: object) -> subprocess.Popen[str]:
        write_params(**changes)
        process = subprocess.Popen(
            [sys.executable, "-m", "stages.fetch"],
            env=os.environ | {"PYTHONPATH": str(Path(fetch.__file__).parents[2])},
            stderr=subprocess.PIPE,
            text=True,
        )
        scratch = Path("data/.unfinished/fetch/scratch")
        while not any(scratch.glob(at_work)) and process.poll() is None:
            time.sleep(0.01)
        return process

    return start


def children_of(process: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, "they live on"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGINT, "interrupted\n"), (signal.SIGTERM, "terminated\n")],
)
def test_a_run_that_is_ended_leaves_nothing(
    photos: Path,
    start_fetch: Callable[..., subprocess.Popen[str]],
    number: signal.Signals,
    message: str,
) -> None:
    # Enough work that the signal, sent once photos are copied, arrives during it.
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photos / "glass/0.png")
    for copy in range(15):
        shutil.copy(photos / "glass/0.png", photos / f"glass/big{copy}.png")
    with start_fetch("raw/glass/*", max_pixels=10_000_000) as process:
        process.send_signal(number)
        _, messages = process.communicate()
    assert (process.returncode, messages) == (128 + number, message)
    assert outputs() == {}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists processes there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("workspace")
def test_a_drawing_that_is_ended_leaves_no_processes(
    start_fetch: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    sample = {"seed": 7, "images": 20_000, "image_size": 96}
    with start_fetch("received/*/*.jpg", source="sample", sample=sample) as process:
        drawing = children_of(process.pid)
        # SIGTERM to all of them, as services and terminals end a group.
        for one in [*drawing, process.pid] if number == signal.SIGTERM else [process.pid]:
            os.kill(one, number)
        _, messages = process.communicate()

    assert drawing
    wait_until_gone(drawing)
    if number == signal.SIGTERM:
        assert (process.returncode, messages) == (128 + signal.SIGTERM, "terminated\n")
        assert outputs() == {}
