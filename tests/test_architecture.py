"""The rules that keep the pipeline right: what DVC must know, and who may import whom."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DVC_YAML = YAML(typ="safe").load(ROOT / "dvc.yaml")
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
STAGES = sorted(folder.parent.name for folder in ROOT.glob("stages/*/__main__.py"))
PACKAGES = ("stages", "waste_classifier")
#: Rooms whose modules are independent of each other: dvc.yaml lists those that a stage uses.
ROOMS_OF_MODULES = ("stages", "stages/outputs", "stages/params", "waste_classifier")
HEAVY = ("tensorflow", "keras")
WITHOUT_TENSORFLOW = sorted({*STAGES} - {"features", "predict", "train"})


def imported_modules(source: str) -> set[str]:
    """Return every module that a source text imports, at its top or within a function."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def project_files(source: str, root: Path = ROOT) -> set[Path]:
    """Return the project files behind the imports of a source text.

    A package's face, its `__init__.py`, is none: of shared code it says what the package is, or
    hands names on when they are asked for.
    """
    files = set()
    for module in imported_modules(source):
        parts = module.split(".")
        if parts[0] not in PACKAGES:
            continue
        # `from stages.stage import run` names a thing in a module; the module is the file.
        paths = [root.joinpath(*parts[:end]).with_suffix(".py") for end in range(1, len(parts) + 1)]
        files |= {path for path in paths if path.exists()}
    return files


def all_project_files(stage: str, root: Path = ROOT) -> set[Path]:
    """Return the files of a stage's folder and all that they import, directly or not."""
    waiting = set((root / "stages" / stage).rglob("*.py"))
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= project_files(file.read_text(), root) - found
    return found


def code_deps(stage: str, root: Path = ROOT) -> list[str]:
    """Return what dvc.yaml lists of the project's code for a stage.

    That is its own folder, the folders of shared code that it uses, and of the rooms of independent
    modules the files.
    """
    deps = {f"stages/{stage}"}
    for file in all_project_files(stage, root):
        folder = file.parent.relative_to(root).as_posix()
        if folder in ROOMS_OF_MODULES:
            deps.add(file.relative_to(root).as_posix())
        elif not folder.startswith(f"stages/{stage}/"):
            deps.add(folder)
    return sorted(deps, key=lambda dep: (dep != f"stages/{stage}", dep))


def listed_code(deps: list[str]) -> list[str]:
    """Return those of the deps of a stage that are code."""
    return [dep for dep in deps if dep.split("/")[0] in PACKAGES]


def block_to_paste(stage: str, code: list[str]) -> str:
    """Return the code among the deps of a stage as lines of dvc.yaml."""
    lines = "\n".join(f"    - {dep}" for dep in code)
    return f"dvc.yaml does not list the code that stage {stage} uses; it should be:\n{lines}"


def wrong_imports(file: Path, root: Path = ROOT) -> list[str]:
    """Return the project files that `file` must not import.

    Imports run one way: a stage's folder, the rooms that stages share, waste_classifier.
    """
    own = room_of(file, root)
    return sorted(
        imported.relative_to(root).as_posix()
        for imported in project_files(file.read_text(), root)
        if (room := room_of(imported, root)) != own and not may_import(own, room, root)
    )


def room_of(file: Path, root: Path) -> str:
    """Return the room that a file stands in: a folder of stages, `stages` or waste_classifier."""
    parts = file.relative_to(root).parts
    return "/".join(parts[:2]) if parts[0] == "stages" and len(parts) > 2 else parts[0]


def may_import(own: str, other: str, root: Path) -> bool:
    """Return whether code of one room may import code of another."""
    if own == "waste_classifier":
        return False
    return not (root / other / "__main__.py").exists() or other == "waste_classifier"


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """Return a project that breaks every rule once."""
    for name, source in {
        "one/__init__.py": "",
        "one/__main__.py": "from stages.one.parts import part\n",
        "one/parts.py": "def part() -> None:\n    from stages import shared\n",
        "two/__init__.py": "",
        "two/__main__.py": "from stages.one.parts import part\n",
        "shared.py": "import stages.deeper\nfrom stages.two import __main__\n",
        "deeper.py": "",
    }.items():
        file = tmp_path / "stages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return tmp_path


def test_dvc_yaml_has_a_stage_for_each_folder() -> None:
    assert sorted(DVC_YAML["stages"]) == STAGES
    for name, stage in DVC_YAML["stages"].items():
        assert stage["cmd"] == f"python -m stages.{name}"


@pytest.mark.parametrize("stage", STAGES)
def test_deps_cover_every_project_module_that_a_stage_imports(stage: str) -> None:
    assert missing_deps(stage, DVC_YAML["stages"][stage]["deps"]) == []


@pytest.mark.parametrize("stage", STAGES)
def test_deps_name_no_module_that_a_stage_does_not_use(stage: str) -> None:
    # A needless one would train again for a change that can't matter.
    assert unused_deps(stage, DVC_YAML["stages"][stage]["deps"]) == []


def test_a_missing_and_a_needless_dep_would_be_found(small_project: Path) -> None:
    deps = ["stages/one", "stages/shared.py", "stages/unknown.py"]

    # deeper.py is reached through shared.py, which is imported within a function.
    assert missing_deps("one", deps, small_project) == [
        "stages/deeper.py",
        "stages/two/__main__.py",
    ]
    assert unused_deps("one", deps, small_project) == ["stages/unknown.py"]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "stages").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_run_from_stages_to_shared_modules_only(file: Path) -> None:
    assert wrong_imports(file) == []


def test_an_import_of_another_stage_would_be_found(small_project: Path) -> None:
    stages = small_project / "stages"

    assert wrong_imports(stages / "one/__main__.py", small_project) == []
    assert wrong_imports(stages / "two/__main__.py", small_project) == ["stages/one/parts.py"]
    assert wrong_imports(stages / "shared.py", small_project) == ["stages/two/__main__.py"]


def test_every_section_of_params_belongs_to_a_stage_that_declares_it() -> None:
    assert sorted(set(PARAMS) - {"seed"}) == STAGES
    for name, stage in DVC_YAML["stages"].items():
        assert set(stage["params"]) in ({name}, {"seed", name})


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_seed_exactly_where_it_reads_it(stage: str) -> None:
    main = (ROOT / "stages" / stage / "__main__.py").read_text()

    assert ("seed" in DVC_YAML["stages"][stage]["params"]) == ("load_seed(" in main)


@pytest.mark.parametrize("stage", ["fetch", "split", "explore", "class_weights"])
def test_stages_that_need_no_tensorflow_do_not_import_it(stage: str) -> None:
    heavy = [
        file.relative_to(ROOT).as_posix()
        for file in all_project_files(stage)
        for module in imported_modules(file.read_text())
        if module.split(".")[0] in HEAVY
    ]

    assert heavy == []


@pytest.mark.parametrize("module", SHARED_MODULES)
def test_a_shared_module_serves_more_than_one_stage(module: str) -> None:
    # One that serves a single stage belongs into the folder of that stage.
    users = [stage for stage in STAGES if ROOT / "stages" / module in all_project_files(stage)]

    assert len(users) > 1


def test_metrics_and_plots_go_to_git_and_all_else_to_the_cache() -> None:
    # An uncached plain out would switch off DVC's run cache for its stage.
    for stage in DVC_YAML["stages"].values():
        for kind, cached in (("metrics", False), ("plots", False), ("outs", True)):
            for out in stage.get(kind, []):
                options: dict[str, Any] = {} if isinstance(out, str) else next(iter(out.values()))
                assert options.get("cache", True) is cached
