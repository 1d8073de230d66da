"""How many images of which object there are, and their files."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np

from stages.apportion import largest_remainder
from stages.fetch.sample.objects import draw_object
from stages.fetch.sample.scene import photograph
from stages.progress import counted
from waste_classifier.errors import InputError
from waste_classifier.parallel import available_cores

# Images per label in TrashNet (Thung & Yang 2016), whose imbalance the sample shares.
TRASHNET_COUNTS = {
    "cardboard": 403,
    "glass": 501,
    "metal": 410,
    "paper": 594,
    "plastic": 482,
    "trash": 137,
}
MOST_VIEWS = 4
# Share of further photos taken from where the one before was: near-duplicates, as in TrashNet.
REPEATED_SHARE = 0.1
JPEG_QUALITY = 90
#: What asks a process to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class View(NamedTuple):
    """One image: which object, and which photo of it."""

    label: str
    object_number: int
    view: int

    @property
    def path(self) -> str:
        """`glass/glass_017_2.jpg`: the second photo of glass object 17."""
        return f"{self.label}/{self.label}_{self.object_number:03}_{self.view}.jpg"


def draw_sample(directory: Path, images: int, image_size: int, seed: int) -> None:
    """Write `images` JPEG files of `image_size` pixels square to `directory/<label>/`.

    Each image follows from the seed and its own name alone, whatever else is drawn.

    Raises:
        InputError: a process that draws was killed.
    """
    views = plan_views(images, seed)
    for label in TRASHNET_COUNTS:
        (directory / label).mkdir(parents=True, exist_ok=True)
    draw = partial(draw_view, directory=directory, image_size=image_size, seed=seed)
    try:
        with ProcessPoolExecutor(available_cores(), initializer=_end_with_parent) as pool:
            try:
                with _signals_held():
                    drawn = pool.map(draw, views, chunksize=8)
                for _ in counted(drawn, "drawing", len(views), "images"):
                    pass
            finally:
                # Ended by a signal, the pool would draw all that is left before it goes.
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise InputError(
            "a process that draws the sample was killed, most likely for want of memory; free "
            "some, or lower fetch.sample.image_size, then run again"
        ) from None


def share_out(images: int) -> dict[str, int]:
    """Return images per label in TrashNet's proportions."""
    total = sum(TRASHNET_COUNTS.values())
    exact = [images * count / total for count in TRASHNET_COUNTS.values()]
    return dict(zip(TRASHNET_COUNTS, largest_remainder(images, exact), strict=True))


def plan_views(images: int, seed: int) -> list[View]:
    """Return all images to draw: of each object one to four."""
    views = []
    for label, count in share_out(images).items():
        number = 0
        left = count
        while left > 0:
            number += 1
            shots = min(left, int(_random(seed, label, number, 0).integers(1, MOST_VIEWS + 1)))
            views += [View(label, number, shot) for shot in range(1, shots + 1)]
            left -= shots
    return views


def draw_view(view: View, directory: Path, image_size: int, seed: int) -> None:
    """Draw one image and write its file."""
    drawn = draw_object(view.label, _random(seed, view.label, view.object_number, -1))
    sensor = np.random.default_rng([*_seed(seed, *view), 1])
    repeated = view.view > 1 and sensor.random() < REPEATED_SHARE
    scene = _random(seed, view.label, view.object_number, view.view - repeated)
    photo = photograph(drawn, image_size, scene, sensor)
    photo.save(directory / view.path, quality=JPEG_QUALITY)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let what asks this process to end wait for the end of the block.

    What a signal raises may come just when the pool has taken one of its locks, which would never
    be given back. Threads and processes that start in the block never see these signals.
    """
    # Windows has no call for it.
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Let a process that draws end when the one that started it does, however that ends.

    What asks both to end is for the other alone, which lets this one finish an image.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_exit_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _exit_after(process: BaseProcess) -> None:
    process.join()
    os._exit(1)


def _random(seed: int, label: str, object_number: int, view: int) -> np.random.Generator:
    """Return the source of chance of one object (view -1), its number of views (0) or a view."""
    return np.random.default_rng(_seed(seed, label, object_number, view))


def _seed(seed: int, label: str, object_number: int, view: int) -> list[int]:
    return [seed, list(TRASHNET_COUNTS).index(label), object_number, view + 1]
