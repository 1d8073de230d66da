"""Search for better parameters of the head, without a look at the test split.

`python -m experiments.search SPACE.yaml` tries values of a space (`experiments/spaces/head.yaml` is
one) by cross-validation over the train and val photos, on the cached features, in one process:
Optuna draws them (TPE: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"), and
the first trial is params.yaml. Trials train for a share of the epochs, and one is given up after a
fold where three others had been better; the best of them and params.yaml are then trained in full
(successive halving: Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and
Hyperparameter Optimization"). What fails, as its loss becomes no number, is told and the others go
on. Interrupted and run again, it goes on where it was. At the end it prints the best as commands,
or runs them as DVC experiments, and says whether the best is told apart from params.yaml.
"""

import argparse
import shlex
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from experiments.dvc_command import run_dvc
from experiments.heads import open_heads
from experiments.space import Values, ends_of, read_sections, read_space, sections_of, values_of
from stages.comparison import Answers, compare
from stages.compute.cluster import ClusterError
from stages.cross_validate.folds import assign_folds
from stages.outputs.features import Description
from stages.outputs.manifest import MANIFEST_FILE
from stages.outputs.split import SPLIT_FILE, SplitRow, iterate_split
from stages.outputs.unfinished import fingerprint, only_run
from stages.outputs.whole import UNFINISHED, disk_errors_explained, whole_file
from stages.params.cross_validate import CrossValidateParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.progress import progress, say
from stages.scores import losses
from stages.stage import exit_code
from stages.training.collection import COLLECTION_FILES, Collection, open_collection
from stages.training.phases import plan_phases
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

    from stages.cross_validate.held_out import Recipe

STATE_DIR = MANIFEST_FILE.parent / UNFINISHED / "search"
INPUTS = [*COLLECTION_FILES, SPLIT_FILE]
#: Of experiments, what a trial depends on; `fingerprint` has the code of the stages.
CODE = [Path(__file__), Path(__file__).with_name("space.py")]
EPOCHS = "train.head.epochs"
#: Better trials that one is given up for: fewer let a lucky first fold end most others.
BETTER = 3
#: Trials of random values, before any are drawn by what the earlier ones gave.
FIRST_TRIALS = 8
#: So many failures in a row are no bad luck: the disk is full, or the space is all wrong.
MOST_FAILURES = 10
DRAWS = 9_999
SEED = 0


class Task(NamedTuple):
    """What all trials share."""

    params: Mapping[str, Any]  #: the sections that are changed, as params.yaml has them
    space: "Mapping[str, BaseDistribution]"
    default: Values
    rows: Sequence[SplitRow]  #: of train and val
    folds: npt.NDArray[np.intp]  #: `(n,)`, of each
    share: float  #: of the epochs, that a trial trains for
    described: str  #: all that trials depend on, but for inputs and code
    state: Path  #: folder of the study, of predictions and of what is unfinished

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({row.label for row in self.rows})

    @property
    def actual(self) -> npt.NDArray[np.intp]:
        """Position of the label of each row."""
        labels = self.labels
        return np.array([labels.index(row.label) for row in self.rows])

    def predictions_file(self, trial: int) -> Path:
        """Return the file of what the whole training of a trial says of each photo."""
        return self.state / f"{trial}.npy"


def read_task(file: Path, share: float, directory: Path) -> Task:
    """Read what a search starts from.

    Args:
        file: of the space.
        share: of the epochs, that a trial trains for.
        directory: of searches.

    Raises:
        InputError: the space or an input is wrong, nothing trains at an end of the space, or the
            head is not all that trains.
    """
    params = read_sections()
    train = load_section("train", TrainParams)
    cross_validate = load_section("cross_validate", CrossValidateParams)
    space = read_space(file, params)
    rows = list(iterate_split(["train", "val"]))
    check_ends(file, params, space, open_heads(train, rows).features.description)
    once = cross_validate.model_copy(update={"repeats": 1})
    (folds,) = assign_folds(rows, once)
    weights = params["class_weights"]
    described = f"{sorted(space.items())!r} {train.of_results} {weights!r} {once!r} {share!r}"
    default = values_of(params, [*space], file)
    return Task(params, space, default, rows, folds, share, described, directory)


