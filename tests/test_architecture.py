"""The rules that keep the pipeline right: what DVC must know, and who may import whom."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PIPELINES = {
    name: YAML(typ="safe").load(ROOT / name)["stages"] for name in ("dvc.yaml", "release/dvc.yaml")
}
#: File and name of each stage of each pipeline, and what it is.
DVC_STAGES = {
    (file, name): stage for file, stages in PIPELINES.items() for name, stage in stages.items()
}
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
STAGES = sorted(folder.parent.name for folder in ROOT.glob("stages/*/__main__.py"))
PACKAGES = ("stages", "waste_classifier")
CODE = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
#: Rooms whose modules are independent of each other: dvc.yaml lists those that a stage uses.
ROOMS_OF_MODULES = ("stages", "stages/outputs", "stages/params", "waste_classifier")
HEAVY = ("tensorflow", "keras")
NEEDING_TENSORFLOW = {
    *("backbone", "bundle", "cross_validate", "explain", "export", "features", "novelty"),
    *("predict", "train", "views"),
}
WITHOUT_TENSORFLOW = sorted({*STAGES} - NEEDING_TENSORFLOW)
#: `make schema` runs it, no stage.
RUN_BY_ITSELF = "stages/params/schema.py"


@cache
def imported_modules(source: str, when_loaded: bool = False) -> frozenset[str]:
    """Return every module that a source text imports, at its top or within a function.

    Args:
        source: of a module.
        when_loaded: leave out what only a call or a type checker imports.
    """
    modules: set[str] = set()
    tree = ast.parse(source)
    for node in loaded_nodes(tree) if when_loaded else ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(modules)


def loaded_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module that run when it is loaded."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from loaded_nodes(child)


def files_of(module: str, root: Path) -> set[Path]:
    """Return the project files behind the name of a module, or of a thing in a module.

    A package's face, its `__init__.py`, is none: of shared code it says what the package is, or
    hands names on when they are asked for.
    """
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return set()
    # `from stages.stage import run` names a thing in a module; the module is the file.
    paths = [root.joinpath(*parts[:end]).with_suffix(".py") for end in range(1, len(parts) + 1)]
    return {path for path in paths if path.exists()}


def project_files(file: Path, root: Path = ROOT, when_loaded: bool = False) -> set[Path]:
    """Return the project files behind the imports of a file."""
    modules = imported_modules(file.read_text(), when_loaded)
    return {found for module in modules for found in files_of(module, root)}


def reached(start: set[Path], root: Path = ROOT, when_loaded: bool = False) -> set[Path]:
    """Return some files and all that they import, directly or not."""
    waiting = set(start)
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting |= project_files(file, root, when_loaded) - found
    return found


def all_project_files(stage: str, root: Path = ROOT) -> set[Path]:
    """Return the files of a stage's folder and all that they import, directly or not."""
    return reached(set((root / "stages" / stage).rglob("*.py")), root)


def code_deps(stage: str, root: Path = ROOT) -> list[str]:
    """Return what dvc.yaml lists of the project's code for a stage.

    That is its own folder, the folders of shared code that it uses, and of the rooms of independent
    modules the files.
    """
    deps = {f"stages/{stage}"} | {dep_of(file, root) for file in all_project_files(stage, root)}
    return sorted(deps, key=lambda dep: (dep != f"stages/{stage}", dep))


def dep_of(file: Path, root: Path) -> str:
    """Return what dvc.yaml lists for a file: itself, or its folder in a room of modules."""
    path = file.relative_to(root)
    room = next(parent for parent in path.parents if parent.as_posix() in ROOMS_OF_MODULES)
    return (room / path.relative_to(room).parts[0]).as_posix()


def wrong_code_deps(stage: str, deps: list[str], root: Path = ROOT) -> str | None:
    """Return how to mend the deps of a stage, None if they name exactly the code that it uses.

    A missing one would leave old outputs in place; a needless one would train again for a change
    that can't matter.
    """
    code = code_deps(stage, root)
    return None if listed_code(deps) == code else block_to_paste(stage, code)


def listed_code(deps: list[str]) -> list[str]:
    """Return those of the deps of a stage that are code."""
    return [dep for dep in deps if dep.split("/")[0] in PACKAGES]


def folder_of(stage: dict[str, Any]) -> str:
    """Return the folder of stages that a stage of a pipeline runs: its name there."""
    python, module, name, *_ = stage["cmd"].split()
    assert (python, module) == ("python", "-m")
    return str(name.removeprefix("stages."))


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
        for imported in project_files(file, root)
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
    return not is_stage(other, root)


