"""All sections of params.yaml, in its order, and what they ask of each other."""

from pathlib import Path
from typing import cast

from stages.params.backbone import BackboneParams, weights_path
from stages.params.bundle import BundleParams
from stages.params.card import CardParams
from stages.params.class_weights import ClassWeightsParams
from stages.params.cross_validate import CrossValidateParams
from stages.params.decide import DecideParams, differing
from stages.params.duplicates import DuplicatesParams
from stages.params.effect import without_effect
from stages.params.evaluate import EvaluateParams
from stages.params.explain import ExplainParams
from stages.params.explore import ExploreParams
from stages.params.export import ExportParams
from stages.params.features import FeaturesParams
from stages.params.fetch import PLACE_FOR_PHOTOS, FetchParams
from stages.params.label_errors import LabelErrorsParams
from stages.params.novelty import NoveltyParams
from stages.params.predict import PredictParams
from stages.params.reading import PARAMS_FILE, Params, check_names, check_section, read_params
from stages.params.split import SplitParams
from stages.params.train import TrainParams
from stages.params.views import ViewsParams
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError

SECTIONS: dict[str, type[Params]] = {
    "fetch": FetchParams,
    "backbone": BackboneParams,
    "features": FeaturesParams,
    "views": ViewsParams,
    "duplicates": DuplicatesParams,
    "split": SplitParams,
    "explore": ExploreParams,
    "class_weights": ClassWeightsParams,
    "train": TrainParams,
    "predict": PredictParams,
    "evaluate": EvaluateParams,
    "cross_validate": CrossValidateParams,
    "label_errors": LabelErrorsParams,
    "novelty": NoveltyParams,
    "decide": DecideParams,
    "export": ExportParams,
    "bundle": BundleParams,
    "card": CardParams,
    "explain": ExplainParams,
}


def check_params(path: Path = PARAMS_FILE) -> list[str]:
    """Check every section of a params file, and that the sections fit each other.

    Returns:
        What the user should know though nothing is wrong with it.

    Raises:
        InputError: a section or key is unknown, missing, of the wrong type or out of range, or a
            section asks for what another makes impossible; the message says how to mend it.
    """
    content = read_params(path)
    check_names(SECTIONS, content, path)
    sections = {
        name: check_section(name, schema, content, path) for name, schema in SECTIONS.items()
    }
    backbone = cast(BackboneParams, sections["backbone"])
    pretrained = backbone.weights != "none"
    fetch = cast(FetchParams, sections["fetch"])
    train = cast(TrainParams, sections["train"])
    check_source(fetch, path)
    check_weights(backbone, path)
    check_grouping(cast(SplitParams, sections["split"]), pretrained, path)
    check_epochs(train, pretrained, path)
    check_devices(train, pretrained, path)
    check_bundle(
        cast(BundleParams, sections["bundle"]), cast(ExportParams, sections["export"]), path
    )
    check_wanted_labels(cast(DecideParams, sections["decide"]), fetch, path)
    class_weights = cast(ClassWeightsParams, sections["class_weights"])
    views = cast(ViewsParams, sections["views"])
    unused = without_effect(fetch, backbone, views, class_weights, train)
    return [
        f"{path}: without effect beside the other values: {', '.join(unused)}",
        *notes_on_warmup(train, pretrained, path),
        *notes_on_photos(fetch, path),
        *notes_on_corrections(fetch, path),
    ]


def check_source(fetch: FetchParams, path: Path) -> None:
    """Check that photos of one's own are not given and left unread."""
    if fetch.source != "path" and fetch.path != PLACE_FOR_PHOTOS:
        raise InputError(
            f"{path}: fetch.path is {fetch.path}, but fetch.source is {fetch.source}, which does "
            f"not read it: set fetch.source to path, or fetch.path to {PLACE_FOR_PHOTOS}"
        )


def check_bundle(bundle: BundleParams, export: ExportParams, path: Path) -> None:
    """Check that the format that the classifier is to run on is written."""
    if bundle.format not in export.formats:
        raise InputError(
            f"{path}: bundle.format is {bundle.format}, which export.formats leaves out: add it "
            "there, or set bundle.format to one of these"
        )


def check_wanted_labels(decide: DecideParams, fetch: FetchParams, path: Path) -> None:
    """Check that decisions are wanted of the labels that are expected, where some are.

    Stage decide looks at those that there are, which is after the longest trainings.
    """
    for key, given in (("mix", decide.mix), ("costs", decide.costs)):
        if given is None or fetch.expected_counts is None:
            continue
        if wrong := differing(given, fetch.expected_counts):
            raise InputError(
                f"{path}: decide.{key} and fetch.expected_counts name different labels: "
                f"{', '.join(wrong)}, in one of them alone; give both the same"
            )