def check_ends(
    file: Path,
    params: Mapping[str, Any],
    space: "Mapping[str, BaseDistribution]",
    description: Description,
) -> None:
    """Check that something trains at both ends of each key, before the first of many trials has.

    Args:
        file: of the space.
        params: as of `read_sections`.
        space: what values of each key are drawn from.
        description: of the cached features.

    Raises:
        InputError: nothing does.
    """
    for key, distribution in space.items():
        for end in ends_of(distribution):
            train = sections_of(params, {key: end}).train
            try:
                plan_phases(train, description.pretrained, description.last_stage)
            except InputError as error:
                raise InputError(f"{file}: {key}: {end!r}: {error}") from None


def make_folder(folder: Path) -> Path:
    """Make a folder if it is missing, and return it.

    Raises:
        InputError: the disk refuses it.
    """
    with disk_errors_explained(folder):
        folder.mkdir(exist_ok=True)
    return folder


def open_study(task: Task) -> "optuna.Study":
    """Return the study of a task, new or as an earlier run left it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name="search",
        storage=f"sqlite:///{task.state / 'study.db'}",
        load_if_exists=True,
    )
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        # Of a run that was killed, perhaps before all of its values were drawn.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    # What the best is held against; where it has failed, its cause may be mended by now.
    states = optuna.trial.TrialState
    tried = study.get_trials(states=[states.COMPLETE, states.PRUNED, states.WAITING])
    if not any(
        task.default in (trial.params, trial.system_attrs.get("fixed_params")) for trial in tried
    ):
        study.enqueue_trial(task.default)
    # A sampler that starts anew draws what it drew first: of as many trials, others.
    study.sampler = optuna.samplers.TPESampler(
        seed=SEED + len(study.trials), n_startup_trials=FIRST_TRIALS
    )
    return study


def epochs_of(task: Task, values: Values, share: float) -> int:
    """Return how many epochs are a share of those that some values ask for, at least one."""
    epochs: int = values.get(EPOCHS, task.params["train"]["head"]["epochs"])
    return max(1, round(share * epochs))


def open_recipe(task: Task, values: Values, epochs: int) -> "tuple[Collection, Recipe]":
    """Return the images and what their trainings follow, for so many epochs of some values."""
    from stages.cross_validate.held_out import Recipe

    sections = sections_of(task.params, {**values, EPOCHS: epochs})
    collection = open_collection(sections.train, task.rows)
    description = collection.features.description
    phases = plan_phases(sections.train, description.pretrained, description.last_stage)
    return collection, Recipe(phases, sections.train, sections.class_weights)


def score(task: Task, trial: "optuna.Trial") -> float:
    """Return the cross-validated log loss of a trial; of a whole training, keep what it says.

    Raises:
        TrialPruned: others were better after as many folds.
        InputError: a training fails, or its loss is no number.
    """
    import optuna

    from stages.cross_validate.held_out import score_fold

    epochs = epochs_of(task, trial.params, task.share)
    collection, recipe = open_recipe(task, trial.params, epochs)
    actual = task.actual
    probabilities = np.zeros((len(task.rows), len(task.labels)), np.float32)
    scored = np.zeros(len(task.rows), np.bool_)
    for step, fold in enumerate(np.unique(task.folds).tolist()):
        held_out = task.folds == fold
        state = task.state / str(fold)
        shutil.rmtree(state, ignore_errors=True)
        probabilities[held_out] = score_fold(collection, task.rows, held_out, recipe, state)
        shutil.rmtree(state)
        scored |= held_out
        loss = float(losses(probabilities[scored], actual[scored]).mean())
        if not np.isfinite(loss):
            raise InputError(f"the log loss of fold {fold} became {loss}")
        trial.report(loss, step)
        if not scored.all() and others_were_better(trial, step, loss):
            raise optuna.TrialPruned
    if epochs == epochs_of(task, trial.params, 1):
        keep_predictions(task, trial.number, probabilities)
    return loss


def others_were_better(trial: "optuna.Trial", step: int, loss: float) -> bool:
    """Return whether enough earlier trials were better after as many folds to give this one up.

    Optuna's pruners compare the best loss after any of the folds so far, which a first fold of easy
    photos decides.

    Args:
        trial: that runs.
        step: number of the last fold that is scored.
        loss: of the folds so far.
    """
    others = [other.intermediate_values.get(step, np.inf) for other in ended_trials(trial.study)]
    return sum(other < loss for other in others) >= BETTER


def keep_predictions(task: Task, trial: int, probabilities: npt.NDArray[np.float32]) -> None:
    """Write what the whole training of a trial says of each photo.

    Raises:
        InputError: the disk refuses it.
    """
    with whole_file(task.predictions_file(trial)) as unfinished, unfinished.open("wb") as opened:
        np.save(opened, probabilities)


def ended_trials(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Return the trials that have a loss, of all folds or of some."""
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=ended)


