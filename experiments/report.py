"""What a branch does to the committed results, as Markdown for a pull request.

`python -m experiments.report BASE HEAD` reads both revisions from git, and no data: the verdict,
the scores with intervals, images that changed sides, changed parameters and pictures. Whether the
results of HEAD are of its code it asks DVC, where HEAD is checked out.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from experiments.revisions import commit_of, file_of
from experiments.verdict import Verdict, judge, read_sides, sentence
from stages.stage import exit_code
from waste_classifier.errors import InputError

METRICS = {"cross_validation": "metrics/cross_validation.json", "test": "metrics/evaluate.json"}
PIPELINES = {"cross_validation": "release/dvc.yaml", "test": "dvc.yaml"}
#: Shown of all images; the recall of single labels stands below them.
SCORES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "expected_calibration_error": "calibration error",
}
MOST_FILES = 10
#: Stands where a commit lacks a parameter.
LACKING = object()


class Revision(NamedTuple):
    """A commit, and how it is called."""

    commit: str
    name: str  #: Markdown
    repository: str  #: address that its pictures are linked from


def metrics_of(commit: str, path: str) -> dict[str, Any]:
    """Return the metrics that a commit has in a file; none where there is none.

    Raises:
        InputError: it is no JSON, or holds something else.
    """
    content = file_of(commit, path)
    try:
        metrics = {} if content is None else json.loads(content)
    except ValueError as error:
        raise InputError(f"{commit[:7]}:{path}: no JSON ({error}); mend it") from None
    if not isinstance(metrics, dict):
        raise InputError(f"{commit[:7]}:{path}: no metrics by name; run `dvc repro`")
    return metrics


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
    return flat(yaml_of(commit, "params.yaml"))


def yaml_of(commit: str, path: str) -> Any:
    """Return the content of a YAML file of a commit; nothing where there is none.

    Raises:
        InputError: it is no YAML, as with the markers of a conflict.
    """
    try:
        return YAML(typ="safe").load(file_of(commit, path) or "") or {}
    except YAMLError as error:
        said = " ".join(str(error).split())
        raise InputError(f"{commit[:7]}:{path}: no YAML ({said}); mend it") from None


def disagreements(commit: str, of: str) -> list[str]:
    """Return the parameters that params.yaml and the lock of a pipeline have otherwise.

    A lock has those of each stage when it last ran, so the results are not of params.yaml then.

    Args:
        commit: that is looked at.
        of: which results, of `PIPELINES`.
    """
    params = params_of(commit)
    file = PIPELINES[of].replace(".yaml", ".lock")
    used: dict[str, Any] = {}
    try:
        for stage in yaml_of(commit, file).get("stages", {}).values():
            for params_file, values in stage.get("params", {}).items():
                # Of the second pipeline it stands in the folder above.
                if params_file.endswith("params.yaml"):
                    used |= flat(values)
    except AttributeError:
        raise InputError(f"{commit[:7]}:{file}: no lock of DVC; run `dvc repro`") from None
    sections = {key.split(".")[0] for key in used}
    keys = used.keys() | {key for key in params if key.split(".")[0] in sections}
    return sorted(key for key in keys if used.get(key) != params.get(key))


def out_of_date(commit: str, of: str) -> list[str] | None:
    """Return the stages whose results are of other code, parameters or data than a commit has.

    Args:
        commit: that is looked at.
        of: which results, of `PIPELINES`.

    Returns:
        Their names; None where it can't be told, since another commit is checked out or there is
        no such pipeline.
    """
    here = _run(["git", "rev-parse", "HEAD"])
    if here.stdout.strip() != commit:
        return None
    if file_of(commit, PIPELINES[of]) is None:
        return None
    told = _run([sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing", PIPELINES[of]])
    if told.returncode != 0:
        return [f"all ({' '.join(told.stderr.split())[:200] or 'dvc repro --dry fails'})"]
    return re.findall(r"^Running stage '([^']+)'", told.stdout, re.MULTILINE)


def verdict_lines(verdict: Verdict | str) -> list[str]:
    """Return the verdict in a sentence, and the photos that changed sides.

    Args:
        verdict: on both revisions, or why there is none.
    """
    if isinstance(verdict, str):
        return [f"**No verdict.** {code(verdict)}", ""]
    lines = [f"**{sentence(verdict, score_name)}**", ""]
    lines += [f"- Note: {code(note)}" for note in verdict.notes]
    for title, pairs in (("Fixed", verdict.fixed), ("Broken", verdict.broken)):
        files = [
            f"{code(new.path)} ({code(old.predicted)} → {code(new.predicted)})"
            for old, new in pairs[:MOST_FILES]
        ]
        more = [f"{len(pairs) - MOST_FILES} more"] if len(pairs) > MOST_FILES else []
        lines.append(f"- {title}: {len(pairs)}{': ' if pairs else ''}{', '.join(files + more)}")
    return [*lines, ""]


def score_name(score: str) -> str:
    """Return a score of the verdict as Markdown: the name of a label may hold anything."""
    recall, of, label = score.partition(" of ")
    return f"{recall}{of}{code(label)}" if of else score


def scores_table(base: Revision, head: Revision, of: str, verdict: Verdict | str) -> list[str]:
    """Return the six scores that matter, of both revisions.

    Accuracy, macro F1, log loss and calibration; then, since waste is sorted label by label, the
    recall of the rarest label and that of the label that HEAD finds worst.

    Args:
        base: what is compared with.
        head: what is judged.
        of: which results, of `METRICS`.
        verdict: on both, or why there is none.
    """
    before, after = (metrics_of(each.commit, METRICS[of]) for each in (base, head))
    words = {} if isinstance(verdict, str) else {each.score: each for each in verdict.differences}
    rows = [
        [
            name,
            _score(before, key),
            _score(after, key),
            _change(before.get(key), after.get(key)),
            words[name].word if name in words else "",
        ]
        for key, name in SCORES.items()
    ]
    labels = after.get("labels", {})
    if labels:
        rarest = min(labels, key=lambda label: labels[label]["support"])
        worst = min(labels, key=lambda label: labels[label]["recall"])
        kinds = {rarest: "rarest"}
        kinds[worst] = "rarest, lowest" if worst == rarest else "lowest"
        for label, kind in kinds.items():
            values = [each.get("labels", {}).get(label, {}) for each in (before, after)]
            recalls = [each.get("recall") for each in values]
            shown = [
                "—" if recall is None else f"{recall:.3f} of {each['support']} images"
                for recall, each in zip(recalls, values, strict=True)
            ]
            score = f"recall of {label}"
            word = words[score].word if score in words else ""
            rows.append([f"{score_name(score)} ({kind})", *shown, _change(*recalls), word])
    scored = "test images" if of == "test" else "cross-validation"
    return table([f"on the {scored}", base.name, head.name, "change", "verdict"], rows)


def params_table(base: Revision, head: Revision) -> list[str]:
    """Return the parameters that changed."""
    before, after = params_of(base.commit), params_of(head.commit)
    both = [(key, before.get(key, LACKING), after.get(key, LACKING)) for key in {**before, **after}]
    rows = [
        [code(key), *("—" if value is LACKING else code(value) for value in values)]
        for key, *values in both
        if values[0] != values[1]
    ]
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
    command = ["git", "cat-file", "-e", f"{commit}:./{path}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def warnings(commit: str, of: str) -> list[str]:
    """Return what makes the results of a commit not its own."""
    differing = disagreements(commit, of)
    stale = out_of_date(commit, of)
    said = []
    if differing:
        lock = PIPELINES[of].replace(".yaml", ".lock")
        said.append(f"`{lock}` has other values of {', '.join(map(code, differing))}.")
    if stale:
        said.append(
            f"code, parameters or data of {', '.join(map(code, stale))} have changed since."
        )
    if not said:
        return []
    return [
        "> [!WARNING]",
        f"> These results are not of this commit: {' '.join(said)} "
        f"Run `dvc repro {PIPELINES[of]}` and commit what it changes.",
        "",
    ]


def report(base: Revision, head: Revision, page: str) -> str:
    """Return the whole report.

    Args:
        base: what is compared with.
        head: what is reported.
        page: address of the run that keeps the page of both revisions' plots; may be empty.
    """
    lines = [f"## {head.name} against {base.name}", ""]
    try:
        old, new, of = read_sides(base.commit, head.commit, None)
        verdict: Verdict | str = judge(old, new, of)
    except InputError as error:
        verdict, of = str(error), "test"
    lines += [*warnings(head.commit, of), *verdict_lines(verdict)]
    try:
        scores = scores_table(base, head, of, verdict)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{METRICS[of]} of {base.commit[:7]} or {head.commit[:7]}: not of this version of the "
            f"project ({error!r}); run `dvc repro` there"
        ) from None
    lines += [*scores, "", "Brackets: 95 % intervals.", ""]
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


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("base", help="revision that is compared with")
    parser.add_argument("head", help="revision that is reported")
    parser.add_argument("--base-name", default="", help="what the base is called, as main")
    parser.add_argument("--base-repository", default="..", help="address that has its pictures")
    parser.add_argument("--head-repository", default="..", help="address that has its pictures")
    parser.add_argument("--page", default="", help="address of the run that keeps the plots")
    arguments = parser.parse_args()
    commits = [commit_of(revision) for revision in (arguments.base, arguments.head)]
    base_name = f"{code(arguments.base_name)} " if arguments.base_name else ""
    base = Revision(commits[0], f"{base_name}{code(commits[0][:7])}", arguments.base_repository)
    head = Revision(commits[1], code(commits[1][:7]), arguments.head_repository)
    sys.stdout.write(report(base, head, arguments.page))


if __name__ == "__main__":
    sys.exit(exit_code(main))
