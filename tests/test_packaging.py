"""The wheel carries everything, and works where the user has a ``train.py`` and a ``sim/``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikeforge import __version__

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("spikeforge", "train", "hw", "sim", "deploy")
MODEL = ROOT / "models" / "mnist-tiny.safetensors"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the source, so that building leaves nothing behind in the original."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", "--target", str(target), str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    return target


@pytest.fixture
def user_folder(tmp_path):
    """A folder whose own modules have our names, and end the program when they are imported."""
    trap = "raise SystemExit('the module of the user was imported')\n"
    for name in ("train.py", "hw.py", "sim/__init__.py", "deploy/__init__.py", "click.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(trap)
    return tmp_path


@pytest.fixture
def python(installed, user_folder):
    """Run Python in the user's folder with the installed wheel, and with no editable install."""

    def run(*arguments):
        variables = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(installed), _libraries()]),
            "SPIKEFORGE_CACHE": str(user_folder / "cache"), "SPIKEFORGE_OFFLINE": "1",
            "COLUMNS": "200",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-S", *map(str, arguments)], cwd=user_folder, env=variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def _libraries():
    """Folder of the dependencies; without ``site``, links to editable installs are not followed."""
    return sysconfig.get_paths()["purelib"]


def test_the_wheel_holds_every_file_of_the_five_packages_and_nothing_else(source, wheel):
    wanted = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == wanted


@pytest.mark.parametrize(
    "name",
    [
        "train/recipes/mnist-mlp.toml", "train/recipes/mnist-tiny.toml", "hw/ram.v",
        "sim/shim.cpp", "sim/bench_accelerator.py", "deploy/power/profiles/ihp-sg13g2.toml",
        "deploy/report/template.html", "spikeforge/cli/commands/run.py",
    ],
)  # fmt: skip
def test_what_the_flow_reads_at_run_time_is_in_it(wheel, name):
    assert zipfile.ZipFile(wheel).getinfo(name).file_size


def test_its_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    facts = message_from_bytes(
        archive.read(next(name for name in names if name.endswith(".dist-info/METADATA")))
    )
    assert (facts["Name"], facts["Version"]) == ("spikeforge", __version__)
    assert (facts["License-Expression"], facts["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    required = facts.get_all("Requires-Dist")
    assert any(word.startswith("torch") and "extra" not in word for word in required)
    assert not any(word.startswith("pytest") and "extra" not in word for word in required)


def test_the_test_really_runs_the_installed_one(python, installed):
    code = "import spikeforge; print(spikeforge.__file__)"
    assert python("-P", "-c", code).stdout.startswith(str(installed))


def test_the_version(python):
    done = python("-m", "spikeforge", "--version")
    assert (done.returncode, done.stdout) == (0, f"spikeforge, version {__version__}\n")


def test_the_script_does_the_same(python, installed):
    done = python(installed / "bin" / "spikeforge", "--version")
    assert (done.returncode, done.stdout) == (0, f"spikeforge, version {__version__}\n")


def test_inspect(python):
    done = python("-m", "spikeforge", "inspect", MODEL, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["network"]["name"] == "mnist-tiny"


def test_doctor(python):
    done = python("-m", "spikeforge", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    assert {item["name"] for item in json.loads(done.stdout)["findings"]} >= {"g++", "Verilator"}


def test_train_is_ours_with_its_recipes(python):
    done = python("-m", "spikeforge", "train", "mnist-tinny", "--out", "x.safetensors")
    assert done.returncode == 2
    assert "(did you mean 'mnist-tiny'?); there are fashion-" in done.stderr


def test_sim_is_ours(python, user_folder):
    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:23, 12:16] = 255
    Image.fromarray(pixels).save(user_folder / "one.png")
    done = python("-m", "spikeforge", "classify", MODEL, "one.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"][0]["class"] == 1


def test_hw_is_ours_with_its_memory(python, user_folder):
    done = python("-m", "spikeforge", "rtl", MODEL, "--out", "build", "--json")
    assert done.returncode == 0, done.stderr
    assert "module spikeforge_ram" in (user_folder / "build/rtl/accelerator.v").read_text()


def test_deploy_is_ours_with_its_profiles(python):
    done = python("-m", "spikeforge", "power", MODEL, "--technology", "ihp-sg13g3")
    assert done.returncode == 2
    assert "did you mean 'ihp-sg13g2'?" in done.stderr
