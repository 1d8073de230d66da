"""The network as LiteRT runs it: what it says of its start is dropped, and nothing else is."""

import subprocess
import sys
from pathlib import Path

#: Reads a damaged file from many threads at once, and says then how it went.
LOAD_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from waste_classifier.errors import InputError
from waste_classifier.litert import LiteRTNetwork

def load(_):
    try:
        LiteRTNetwork.load(Path(sys.argv[1]))
    except InputError:
        return True

sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as threads:
    refused = list(threads.map(load, range(200)))
print(f"{refused.count(True)} refused", file=sys.stderr)
"""


def test_standard_error_is_heard_after_networks_were_loaded_at_once(tmp_path: Path) -> None:
    (tmp_path / "classifier.tflite").write_bytes(b"no network")

    said = subprocess.run(
        [sys.executable, "-c", LOAD_AT_ONCE, str(tmp_path / "classifier.tflite")],
        check=True,
        capture_output=True,
        text=True,
    ).stderr

    assert said == "200 refused\n"
