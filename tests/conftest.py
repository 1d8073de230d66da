"""`pytest --fast` (`make test-fast`): the tests that need neither TensorFlow nor a DVC pipeline.

They are most of the tests and take seconds, since importing TensorFlow alone takes many. Left out,
too, are the few that try whole stages many times over, start many programs, or simulate.

In a run of all tests the slow files come first, so that two processes end at about the same time.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
#: Folders and modules of tests that need TensorFlow, run the pipeline, run stages many times, start
#: many programs, or simulate.
SLOW = (
    "backbone",
    "benchmarks/test_answers.py",
    "compute",
    "cross_validate/test_cross_validate.py",
    "cross_validate/test_on_cluster.py",
    "cross_validate/test_scoring.py",
    "evaluate/test_summary.py",
    "decide/test_promises.py",
    "experiments/test_heads.py",
    "experiments/test_report.py",
    "experiments/test_search.py",
    "experiments/test_search_goes_on.py",
    "experiments/test_verdict.py",
    "explore/test_explore.py",
    "export/test_export.py",
    "features",
    "fetch/test_corrections.py",
    "fetch/test_fetch_path.py",
    "fetch/test_fetch_refusals.py",
    "fetch/test_ignored.py",
    "fetch/test_sample.py",
    "pipeline",
    "plots",
    "predict/test_from_images.py",
    "resnet50/test_folding.py",
    "resnet50/test_network.py",
    "resnet50/test_weights.py",
    "test_damaged_inputs.py",
    "test_fast.py",
    "test_full_disk.py",
    "test_progress.py",
    "test_stage.py",
    "test_trashnet.py",
    "test_verdicts_by_simulation.py",
    "training/test_augment.py",
    "training/test_batches.py",
    "training/test_changed_params.py",
    "train/test_export.py",
    "training/test_fit.py",
    "training/test_mixing_head.py",
    "training/test_mixup.py",
    "training/test_model.py",
    "training/test_optimizer.py",
    "training/test_pixels.py",
    "training/test_probabilities.py",
    "training/test_replicated.py",
    "training/test_tasks.py",
    "train/test_several_devices.py",
    "train/test_train.py",
    "views/test_views.py",
    "waste_classifier/test_backbone.py",
    "waste_classifier/commands/test_commands.py",
    "waste_classifier/commands/test_watch.py",
    "waste_classifier/page/test_app.py",
    "waste_classifier/page/test_clients.py",
    "waste_classifier/page/test_in_browser.py",
    "waste_classifier/page/test_server.py",
    "waste_classifier/test_model_on_photos.py",
    "waste_classifier/test_wheel.py",
)
HEAVY = ("tensorflow", "keras")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast",
        action="store_true",
        help="leave out the tests that need TensorFlow or run the pipeline",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background jobs ignore it, and so would what tests start and stop by it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("fast"):
        gone = [name for name in SLOW if not (TESTS / name).exists()]
        if gone:
            raise pytest.UsageError(f"{__file__}: SLOW names what is gone: {', '.join(gone)}")
        # Arrays of tests are small: threads that share them out would wait for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        config.pluginmanager.register(FastLoop())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = tuple(TESTS / name for name in SLOW)
    items.sort(key=lambda item: not any(item.path.is_relative_to(each) for each in slow))


class FastLoop:
    """Leaves slow tests out, and fails if TensorFlow was imported all the same."""

    def __init__(self) -> None:
        self.culprit: str | None = None

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        return True if collection_path in {TESTS / name for name in SLOW} else None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._look(nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # Set in a process of pytest-xdist alone, which hands it to the one that reports.
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["culprit"] = self.culprit
        elif self.culprit is not None:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.culprit = self.culprit or getattr(node, "workeroutput", {}).get("culprit")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.culprit is not None:
            terminalreporter.section("TensorFlow in the fast loop", red=True)
            terminalreporter.line(
                f"{self.culprit} imports it: mend that, or add the test to SLOW of {__file__}"
            )

    def _look(self, nodeid: str) -> None:
        if self.culprit is None and any(name in sys.modules for name in HEAVY):
            self.culprit = nodeid
