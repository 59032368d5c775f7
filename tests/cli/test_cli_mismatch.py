"""Two models that differ: status 1, and the first difference in words."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from hw.content import load_bytes
from spikeforge.netfile import load_network


@pytest.fixture
def spoil(monkeypatch, finished_run):
    """Load other weights into the hardware than the models have: some rows become zero."""

    def change(module, key, rows):
        network = load_network(finished_run.network)
        tensors = {name: value.copy() for name, value in network.tensors.items()}
        tensors[key][rows] = 0
        other = replace(network, tensors=tensors)
        monkeypatch.setattr(f"{module}.load_bytes", lambda _, config: load_bytes(other, config))

    return change


def test_simulate_names_image_and_neuron(run_command, finished_run, data, spoil):
    spoil("sim.simulate", "readout.weight", [3])
    done = run_command("simulate", finished_run.network, "--data", data, "--lanes", 8, "--json")
    assert done.status == 1
    assert json.loads(done.out)["exact"]["class_mismatches"] > 0
    said = done.err.strip().splitlines()[-1]
    pattern = r"mismatch: image \d+, output neuron 3: the RTL's membrane is (-?\d+), the " \
              r"reference's (-?\d+)"  # fmt: skip
    rtl, reference = re.fullmatch(pattern, said).groups()
    assert rtl != reference


def test_verify_names_layer_step_and_neuron(run_command, finished_run, data, spoil):
    spoil("sim.verify", "hidden1.weight", slice(None))
    done = run_command("verify", finished_run.network, "--data", data, "--images", 2, "--lanes", 8)
    assert done.status == 1
    steady, stalled = done.out.splitlines()
    pattern = r": 2 images, \d+ events, [1-9]\d* events, \d classes and \d cycle counts differ"
    assert re.fullmatch("without stalls" + pattern, steady)
    assert re.fullmatch("with random stalls" + pattern, stalled)
    said = done.err.strip().splitlines()[-1]
    pattern = r"mismatch: layer hidden1, image \d+: the RTL sends (.+), the reference (.+)"
    rtl, reference = re.fullmatch(pattern, said).groups()
    assert rtl != reference
    assert re.fullmatch(r"neuron \d at step \d+ \(k = \d+\)", reference)


def test_classify_by_rtl_does_not_hide_it(run_command, finished_run, picture, monkeypatch):
    from sim import simulate

    whole = simulate.run_reference

    def shifted(network, levels):
        trace = whole(network, levels)
        trace.layers[-1].membranes[:, 0] += 1
        return trace

    monkeypatch.setattr(simulate, "run_reference", shifted)
    done = run_command("classify", finished_run.network, picture, "--rtl", "--lanes", 8)
    assert done.status == 1
    assert "mismatch: image 0, output neuron 0: the RTL's membrane is" in done.err


def test_a_wrong_cycle_model_is_a_mismatch_too(run_command, finished_run, data, monkeypatch):
    from sim import simulate

    whole = simulate.count_cycles

    def late(*args, **options):
        count = whole(*args, **options)
        return replace(count, result=count.result + np.int64(1))

    monkeypatch.setattr(simulate, "count_cycles", late)
    done = run_command("power", finished_run.network, "--data", data, "--lanes", 8, "--json",
                       "--clock-mhz", 40)  # fmt: skip
    assert done.status == 1
    found = json.loads(done.out)
    assert (found["clock_mhz"], found["technology"]["method"]) == (40, "event")
    assert (found["exact"]["class_mismatches"], found["exact"]["cycle_mismatches"]) == (0, 12)
    assert re.search(r"mismatch: image 0: first event and class in cycles \d+ and \d+, the "
                     r"cycle model says \d+ and \d+", done.err)  # fmt: skip
