"""`dvc push --run-cache`, with all files of all runs, so that nobody on the team runs them again.

A run is a stage with what it was given: code, inputs, parameters. DVC alone pushes what came of it
as checksums, and as files only what is cached of the workspace: neither metrics and plots, which
stand in git, nor what earlier experiments left. Without these files the stage runs again elsewhere.
This pushes them too; `dvc pull --run-cache dvc.yaml` and `dvc exp run --pull` take a run from
there.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from ruamel.yaml import YAML

from experiments.dvc_command import run_dvc
from stages.stage import exit_code
from waste_classifier.errors import InputError


def outputs_of_runs(folder: Path) -> list[set[str]]:
    """Return the checksums of the outputs of each run that DVC has noted in a folder."""
    yaml = YAML(typ="safe")
    notes = sorted(path for path in folder.rglob("*") if path.is_file())
    return [{output["md5"] for output in yaml.load(path)["outs"]} for path in notes]


def objects_of(outputs: set[str], path_of: Callable[[str], str]) -> set[str] | None:
    """Return the checksums of some outputs and of the files in those that are folders.

    Args:
        outputs: their checksums; of a folder, DVC's list of its files.
        path_of: where the cache has what a checksum is of.

    Returns:
        None where one of them is not in the cache.
    """
    objects = set(outputs)
    for checksum in outputs:
        folder = Path(path_of(checksum))
        if checksum.endswith(".dir") and folder.is_file():
            objects |= {file["md5"] for file in json.loads(folder.read_bytes())}
    return objects if all(Path(path_of(each)).is_file() for each in objects) else None


def push_outputs(remote: str | None) -> str:
    """Push the outputs of all runs that are whole in the cache; return a summary.

    Raises:
        InputError: another process of DVC is at work, or a file could not be sent.
    """
    try:
        with Repo() as repo, repo.lock:
            runs = outputs_of_runs(Path(repo.stage_cache.cache_dir))
            objects = [objects_of(outputs, repo.cache.local.oid_to_path) for outputs in runs]
            whole = [each for each in objects if each is not None]
            checksums = {HashInfo("md5", checksum) for each in whole for checksum in each}
            result = repo.cloud.push(checksums, remote=remote)
    except DvcException as error:
        raise InputError(f"the files of the runs were not pushed: {error}") from error
    if result.failed:
        raise InputError(f"{len(result.failed)} files were not pushed, see above; run again")
    summary = f"{len(result.transferred)} more files pushed, of {len(whole)} runs"
    if len(whole) < len(runs):
        summary += f"; {len(runs) - len(whole)} others are not whole in this cache"
    return summary


def main() -> None:
    """Push all that is known of runs."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.push_runs", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--remote", help="a name of `dvc remote list` (default: the default one)")
    arguments = parser.parse_args()
    command = ["push", "--run-cache"]
    if arguments.remote is not None:
        command += ["--remote", arguments.remote]
    if run_dvc(command).returncode:
        raise InputError(f"`dvc {' '.join(command)}` failed; its message stands above")
    print(push_outputs(arguments.remote))


if __name__ == "__main__":
    sys.exit(exit_code(main))
