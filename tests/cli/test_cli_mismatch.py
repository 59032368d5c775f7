"""Two models that differ: status 1, and the first difference in words."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from hw.content import load_bytes
from spikeforge.netfile import load_network
from spikeforge.network import Network


def with_one_weight_changed(network, key):
    """The same architecture, whose hardware says something else."""
    tensors = {name: value.copy() for name, value in network.tensors.items()}
    row = tensors[key][3]
    row[row == row.max()] -= 1
    return Network(name=network.name, input=network.input, layers=network.layers,
                   readout=network.readout, tensors=tensors)  # fmt: skip


@pytest.fixture
def spoil(monkeypatch, finished_run):
    """Load other weights into the hardware than the models have."""

    def change(module, key):
        other = with_one_weight_changed(load_network(finished_run.network), key)
        monkeypatch.setattr(f"{module}.load_bytes", lambda _, config: load_bytes(other, config))

    return change


def test_simulate_names_image_and_neuron(run_command, finished_run, data, spoil):
    spoil("sim.simulate", "readout.weight")
    done = run_command("simulate", finished_run.network, "--data", data, "--lanes", 16, "--json")
    assert done.status == 1
    assert json.loads(done.out)["exact"]["class_mismatches"] > 0
    said = done.err.strip().splitlines()[-1]
    pattern = r"mismatch: image \d+, output neuron 3: the RTL's membrane is (-?\d+), the " \
              r"reference's (-?\d+)"  # fmt: skip
    rtl, reference = re.fullmatch(pattern, said).groups()
    assert rtl != reference


def test_verify_names_layer_step_and_neuron(run_command, finished_run, data, spoil):
    spoil("sim.verify", "readout.weight")
    done = run_command("verify", finished_run.network, "--data", data, "--images", 2, "--lanes",
                       16, "--json")  # fmt: skip
    assert done.status == 1
    assert json.loads(done.out)["exact"]["event_mismatches"] > 0
    said = done.err.strip().splitlines()[-1]
    assert said.startswith("mismatch: ")
    assert "3" in said


def test_classify_by_rtl_does_not_hide_it(run_command, finished_run, picture, monkeypatch):
    from sim import simulate

    whole = simulate.run_reference

    def shifted(network, levels):
        trace = whole(network, levels)
        trace.layers[-1].membranes[:, 0] += 1
        return trace

    monkeypatch.setattr(simulate, "run_reference", shifted)
    done = run_command("classify", finished_run.network, picture, "--rtl", "--lanes", 16)
    assert done.status == 1
    assert "mismatch: image 0, output neuron 0: the RTL's membrane is" in done.err


def test_a_wrong_cycle_model_is_a_mismatch_too(run_command, finished_run, data, monkeypatch):
    from dataclasses import replace

    from sim import simulate

    whole = simulate.count_cycles

    def late(*args, **options):
        count = whole(*args, **options)
        return replace(count, result=count.result + np.int64(1))

    monkeypatch.setattr(simulate, "count_cycles", late)
    for command in ("simulate", "power"):
        done = run_command(command, finished_run.network, "--data", data, "--lanes", 16, "--json")
        assert done.status == 1
        exact = json.loads(done.out)["exact"]
        assert (exact["class_mismatches"], exact["cycle_mismatches"]) == (0, 12)
        assert re.search(r"mismatch: image 0: first event and class in cycles \d+ and \d+, the "
                         r"cycle model says \d+ and \d+", done.err)  # fmt: skip
