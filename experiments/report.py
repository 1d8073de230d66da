"""What a branch does to the committed results, as Markdown for a pull request.

`python -m experiments.report BASE HEAD` reads both revisions from git, and neither data nor the
working tree: scores with intervals, images that became right or wrong, changed parameters and
pictures. Needs nothing but git and ruamel.yaml.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ruamel.yaml import YAML

METRICS = "metrics/evaluate.json"
MISTAKES = "plots/evaluate/custom/mistakes.json"
# Higher is better but for the last two.
SCORES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "expected_calibration_error": "calibration error",
    "log_loss": "log loss",
}
MOST_FILES = 10
NONE = "none"


class Revision(NamedTuple):
    """A commit, and how it is called."""

    commit: str
    name: str  #: Markdown
    repository: str  #: address that its pictures are linked from


def file_of(commit: str, path: str) -> str | None:
    """Return the content of a file of a commit; None where it has none."""
    shown = subprocess.run(
        ["git", "show", f"{commit}:{path}"], capture_output=True, text=True, check=False
    )
    return shown.stdout if shown.returncode == 0 else None


def json_of(commit: str, path: str, default: Any) -> Any:
    """Return the content of a JSON file of a commit."""
    content = file_of(commit, path)
    return default if content is None else json.loads(content)


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted keys."""
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return leaves


def params_of(commit: str) -> dict[str, Any]:
    """Return the parameters of a commit by dotted keys."""
    return flat(YAML(typ="safe").load(file_of(commit, "params.yaml") or "") or {})


def disagreements(commit: str) -> list[str]:
    """Return the parameters that params.yaml and dvc.lock have otherwise.

    dvc.lock has those of each stage when it last ran, so the results are not of params.yaml then.
    """
    params = params_of(commit)
    lock = YAML(typ="safe").load(file_of(commit, "dvc.lock") or "") or {}
    used: dict[str, Any] = {}
    for stage in lock.get("stages", {}).values():
        used |= flat(stage.get("params", {}).get("params.yaml", {}))
    sections = {key.split(".")[0] for key in used}
    keys = used.keys() | {key for key in params if key.split(".")[0] in sections}
    return sorted(key for key in keys if used.get(key) != params.get(key))


def scores_table(base: Revision, head: Revision) -> list[str]:
    """Return the scores of both revisions and the recall of the labels where it changed."""
    before, after = (json_of(each.commit, METRICS, {}) for each in (base, head))
    rows = [
        [name, _score(before, key), _score(after, key), _change(before.get(key), after.get(key))]
        for key, name in SCORES.items()
    ]
    labels = {**before.get("labels", {}), **after.get("labels", {})}
    for label in labels:
        values = [each.get("labels", {}).get(label, {}) for each in (before, after)]
        recalls = [each.get("recall") for each in values]
        if recalls[0] != recalls[1]:
            words = [
                "—" if recall is None else f"{recall:.3f} of {each['support']} images"
                for recall, each in zip(recalls, values, strict=True)
            ]
            rows.append([f"recall of {code(label)}", *words, _change(*recalls)])
    return table(["on the test images", base.name, head.name, "change"], rows)


def changed_mistakes(base: Revision, head: Revision) -> list[str]:
    """Return which test images became right and which wrong."""
    if not all(has_file(each.commit, MISTAKES) for each in (base, head)):
        return ["Which images are wrong is not in git of both."]
    before, after = (
        {row["path"]: row for row in json_of(each.commit, MISTAKES, [])} for each in (base, head)
    )
    lines = []
    for title, rows in (
        ("Wrong now", [row for path, row in after.items() if path not in before]),
        ("No more wrong", [row for path, row in before.items() if path not in after]),
    ):
        files = [
            f"{code(row['path'])} (taken for {code(row['predicted'])})" for row in rows[:MOST_FILES]
        ]
        more = [f"{len(rows) - MOST_FILES} more"] if len(rows) > MOST_FILES else []
        lines.append(f"- {title}: {len(rows)}{': ' if rows else ''}{', '.join(files + more)}")
    return lines


