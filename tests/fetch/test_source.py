"""Photos that change while they are read: the stage says so, and its last outputs stay."""

import errno
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stages.fetch.layout import Layout, find_images
from stages.fetch.verify import check_rejected
from stages.outputs.rejected import RejectedRow
from tests.fetch.conftest import RunFetch, outputs

Change = Callable[[], object]
#: Lets something happen once the stage has read the photos, before it brings its outputs in place.
Meanwhile = Callable[[Change], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    def let(change: Change) -> None:
        def check_and_change(
            rejected: Sequence[RejectedRow], max_rejected: int, origin: str
        ) -> None:
            check_rejected(rejected, max_rejected, origin)
            change()

        monkeypatch.setattr("stages.fetch.__main__.check_rejected", check_and_change)

    return let


def add() -> None:
    shutil.copy("photos/glass/1.jpg", "photos/glass/3.jpg")


def remove() -> None:
    Path("photos/glass/1.jpg").unlink()


def enlarge() -> None:
    file = Path("photos/glass/1.jpg")
    before = file.stat()
    file.write_bytes(file.read_bytes() + b"\0")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def write_anew() -> None:
    file = Path("photos/glass/1.jpg")
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def add_hidden() -> None:
    Path("photos/glass/.note").touch()


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (add, "photos/glass/3.jpg"),
        (remove, "photos/glass/1.jpg"),
        (enlarge, "photos/glass/1.jpg"),
        (write_anew, "photos/glass/1.jpg"),
        # DVC counts it too.
        (add_hidden, "photos/glass/.note"),
    ],
)
def test_a_folder_that_changes(
    run_fetch: RunFetch, meanwhile: Meanwhile, change: Change, named: str
) -> None:
    run_fetch()
    before = outputs()
    meanwhile(change)

    run = run_fetch()

    assert (run.code, run.out) == (1, "")
    assert run.err == (
        f"error: fetch.path: {named} changed while it was read; run again when nothing writes "
        "there\n"
    )
    assert outputs() == before
    assert "raw/glass/1.jpg" in before


@pytest.mark.usefixtures("photos")
def test_of_many_changed_files_one_is_named(run_fetch: RunFetch, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: shutil.rmtree("photos"))

    run = run_fetch()

    assert "error: fetch.path: photos/glass/1.jpg and 2 more changed while it was read" in run.err
    assert outputs() == {}


@pytest.mark.usefixtures("photos")
def test_a_photo_that_goes_before_it_is_copied(
    run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    copyfile = shutil.copyfile

    def copy_one_too_late(source: Path, target: Path) -> None:
        if source.name == "2.png":
            source.unlink()
        copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_one_too_late)

    run = run_fetch()

    assert "error: fetch.path: photos/glass/2.png changed while it was read" in run.err
    assert outputs() == {}


@pytest.mark.usefixtures("photos")
def test_a_folder_that_goes_before_it_is_listed(
    run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_too_late(root: Path, origin: str) -> Layout:
        shutil.rmtree("photos", ignore_errors=True)
        return find_images(root, origin)

    monkeypatch.setattr("stages.fetch.__main__.find_images", find_too_late)
    assert "photos/glass/1.jpg and 2 more changed while it was read" in run_fetch().err

    Path("photos/empty").mkdir(parents=True)
    assert run_fetch().err == (
        "error: fetch.path: photos: can't be read (No such file or directory); run again when it "
        "is there, this user may read it, and nothing writes there\n"
    )
    assert outputs() == {}


@pytest.mark.usefixtures("photos")
def test_what_is_wrong_only_because_photos_are_going(
    run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_too_late(root: Path, origin: str) -> Layout:
        Path("photos/paper/1.jpg").unlink()
        return find_images(root, origin)

    monkeypatch.setattr("stages.fetch.__main__.find_images", find_too_late)
    assert run_fetch().err == (
        "error: fetch.path: photos/paper/1.jpg changed while it was read; run again when nothing "
        "writes there\n"
    )


@pytest.mark.usefixtures("photos")
def test_a_photo_that_may_not_be_read(run_fetch: RunFetch, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root, as whom tests may run, may read all.
    def refuse(source: Path, _: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))

    monkeypatch.setattr(shutil, "copyfile", refuse)
    assert run_fetch().err.startswith(
        "error: fetch.path: photos/glass/1.jpg: can't be read (Permission denied); run again when"
    )


@pytest.mark.usefixtures("photos")
def test_an_archive_that_is_replaced(run_fetch: RunFetch, meanwhile: Meanwhile) -> None:
    def pack(name: str, *photos: str) -> None:
        with zipfile.ZipFile(name, "w") as file:
            for photo in photos:
                file.write(Path("photos", photo), photo)

    pack("photos.zip", "glass/1.jpg", "paper/1.jpg")
    run_fetch(path="photos.zip")
    before = outputs()
    pack("newer.zip", "glass/1.jpg", "glass/2.png", "paper/1.jpg")
    meanwhile(lambda: Path("newer.zip").replace("photos.zip"))

    run = run_fetch(path="photos.zip")

    assert run.code == 1
    assert "error: fetch.path: photos.zip changed while it was read" in run.err
    assert outputs() == before


def test_what_is_only_read_counts_as_unchanged(photos: Path, run_fetch: RunFetch) -> None:
    (photos / "glass/.link").symlink_to("nowhere")

    assert run_fetch().code == 0


@pytest.mark.usefixtures("photos")
def test_after_the_change_it_runs(run_fetch: RunFetch, meanwhile: Meanwhile) -> None:
    changes: list[Change] = [add]
    meanwhile(lambda: changes and changes.pop()())

    assert [run_fetch().code, run_fetch().code] == [1, 0]
    assert "raw/glass/3.jpg" in outputs()
