from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

import sim.bench_axi
from hw.axi.document import register_json
from hw.axi.verilog import AXI_TOP, generate_axi_verilog
from hw.config import MemoryMode, configure
from hw.content import hex_files, load_bytes
from hw.interface import interface
from hw.probe import PROBE_FIELDS
from sim.cycles import count_cycles
from sim.fuzz.case import random_case
from sim.job import JOB_VARIABLE, make_job
from sim.reference import run_reference
from sim.runner import PortsOnlyVerilator, control_file
from spikeforge.schema import Schedule

ANY = ["images_under_random_stalls", "images_cut_off"]
WINDOWED = ["registers", "address_and_data_in_any_order", "images_without_stalls",
            "wrong_input_is_told"]  # fmt: skip
LOADING = ["loads", "reset_within_a_load", "enable_acts_between_images"]
BENCHES = {"load": [*ANY, *WINDOWED, *LOADING], "init": [*ANY, *WINDOWED], "stepped": ANY}


@pytest.fixture(scope="module")
def cases(tiny_case):
    """Network, hardware and images: the tiny network twice, and a stepped one."""
    stepped = random_case(8, schedule=Schedule.STEPPED, deepest=1, widest=5, images=8)
    tiny, levels = tiny_case.network, tiny_case.levels
    return {
        "load": (tiny, configure(tiny, 2), levels),
        "init": (tiny, configure(tiny, 2, MemoryMode.INIT), levels),
        "stepped": (stepped.network, configure(stepped.network), stepped.inputs),
    }


class QuickVerilator(PortsOnlyVerilator):
    """Compiles without optimization: so few cycles run that the compiler takes the most time."""

    def _set_env_common(self):
        super()._set_env_common()
        self.env["MAKEFLAGS"] += " OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"


def quiet_runner():
    runner = QuickVerilator()
    runner.log.setLevel(logging.CRITICAL)
    return runner


def build(network, config, folder, runtime):
    """Verilate the network behind AXI; Verilator's own part is taken from an earlier build."""
    source = folder / f"{AXI_TOP}.v"
    text = generate_axi_verilog(network, config)
    source.write_text(text)
    head = text[text.index(f"module {AXI_TOP}(") :]
    ports = head[head.index("(") + 1 : head.index(");")].split(",")
    public = control_file(AXI_TOP, [port.strip() for port in ports], folder / "public.vlt")
    ahead = time.time() + 3600  # make builds again what is older than the Makefile
    for part in runtime.glob("veril*.o"):
        os.utime(shutil.copy(part, folder), (ahead, ahead))
    quiet_runner().build(
        sources=[public, source], hdl_toplevel=AXI_TOP, build_dir=folder,
        log_file=folder / "build.log", timescale=("1ns", "1ps"),
        build_args=["-O3", "-Wno-fatal", "--no-assert"],
    )  # fmt: skip


def write_job(network, config, levels, counts, folder):
    """What the benches send and expect: streams and cycles of the reference and the cycle model."""
    outside, trace = interface(network, config), run_reference(network, levels)
    content = load_bytes(network, config) if outside.loadable else b""
    if outside.windowed:
        count = count_cycles(outside.layers, trace)
        counts = counts | counters_of(outside, levels, trace)
    else:  # no bench compares its cycles
        count = SimpleNamespace(first=np.zeros(len(levels)), result=np.zeros(len(levels)))
        counts = {"input_events": int(np.count_nonzero(levels)), "images_done": len(levels)}
    job = make_job(network, outside, trace, count, content, 5)
    item, result = outside.fields["events__payload"], outside.fields["result__payload"]
    width = next(port.width for port in outside.ports if port.name == "result__payload")
    page = json.loads(register_json(network, config))
    mapped = {p["offset"] + 4 * n for p in page["registers"] for n in range(p["words"])}
    beats = packets([beat_of(one, width) for one in job.results], result["last"].put(1))
    record = {
        "seed": 5, "map": page, "layers": len(outside.layers), "content": content.hex(),
        "images": packets(job.events, item["last"].put(1), outside.marks_in), "results": beats,
        "cycles": job.result, "counters": counts, "least_stalls": 30 if outside.windowed else 0,
        "bad": [item["address"].put(address) | item["level"].put(level)
                for address, level in ((3, 1), (1, 0), (1, 5))],
        "unmapped": sorted({0x1C, 0x2C, 0x30, 0x38, max(mapped) + 4, 0xFFC} - mapped),
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(record))