def notes_on_photos(fetch: FetchParams, path: Path) -> list[str]:
    """Say what DVC, which must find what a stage is said to depend on, says in words of its own.

    It is no error: with `--allow-missing`, outputs of photos that are elsewhere do.
    """
    try:
        if Path(fetch.path).exists():
            return []
    except (OSError, ValueError):  # a name that no file can have
        pass
    if fetch.source != "path":
        return [
            f"{path}: fetch.path: {fetch.path!r} is not there; DVC asks for it whatever "
            "fetch.source is. `git checkout data/photos` brings it back"
        ]
    queued = " (a queued experiment sees only what git tracks: give an absolute path)"
    relative = not Path(fetch.path).is_absolute()
    return [
        f"{path}: fetch.path: {fetch.path!r}: no such file or folder{queued * relative}. If "
        "the outputs of stage fetch are here all the same (`dvc pull`), add --allow-missing"
    ]


def notes_on_corrections(fetch: FetchParams, path: Path) -> list[str]:
    """Say of a missing table of corrections what DVC, which must find it too, does not say."""
    try:
        if Path(fetch.corrections).exists():
            return []
    except (OSError, ValueError):  # a name that no file can have
        pass
    return [
        f"{path}: fetch.corrections: {fetch.corrections!r} is not there; DVC asks for it, if only "
        "with a header. `git checkout corrections.csv` brings back the one of that name"
    ]


def check_weights(backbone: BackboneParams, path: Path) -> None:
    """Check that a checksum stands beside a file of weights.

    DVC watches the parameters, not that file: with the checksum among them, results are of the
    weights that it tells, whatever comes to stand under the name.
    """
    if backbone.weights in ("none", "imagenet") or backbone.sha256 is not None:
        return
    file = weights_path(backbone.weights)
    if not file.is_file():
        raise InputError(
            f"{path}: backbone.weights: no such file: {file}; expected none, imagenet or the path "
            "of an .h5 or .weights.h5 file"
        )
    try:
        checksum = sha256_of(file)
    except OSError as error:
        raise InputError(
            f"{path}: backbone.weights: {file}: can't be read ({error.strerror})"
        ) from None
    raise InputError(
        f"{path}: backbone.sha256 is missing, which tells what is in the file of backbone.weights: "
        f"set it to {checksum}, as {file} is now"
    )


def check_grouping(split: SplitParams, pretrained: bool, path: Path) -> None:
    """Check that similarity by the backbone is asked of pretrained weights alone.

    Random weights see colour and layout, not things.
    """
    if split.group_by == "embedding" and not pretrained:
        raise InputError(
            f"{path}: split.group_by is embedding, which needs pretrained weights: set "
            "backbone.weights to imagenet or to a file, or split.group_by to perceptual"
        )


def check_epochs(train: TrainParams, pretrained: bool, path: Path) -> None:
    """Check that something trains."""
    if not pretrained and train.scratch.epochs == 0:
        raise InputError(
            f"{path}: train.scratch.epochs is 0, but random weights train in these epochs alone; "
            "set it above 0, or backbone.weights to pretrained ones"
        )
    if pretrained and train.head.epochs + train.fine_tune.epochs == 0:
        raise InputError(
            f"{path}: train.head.epochs and train.fine_tune.epochs are both 0; set one above 0"
        )


def notes_on_warmup(train: TrainParams, pretrained: bool, path: Path) -> list[str]:
    """Say of a phase that its learning rate rises to the end.

    It is no error: short trials do without the decay.
    """
    phases = (
        {"head": train.head.epochs, "fine_tune": train.fine_tune.epochs}
        if pretrained
        else {"scratch": train.scratch.epochs}
    )
    return [
        f"{path}: train.warmup_epochs is {train.warmup_epochs:g}, all of train.{name}.epochs: "
        f"{epochs}, so that the learning rate rises to the end and never decays; to let it, lower "
        "train.warmup_epochs"
        for name, epochs in phases.items()
        if 0 < epochs <= train.warmup_epochs
    ]


def check_devices(train: TrainParams, pretrained: bool, path: Path) -> None:
    """Check that several devices can share a batch evenly, and train in the given precision.

    What auto is depends on the machine, so that stage train looks at it.
    """
    name, phase = ("fine_tune", train.fine_tune) if pretrained else ("scratch", train.scratch)
    if phase.epochs == 0:
        return
    if train.devices > 1 and train.precision == "mixed_float16":
        raise InputError(
            f"{path}: train.precision is mixed_float16, which trains on one device alone: Keras's "
            "scaling of the loss fails on several; set it to float32 or mixed_bfloat16, or "
            "train.devices to 1"
        )
    if phase.batch_size % train.devices:
        raise InputError(
            f"{path}: train.{name}.batch_size is {phase.batch_size}, which train.devices: "
            f"{train.devices} can't share out evenly; set it to a multiple of {train.devices}"
        )
