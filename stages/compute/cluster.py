"""Work on photos, spread over the nodes of a Ray cluster: `RAY_ADDRESS` says where there is one.

Each node has workers, processes that compute what the driver, this process, hands them photo by
photo. They run the driver's code with as many threads as it would take itself, so that where
something was computed changes no byte, on processors of one kind.
"""

import importlib.metadata
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from stages.outputs.unfinished import LIBRARIES, PROJECT_PACKAGES
from stages.progress import say
from waste_classifier.errors import InputError, PhotoError
from waste_classifier.images import Readable
from waste_classifier.parallel import available_cores

if TYPE_CHECKING:
    from stages.compute.processor import Processor

ADDRESS = "RAY_ADDRESS"
HOW_TO = "docs/how-to/cluster.md says how to start one"
PROJECT = Path(__file__).parents[2]

SECONDS_TO_CONNECT = 5.0  # that a machine answers in
SECONDS_TO_ANSWER = 60.0  # that Ray's own command asks a cluster in, also on a busy machine
SECONDS_BETWEEN_LOOKS = 1.0  # at which nodes there are
SECONDS_WITHOUT_NODES = 60.0  # until a cluster without nodes is given up
SECONDS_WITHOUT_WORKERS = 60.0  # until the user is told what is waited for
#: One piece of work runs, another is there when it is done.
PIECES_AT_A_WORKER = 2
#: That one piece may cost: it may be the reason that they died.
DEATHS_PER_PIECE = 3
#: One after the other on one node, until nothing more is given to that node.
DEATHS_PER_NODE = 3
READERS = 8  # photos that the driver's machine reads at once for workers that don't see them

Key = TypeVar("Key")
Item = TypeVar("Item", bound=Readable)
#: How an image is read: from where it lies, or from the driver.
Read = Callable[[Any], Readable]
#: Of photos, how they are read, and what else their piece gives: one array.
OfPhotos = Callable[Concatenate[Sequence[Any], Read, ...], npt.NDArray[np.float32]]


class ClusterError(InputError):
    """The cluster can't be used, whatever is computed on it."""


class Greeting(NamedTuple):
    """What a worker says of itself before it gets work."""

    versions: Mapping[str, str]  #: of libraries, by name
    processor: "Processor"
    sees_photos: bool  #: where the driver has them


class Worker:
    """A process on a node of the cluster, which computes."""

    def greet(self, threads: int, directory: Path, photo: Readable) -> Greeting:
        """Set TensorFlow up and say what is here.

        Args:
            threads: of TensorFlow.
            directory: the driver's current one.
            photo: one of the photos, relative to it.
        """
        from stages.compute import determinism

        determinism.configure(threads)
        from stages.compute.processor import Processor

        return Greeting(library_versions(), Processor.here(), _sees(directory, photo))

    def prepare(self, make: Callable[[], OfPhotos]) -> None:
        """Make what computes, once."""
        self._of_photos = make()

    def compute(
        self, photos: Sequence[Readable], reader: Any, *given: Any
    ) -> npt.NDArray[np.float32]:
        """Return what is computed of photos.

        Args:
            photos: that it is of.
            reader: actor of `PhotoReader`, or None: the photos lie here too.
            given: what else the piece of work has.
        """
        read: Read = as_it_is if reader is None else partial(PhotoFromDriver, reader)
        return self._of_photos(photos, read, *given)


class PhotoReader:
    """A process on the driver's machine, which reads photos for workers that do not see them.

    They ask for a photo when its turn comes, so that no memory grows with the number of photos.
    """

    def __init__(self, directory: Path) -> None:
        """Read from where the driver is."""
        os.chdir(directory)

    def read(self, photo: Readable) -> bytes:
        """Return the content of a photo's file; errors are those of the photo."""
        return photo.read_bytes()


class PhotoFromDriver(NamedTuple):
    """A photo that the driver's machine reads."""

    reader: Any  #: actor of `PhotoReader`
    photo: Readable

    def __str__(self) -> str:
        """Return the photo's own name."""
        return str(self.photo)

    def read_bytes(self) -> bytes:
        """Return the content of the file; errors are those of the photo."""
        import ray

        try:
            content: bytes = ray.get(self.reader.read.remote(self.photo))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        return content


def as_it_is(photo: Item) -> Item:
    """Return a photo that is read from where it lies."""
    return photo


