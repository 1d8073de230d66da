"""Which machines train together, as the variable TF_CONFIG of the environment says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waste_classifier.errors import InputError

VARIABLE = "TF_CONFIG"
#: Jobs of TensorFlow that train, in the order in which their machines are counted.
JOBS = ("chief", "worker")
EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:29500", "10.0.0.2:29500"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Machines:
    """Some machines that train together, and which of them this one is."""

    addresses: tuple[str, ...]  #: `host:port`
    index: int  #: of this one; 0: the chief, which alone writes

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return len(self.addresses) > 1

    @property
    def is_chief(self) -> bool:
        """Whether this one writes what is trained."""
        return self.index == 0


ALONE = Machines(("localhost",), 0)


def read_machines(environment: Mapping[str, str]) -> Machines:
    """Return the machines that TF_CONFIG names; without it, or where it names one, this alone.

    Args:
        environment: variables of it.

    Raises:
        InputError: it is no JSON of a cluster and a task in it, or has jobs that don't train.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return ALONE
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _wrong(f"no JSON ({error})") from None
    cluster = _object(content, "the whole").get("cluster") or {}
    jobs = {
        job: _addresses(job, addresses) for job, addresses in _object(cluster, "cluster").items()
    }
    addresses = [address for job in JOBS for address in jobs.get(job, [])]
    if len(addresses) < 2:
        return ALONE
    if len(set(addresses)) < len(addresses):
        raise _wrong("an address stands there twice")
    if len(jobs.get("chief", [])) > 1:
        raise _wrong("cluster.chief has several addresses; there is one chief")
    kind, index = _task(content, jobs)
    return Machines(
        tuple(addresses), index + (len(jobs.get("chief", [])) if kind != JOBS[0] else 0)
    )


def _object(content: Any, name: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _wrong(f"{name} is {content!r}, no object")
    return content


def _addresses(job: str, addresses: Any) -> list[str]:
    if job not in JOBS:
        raise _wrong(f"cluster.{job}: no such job trains here; expected {' and '.join(JOBS)}")
    if not isinstance(addresses, list):
        raise _wrong(f"cluster.{job} is {addresses!r}, no list of addresses")
    for address in addresses:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
            raise _wrong(f"cluster.{job}: {address!r} is no address; expected host:port")
    return addresses


def _task(content: Mapping[str, Any], jobs: Mapping[str, list[str]]) -> tuple[str, int]:
    task = _object(content.get("task"), "task")
    kind, index = task.get("type"), task.get("index")
    if not isinstance(kind, str) or kind not in jobs:
        raise _wrong(f"task.type is {kind!r}; expected one of cluster: {', '.join(jobs)}")
    # Some launchers write numbers as text, which TensorFlow takes too.
    number = int(index) if isinstance(index, str) and index.isascii() and index.isdigit() else index
    if type(number) is not int or not 0 <= number < len(jobs[kind]):
        raise _wrong(
            f"task.index is {index!r}, but cluster.{kind} has {len(jobs[kind])} addresses; "
            f"expected 0 to {len(jobs[kind]) - 1}"
        )
    return kind, number


def _wrong(what: str) -> InputError:
    return InputError(
        f"{VARIABLE}: {what}; mend it, as {EXAMPLE}, or unset it to train on this machine alone"
    )