def packets(items, mark, marks=1):
    """Cut a stream behind every so many items with the mark bit."""
    found, seen = [[]], 0
    for item in items:
        found[-1].append(item)
        seen += bool(item & mark)
        if item & mark and seen % marks == 0:
            found.append([])
    assert found.pop() == []
    return found


def beat_of(payload, width):
    """A payload as a beat: filled up with its highest bit to 8, 16, 32 or 64 bits."""
    bits = max(8, 1 << (width - 1).bit_length())
    return (payload - (payload >> (width - 1) << width)) & ((1 << bits) - 1)


def counters_of(outside, levels, trace):
    """What the hardware must count, from the reference's spikes alone."""
    arriving = int(np.count_nonzero(levels))
    found = {"input_events": arriving, "images_done": len(levels)}
    for layer, part in zip(outside.layers, trace.layers, strict=True):
        rows = arriving * layer.groups
        found |= {f"{layer.name}.rows_read": rows, f"{layer.name}.updates": rows}
        if layer.emits:
            arriving = found[f"{layer.name}.spikes"] = int(np.count_nonzero(part.levels))
    return found


def compares_of(model):
    """Comparisons as the compiled model counts them, without stalls as with."""
    compares = model.run().counts[:, PROBE_FIELDS.index("compared")].tolist()
    names = [f"{layer.name}.compares" for layer in model.interface.layers]
    return dict(zip(names, compares, strict=True))


def run_benches(network, config, benches, folder):
    """Run all benches in one simulation; leaves results.xml behind."""
    for name, text in hex_files(network, config).items():
        (folder / "weights").mkdir(exist_ok=True)
        (folder / "weights" / f"{name}.hex").write_text(text)
    try:
        quiet_runner().test(
            test_module="sim.bench_axi", hdl_toplevel=AXI_TOP, hdl_toplevel_lang="verilog",
            testcase=benches, build_dir=folder, test_dir=folder,
            results_xml=str(folder / "results.xml"), log_file=folder / "bench.log",
            extra_env={JOB_VARIABLE: str(folder / "job.json"), "COCOTB_ANSI_OUTPUT": "0"},
        )  # fmt: skip
    except (RuntimeError, SystemExit):
        return  # results.xml says what failed


@pytest.fixture(scope="module")
def said(cases, tiny, build_cache):
    """What each bench said, by case and bench; run once for all workers of a session."""
    counts, found = compares_of(tiny), {}
    build_cache.mkdir(exist_ok=True)
    with FileLock(build_cache / "axi.lock"):
        for name, (network, config, levels) in cases.items():
            folder = build_cache / f"axi-{name}"
            if not (folder / "results.xml").exists():
                folder.mkdir(exist_ok=True)
                write_job(network, config, levels, counts, folder)
                build(network, config, folder, build_cache / "axi-load")
                run_benches(network, config, BENCHES[name], folder)
            for case in ElementTree.parse(folder / "results.xml").iter("testcase"):
                bad = [part for part in case if part.tag in ("failure", "error", "skipped")]
                words = [part.get("message") or part.text or part.tag for part in bad]
                found[name, case.get("name")] = " ".join(words)
    return found


def test_every_bench_is_in_a_list():
    text = Path(sim.bench_axi.__file__).read_text(encoding="utf-8")
    defined = re.findall(r"^@cocotb\.test.*\nasync def (\w+)", text, re.MULTILINE)
    assert sorted(defined) == sorted(BENCHES["load"])


@pytest.mark.parametrize(
    ("case", "bench"), [(case, name) for case in BENCHES for name in BENCHES[case]]
)
def test_bench_behind_axi(said, case, bench):
    assert said[case, bench] == ""
