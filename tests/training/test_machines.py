"""Which machines train together, as TF_CONFIG says."""

import json
from typing import Any

import pytest

from stages.training.machines import ALONE, Machines, read_machines
from waste_classifier.errors import InputError

HOSTS = ["a.example:29500", "b.example:29500"]


def config(cluster: Any, task: Any) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": " "},
        config({}, {}),
        config({"worker": HOSTS[:1]}, {"type": "worker", "index": 0}),
    ],
)
def test_without_others_a_machine_trains_alone(environment: dict[str, str]) -> None:
    machines = read_machines(environment)

    assert machines == ALONE
    assert machines.is_chief
    assert not machines.several


def test_the_first_worker_is_the_chief() -> None:
    machines = read_machines(config({"worker": HOSTS}, {"type": "worker", "index": 1}))

    assert machines == Machines(tuple(HOSTS), 1)
    assert machines.several
    assert not machines.is_chief
    assert read_machines(config({"worker": HOSTS}, {"type": "worker", "index": "0"})).is_chief


def test_a_chief_of_its_own_comes_before_the_workers() -> None:
    cluster = {"worker": HOSTS, "chief": ["c.example:1"]}

    assert read_machines(config(cluster, {"type": "chief", "index": 0})).is_chief
    assert read_machines(config(cluster, {"type": "worker", "index": 0})) == Machines(
        ("c.example:1", *HOSTS), 1
    )


WORKER = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"TF_CONFIG": "{"}, "no JSON"),
        ({"TF_CONFIG": "[]"}, r"the whole is \[\], no object"),
        (config([1], WORKER), r"cluster is \[1\], no object"),
        (config({"worker": HOSTS, "ps": HOSTS}, WORKER), r"cluster\.ps: no such job trains here"),
        (config({"worker": "a:1"}, WORKER), r"cluster\.worker is 'a:1', no list of addresses"),
        (config({"worker": ["a:1", "b"]}, WORKER), r"cluster\.worker: 'b' is no address"),
        (config({"worker": ["a:1", "b:70000"]}, WORKER), "'b:70000' is no address"),
        (config({"worker": ["a:1", 5]}, WORKER), "5 is no address"),
        (config({"worker": ["a:1", "a:1"]}, WORKER), "an address stands there twice"),
        (config({"chief": HOSTS}, WORKER), r"cluster\.chief has several addresses"),
        (config({"worker": HOSTS}, None), "task is None, no object"),
        (config({"worker": HOSTS}, {"type": "evaluator", "index": 0}), "task.type is 'evaluator'"),
        (config({"worker": HOSTS}, {"type": "worker", "index": 2}), "index is 2, .* 0 to 1"),
        (config({"worker": HOSTS}, {"type": "worker", "index": -1}), "index is -1"),
        (config({"worker": HOSTS}, {"type": "worker", "index": True}), "index is True"),
        (config({"worker": HOSTS}, {"type": "worker"}), "index is None"),
    ],
)
def test_what_is_wrong_is_one_message(environment: dict[str, str], what: str) -> None:
    with pytest.raises(InputError, match=rf"^TF_CONFIG: .*{what}.*or unset it to train on this"):
        read_machines(environment)
