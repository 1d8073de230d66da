"""Unfinished work of a stage whose parameters change while it runs: it is there for a rerun."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from stages.compute import determinism
from stages.cross_validate.__main__ import STATE_DIR as CROSS_VALIDATION_STATE_DIR
from stages.cross_validate.__main__ import main as cross_validate
from stages.features.__main__ import main as compute_features
from stages.outputs.backbone import BACKBONE_DIR, write_description
from stages.outputs.features import FEATURES_DIR, UNFINISHED_DIR
from stages.outputs.views import UNFINISHED_VIEWS_DIR, VIEWS_DIR
from stages.params.class_weights import ClassWeightsParams
from stages.params.cross_validate import CrossValidateParams
from stages.params.features import FeaturesParams
from stages.params.reading import Params
from stages.params.train import TrainParams
from stages.params.views import ViewsParams
from stages.stage import run_with
from stages.train.__main__ import STATE_DIR as TRAIN_STATE_DIR
from stages.train.__main__ import main as train
from stages.views.__main__ import main as compute_views
from tests.training.changes import changed

determinism.configure()

from stages.cross_validate import scoring  # noqa: E402  (after the set-up, which Keras reads)
from stages.frozen import shards  # noqa: E402
from stages.frozen.backbone import FrozenBackbone  # noqa: E402
from stages.train import deliver  # noqa: E402

NETWORK = SimpleNamespace(
    precision="float32",
    pretrained=True,
    last_stage="conv3",
    columns=1024,
    describe=lambda _: None,
)


def write_params(sections: dict[str, Params]) -> None:
    # JSON is YAML.
    lines = [f"{name}: {section.model_dump_json()}" for name, section in sections.items()]
    Path("params.yaml").write_text("\n".join(lines) + "\n")


def run_while_edited(
    sections: dict[str, Params],
    edited: dict[str, Params],
    main: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[ModuleType, str],
    folder_among_arguments: int,
) -> int:
    """Run a stage of which one step writes a file of work, and params.yaml is edited."""
    write_params(sections)

    def worked(*arguments: Any) -> None:
        (arguments[folder_among_arguments] / "work.npy").touch()
        write_params(sections | edited)

    monkeypatch.setattr(*step, worked)
    schemas = {name: type(section) for name, section in sections.items()}
    return run_with(schemas, lambda **given: main(*given.values()))


@pytest.fixture
def without_network(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Let what would restore a backbone return its description alone."""
    monkeypatch.setattr(FrozenBackbone, "restore", lambda *_: NETWORK)


def check_told_and_kept(
    code: int, state_dir: Path, section: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code == 1
    assert capsys.readouterr().err == (
        f"error: params.yaml: section '{section}' changed while the stage ran, with its values "
        "from before; run again\n"
    )
    assert [path.name for path in state_dir.glob("*/*")] == ["work.npy"]


@pytest.mark.usefixtures("workspace")
def test_a_training_is_kept(
    head_alone: TrainParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = (deliver, "train_and_deliver")

    edited: dict[str, Params] = {"train": changed(head_alone, lr=0.02)}

    code = run_while_edited({"train": head_alone}, edited, train, monkeypatch, step, 4)

    check_told_and_kept(code, TRAIN_STATE_DIR, "train", capsys)


@pytest.mark.usefixtures("workspace")
def test_a_cross_validation_is_kept(
    head_alone: TrainParams, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sections: dict[str, Params] = {
        "cross_validate": CrossValidateParams(seed=1, folds=3, repeats=1),
        "class_weights": ClassWeightsParams(scheme="none", beta=0.999),
        "train": head_alone,
    }
    monkeypatch.setattr("stages.cross_validate.__main__.write_cross_validation", lambda *_: None)
    edited: dict[str, Params] = {"train": changed(head_alone, lr=0.02)}
    step = (scoring, "score_folds")

    code = run_while_edited(sections, edited, cross_validate, monkeypatch, step, 4)

    check_told_and_kept(code, CROSS_VALIDATION_STATE_DIR, "train", capsys)


@pytest.mark.usefixtures("without_network")
def test_features_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(FEATURES_DIR.iterdir())
    sections: dict[str, Params] = {"features": FeaturesParams(image_size=32, batch_size=4)}
    edited: dict[str, Params] = {"features": FeaturesParams(image_size=32, batch_size=3)}
    step = (shards, "write_shards")

    code = run_while_edited(sections, edited, compute_features, monkeypatch, step, 0)

    check_told_and_kept(code, UNFINISHED_DIR, "features", capsys)
    assert sorted(FEATURES_DIR.iterdir()) == before


@pytest.mark.usefixtures("without_network")
def test_views_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(VIEWS_DIR.iterdir())
    (BACKBONE_DIR / "resnet50.h5").touch()
    write_description(BACKBONE_DIR, "file", Path("resnet50.h5"), "0" * 64)
    sections: dict[str, Params] = {
        "features": FeaturesParams(image_size=32, batch_size=4),
        "views": ViewsParams(seed=1, count=2, ground=0.5),
    }
    monkeypatch.setattr("stages.views.__main__.write_description", lambda *_: None)
    edited: dict[str, Params] = {"views": ViewsParams(seed=1, count=3, ground=0.5)}
    step = (shards, "write_shards")

    code = run_while_edited(sections, edited, compute_views, monkeypatch, step, 0)

    check_told_and_kept(code, UNFINISHED_VIEWS_DIR, "views", capsys)
    assert sorted(VIEWS_DIR.iterdir()) == before
