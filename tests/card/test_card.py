"""The model card: front matter that YAML reads, and no number that stands nowhere else."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from stages.card.__main__ import DESCRIPTION_FILE, main
from stages.outputs.card import CARD_FILE
from stages.outputs.decision import DECISION_FILE
from stages.outputs.split import SPLIT_FILE, SplitRow
from stages.outputs.tables import write_table
from stages.params.backbone import BackboneParams
from stages.params.bundle import BundleParams
from stages.params.card import CardParams
from stages.params.fetch import FetchParams, KaggleParams, SampleParams
from stages.params.split import SplitParams
from waste_classifier.decision import always_decide
from waste_classifier.errors import InputError

LABELS = ("glass", "p|per")
SECTIONS: dict[str, Any] = {
    "backbone": BackboneParams(weights="imagenet", sha256=None),
    "bundle": BundleParams(format="float32"),
    "card": CardParams(name="My classifier", license="mit", data_license="CC BY 4.0"),
    "fetch": FetchParams(
        source="path",
        sample=SampleParams(seed=1, images=60, image_size=32),
        kaggle=KaggleParams(dataset="a/b", version=1, timeout=60, retries=5),
        path="photos",
        expected_counts=None,
        max_rejected=0,
        corrections="corrections.csv",
        max_pixels=1000,
        shard_images=0,
    ),
    "split": SplitParams(seed=1, val=0.1, test=0.1, group_by="embedding", on_conflict="drop"),
}
CHECK = {
    "largest_difference": 3.2e-6,
    "agreement": 1.0,
    "accuracy": 0.9833,
    "verdict": "not told apart",
    "bytes": 40_450_000,
}
METRICS: dict[str, Any] = {
    "cross_validation": {
        **dict.fromkeys(("accuracy", "macro_f1", "weighted_f1"), 0.9528),
        **{
            f"{name}_interval": {"low": 0.9424, "high": 0.9626}
            for name in ("accuracy", "macro_f1", "weighted_f1")
        },
        "log_loss": 0.1721,
        "labels": {
            label: {"precision": 0.9, "recall": 0.8, "f1": 0.85, "support": 7} for label in LABELS
        },
    },
    "decide": {
        "coverage": 0.7659,
        "accuracy_of_decided": 0.9896,
        "log_loss": 0.1203,
        "labels": {
            "glass": {"purity": 1.0, "recovery": 0.9, "unsure": 0.1},
            "p|per": {"recovery": 0.0, "unsure": 1.0},
        },
    },
    "export": {
        "compared_images": 120,
        **dict.fromkeys(("float32", "float16", "int8", "onnx", "saved_model"), CHECK),
    },
    "novelty": {
        "unlike_training": {"refused": 0.046, "low": 0.0238, "high": 0.0871},
        "of_no_label": {"refused": 0.0387, "low": 0.0189, "high": 0.0778},
    },
}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DESCRIPTION_FILE.parent.mkdir(parents=True)
    described = {"labels": LABELS, "image_size": 384, "orientations": ["received", "turned"]}
    DESCRIPTION_FILE.write_text(json.dumps(described))
    decision = always_decide(LABELS)._replace(
        thresholds=(0.9117, None), purity=0.98, confidence=0.95, temperature=0.572
    )
    DECISION_FILE.write_text(json.dumps(decision.to_json()))
    rows = [SplitRow(f"{label}/0.png", label, label, "train") for label in LABELS]
    write_table(SPLIT_FILE, rows, SplitRow)
    Path("metrics").mkdir()
    for name, content in METRICS.items():
        Path(f"metrics/{name}.json").write_text(json.dumps(content))


def text() -> str:
    main(**SECTIONS)
    return CARD_FILE.read_text()


def test_the_front_matter_is_what_the_hub_reads() -> None:
    _, front, _ = text().split("---\n", 2)

    read = yaml.safe_load(front)
    assert read["license"] == "mit"
    assert read["pipeline_tag"] == "image-classification"
    (result,) = read["model-index"][0]["results"]
    assert [metric["value"] for metric in result["metrics"]] == [0.9528, 0.9528]


@pytest.mark.parametrize(
    "line",
    [
        "# My classifier",
        "| accuracy | 0.9528 | 0.9424 to 0.9626 |",
        "| glass | 0.9117 | 1.0000 | 0.9000 |",
        "| p\\|per | never decided | - | 0.0000 |",
        "| LiteRT, float32 | 40.5 | 3.2e-06 | 1.0000 | 0.9833 | not told apart |",
        "| glass | 1 | 0 | 0 |",
    ],
)
def test_the_card_says_what_was_measured(line: str) -> None:
    assert line in text().splitlines()


def test_the_card_says_what_the_scores_are_worth() -> None:
    said = " ".join(text().split())

    assert "every object is one never seen" in said
    assert "Licence of the data: CC BY 4.0" in said
    assert "0.0460 (95 % 0.0238 to 0.0871)" in said
    assert "on photos of another camera, on another ground, expect less" in said


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("float32", "`classifier.tflite` of this folder is the one of LiteRT, float32."),
        (
            "int8",
            "`classifier.tflite` of this folder is the one of LiteRT, int8. All other numbers of "
            "this card are of float32.",
        ),
    ],
)
def test_the_card_says_which_format_lies_beside_it(
    form: Literal["float32", "int8"], line: str
) -> None:
    main(**SECTIONS | {"bundle": BundleParams(format=form)})

    assert line in CARD_FILE.read_text().splitlines()


def test_names_are_no_markup_anywhere() -> None:
    labels = ("_glass_", "[a](b) & ~~c~~")
    described = {"labels": labels, "image_size": 384, "orientations": ["received"]}
    DESCRIPTION_FILE.write_text(json.dumps(described))
    DECISION_FILE.write_text(json.dumps(always_decide(labels).to_json()))
    scores = json.loads(Path("metrics/decide.json").read_text())
    scores["labels"] = dict.fromkeys(labels, scores["labels"]["glass"])
    Path("metrics/decide.json").write_text(json.dumps(scores))

    main(**SECTIONS | {"card": CardParams(name="My <b>*best*", license="mit", data_license="MIT")})

    _, front, said = CARD_FILE.read_text().split("---\n", 2)
    escaped = "\\_glass\\_", "\\[a\\](b) \\& \\~\\~c\\~\\~"
    assert "\n# My \\<b\\>\\*best\\*\n" in said
    assert f" shows: {', '.join(escaped)}; or" in said
    assert f"the mix {escaped[0]} 0.500, {escaped[1]} 0.500." in said
    assert not any(label in said for label in labels)
    # Front matter is YAML, not Markdown.
    assert yaml.safe_load(front)["model-index"][0]["name"] == "My <b>*best*"


def test_without_a_metric_there_is_no_card() -> None:
    Path("metrics/export.json").unlink()

    with pytest.raises(InputError, match=r"metrics/export\.json: no such file; run `dvc repro`"):
        main(**SECTIONS)

    assert not CARD_FILE.exists()
