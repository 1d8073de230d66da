"""The head in NumPy: worked out by hand, kept in a file, and refused where that is damaged."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from waste_classifier.errors import InputError
from waste_classifier.head import Dense, Head, relu


def dense(kernel: list[list[float]], bias: list[float]) -> Dense:
    return Dense(np.array(kernel, np.float32), np.array(bias, np.float32))


#: From two features by way of three hidden units to two labels.
HEAD = Head(
    hidden=dense([[1, 0, 2], [0, 1, -1]], [0, 0.5, 0]),
    logits=dense([[1, 0], [0, 1], [1, 1]], [0, -1]),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    HEAD.save(tmp_path / "head.npz")
    return tmp_path / "head.npz"


def test_relu_takes_what_is_below_zero_for_zero() -> None:
    activated = relu(np.array([-30, -0.5, 0, 0.5, 30], np.float32))

    assert activated.dtype == np.float32
    assert activated.tolist() == [0, 0, 0, 0.5, 30]


def test_a_linear_head_is_a_softmax_of_one_layer() -> None:
    head = Head(None, dense([[1, -1], [2, 0]], [0, math.log(3)]))

    probabilities = head(np.array([[0, 0], [1, 1]], np.float32))

    # Logits 0 and log 3, whose exponentials are 1 and 3; then 3 and log 3 - 1.
    second = math.exp(3) / (math.exp(3) + 3 / math.e)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, [[0.25, 0.75], [second, 1 - second]], rtol=1e-6)
    assert (head.features, head.labels) == (2, 2)


def test_a_hidden_layer_stands_between() -> None:
    probabilities = HEAD(np.array([[1, -1]], np.float32))

    # Hidden units are 1, -0.5 and 3; of the second, nothing is left.
    first, second = math.exp(1 + 3), math.exp(3 - 1)
    np.testing.assert_allclose(
        probabilities, [[first / (first + second), second / (first + second)]], rtol=1e-6
    )
    assert (HEAD.features, HEAD.labels) == (2, 2)


def test_large_logits_do_not_overflow() -> None:
    head = Head(None, dense([[1000, -1000]], [0, 0]))

    assert head(np.array([[1], [-1]], np.float32)).tolist() == [[1, 0], [0, 1]]


def test_no_features_give_no_probabilities() -> None:
    assert HEAD(np.empty((0, 2), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("head", [HEAD, HEAD._replace(hidden=None)])
def test_a_saved_head_comes_back_and_equal_arrays_give_equal_bytes(
    head: Head, tmp_path: Path
) -> None:
    head.save(tmp_path / "first.npz")
    copied = Head(
        head.hidden and Dense(head.hidden.kernel.copy(), head.hidden.bias.copy()),
        Dense(head.logits.kernel.copy(), head.logits.bias.copy()),
    )
    copied.save(tmp_path / "second.npz")

    loaded = Head.load(tmp_path / "first.npz")

    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    assert (loaded.hidden is None) is (head.hidden is None)
    for ours, theirs in zip(loaded, head, strict=True):
        if ours is not None and theirs is not None:
            np.testing.assert_array_equal(ours.kernel, theirs.kernel)
            np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"head\.npz: can't be read .*No such file"):
        Head.load(tmp_path / "head.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_a_file_of_something_else_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(InputError, match=r"head\.npz: .*; bring the folder back whole$"):
        Head.load(file)


def test_damaged_files_raise_nothing_but_input_errors(file: Path) -> None:
    random = np.random.default_rng(0)
    content = np.frombuffer(file.read_bytes(), np.uint8)
    refused = 0
    for number in range(1000):
        damaged = content.copy()
        damaged[random.integers(0, len(content), 4)] = random.integers(0, 256, 4)
        end = random.integers(0, len(content)) if number % 4 == 0 else len(content)
        file.write_bytes(damaged[:end].tobytes())
        try:
            Head.load(file)
        except InputError as error:
            assert str(error).startswith(f"{file}: ")
            assert "\n" not in str(error)
            refused += 1
    # The rest were damaged where nothing stands that counts, such as times.
    assert refused > 800


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"logits_kernel": np.zeros((2, 2), np.float32)},
            "not the head of a classifier, but holds logits_kernel;",
        ),
        (
            {"logits_kernel": np.zeros((2, 3)), "logits_bias": np.zeros(3, np.float32)},
            r"layer logits: expected a kernel \(…, …\) of float32 .* got \(2, 3\) of float64",
        ),
        (
            {"logits_kernel": np.zeros(3, np.float32), "logits_bias": np.zeros(3, np.float32)},
            r"layer logits: .* got \(3,\) of float32 and \(3,\) of float32",
        ),
        (
            {"logits_kernel": np.float32(1), "logits_bias": np.zeros(3, np.float32)},
            r"layer logits: .* got \(\) of float32",
        ),
        (
            {"logits_kernel": np.zeros((2, 3), np.float32), "logits_bias": np.zeros(2, np.float32)},
            r"layer logits: .* and \(2,\) of float32",
        ),
        (
            {"logits_kernel": np.zeros((2, 3), np.float32), "logits_bias": np.zeros(3)},
            r"layer logits: .* and \(3,\) of float64",
        ),
        (
            {
                "hidden_kernel": np.zeros((5, 4), np.float32),
                "hidden_bias": np.zeros(4, np.float32),
                "logits_kernel": np.zeros((3, 2), np.float32),
                "logits_bias": np.zeros(2, np.float32),
            },
            r"layer logits: expected a kernel \(4, …\) of float32 .* got \(3, 2\)",
        ),
        (
            {
                "hidden_bias": np.zeros(4, np.float32),
                "logits_kernel": np.zeros((3, 2), np.float32),
                "logits_bias": np.zeros(2, np.float32),
            },
            "but holds hidden_bias, logits_kernel, logits_bias;",
        ),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with (tmp_path / "head.npz").open("wb") as opened:
        np.savez(opened, **arrays)

    with pytest.raises(InputError, match=message):
        Head.load(tmp_path / "head.npz")


def test_an_archive_of_something_else_is_refused(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("logits_kernel", "logits_bias"):
            archive.writestr(f"{name}.npy", "no array")

    with pytest.raises(
        InputError, match=r"head\.npz: layer logits: .* bring the folder back whole"
    ):
        Head.load(file)