def search(task: Task, study: "optuna.Study", trials: int) -> None:
    """Run trials until there are so many; those that failed in an earlier run do not count.

    Raises:
        InputError: so many in a row fail that the next ones would too.
    """
    import optuna

    done = len(ended_trials(study))
    failures = 0
    with progress("search", trials, "trials", min(done, trials)) as bar:
        for _ in range(done, trials):
            trial = study.ask(dict(task.space))
            try:
                study.tell(trial, score(task, trial))
                failures = 0
                outcome = f"log loss {study.trials[trial.number].value:.4f}"
            except optuna.TrialPruned:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                failures = 0
                outcome = "given up  "
            except InputError as error:
                # Of one trial alone, mostly: its loss became no number. The others have theirs.
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                failures += 1
                outcome = f"failed ({error})"
                if failures == MOST_FAILURES:
                    raise InputError(
                        f"{failures} trials in a row failed, the last one so: {error}. Mend what "
                        "it names, or narrow the space, and run the same command"
                    ) from None
            say(f"trial {trial.number}: {outcome}  {_words(trial.params)}")
            bar.update(1)


def finished_trials(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Return the trials of all folds, each of other values, that of the lowest loss first."""
    import optuna

    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    complete.sort(key=lambda trial: (trial.value, trial.number))
    values = [trial.params for trial in complete]
    return [trial for place, trial in enumerate(complete) if trial.params not in values[:place]]


def train_finalists(task: Task, study: "optuna.Study", count: int) -> None:
    """Train params.yaml and the best trials in full, but for those that were already.

    Args:
        task: what they share.
        study: of the trials.
        count: how many of them, beside params.yaml.
    """
    finished = finished_trials(study)
    finalists = [trial for trial in finished if trial.params == task.default]
    finalists += [trial for trial in finished if trial.params != task.default][:count]
    waiting = [trial for trial in finalists if not task.predictions_file(trial.number).exists()]
    done = len(finalists) - len(waiting)
    with progress("finalists", len(finalists), "trainings", done) as bar:
        for trial in waiting:
            try:
                outcome = f"log loss {score_in_full(task, trial):.4f}"
            except ClusterError:
                raise
            except InputError as error:
                outcome = f"failed ({error})"
            say(f"trial {trial.number} in full: {outcome}  {_words(trial.params)}")
            bar.update(1)


def score_in_full(task: Task, trial: "optuna.trial.FrozenTrial") -> float:
    """Return the cross-validated log loss of a trial's whole training, and keep what it says.

    Raises:
        InputError: a training fails, or its loss is no number.
    """
    from stages.cross_validate.scoring import score_folds

    epochs = epochs_of(task, trial.params, 1)
    collection, recipe = open_recipe(task, trial.params, epochs)
    folder = make_folder(task.state / f"finalist-{trial.number}")
    (probabilities,) = score_folds(collection, task.rows, task.folds[np.newaxis], recipe, folder)
    loss = float(losses(probabilities, task.actual).mean())
    if not np.isfinite(loss):
        raise InputError(f"the log loss became {loss}")
    keep_predictions(task, trial.number, probabilities)
    shutil.rmtree(folder)
    return loss


def ranked_trainings(
    task: Task, study: "optuna.Study"
) -> "list[tuple[float, optuna.trial.FrozenTrial]]":
    """Return the log loss of each whole training and the trial that it is of, the best first."""
    trained = [
        trial for trial in finished_trials(study) if task.predictions_file(trial.number).exists()
    ]
    actual = task.actual
    scored = [
        (float(losses(np.load(task.predictions_file(trial.number)), actual).mean()), trial)
        for trial in trained
    ]
    return sorted(scored, key=lambda pair: (pair[0], pair[1].number))


def describe_trials(task: Task, trials: int) -> str:
    """Return how many trials were short, and how short."""
    if EPOCHS in task.space:
        epochs = f"{task.share:g} of their epochs"
    else:
        epochs = f"{epochs_of(task, {}, task.share)} of {epochs_of(task, {}, 1)} epochs"
    return f"{trials} trials were short, {epochs} each; what follows is of whole trainings"


def command_of(values: Values) -> list[str]:
    """Return the command that runs a trial as a DVC experiment."""
    command = ["dvc", "exp", "run"]
    for key, value in values.items():
        command += ["-S", f"{key}={value}"]
    return command


def print_verdict(task: Task, trained: "Sequence[optuna.trial.FrozenTrial]") -> None:
    """Say whether the best training is told apart from params.yaml.

    Args:
        task: of the search.
        trained: trials that were trained in full, the best first.
    """
    best = trained[0]
    first = next((trial for trial in trained if trial.params == task.default), None)
    if first is None:
        print("params.yaml itself was not scored, so there is nothing to hold the best against")
        return
    if first is best:
        print("params.yaml is the best of them")
        return
    default = task.predictions_file(first.number)
    actual = task.actual
    _, groups = np.unique([row.group for row in task.rows], return_inverse=True)
    old, new = (
        Answers(said.argmax(axis=1), losses(said, actual))
        for said in (np.load(file) for file in (default, task.predictions_file(best.number)))
    )
    for each in compare(old, new, actual, groups, task.labels, DRAWS, SEED)[:3]:
        print(
            f"{each.score:9} {each.base:.4f} -> {each.head:.4f}  {each.difference:+.4f} "
            f"(95 % {each.low:+.4f} to {each.high:+.4f})  p {each.p:.4f}  {each.word}"
        )
    print(
        "The best of many was chosen by these photos, so it looks better than it is; the test "
        "split, which no trial has seen, can tell: run it, then python -m experiments.verdict"
    )


def main() -> None:
    """Read the command line, search, print the best."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.search", description=__doc__.splitlines()[0]
    )
    parser.add_argument("space", type=Path, help="YAML file of keys and the values to try")
    parser.add_argument("--trials", type=int, default=50, help="in all (default 50)")
    parser.add_argument(
        "--share",
        type=float,
        default=0.2,
        help="of train.head.epochs, that a trial trains for; 1: whole trainings (default 0.2)",
    )
    parser.add_argument(
        "--finalists",
        type=int,
        default=2,
        metavar="N",
        help="train the N best and params.yaml in full, and print the best of all (default 2)",
    )
    parser.add_argument("--run", type=int, default=0, metavar="N", help="run the N best")
    arguments = parser.parse_args()
    if min(arguments.trials, arguments.finalists) < 1 or arguments.run < 0:
        parser.error("--trials and --finalists take whole numbers from 1, --run from 0")
    if not 0 < arguments.share <= 1:
        parser.error("--share takes numbers above 0, up to 1")
    if find_spec("optuna") is None:
        raise InputError(
            "a search takes Optuna, which is not installed: `make install "
            "LOCK=requirements-dev.lock` brings it"
        )
    with only_run(STATE_DIR, "search") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the space should not.
        task = read_task(arguments.space, arguments.share, unfinished)
        from stages.compute import determinism

        determinism.configure()
        import stages.cross_validate.scoring  # noqa: F401  (its code is part of the fingerprint)
        from stages.compute.precision import native_precision

        code = [sha256_of(file) for file in CODE]
        precision = native_precision(task.params["train"]["precision"])
        described = f"{task.described} {precision} {code!r}"
        # Those of other studies are kept: they are small, and what one found takes long to find.
        state = make_folder(unfinished / fingerprint(described, INPUTS))
        task = task._replace(state=state)
        warnings.filterwarnings("ignore", module="optuna")
        study = open_study(task)
        finalists = max(arguments.finalists, arguments.run)
        try:
            search(task, study, arguments.trials)
            train_finalists(task, study, finalists)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on", file=sys.stderr)
            raise
        ranked = ranked_trainings(task, study)
        if not ranked:
            raise InputError(
                f"{arguments.space}: none of the trainings has a loss; narrow the space, as "
                "train.lr, and run again"
            )
        print()
        if task.share < 1:
            print(describe_trials(task, len(ended_trials(study))))
        print("best:")
        for loss, trial in ranked[: finalists + 1]:
            print(f"log loss {loss:.4f}  {shlex.join(command_of(trial.params))}")
        print()
        print_verdict(task, [trial for _, trial in ranked])
    for _, trial in ranked[: arguments.run]:
        command = command_of(trial.params)
        if run_dvc(command[1:]).returncode:
            raise InputError(f"`{shlex.join(command)}` failed; see above")


def _words(values: Values) -> str:
    return " ".join(f"{key}={_short(value)}" for key, value in values.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(exit_code(main))
