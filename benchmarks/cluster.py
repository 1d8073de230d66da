"""Images per second of the frozen backbone on a cluster: two nodes of one core against one.

Starts a cluster of Ray on this machine, whose nodes are pinned to a core each, and computes
features of the workspace's images on one node and on both, and on one core without a cluster.
Counted from when each worker has computed a shard: it takes as long to start as TensorFlow does.
The yardstick is the number of cores: a ratio of 2 is all that two can give.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

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
from stages.params.features import FeaturesParams
from stages.params.reading import load_section
from stages.stage import exit_code
from waste_classifier.errors import InputError

if TYPE_CHECKING:
    from stages.frozen.backbone import FrozenBackbone

NODES = (1, 2)
#: Loopback addresses tell nodes of one machine apart.
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
OBJECT_STORE_BYTES = 200 * 2**20
WITHOUT = "one core without a cluster"


class Inputs(NamedTuple):
    """What is computed."""

    settings: FeaturesParams
    images: Manifest
    shards: Sequence[range]  #: rows of the manifest, as many in each
    backbone: "FrozenBackbone"


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
    inputs = read_inputs(arguments.shards, arguments.shard_images)
    with head_node() as head:
        measures: dict[str, Callable[[int], float]] = {
            WITHOUT: lambda _: images_per_second(inputs, workers=1),
            **{name_of(count): partial(on_nodes, inputs, head, cores[:count]) for count in NODES},
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
    add_repetitions(parser, default=5)
    return parser.parse_args()


def read_inputs(most: int, shard_images: int) -> Inputs:
    """Read what stage features reads.

    Raises:
        InputError: something is missing or damaged, or the workspace has too few images.
    """
    from stages.frozen.backbone import FrozenBackbone

    settings = load_section("features", FeaturesParams)
    images = Manifest()
    count = min(most, len(images) // shard_images)
    if count <= len(NODES):
        raise InputError(
            f"{MANIFEST_FILE}: needs {(len(NODES) + 1) * shard_images} images; set fetch.source"
        )
    shards = [range(n * shard_images, (n + 1) * shard_images) for n in range(count)]
    backbone = FrozenBackbone.restore(read_weights_file(), settings.image_size)
    return Inputs(settings, images, shards, backbone)


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


def on_nodes(inputs: Inputs, head: Any, cores: Sequence[int], _repetition: int) -> float:
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
        return images_per_second(inputs, workers=len(cores))
    finally:
        os.environ.pop(ADDRESS, None)
        os.sched_setaffinity(0, own)
        for node in nodes:
            head.remove_node(node)


def images_per_second(inputs: Inputs, workers: int) -> float:
    """Return the speed where `RAY_ADDRESS` says, from when each worker has computed a shard on."""
    from stages.features.compute import of_orientations
    from stages.frozen.shards import Batches, ShardRows, computed

    batches = Batches(inputs.settings.image_size, inputs.settings.batch_size)
    missing = [(ShardRows(RAW_DIR, rows), inputs.images.photos(rows)) for rows in inputs.shards]
    results = computed(missing, inputs.backbone, batches, of_orientations, lambda _: None)
    times = [time.perf_counter() for _ in results]
    return len(inputs.shards[0]) * (len(times) - workers) / (times[-1] - times[workers - 1])


if __name__ == "__main__":
    sys.exit(exit_code(main))
