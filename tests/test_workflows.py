"""What the workflows on GitHub may do, and of whom."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

FILES = sorted((Path(__file__).parents[1] / ".github/workflows").glob("*.yaml"))


def load(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe").load(file)
    return content


def steps_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def may_write(workflow: dict[str, Any]) -> bool:
    permissions = [workflow["permissions"]]
    permissions += [job.get("permissions", {}) for job in workflow["jobs"].values()]
    return any(value == "write" for each in permissions for value in each.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit_and_keep_no_credentials(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    for step in steps_of(load(file)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_may_write_runs_no_code_of_the_branch(file: Path) -> None:
    workflow = load(file)
    if may_write(workflow):
        # Whose code and permissions are those of main.
        assert set(workflow["on"]) == {"workflow_run"}
        for step in steps_of(workflow):
            assert "actions/checkout" not in step.get("uses", "")
            assert not re.search(r"\b(python|make|dvc|sh|bash)\b", step.get("run", ""))
    else:
        assert "pull_request_target" not in workflow["on"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_scripts_take_what_others_name_from_the_environment(file: Path) -> None:
    # A branch may be called $(…): put into a script, that would run.
    for step in steps_of(load(file)):
        assert "${{" not in step.get("run", "")


def test_the_comment_waits_for_the_report() -> None:
    by_name = {file.stem: load(file) for file in FILES}

    assert by_name["comment"]["on"]["workflow_run"]["workflows"] == [by_name["report"]["name"]]
    uploaded = [
        step["with"]["name"]
        for step in steps_of(by_name["report"])
        if "name" in step.get("with", {})
    ]
    downloaded = [step["with"]["name"] for step in steps_of(by_name["comment"]) if "with" in step]
    assert set(downloaded) <= set(uploaded)
