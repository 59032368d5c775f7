from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import sim.build
import sim.verify
from hw.content import load_bytes
from hw.verilog import generate_verilog
from sim.reference import run_reference
from sim.verify import verify
from spikeforge.errors import SpikeforgeError

CASES = {
    "replay in two layers": {"seed": 41, "depth": 2, "lanes": 2, "memory": "load"},
    "one group everywhere, initialized": {"seed": 48, "depth": 2, "lanes": 12, "memory": "init"},
    "1 bit, biases, thresholds a neuron": {
        "seed": 45, "depth": 3, "lanes": 3, "bits": 1, "biases": 1, "per_neuron": 1,
        "memory": "load",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_no_difference_with_and_without_stalls(networks, name):
    options = {**CASES[name]}
    case = networks.random_case(options.pop("seed"), images=15, widest=12, **options)
    found = verify(case.network, case.config, case.levels, seed=3, brief=True)
    assert found.message == ""
    assert (found.event_mismatches, found.cycle_mismatches, found.images) == (0, 0, 15)
    trace = run_reference(case.network, case.levels)
    spikes = sum(int(np.count_nonzero(part.levels)) for part in trace.layers[:-1])
    marks = 15 * (len(trace.layers) - 1)
    assert spikes > 20, "the benches must have something to compare"
    for outcome in found.outcomes:
        assert outcome.events == spikes + marks
    assert [outcome.stalled for outcome in found.outcomes] == [False, True]


@pytest.fixture
def one_bench(monkeypatch):
    """The bench without stalls alone, where one is enough."""
    monkeypatch.setattr(sim.verify, "BENCHES", ("without_stalls",))


@pytest.fixture
def tiny_levels(tiny_case):
    return tiny_case.levels[:12]


def test_a_log_is_kept_on_demand(tiny_case, tiny_levels, tmp_path):
    log = tmp_path / "logs" / "cocotb.log"
    found = verify(tiny_case.network, tiny_case.config, tiny_levels, log=log)
    assert found.message == ""
    assert "without_stalls" in log.read_text()
    assert "with_random_stalls" in log.read_text()


def test_a_wrong_compare_in_the_rtl_is_found_and_named(
    tiny_case, tiny_levels, monkeypatch, one_bench
):
    def tampered(network, config):
        text = generate_verilog(network, config)
        begin = text.index("module \\accelerator.hidden.fire ")
        end = text.index("endmodule", begin)
        part, count = re.subn(r" >= ", " > ", text[begin:end])
        assert count == 2  # one comparator a lane
        return text[:begin] + part + text[end:]

    monkeypatch.setattr(sim.build, "generate_verilog", tampered)
    network = tiny_case.network
    found = verify(network, tiny_case.config, tiny_levels)
    assert found.event_mismatches > 0
    told = re.match(
        r"layer hidden, image \d+: the RTL sends .*, the reference neuron (\d) at step (\d) "
        r"\(k = (\d)\)$", found.message,
    )  # fmt: skip
    assert told, found.message
    neuron, step, k = map(int, told.groups())
    # It is a neuron that just reaches its threshold.
    assert step == 4 - k
    membranes = run_reference(network, tiny_levels).layers[0].membranes[:, neuron]
    assert int(network.threshold("hidden")[0]) * k in membranes.tolist()


def test_a_wrong_weight_in_the_rtl_is_found(tiny_case, tiny_levels, monkeypatch, one_bench):
    weight = np.array(tiny_case.network.weight("hidden"))
    weight[3] = [2, 2, 1]
    tensors = {**tiny_case.network.tensors, "hidden.weight": weight}
    other = dataclasses.replace(tiny_case.network, tensors=tensors)
    monkeypatch.setattr(sim.verify, "load_bytes", lambda _, config: load_bytes(other, config))
    found = verify(tiny_case.network, tiny_case.config, tiny_levels)
    assert "the reference neuron 3 at step" in found.message
    assert all(outcome.event_mismatches for outcome in found.outcomes)


def _tamper(monkeypatch, change):
    make_job = sim.verify.make_job

    def tampered(*arguments):
        job = make_job(*arguments)
        change(job)
        return job

    monkeypatch.setattr(sim.verify, "make_job", tampered)


def test_another_order_of_events_is_found(tiny_case, tiny_levels, monkeypatch, one_bench):
    def swap(job):
        events = job.taps["hidden"]
        mark = job.fields["tap_hidden"]["event.last"].put(1)
        at = next(n for n in range(3, len(events)) if mark not in events[n : n + 2])
        events[at], events[at + 1] = events[at + 1], events[at]

    _tamper(monkeypatch, swap)
    found = verify(tiny_case.network, tiny_case.config, tiny_levels)
    assert [outcome.event_mismatches for outcome in found.outcomes] == [2]
    assert found.message.startswith("layer hidden, image ")


def test_a_wrong_cycle_count_is_found_only_without_stalls(tiny_case, tiny_levels, monkeypatch):
    count_cycles = sim.verify.count_cycles

    def late(*arguments):
        count = count_cycles(*arguments)
        count.result[5] -= 1
        return count

    monkeypatch.setattr(sim.verify, "count_cycles", late)
    found = verify(tiny_case.network, tiny_case.config, tiny_levels)
    assert [outcome.cycle_mismatches for outcome in found.outcomes] == [1, 0]
    assert found.event_mismatches == 0
    assert found.message.startswith("image 5: first event and class come in cycles ")


def test_refused_content_ends_without_a_verdict(tiny_case, tiny_levels, monkeypatch):
    broken = load_bytes(tiny_case.network, tiny_case.config)[:-1] + b"\x00"
    monkeypatch.setattr(sim.verify, "load_bytes", lambda *_: broken)
    wanted = "without_stalls ended without a verdict: .*accelerator says not loaded"
    with pytest.raises(SpikeforgeError, match=wanted):
        verify(tiny_case.network, tiny_case.config, tiny_levels)