def params_table(base: Revision, head: Revision) -> list[str]:
    """Return the parameters that changed."""
    before, after = params_of(base.commit), params_of(head.commit)
    changed = [key for key in {**before, **after} if before.get(key, NONE) != after.get(key, NONE)]
    rows = [[code(key), code(before.get(key, NONE)), code(after.get(key, NONE))] for key in changed]
    return table(["parameter", base.name, head.name], rows) if rows else ["None changed."]


def pictures(base: Revision, head: Revision) -> list[str]:
    """Return the pictures that changed, side by side."""
    listed = subprocess.run(
        ["git", "diff", "--name-only", "-z", base.commit, head.commit, "--", "plots/*.png"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines: list[str] = []
    for path in filter(None, listed.split("\0")):
        images = [
            f'<img src="{each.repository}/raw/{each.commit}/{quote(path)}" width="400">'
            if has_file(each.commit, path)
            else "—"
            for each in (base, head)
        ]
        lines += ["", code(path), "", *table([base.name, head.name], [images])]
    return lines or ["None changed."]


def has_file(commit: str, path: str) -> bool:
    """Return whether a commit has a file."""
    command = ["git", "cat-file", "-e", f"{commit}:{path}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def report(base: Revision, head: Revision, page: str) -> str:
    """Return the whole report.

    Args:
        base: what is compared with.
        head: what is reported.
        page: address of the run that keeps the page of both revisions' plots; may be empty.
    """
    lines = [f"## {head.name} against {base.name}", ""]
    differing = disagreements(head.commit)
    if differing:
        lines += [
            "> [!WARNING]",
            "> These results are not of this `params.yaml`: `dvc.lock` has other values of "
            f"{', '.join(map(code, differing))}. Run `dvc repro` and commit what it changes.",
            "",
        ]
    lines += [*scores_table(base, head), "", "Brackets: 95 % intervals.", ""]
    lines += [*changed_mistakes(base, head), ""]
    lines += ["### Parameters", "", *params_table(base, head), ""]
    lines += ["### Pictures", "", *pictures(base, head), ""]
    if page:
        lines += [
            f"All plots of both: download `plots` from [this run]({page}), open `index.html`."
        ]
    return "\n".join(lines).rstrip() + "\n"


def code(value: Any) -> str:
    """Return a value as code of HTML, in which neither Markdown nor HTML nor @ mean anything."""
    text = " ".join(str(value).split())
    safe = "".join(
        letter if letter.isalnum() or letter in " ./-=" else f"&#{ord(letter)};" for letter in text
    )
    return f"<code>{safe}</code>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _score(metrics: Mapping[str, Any], key: str) -> str:
    if key not in metrics:
        return "—"
    interval = metrics.get(f"{key}_interval")
    words = f" ({interval['low']:.3f} to {interval['high']:.3f})" if interval else ""
    return f"{metrics[key]:.3f}{words}"


def _change(before: float | None, after: float | None) -> str:
    return "—" if before is None or after is None else f"{after - before:+.3f}"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="revision that is compared with")
    parser.add_argument("head", help="revision that is reported")
    parser.add_argument("--base-name", default="", help="what the base is called, as main")
    parser.add_argument("--base-repository", default="..", help="address that has its pictures")
    parser.add_argument("--head-repository", default="..", help="address that has its pictures")
    parser.add_argument("--page", default="", help="address of the run that keeps the plots")
    arguments = parser.parse_args()
    commits = []
    for revision in (arguments.base, arguments.head):
        command = ["git", "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode != 0:
            parser.error(f"git knows no revision {revision}")
        commits.append(found.stdout.strip())
    base_name = f"{code(arguments.base_name)} " if arguments.base_name else ""
    base = Revision(commits[0], f"{base_name}{code(commits[0][:7])}", arguments.base_repository)
    head = Revision(commits[1], code(commits[1][:7]), arguments.head_repository)
    sys.stdout.write(report(base, head, arguments.page))


if __name__ == "__main__":
    main()