def is_stage(room: str, root: Path = ROOT) -> bool:
    """Return whether a room is the folder of a stage."""
    return room.startswith("stages/") and (root / room / "__main__.py").exists()


def imports_of_faces(file: Path, root: Path = ROOT) -> list[str]:
    """Return what `file` imports from the face of a package of another room.

    DVC would not be told of the module behind it.
    """
    own = room_of(file, root)
    return sorted(
        module
        for module in imported_modules(file.read_text())
        if module.split(".")[0] in PACKAGES
        and not files_of(module, root)
        and room_of(root.joinpath(*module.split(".")), root) != own
    )


def work_of_face(source: str) -> list[str]:
    """Return what a package's face does when it is loaded, beside light imports."""
    work = []
    for node in ast.parse(source).body:
        statement = ast.unparse(node)
        harmless = (
            (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            or (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")
            or statement.startswith(("from typing import", "from waste_classifier.errors import"))
            or statement.startswith(("if TYPE_CHECKING:", "__all__ = "))
        )
        if not harmless:
            work.append(statement)
    return work


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """Return a project that breaks every rule once."""
    for name, source in {
        "stages/one/__main__.py": "from stages.one.parts.deep import cut\n",
        "stages/one/parts/deep.py": "def cut() -> None:\n    from stages.shared.tools import saw\n",
        "stages/two/__main__.py": "from stages.one.parts.deep import cut\n",
        "stages/shared/__init__.py": "import keras\n",
        "stages/shared/tools/saw.py": "from stages.outputs.table import Table\n",
        "stages/outputs/table.py": "import stages.stage\n",
        "stages/outputs/deep/tree.py": "from waste_classifier import Classifier\n",
        "stages/stage.py": "import stages.outputs.deep.tree\nimport stages.two.__main__\n",
        "stages/unused.py": "",
        "waste_classifier/errors.py": "",
        "waste_classifier/images.py": "import waste_classifier.errors\nimport stages.stage\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def test_pipelines_have_a_stage_for_each_folder() -> None:
    assert sorted({folder_of(stage) for stage in DVC_STAGES.values()}) == STAGES
    for (file, name), stage in DVC_STAGES.items():
        assert folder_of(stage) == name
        # DVC runs a stage where its file stands.
        assert stage.get("wdir") == (None if file == "dvc.yaml" else "..")


@pytest.mark.parametrize(("file", "name"), DVC_STAGES)
def test_deps_of_a_stage_are_the_code_that_it_uses(file: str, name: str) -> None:
    wrong = wrong_code_deps(name, DVC_STAGES[file, name]["deps"])

    assert wrong is None, wrong


def test_a_missing_and_a_needless_dep_would_be_found(small_project: Path) -> None:
    # Reached one through the other: a folder's sub-package, modules of rooms, a room's sub-package.
    right = [
        "stages/one",
        "stages/outputs/deep",
        "stages/outputs/table.py",
        "stages/shared",
        "stages/stage.py",
        "stages/two",
    ]
    block = "".join(f"\n    - {dep}" for dep in right)

    assert wrong_code_deps("one", ["data/raw", *right], small_project) is None
    for dep in right:
        without = [other for other in right if other != dep]
        assert str(wrong_code_deps("one", without, small_project)).endswith(block)
    for dep in ("stages/unused.py", "waste_classifier/errors.py"):
        assert str(wrong_code_deps("one", [*right, dep], small_project)).endswith(block)


@pytest.mark.parametrize("file", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_from_stages_to_shared_rooms_to_the_classifier(file: Path) -> None:
    assert wrong_imports(file) == []
    assert imports_of_faces(file) == []


def test_an_import_the_other_way_would_be_found(small_project: Path) -> None:
    wrong = {
        file.relative_to(small_project).as_posix(): found
        for file in small_project.rglob("*.py")
        if (found := wrong_imports(file, small_project))
    }

    assert wrong == {
        "stages/two/__main__.py": ["stages/one/parts/deep.py"],
        "stages/stage.py": ["stages/two/__main__.py"],
        "waste_classifier/images.py": ["stages/stage.py"],
    }


def test_an_import_from_a_face_would_be_found(small_project: Path) -> None:
    found = {
        module
        for file in small_project.rglob("*.py")
        for module in imports_of_faces(file, small_project)
    }

    assert found == {"waste_classifier.Classifier"}


@pytest.mark.parametrize(
    "face",
    [
        file.relative_to(ROOT).as_posix()
        for file in CODE
        if file.name == "__init__.py" and not is_stage(room_of(file, ROOT))
    ],
)
def test_faces_of_shared_packages_do_no_work(face: str) -> None:
    # No stage depends on them, and every import of a module of theirs loads them.
    assert work_of_face((ROOT / face).read_text()) == []


def test_a_face_that_works_would_be_found(small_project: Path) -> None:
    face = (small_project / "stages/shared/__init__.py").read_text()

    assert work_of_face(face) == ["import keras"]


def test_every_section_of_params_belongs_to_a_stage_that_declares_and_reads_it() -> None:
    assert sorted(PARAMS) == sorted({*STAGES} - {"check_params"})
    for (_, name), stage in DVC_STAGES.items():
        if name == "check_params":
            # It reads all sections, so a change of any makes it run.
            assert "params" not in stage
            assert "params.yaml" in stage["deps"]
            continue
        main = (ROOT / "stages" / name / "__main__.py").read_text()
        read = re.findall(r'\brun\("(\w+)"', main) or re.findall(
            r'^    "(\w+)": \w+Params,', main, re.M
        )
        assert sorted(stage["params"]) == sorted(read)
        assert name in read


def test_no_stage_runs_before_all_params_are_checked() -> None:
    maker = {out: key for key, stage in DVC_STAGES.items() for out in stage.get("outs", [])}
    after: set[tuple[str, str]] = {("dvc.yaml", "check_params")}
    for _ in DVC_STAGES:
        after |= {
            key
            for key, stage in DVC_STAGES.items()
            if any(maker.get(dep) in after for dep in stage["deps"])
        }

    assert after == {*DVC_STAGES}


@pytest.mark.parametrize("stage", WITHOUT_TENSORFLOW)
def test_stages_that_need_no_tensorflow_do_not_import_it(stage: str) -> None:
    assert heavy_imports(all_project_files(stage)) == []


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_waits_for_tensorflow_to_read_its_parameters(stage: str) -> None:
    loaded = reached({ROOT / "stages" / stage / "__main__.py"}, when_loaded=True)

    assert heavy_imports(loaded, when_loaded=True) == []


def heavy_imports(files: set[Path], when_loaded: bool = False) -> list[str]:
    return sorted(
        file.relative_to(ROOT).as_posix()
        for file in files
        for module in imported_modules(file.read_text(), when_loaded)
        if module.split(".")[0] in HEAVY
    )


def test_shared_code_serves_more_than_one_stage() -> None:
    # What serves a single stage belongs into its folder; but a hand-off and a section stand with
    # their like, though its stage be the only one to know them.
    users: dict[str, set[str]] = {}
    for stage in STAGES:
        for file in all_project_files(stage):
            room = room_of(file, ROOT)
            shared = dep_of(file, ROOT) if room == "stages" else room
            users.setdefault(shared, set()).add(stage)
    # Tools over several runs judge by what stages judge by.
    for file in reached(set((ROOT / "experiments").glob("*.py"))):
        if room_of(file, ROOT) == "stages":
            users.setdefault(dep_of(file, ROOT), set()).add("experiments")

    for shared, stages in users.items():
        assert len(stages) > 1 or is_stage(shared), f"{shared} serves {stages} alone"


def test_every_module_serves_a_stage_or_who_uses_the_classifier() -> None:
    used = {file for stage in STAGES for file in all_project_files(stage)}
    used |= reached({ROOT / "waste_classifier/__main__.py"})
    modules = {file for file in CODE if file.name != "__init__.py"}

    assert modules - used == {ROOT / RUN_BY_ITSELF}


def test_metrics_and_plots_go_to_git_and_all_else_to_the_cache() -> None:
    # An uncached plain out would switch off DVC's run cache for its stage.
    for stage in DVC_STAGES.values():
        for kind, cached in (("metrics", False), ("plots", False), ("outs", True)):
            for out in stage.get(kind, []):
                options: dict[str, Any] = {} if isinstance(out, str) else next(iter(out.values()))
                assert options.get("cache", True) is cached


@pytest.mark.parametrize(
    "file",
    sorted(
        file
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if file.name != "__init__.py" and not (file.parent.name == "params" and file.stem in PARAMS)
    ),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_document_on_architecture_has_a_line_for_each_file(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    says = " ".join(docstring.split("\n\n")[0].split())
    lines = (ROOT / "docs/architecture.md").read_text().splitlines()

    matching = [line for line in lines if line.endswith(f"{file.name}`: {says}")]
    assert matching, f"docs/architecture.md lacks the line: - `{file.name}`: {says}"
