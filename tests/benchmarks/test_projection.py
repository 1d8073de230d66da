"""What many photos take, of rates that make it easy to work out."""

import pytest

from benchmarks.projection import Machine, decode_threads, short, steps, table

MACHINE = Machine(
    cores=2,
    decoded=100,
    passed=10,
    trained=1000,
    epochs=50,
    multiplied=4096e6,
    photo_bytes=50_000,
    row_bytes=200,
    network=1e6,
    core_price=0.5,
)


def test_stages_take_what_their_rates_say() -> None:
    found = {step.name: step for step in steps(36_001, MACHINE)}

    assert found["fetch"].hours == pytest.approx(0.1, rel=1e-4)
    assert found["features"].hours == pytest.approx(1, rel=1e-4)
    # Four views of four ninths of the pixels each, where features see each photo twice.
    assert found["views"].hours == pytest.approx(8 / 9, rel=1e-4)
    assert found["train, the head"].hours == pytest.approx(0.5, rel=1e-4)
    # Of 36,001 photos 648,018,000 pairs, a million of them in a second.
    assert found["duplicates, by embedding"].hours == pytest.approx(0.180005)
    # Two orientations of 1536 channels, mean and deviation of each, 4 bytes, and a checksum.
    assert found["features"].disk == 36_001 * (2 * 2 * 1536 * 4 + 32)


def test_a_table_has_prices_and_the_network() -> None:
    rows = table([36_000], MACHINE).splitlines()

    assert rows[2] == "| 36,000 | fetch | 0.1 | 1.8 | 0.1 | decoding |"
    assert rows[-1].startswith("| 36,000 | push or pull of all |")


def test_a_gpu_needs_cores_that_decode() -> None:
    passed, cores = decode_threads(13.2e12, 0.5, MACHINE)

    assert passed == pytest.approx(500)
    assert cores == pytest.approx(10)


def test_numbers_have_two_digits() -> None:
    assert [short(value) for value in (0, 0.0123, 1.26, 12345.6)] == ["0", "0.012", "1.3", "12,346"]