def cluster_address() -> str | None:
    """Return the address of the cluster that the user has, or None."""
    return os.environ.get(ADDRESS) or None


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that results follow from."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect with a cluster for a `with` block; at its end, whatever ends it, all workers end.

    Args:
        address: `HOST:PORT`, or `auto` for the one that this machine is a node of.

    Raises:
        ClusterError: Ray is not installed, or there is no such cluster that this process can join.
    """
    try:
        import ray
    except ImportError:
        raise ClusterError(
            f"{ADDRESS} is set to {address}, but Ray is not installed here; install the extra "
            f"'cluster', or unset {ADDRESS} to compute on this machine"
        ) from None

    _check_address(address)
    # Ray takes SIGTERM for itself, at both ends.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _code() as code:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"working_dir": code},
            )
    # Of another version, or of a machine that is no node of that cluster.
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, " ".join(str(error).split())) from None
    finally:
        signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, handler)


def spread(
    make: Callable[[], OfPhotos],
    pieces: Iterable[tuple[Key, Sequence[Item], *tuple[Any, ...]]],
    at_a_worker: int = PIECES_AT_A_WORKER,
) -> Iterator[tuple[Key, npt.NDArray[np.float32]]]:
    """Yield what the workers of the cluster compute of pieces of photos, as each is done.

    What a worker had that died, or whose node left, is given to another; nodes that come get work.
    Few pieces are in memory at once.

    Args:
        make: called once by each worker, gives what computes; can be pickled, and so can photos.
        pieces: a key, its photos, and what else computing takes, which can be pickled too; paths of
            photos are relative to the current directory. Each is made when a worker can have it.
        at_a_worker: pieces that a worker has at once; of those that take long, 1.

    Raises:
        InputError: what a worker found wrong with a photo, or as it computed.
        ClusterError: the libraries of a node are of other versions; all nodes have left, or one
            piece ends every worker that gets it.
    """
    iterator = iter(pieces)
    if (first := next(iterator, None)) is None:
        return
    crew = _Crew(make, first[1][0], at_a_worker)
    waiting = deque([_piece(*first)])
    more = True
    while more or waiting or crew.busy:
        crew.look_for_nodes()
        if wanted := more and crew.free > len(waiting):
            following = next(iterator, None)
            more = following is not None
            if following is not None:
                waiting.append(_piece(*following))
                crew.was_away()
        crew.hand_out(waiting)
        # Another piece may be wanted: what has come meanwhile is taken without a wait.
        yield from crew.results(waiting, 0.0 if wanted else SECONDS_BETWEEN_LOOKS)


@dataclass
class _Piece(Generic[Key]):
    """Some photos, and what has become of them."""

    key: Key
    photos: Sequence[Readable]
    given: tuple[Any, ...]
    deaths: int = 0  #: of workers that had them
    reader: Any = None  #: with which it was handed out


def _piece(key: Key, photos: Sequence[Readable], *given: Any) -> _Piece[Key]:
    return _Piece(key, photos, given)


@dataclass
class _Member:
    """A worker as the driver sees it."""

    node: str  #: its address
    worker: Any
    greeting: Any  #: reference; None: it has greeted
    preparing: Any = None  #: reference; None: it is ready
    reader: Any = None  #: of photos that it does not see
    given: dict[Any, _Piece[Any]] = field(default_factory=dict)  #: by reference of the result


class _Crew:
    """The workers on all nodes."""

    def __init__(self, make: Callable[[], OfPhotos], photo: Readable, at_a_worker: int) -> None:
        import ray

        from stages.compute.processor import Processor

        self._ray = ray
        self._threads = available_cores()
        self._photo = photo
        self._at_a_worker = at_a_worker
        self._make = ray.put(make)
        self._reader = _start_reader(ray)
        self._members: dict[tuple[str, int], _Member] = {}
        self._deaths: Counter[str] = Counter()
        self._kinds = {Processor.here()}
        self._versions = library_versions()
        self._last_node = self._last_ready = time.monotonic()
        self._told = False
        self._reason = ""  #: of the last death

    @property
    def free(self) -> int:
        """How many pieces more the workers that are ready can have."""
        return sum(self._at_a_worker - len(member.given) for member in self._ready())

    @property
    def busy(self) -> bool:
        """Whether any has work."""
        return any(member.given for member in self._members.values())

    def was_away(self) -> None:
        """Begin anew to wait for nodes and workers: meanwhile the driver has made a piece."""
        self._last_node = self._last_ready = time.monotonic()

    def look_for_nodes(self) -> None:
        """Start workers on nodes that have none."""
        slots = _slots(self._ray.nodes(), self._threads)
        usable = [slot for slot in slots if self._deaths[slot.node_id] < DEATHS_PER_NODE]
        for slot in usable:
            if (slot.node_id, slot.number) not in self._members:
                self._start(slot)
        now = time.monotonic()
        if usable:
            self._last_node = now
        elif slots or now - self._last_node > SECONDS_WITHOUT_NODES:
            raise ClusterError(
                f"{ADDRESS}: no node of the cluster is left to compute on "
                f"({self._reason or 'none came'}); what is finished is kept: run again with one, "
                f"or unset {ADDRESS} to go on with this machine"
            )
        if self._ready():
            self._last_ready = now
        elif now - self._last_ready > SECONDS_WITHOUT_WORKERS and not self._told:
            self._told = True
            say("no worker has started yet: others may have the cores of the cluster (ray status)")

    def hand_out(self, waiting: deque[_Piece[Key]]) -> None:
        """Give pieces to workers, first to those that have fewest."""
        while waiting and self.free:
            member = min(self._ready(), key=lambda each: len(each.given))
            piece = waiting.popleft()
            piece.reader = member.reader
            # A list: of the manifest, a piece takes its own photos along, not all.
            photos = list(piece.photos)
            result = member.worker.compute.remote(photos, member.reader, *piece.given)
            member.given[result] = piece

    def results(
        self, waiting: deque[_Piece[Key]], seconds: float
    ) -> Iterator[tuple[Key, npt.NDArray[np.float32]]]:
        """Yield what has come by now, after a wait; what was lost goes back to those waiting.

        Args:
            waiting: pieces that no worker has.
            seconds: to wait at most, for the first that comes.
        """
        expected = {ref: place for place in self._members for ref in self._refs(place)}
        if not expected:
            time.sleep(seconds)
            return
        came, _ = self._ray.wait(list(expected), timeout=seconds)
        for ref in came:
            place = expected[ref]
            member = self._members[place]
            try:
                said = self._ray.get(ref)
            except self._ray.exceptions.RayTaskError as error:
                self._failed(member, ref, error.cause, waiting)
            except self._ray.exceptions.RayError as error:
                self._lost(place, str(error), waiting)
            else:
                if ref == member.greeting:
                    self._greeted(member, said)
                elif ref == member.preparing:
                    member.preparing = None
                else:
                    self._deaths.pop(place[0], None)
                    yield member.given.pop(ref).key, said

    def _ready(self) -> list[_Member]:
        return [
            member
            for member in self._members.values()
            if member.greeting is None and member.preparing is None
        ]

    def _refs(self, place: tuple[str, int]) -> list[Any]:
        member = self._members[place]
        return [ref for ref in (member.greeting, member.preparing) if ref is not None] + [
            *member.given
        ]

    def _start(self, slot: "_Slot") -> None:
        strategies = self._ray.util.scheduling_strategies
        worker = (
            self._ray.remote(Worker)
            .options(
                num_cpus=slot.cores,
                num_gpus=slot.gpus,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(
                    slot.node_id, soft=False
                ),
            )
            .remote()
        )
        greeting = worker.greet.remote(self._threads, Path.cwd(), self._photo)
        self._members[slot.node_id, slot.number] = _Member(slot.address, worker, greeting)

    def _greeted(self, member: _Member, greeting: Greeting) -> None:
        others = [
            f"{name} {version}, not {self._versions[name]}"
            for name, version in greeting.versions.items()
            if version != self._versions[name]
        ]
        if others:
            raise ClusterError(
                f"{member.node}: a node of the cluster has {', '.join(others)}; install there what "
                "is installed here"
            )
        if greeting.processor not in self._kinds:
            self._kinds.add(greeting.processor)
            say(
                f"{member.node}: another kind of processor than this machine's "
                f"({greeting.processor}): what it computes may differ in the last bits"
            )
        member.greeting = None
        member.reader = None if greeting.sees_photos else self._reader
        member.preparing = member.worker.prepare.remote(self._make)

    def _failed(
        self, member: _Member, ref: Any, cause: BaseException, waiting: deque[_Piece[Key]]
    ) -> None:
        piece = member.given.get(ref)
        # Its copy of the photos may be an older one.
        if isinstance(cause, PhotoError) and piece is not None and piece.reader is None:
            member.reader = self._reader
            waiting.appendleft(member.given.pop(ref))
            return
        if isinstance(cause, ModuleNotFoundError):
            raise ClusterError(
                f"{member.node}: a node of the cluster lacks what is installed here ({cause}); "
                "install there what is installed here"
            ) from None
        if isinstance(cause, InputError) and not isinstance(cause, PhotoError):
            raise InputError(f"{member.node}: {cause}") from None
        raise cause

    def _lost(self, place: tuple[str, int], reason: str, waiting: deque[_Piece[Key]]) -> None:
        self._reason = (reason.strip().splitlines() or [""])[-1].strip()
        member = self._members.pop(place)
        self._ray.kill(member.worker)
        node_id = place[0]
        # Where the node is known to have left, the piece is not the reason.
        died = any(node["NodeID"] == node_id and node["Alive"] for node in self._ray.nodes())
        self._deaths[node_id] += died
        say(f"{member.node}: a worker is gone, or its node; others take its photos")
        pieces = list(member.given.values())
        # The others waited behind the first.
        for piece in pieces[:1]:
            piece.deaths += died
            if piece.deaths == DEATHS_PER_PIECE:
                raise ClusterError(
                    f"{piece.photos[0]} and {len(piece.photos) - 1} photos after it: "
                    f"{piece.deaths} workers died over them, the last on {member.node}; see "
                    "whether they have memory enough"
                )
        waiting.extendleft(reversed(pieces))


class _Slot(NamedTuple):
    """Room for a worker on a node."""

    node_id: str
    address: str
    number: int
    cores: float
    gpus: int


def _slots(nodes: Iterable[Mapping[str, Any]], threads: int) -> list[_Slot]:
    """Return the room that nodes have for workers of so many threads, or of a GPU each."""
    slots = []
    for node in nodes:
        resources = node["Resources"]
        cores = int(resources.get("CPU", 0))
        if not node["Alive"] or not cores:
            continue
        gpus = int(resources.get("GPU", 0))
        count = gpus or max(1, cores // threads)
        share = cores // count or cores / count
        slots += [
            _Slot(node["NodeID"], node["NodeManagerAddress"], number, share, min(gpus, 1))
            for number in range(count)
        ]
    return slots


def _start_reader(ray: Any) -> Any:
    strategies = ray.util.scheduling_strategies
    here = ray.get_runtime_context().get_node_id()
    return (
        ray.remote(PhotoReader)
        .options(
            num_cpus=0,
            max_concurrency=READERS,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(here, soft=False),
        )
        .remote(Path.cwd())
    )


@contextmanager
def _code() -> Iterator[str]:
    """Give a folder with the code that this process runs, and nothing of the data beside it."""
    with tempfile.TemporaryDirectory() as folder:
        for package in PROJECT_PACKAGES:
            shutil.copytree(
                PROJECT / package,
                Path(folder, package),
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        yield folder


def _sees(directory: Path, photo: Readable) -> bool:
    """Return whether a photo lies here as it does there, and go there if it does."""
    before = Path.cwd()
    try:
        os.chdir(directory)
        photo.read_bytes()
    except (OSError, InputError):
        os.chdir(before)
        return False
    return True


def _check_address(address: str) -> None:
    """Check that a cluster answers there: Ray would try for minutes, and then end this process.

    Raises:
        ClusterError: none does.
    """
    if address != "auto":
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or "/" in host:
            raise ClusterError(
                f"{ADDRESS}: expected HOST:PORT of a cluster or auto, got '{address}'"
            )
        try:
            socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, str(error)) from None
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_ANSWER
        )
    except subprocess.TimeoutExpired:
        raise _no_cluster(address, f"no answer in {SECONDS_TO_ANSWER:.0f} s") from None
    if asked.returncode != 0:
        lines = (asked.stdout + asked.stderr).strip().splitlines()
        raise _no_cluster(address, lines[-1] if lines else "no answer")


def _no_cluster(address: str, reason: str) -> ClusterError:
    return ClusterError(
        f"{ADDRESS} is set to {address}, but no cluster can be reached there ({reason}); {HOW_TO}, "
        f"or unset {ADDRESS} to compute on this machine"
    )
