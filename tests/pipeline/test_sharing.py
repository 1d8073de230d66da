"""A team shares what it has computed: through S3, and through one cache on one machine."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.pipeline.workspace import (
    commit_all,
    contents,
    copy_of,
    environment,
    run,
    set_params,
    stages_run,
)

REASON = "the extra s3 and moto, of the extra dev, are not installed"
boto3 = pytest.importorskip("boto3", reason=REASON)
moto_server = pytest.importorskip("moto.server", reason=REASON)
pytest.importorskip("dvc_s3", reason=REASON)

#: An experiment that no TensorFlow takes, on the stage with most metrics and plots.
EXPERIMENT = ("-S", "evaluate.bootstrap_samples=200")


class Store(NamedTuple):
    """A server that speaks S3, and a client of it."""

    url: str
    s3: Any

    def new_bucket(self, name: str) -> str:
        self.s3.create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return the content of all objects, by the MD5 that DVC calls them by."""
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {
            "".join(item["Key"].split("/")[-2:]): self.s3.get_object(
                Bucket=bucket, Key=item["Key"]
            )["Body"].read()
            for item in listed
        }


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nonexistent")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield Store(url, boto3.client("s3", endpoint_url=url))
    server.stop()


def name_remote(workspace: Path, bucket: str, url: str) -> None:
    run(workspace, "dvc", "remote", "add", "--force", "--default", "store", f"s3://{bucket}/waste")
    run(workspace, "dvc", "remote", "modify", "store", "endpointurl", url)


def clone_of(repository: Path, parent: Path) -> Path:
    clone = parent / "clone"
    run(parent, "git", "clone", "--quiet", str(repository), str(clone))
    return clone


def data_of(workspace: Path) -> dict[str, bytes]:
    """Return the content of the outputs of stages in data/."""
    return {
        path: content
        for path, content in contents(workspace, "data").items()
        if not path.startswith(("data/.unfinished/", "data/photos/"))
    }


def from_run_cache(output: str) -> list[str]:
    lines = output.splitlines()
    return [line.split("'")[1] for line in lines if "is cached - skipping run" in line]


@pytest.fixture(scope="module")
def pushed(store: Store, reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a remote, to which its results are pushed."""
    repository = copy_of(reproduced, tmp_path_factory.mktemp("pushed"))
    name_remote(repository, store.new_bucket("pushed"), store.url)
    commit_all(repository, "Name the store")
    run(repository, "dvc", "push")
    return repository


@pytest.fixture(scope="module")
def tried(pushed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of that repository in which an experiment was run."""
    repository = copy_of(pushed, tmp_path_factory.mktemp("tried"))
    output = run(repository, "dvc", "exp", "run", *EXPERIMENT).stdout
    assert stages_run(output) == ["check_params", "evaluate"]
    return repository


def test_the_project_names_no_remote_of_its_own(reproduced: Path) -> None:
    assert "remote" not in run(reproduced, "dvc", "config", "--project", "--list").stdout


def test_a_fresh_clone_pulls_and_has_nothing_to_run(pushed: Path, tmp_path: Path) -> None:
    clone = clone_of(pushed, tmp_path)

    run(clone, "dvc", "pull", "dvc.yaml")

    assert data_of(clone) == data_of(pushed)
    assert "up to date" in run(clone, "dvc", "status", "dvc.yaml").stdout
    assert stages_run(run(clone, "dvc", "repro").stdout) == []
    assert run(clone, "git", "status", "--porcelain").stdout == ""


def test_predictions_alone_can_be_pulled(pushed: Path, tmp_path: Path) -> None:
    clone = clone_of(pushed, tmp_path)

    run(clone, "dvc", "pull", "data/predictions.csv")

    assert data_of(clone).keys() - {"data/.gitignore"} == {"data/predictions.csv"}
    assert len(contents(clone, ".dvc/cache")) == 1


def test_repro_pulls_what_it_needs(pushed: Path, tmp_path: Path) -> None:
    clone = clone_of(pushed, tmp_path)
    set_params(clone, {"class_weights.scheme": "sqrt"})

    command = ("dvc", "repro", "--pull", "--allow-missing", "class_weights")
    output = run(clone, *command).stdout

    assert stages_run(output) == ["check_params", "class_weights"]
    assert (clone / "data/split.csv").exists()
    assert not (clone / "data/raw").exists()

    run(clone, "git", "checkout", "params.yaml", "dvc.lock")
    assert stages_run(run(clone, "dvc", "repro", "--pull").stdout) == []
    assert data_of(clone) == data_of(pushed)


def test_a_push_that_is_killed_goes_on(store: Store, pushed: Path, tmp_path: Path) -> None:
    repository = copy_of(pushed, tmp_path)
    bucket = store.new_bucket("killed")
    # What is sent twice has two versions.
    enabled = {"Status": "Enabled"}
    store.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    name_remote(repository, bucket, store.url)

    command = ["dvc", "push", "--jobs", "1"]
    push = subprocess.Popen(command, cwd=repository, env=environment())
    while len(store.objects(bucket)) < 5:
        assert push.poll() is None
        time.sleep(0.01)
    push.send_signal(signal.SIGKILL)
    push.wait()
    # What was on its way when the push died may be stored yet.
    first = store.objects(bucket)
    time.sleep(0.5)
    while first != (later := store.objects(bucket)):
        first = later
        time.sleep(0.5)
    goes_on = run(repository, "dvc", "push").stdout
    complete = store.objects(bucket)

    for name, content in first.items():
        assert hashlib.md5(content).hexdigest() == name.removesuffix(".dir")
        if name.endswith(".dir"):
            files = {entry["md5"] for entry in json.loads(content)}
            assert files <= first.keys(), "a folder that is there is there with its files"
    assert complete.keys() == store.objects("pushed").keys() > first.keys()
    assert f"{len(complete) - len(first)} files pushed" in goes_on
    assert len(store.s3.list_object_versions(Bucket=bucket)["Versions"]) == len(complete)
    assert "Everything is up to date." in run(repository, "dvc", "push").stdout


def test_an_experiment_of_one_clone_is_not_run_again_on_another(
    tried: Path, tmp_path: Path
) -> None:
    repository = copy_of(tried, tmp_path)
    command = (sys.executable, "-m", "experiments.push_runs")
    first = run(repository, *command).stdout
    second = run(repository, *command).stdout
    clone = clone_of(repository, tmp_path)
    run(clone, "dvc", "pull", "--run-cache", "dvc.yaml")

    output = run(clone, "dvc", "exp", "run", "--pull", *EXPERIMENT).stdout

    assert stages_run(output) == []
    assert from_run_cache(output) == ["check_params", "evaluate"]
    assert data_of(clone) == data_of(repository)
    for folder in ("metrics", "plots"):
        assert contents(clone, folder) == contents(repository, folder)
    # Twelve stages, two of them twice.
    assert first.splitlines()[-1].endswith(" more files pushed, of 14 runs")
    assert second.splitlines()[-1] == "0 more files pushed, of 14 runs"


def test_runs_that_are_not_whole_in_the_cache_are_left_out(tried: Path, tmp_path: Path) -> None:
    repository = copy_of(tried, tmp_path)
    # As `dvc gc` does, which knows of no metrics and plots in the cache.
    run(repository, "dvc", "gc", "--workspace", "--force")

    pushed = run(repository, sys.executable, "-m", "experiments.push_runs").stdout

    # Explore, train, and both of evaluate.
    assert pushed.splitlines()[-1] == (
        "0 more files pushed, of 10 runs; 4 others are not whole in this cache"
    )


def test_without_a_remote_runs_stay_where_they_are(reproduced: Path) -> None:
    done = run(reproduced, sys.executable, "-m", "experiments.push_runs", check=False)

    assert done.returncode == 1
    assert "no remote specified" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "error: `dvc push --run-cache` failed; its message stands above"
    )


