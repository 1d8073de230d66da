"""Images per second on a cluster: two nodes of one core against one.

Starts a cluster of Ray on this machine, whose nodes are pinned to a core each, and computes
features of the workspace's images, or trains folds of them, on one node and on both, and on one
core without a cluster. Counted from when each worker has given a result: it takes as long to start
as TensorFlow does. The yardstick is the number of cores: a ratio of 2 is all that two can give.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import (
    add_repetitions,
    interleave,
    print_ratio,
    print_values,
    whole_number,
)
from benchmarks.workspace import require
from stages.compute import determinism
from stages.compute.cluster import ADDRESS
from stages.outputs.backbone import read_weights_file
from stages.outputs.manifest import MANIFEST_FILE, RAW_DIR, Manifest
from stages.outputs.split import read_split
from stages.params.class_weights import ClassWeightsParams
from stages.params.features import FeaturesParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.stage import exit_code
from stages.training.collection import open_collection
from stages.training.phases import plan_phases
from waste_classifier.errors import InputError

NODES = (1, 2)
#: Loopback addresses tell nodes of one machine apart.
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
OBJECT_STORE_BYTES = 200 * 2**20
WITHOUT = "one core without a cluster"


class Work(NamedTuple):
    """What is computed."""

    images: int  #: that each result is of
    compute: Callable[[], Iterator[object]]  #: yields results, computed where RAY_ADDRESS says


def main() -> None:
    """Measure all side by side, then print values and ratios."""
    arguments = parse_arguments()
    require([MANIFEST_FILE, RAW_DIR])
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < len(NODES):
        raise InputError("this benchmark needs two cores; run it on a machine that has them")
    # The nodes take the number of threads over.
    os.sched_setaffinity(0, cores[:1])
    determinism.configure()
    if arguments.folds:
        work = folds_work(arguments.folds, arguments.shards * arguments.shard_images)
    else:
        work = features_work(arguments.shards, arguments.shard_images)
    with head_node() as head:
        measures: dict[str, Callable[[int], float]] = {
            WITHOUT: lambda _: images_per_second(work, workers=1),
            **{name_of(count): partial(on_nodes, work, head, cores[:count]) for count in NODES},
        }
        values = interleave(measures, arguments.repetitions)
    for name, speeds in values.items():
        print_values(name, speeds, "images/s")
    one, two = (values[name_of(count)] for count in NODES)
    print_ratio("two nodes / one", two, one)
    print_ratio(f"one node / {WITHOUT}", one, values[WITHOUT])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument(
        "--shards",
        type=whole_number(len(NODES) + 1),
        default=12,
        help="how many shards are computed, at most (default 12)",
    )
    parser.add_argument(
        "--shard-images",
        type=whole_number(1),
        default=64,
        help="images of each: fewer than in the stage, so that few make many shards (default 64)",
    )
    parser.add_argument(
        "--folds",
        type=whole_number(len(NODES) + 1),
        help="train so many folds of as many images in all, for an epoch, in place of features",
    )
    add_repetitions(parser, default=5)
    return parser.parse_args()


def features_work(most: int, shard_images: int) -> Work:
    """Return shards of features, as stage features computes them.

    Args:
        most: shards, at most.
        shard_images: images of each.

    Raises:
        InputError: something is missing or damaged, or the workspace has too few images.
    """
    from stages.features.compute import of_orientations
    from stages.frozen.backbone import FrozenBackbone
    from stages.frozen.shards import Batches, ShardRows, computed

    settings = load_section("features", FeaturesParams)
    images = Manifest()
    count = min(most, len(images) // shard_images)
    if count <= len(NODES):
        raise InputError(
            f"{MANIFEST_FILE}: needs {(len(NODES) + 1) * shard_images} images; set fetch.source"
        )
    shards = [range(n * shard_images, (n + 1) * shard_images) for n in range(count)]
    missing = [(ShardRows(RAW_DIR, rows), images.photos(rows)) for rows in shards]
    backbone = FrozenBackbone.restore(read_weights_file(), settings.image_size)
    batches = Batches(settings.image_size, settings.batch_size)
    return Work(
        shard_images,
        lambda: computed(missing, backbone, batches, of_orientations, lambda _: None),
    )


def folds_work(count: int, most: int) -> Work:
    """Return folds, as stage cross_validate trains them, each phase for one epoch.

    Args:
        count: of the folds.
        most: images of all of them, at most.

    Raises:
        InputError: something is missing or damaged, or no blocks of the backbone train.
    """
    from stages.cross_validate.held_out import Recipe
    from stages.cross_validate.scoring import score_missing

    all_rows = read_split()
    rows = all_rows[:: max(1, len(all_rows) // most)][:most]
    settings = load_section("train", TrainParams)
    collection = open_collection(settings, rows)
    description = collection.features.description
    phases = plan_phases(settings, description.pretrained, description.last_stage)
    if phases[-1].name == "head":
        raise InputError("params.yaml: only the head trains; set train.fine_tune.epochs above 0")
    recipe = Recipe(
        [replace(phase, epochs=1) for phase in phases],
        settings,
        load_section("class_weights", ClassWeightsParams),
    )
    folds = np.arange(len(rows))[np.newaxis] % count

    def compute() -> Iterator[object]:
        with TemporaryDirectory() as state:
            yield from score_missing(collection, rows, folds, range(count), recipe, Path(state))

    return Work(len(rows) - len(rows) // count, compute)


def name_of(nodes: int) -> str:
    """Return how a measurement is called in what is printed."""
    return f"cluster of {nodes} node{'s' * (nodes > 1)} of one core"


@contextmanager
def head_node() -> Iterator[Any]:
    """Give a cluster whose only node does not compute.

    Raises:
        InputError: Ray is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        from ray.cluster_utils import Cluster
    except ImportError:
        raise InputError("Ray is not installed; install the extra 'cluster'") from None
    head = Cluster(
        initialize_head=True,
        head_node_args={
            "node_ip_address": ADDRESSES[0],
            "num_cpus": 0,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
        },
    )
    try:
        yield head
    finally:
        head.shutdown()


def on_nodes(work: Work, head: Any, cores: Sequence[int], _repetition: int) -> float:
    """Return the images per second of a cluster with a node on each of these cores."""
    own = os.sched_getaffinity(0)
    nodes = []
    try:
        for core, address in zip(cores, ADDRESSES[1:], strict=False):
            os.sched_setaffinity(0, {core})  # what a process starts takes it over
            nodes.append(
                head.add_node(
                    num_cpus=1, node_ip_address=address, object_store_memory=OBJECT_STORE_BYTES
                )
            )
        os.sched_setaffinity(0, own)
        os.environ[ADDRESS] = head.address
        return images_per_second(work, workers=len(cores))
    finally:
        os.environ.pop(ADDRESS, None)
        os.sched_setaffinity(0, own)
        for node in nodes:
            head.remove_node(node)


def images_per_second(work: Work, workers: int) -> float:
    """Return the speed where `RAY_ADDRESS` says, from when each worker has given a result on."""
    times = [time.perf_counter() for _ in work.compute()]
    return work.images * (len(times) - workers) / (times[-1] - times[workers - 1])


if __name__ == "__main__":
    sys.exit(exit_code(main))
