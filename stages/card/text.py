"""The text of the model card: Mitchell et al. 2019, "Model Cards for Model Reporting".

In the format of the Hugging Face Hub: YAML front matter with the scores that its pages show
(`model-index`), then Markdown.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from stages.outputs.split import SplitRow
from stages.params.backbone import BackboneParams
from stages.params.bundle import BundleParams
from stages.params.card import CardParams
from stages.params.fetch import FetchParams
from stages.params.split import SplitParams
from waste_classifier.decision import Decision

#: What was kept apart, by split.group_by.
SPLITS = {
    "embedding": "photos of one object stay in one fold, so every object is one never seen",
    "perceptual": "near-duplicates stay in one fold, but other photos of one object need not: the "
    "scores flatter",
    "none": "photos of one object may stand in several folds: the scores flatter",
}
DATA = {
    "sample": "a sample of drawn images, which are no photos: of no use for real waste",
    "kaggle": "TrashNet (Thung and Yang 2016), of Kaggle",
    "path": "photos of the maker's own choice",
}
FORMATS = {
    "float32": "LiteRT, float32",
    "float16": "LiteRT, float16",
    "int8": "LiteRT, int8",
    "onnx": "ONNX",
    "saved_model": "SavedModel",
}
#: Of a folder with another format.
OF_FLOAT32 = " All other numbers of this card are of float32."


def model_card(
    card: CardParams,
    fetch: FetchParams,
    backbone: BackboneParams,
    split: SplitParams,
    bundle: BundleParams,
    rows: Sequence[SplitRow],
    described: Mapping[str, Any],
    decision: Decision,
    metrics: Mapping[str, Any],
) -> str:
    """Return the card.

    Args:
        card: section `card`.
        fetch: section `fetch`: which photos.
        backbone: section `backbone`: which weights.
        split: section `split`: what the scores are of.
        bundle: section `bundle`: in which format the classifier is given away.
        rows: of all images.
        described: classifier.json.
        decision: that the classifier makes.
        metrics: documents of metrics/, by name.
    """
    scores = metrics["cross_validation"]
    front = {
        "license": card.license,
        "library_name": "litert",
        "pipeline_tag": "image-classification",
        "tags": ["waste", "recycling", "image-classification", "resnet50"],
        "model-index": [
            {
                "name": card.name,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"name": DATA[fetch.source], "type": fetch.source},
                        "metrics": [
                            {
                                "type": name,
                                "name": f"{name.replace('_', ' ')} (cross-validated)",
                                "value": round(scores[name], 4),
                            }
                            for name in ("accuracy", "macro_f1")
                        ],
                    }
                ],
            }
        ],
    }
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---",
        f"# {_cell(card.name)}",
        _what_it_is(described, backbone),
        _use(decision),
        _data(card, fetch, rows),
        _scores(scores, split),
        _decisions(decision, metrics),
        _limits(metrics["novelty"]),
        _exports(metrics["export"], bundle),
        _training(),
    ]
    return "\n\n".join(sections) + "\n"


def _what_it_is(described: Mapping[str, Any], backbone: BackboneParams) -> str:
    size = described["image_size"]
    weights = {"none": "random weights", "imagenet": "ImageNet weights"}
    start = weights.get(backbone.weights, "pretrained weights of a file")
    return (
        f"Tells which of {len(described['labels'])} labels a photo of one piece of waste shows: "
        f"{', '.join(map(_cell, described['labels']))}; or that it is unsure. ResNet50, trained "
        f"from {start}; it sees {size} x {size} pixels, averaged over "
        f"{' and '.join(described['orientations'])} (turned: by half)."
    )


def _use(decision: Decision) -> str:
    mix = ", ".join(
        f"{_cell(label)} {share:.3f}"
        for label, share in zip(decision.labels, decision.mix, strict=True)
    )
    return (
        "## Use\n\n"
        "```console\n"
        "$ pip install .    # in a clone of the project that made this folder\n"
        "$ python -m waste_classifier predict --model . photo.jpg\n"
        "```\n\n"
        "Meant for sorting one piece of waste at a time, seen alone, where a wrong answer costs "
        "money and not health: an answer of `unsure` is to go to a person or to the residue. Not "
        "meant for hazardous or medical waste, for several things in one photo, or for telling "
        f"people apart. Probabilities hold for the mix {mix}."
    )


def _data(card: CardParams, fetch: FetchParams, rows: Sequence[SplitRow]) -> str:
    counts = Counter((row.label, row.split) for row in rows)
    labels = sorted({row.label for row in rows})
    lines = [
        "| label | train | val | test |",
        "|---|---|---|---|",
        *(
            f"| {_cell(label)} | {counts[label, 'train']} | {counts[label, 'val']} | "
            f"{counts[label, 'test']} |"
            for label in labels
        ),
    ]
    source = DATA[fetch.source]
    return (
        f"## Data\n\n{source[0].upper()}{source[1:]}. Licence of the data: {card.data_license}. "
        f"Small copies of the training photos are in this folder.\n\n" + "\n".join(lines)
    )


def _scores(scores: Mapping[str, Any], split: SplitParams) -> str:
    lines = ["| score | value | 95 % interval |", "|---|---|---|"]
    for name in ("accuracy", "macro_f1", "weighted_f1"):
        interval = scores[f"{name}_interval"]
        lines.append(
            f"| {name.replace('_', ' ')} | {scores[name]:.4f} | {interval['low']:.4f} to "
            f"{interval['high']:.4f} |"
        )
    lines.append(f"| log loss | {scores['log_loss']:.4f} | |")
    of_labels = [
        f"| {_cell(label)} | {of_label['precision']:.4f} | {of_label['recall']:.4f} | "
        f"{of_label['support']} |"
        for label, of_label in scores["labels"].items()
    ]
    return (
        "## Scores\n\nCross-validated: each photo is scored by a training that has not seen it; "
        f"{SPLITS[split.group_by]}. They are of this data alone: on photos of another camera, on "
        "another ground, expect less, and measure it (`score FOLDER`).\n\n"
        + "\n".join(lines)
        + "\n\n| label | precision | recall | photos |\n|---|---|---|---|\n"
        + "\n".join(of_labels)
    )


def _decisions(decision: Decision, metrics: Mapping[str, Any]) -> str:
    of_test = metrics["decide"]
    if decision.costs is not None:
        rule = "The cheapest answer by the costs in `decision.json` is given."
    else:
        rule = (
            f"A label is given where its probability reaches its threshold, from which on, with "
            f"{decision.confidence:g} confidence, {decision.purity:g} of what gets it belongs "
            "there."
        )
    lines = ["| label | threshold | purity on test | recovery on test |", "|---|---|---|---|"]
    for label, threshold in zip(decision.labels, decision.thresholds, strict=True):
        of_label = of_test["labels"][label]
        shown = "never decided" if threshold is None else f"{threshold:.4f}"
        purity = f"{of_label['purity']:.4f}" if "purity" in of_label else "-"
        lines.append(
            f"| {_cell(label)} | {'-' if decision.costs else shown} | {purity} | "
            f"{of_label['recovery']:.4f} |"
        )
    right = of_test.get("accuracy_of_decided")
    weighted = ", weighted to the mix," if decision.reweights else ""
    return (
        f"## Decisions\n\n{rule} Of the test photos{weighted} {of_test['coverage']:.4f} get a label"
        + ("" if right is None else f", {right:.4f} of these the right one")
        + f". Temperature {decision.temperature:.3f}; log loss on test "
        + f"{of_test['log_loss']:.4f}.\n\n"
        + "\n".join(lines)
    )


def _limits(novelty: Mapping[str, Any]) -> str:
    unlike, of_no_label = (
        f"{each['refused']:.4f} (95 % {each['low']:.4f} to {each['high']:.4f})"
        for each in (novelty["unlike_training"], novelty["of_no_label"])
    )
    return (
        "## Limits\n\nA photo that is unlike the training ones is answered by `unsure`, whatever "
        f"is on it: so are {unlike} of the things on the test photos. Another camera or ground "
        "mostly is unlike all of them: `adapt FOLDER` takes its photos as the new normal. So is a "
        f"photo that is like things of none of the labels: {of_no_label} of the things on the test "
        "photos, though they have labels. Of things that have none, many are not noticed."
    )


def _exports(export: Mapping[str, Any], bundle: BundleParams) -> str:
    lines = [
        "| format | MB | largest difference | same label | accuracy | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for name, title in FORMATS.items():
        if name not in export:
            continue
        check = export[name]
        lines.append(
            f"| {title} | {check['bytes'] / 1e6:.1f} | {check['largest_difference']:.2g} | "
            f"{check['agreement']:.4f} | {check['accuracy']:.4f} | {check['verdict']} |"
        )
    return (
        f"## Formats\n\nEach run by its own runtime on {export['compared_images']} photos of val "
        "and held against the classifier.\n\n"
        + "\n".join(lines)
        + f"\n\n`classifier.tflite` of this folder is the one of {FORMATS[bundle.format]}."
        + ("" if bundle.format == "float32" else OF_FLOAT32)
    )


def _training() -> str:
    return (
        "## Time and energy of training\n\nNot recorded here, as they differ from run to run; "
        "energy was not measured. The times of every epoch are in `logs/train/` of the machine "
        "that trained."
    )


def _cell(text: str) -> str:
    """Return a text that ends no cell of a table and starts no markup."""
    for letter in "\\`*_{}[]<>#|~&":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())
