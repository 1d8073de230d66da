"""Images whose files are the same."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.similarity.identical import identical_files
from tests.table_rows import manifest_row, written_manifest


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12))
def test_identical_files_are_told_by_their_checksums(tmp_path: Path, contents: list[str]) -> None:
    rows = [manifest_row(f"a/{place:02}.jpg", each) for place, each in enumerate(contents)]

    identical = identical_files(written_manifest(tmp_path, rows))

    places = defaultdict(list)
    for place, content in enumerate(contents):
        places[content].append(place)
    assert sorted(identical) == sorted(each for each in places.values() if len(each) > 1)


@pytest.mark.parametrize("digit", [0, 15, 16, 63])
def test_every_digit_of_a_checksum_counts(tmp_path: Path, digit: int) -> None:
    checksums = ["0" * 64, "0" * digit + "1" + "0" * (63 - digit)]
    rows = [
        manifest_row(f"a/{place}.jpg")._replace(sha256=each) for place, each in enumerate(checksums)
    ]

    assert identical_files(written_manifest(tmp_path, rows)) == []