def test_one_cache_for_all_clones_on_a_machine(tried: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(tried / ".dvc/cache", cache)
    clone = clone_of(tried, tmp_path)
    run(clone, "dvc", "config", "--local", "cache.dir", str(cache))
    run(clone, "dvc", "config", "--local", "cache.shared", "group")

    run(clone, "dvc", "checkout", "dvc.yaml")
    output = run(clone, "dvc", "exp", "run", *EXPERIMENT).stdout

    assert stages_run(output) == []
    assert from_run_cache(output) == ["check_params", "evaluate"]
    assert data_of(clone) == data_of(tried)
    assert not (clone / ".dvc/cache").exists()
    # A copy: whoever writes into it leaves the cache as it is.
    assert (clone / "data/predictions.csv").stat().st_nlink == 1

    run(clone, "dvc", "exp", "run", "-S", "evaluate.bootstrap_samples=300")
    new = contents(cache, "runs").keys() - contents(tried / ".dvc/cache", "runs").keys()
    assert len(new) == 2
    assert {oct((cache / path).stat().st_mode & 0o060) for path in new} == {"0o60"}


def test_credentials_come_from_the_environment_and_errors_say_what_is_wrong(
    store: Store, pushed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.core import enable_iam_authentication

    repository = copy_of(pushed, tmp_path)
    name_remote(repository, store.new_bucket("guarded"), store.url)
    iam = boto3.client("iam", endpoint_url=store.url)
    iam.create_user(UserName="member")
    policy = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    iam.put_user_policy(UserName="member", PolicyName="s3", PolicyDocument=document)
    key = iam.create_access_key(UserName="member")["AccessKey"]
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def push(access_key: str, secret: str) -> tuple[int, str]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        done = run(repository, "dvc", "push", "data/predictions.csv", check=False)
        return done.returncode, done.stdout

    with enable_iam_authentication():
        nobody = push("", "")
        stranger = push("stranger", "secret")
        mistyped = push(key["AccessKeyId"], "secret")
        member = push(key["AccessKeyId"], key["SecretAccessKey"])
        name_remote(repository, "no-such-bucket", store.url)
        nowhere = push(key["AccessKeyId"], key["SecretAccessKey"])

    assert nobody[0] != 0 and "ERROR: unexpected error - Unable to locate credentials" in nobody[1]
    for code, message in (stranger, mistyped):
        assert code != 0
        assert "ERROR: unexpected error - Forbidden: An error occurred (403)" in message
    assert member == (0, "1 file pushed\n")
    assert nowhere[0] != 0 and "The specified bucket does not exist" in nowhere[1]
