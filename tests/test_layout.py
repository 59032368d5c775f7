"""The house rules that no tool checks: which way imports point, and what each dependency is for."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spikeforge", "train", "hw", "sim", "deploy")
ROOF = {"spikeforge/cli", "spikeforge/__main__.py"}
# What each part may import of ours; the roof may import everything.
ALLOWED = {
    "spikeforge": {"spikeforge"},
    "train": {"spikeforge", "train"},
    "hw": {"spikeforge", "hw"},
    "sim": {"spikeforge", "hw", "sim"},
    "deploy": {"spikeforge", "hw", "sim", "deploy"},
}
HOMES = {"torch": ("train",), "amaranth": ("hw", "deploy/boards")}


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def is_roof(path):
    name = path.relative_to(ROOT).as_posix()
    return any(name == part or name.startswith(f"{part}/") for part in ROOF)


def imported(path):
    """Full names of all modules a file imports, wherever in the file, relative ones refused."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            yield from (a.value for a in node.args if isinstance(a, ast.Constant))


def named(path):
    return path.relative_to(ROOT).as_posix()


def is_below(module, parent):
    return module == parent or module.startswith(f"{parent}.")


@pytest.mark.parametrize("path", [p for p in sources() if not is_roof(p)], ids=named)
def test_imports_point_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imported(path)} & set(PACKAGES)
    assert ours <= ALLOWED[package]


@pytest.mark.parametrize("path", [p for p in sources() if not is_roof(p)], ids=named)
def test_nobody_stands_on_the_roof(path):
    assert not [name for name in imported(path) if is_below(name, "spikeforge.cli")]


@pytest.mark.parametrize("library", HOMES)
def test_heavy_libraries_stay_in_their_part(library):
    found = {named(p) for p in sources() if any(is_below(n, library) for n in imported(p))}
    assert found
    assert not [name for name in found if not name.startswith(HOMES[library])]


def test_the_rules_would_notice(tmp_path):
    path = tmp_path / "x.py"
    path.write_text(
        "def f():\n    import torch.nn\n    from spikeforge import cli\n"
        "    importlib.import_module('sim.model')\n"
    )
    assert set(imported(path)) == {"torch.nn", "spikeforge", "spikeforge.cli", "sim.model"}


def loaded(statement):
    """What a fresh Python has imported after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import train", {"torch", "amaranth"}),
        ("from train.data import load_dataset", {"torch", "amaranth"}),
        ("from train import load_recipe", {"torch", "amaranth"}),
        ("import spikeforge.netfile", {"torch", "amaranth", "hw", "sim", "train", "deploy"}),
        ("import sim.simulate", {"torch", "train", "deploy"}),
        ("import deploy.power, deploy.report", {"torch", "train"}),
        ("import spikeforge.cli.app", {"torch", "amaranth", "numpy"}),
    ],
)
def test_an_import_loads_no_more_than_it_needs(statement, absent):
    assert not loaded(statement) & absent


def test_tests_are_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_test_files_have_names_of_their_own():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_every_dependency_has_a_reason_beside_it():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads("\n".join(lines))
    wanted = [
        *project["project"]["dependencies"], *project["build-system"]["requires"],
        *(word for group in project["project"]["optional-dependencies"].values() for word in group),
    ]  # fmt: skip
    assert len(wanted) > 15
    bare = []
    for word in wanted:
        if word.startswith("spikeforge"):
            continue  # one extra taken into another
        at = next(number for number, line in enumerate(lines) if f'"{word}"' in line)
        if not lines[at - 1].strip().startswith("#"):
            bare.append(word)
    assert not bare


def test_every_package_is_listed_for_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for path in sources()
        if path.name == "__init__.py"
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there


@pytest.mark.parametrize("path", sources(), ids=named)
def test_every_module_opens_with_its_idea_and_says_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    public = [node.name for node in defined if not node.name.startswith("_")]
    names = {t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets
             if isinstance(t, ast.Name)}  # fmt: skip
    assert "__all__" in names or not public or "bench" in path.name
