"""What the user's account has set for other projects changes nothing here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """\
from stages.compute import determinism
determinism.configure()
import json, os, keras
settings = keras.config
print(json.dumps([
    settings.backend(), settings.floatx(), settings.epsilon(), settings.image_data_format(),
    settings.max_epochs(), settings.max_steps_per_epoch(), os.environ["TF_ENABLE_ONEDNN_OPTS"],
]))
"""

OTHER_PROJECT = {
    "backend": "torch",
    "floatx": "float16",
    "epsilon": 1e-3,
    "image_data_format": "channels_first",
}


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_settings_of_other_projects_are_not_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "keras.json"
    file.write_text(json.dumps(OTHER_PROJECT))

    ran = python(
        PROGRAM,
        KERAS_HOME=str(tmp_path),
        KERAS_BACKEND="jax",
        KERAS_MAX_EPOCHS="1",
        KERAS_MAX_STEPS_PER_EPOCH="1",
        TF_ENABLE_ONEDNN_OPTS="0",
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [
        *("tensorflow", "float32", 1e-07, "channels_last", None, None, "1")
    ]
    assert json.loads(file.read_text()) == OTHER_PROJECT


def test_tensorflow_imported_before_its_set_up_is_an_error() -> None:
    # Standing in for the real one, which takes seconds to import.
    program = """\
import sys
sys.modules["tensorflow"] = None
from stages.compute import determinism
determinism.configure()
"""

    ran = python(program, TF_ENABLE_ONEDNN_OPTS="0")

    assert ran.returncode == 1
    assert "RuntimeError: TensorFlow was imported before determinism.configure()" in ran.stderr
