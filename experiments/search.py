"""Search for better parameters of the head, without a look at the test split.

`python -m experiments.search SPACE.yaml` tries values of a space (`experiments/spaces/head.yaml` is
one) by cross-validation over the train and val photos, on the cached features, in one process:
Optuna draws them (TPE: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"), the
first trial is params.yaml, and a trial whose first folds are worse than the median's is given up.
One that fails, as its loss becomes no number, is told and the others go on. Interrupted and run
again, it goes on until there are as many trials as asked for. At the end it prints the best as
commands, or runs them as DVC experiments, and says whether the best is told apart from params.yaml.
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
from stages.cross_validate.folds import assign_folds
from stages.outputs.features import Description
from stages.outputs.manifest import MANIFEST_FILE
from stages.outputs.split import SPLIT_FILE, SplitRow, read_split
from stages.outputs.unfinished import fingerprint, only_run
from stages.outputs.whole import UNFINISHED, disk_errors_explained
from stages.params.cross_validate import CrossValidateParams
from stages.params.reading import load_section
from stages.params.train import TrainParams
from stages.progress import progress, say
from stages.scores import losses
from stages.stage import exit_code
from stages.training.collection import COLLECTION_FILES, open_collection
from stages.training.phases import plan_phases
from waste_classifier.checksum import sha256_of
from waste_classifier.errors import InputError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

STATE_DIR = MANIFEST_FILE.parent / UNFINISHED / "search"
INPUTS = [*COLLECTION_FILES, SPLIT_FILE]
#: Of experiments, what a trial depends on; `fingerprint` has the code of the stages.
CODE = [Path(__file__), Path(__file__).with_name("space.py")]
#: Trials that none is compared with the median of before.
FIRST_TRIALS = 4
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
        """Return the file of what a finished trial says."""
        return self.state / f"{trial}.npy"


def read_task(file: Path, directory: Path) -> Task:
    """Read what a search starts from.

    Args:
        file: of the space.
        directory: of searches.

    Raises:
        InputError: the space or an input is wrong, nothing trains at an end of the space, or the
            head is not all that trains.
    """
    params = read_sections()
    train = load_section("train", TrainParams)
    cross_validate = load_section("cross_validate", CrossValidateParams)
    space = read_space(file, params)
    rows = [row for row in read_split() if row.split != "test"]
    check_ends(file, params, space, open_heads(train, rows).features.description)
    once = cross_validate.model_copy(update={"repeats": 1})
    (folds,) = assign_folds(rows, once)
    described = f"{sorted(space.items())!r} {params!r} {once!r}"
    default = values_of(params, [*space], file)
    return Task(params, space, default, rows, folds, described, directory)


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


def study_folder(directory: Path, name: str) -> Path:
    """Return the folder of one study, made if it is missing; those of others are kept.

    They are small, and what a finished one found would take hours to find again.

    Args:
        directory: of searches.
        name: as of `fingerprint`.

    Raises:
        InputError: the disk refuses it.
    """
    folder = directory / name
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
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS),
    )
    if not study.trials:
        study.enqueue_trial(task.default)
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        # Of a run that was killed, perhaps before all of its values were drawn.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    # A sampler that starts anew draws what it drew first: of as many trials, others.
    study.sampler = optuna.samplers.TPESampler(
        seed=SEED + len(study.trials), n_startup_trials=2 * FIRST_TRIALS
    )
    return study


def score(task: Task, trial: "optuna.Trial") -> float:
    """Return the cross-validated log loss of a trial, and keep what it says of each photo.

    Raises:
        TrialPruned: its first folds are worse than the median's.
        InputError: a training fails, or its loss is no number.
    """
    import optuna

    from stages.cross_validate.held_out import Recipe, score_fold

    sections = sections_of(task.params, trial.params)
    collection = open_collection(sections.train, task.rows)
    description = collection.features.description
    phases = plan_phases(sections.train, description.pretrained, description.last_stage)
    recipe = Recipe(phases, sections.train, sections.class_weights)
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
        if not scored.all() and trial.should_prune():
            raise optuna.TrialPruned
    np.save(task.predictions_file(trial.number), probabilities)
    return loss


def search(task: Task, study: "optuna.Study", trials: int) -> None:
    """Run trials until there are so many; those that failed in an earlier run do not count.

    Raises:
        InputError: so many in a row fail that the next ones would too.
    """
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    done = len(study.get_trials(deepcopy=False, states=ended))
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
            words = " ".join(f"{key}={_short(value)}" for key, value in trial.params.items())
            say(f"trial {trial.number}: {outcome}  {words}")
            bar.update(1)


def best_trials(study: "optuna.Study", count: int) -> "list[optuna.trial.FrozenTrial]":
    """Return the finished trials of lowest loss, lowest first."""
    import optuna

    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    return sorted(complete, key=lambda trial: (trial.value, trial.number))[:count]


def command_of(values: Values) -> list[str]:
    """Return the command that runs a trial as a DVC experiment."""
    command = ["dvc", "exp", "run"]
    for key, value in values.items():
        command += ["-S", f"{key}={value}"]
    return command


def print_verdict(task: Task, study: "optuna.Study", best: "optuna.trial.FrozenTrial") -> None:
    """Say whether the best trial is told apart from params.yaml."""
    import optuna

    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    first = next((trial for trial in complete if trial.params == task.default), None)
    if first is None:
        print("params.yaml itself was not scored, so there is nothing to hold the best against")
        return
    if first.params == best.params:
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
    parser.add_argument("--best", type=int, default=3, help="how many are printed (default 3)")
    parser.add_argument("--run", type=int, default=0, metavar="N", help="run the N best")
    arguments = parser.parse_args()
    if min(arguments.trials, arguments.best) < 1 or arguments.run < 0:
        parser.error("--trials and --best take whole numbers from 1, --run from 0")
    if find_spec("optuna") is None:
        raise InputError(
            "a search takes Optuna, which is not installed: `make install "
            "LOCK=requirements-dev.lock` brings it"
        )
    with only_run(STATE_DIR, "search") as unfinished:
        # Imports TensorFlow, which takes seconds that a mistake in the space should not.
        task = read_task(arguments.space, unfinished)
        from stages.compute import determinism

        determinism.configure()
        import stages.cross_validate.held_out  # noqa: F401  (its code is part of the fingerprint)
        from stages.compute.precision import native_precision

        code = [sha256_of(file) for file in CODE]
        precision = native_precision(task.params["train"]["precision"])
        described = f"{task.described} {precision} {code!r}"
        state = study_folder(unfinished, fingerprint(described, INPUTS))
        task = task._replace(state=state)
        warnings.filterwarnings("ignore", module="optuna")
        study = open_study(task)
        try:
            search(task, study, arguments.trials)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on", file=sys.stderr)
            raise
        best = best_trials(study, max(arguments.best, arguments.run))
        if not best:
            raise InputError(
                f"{arguments.space}: none of the trials has a loss; narrow the space, as train.lr, "
                "and run again"
            )
        print("\nbest:")
        for trial in best[: arguments.best]:
            print(f"log loss {trial.value:.4f}  {shlex.join(command_of(trial.params))}")
        print()
        print_verdict(task, study, best[0])
    for trial in best[: arguments.run]:
        command = command_of(trial.params)
        if run_dvc(command[1:]).returncode:
            raise InputError(f"`{shlex.join(command)}` failed; see above")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(exit_code(main))
