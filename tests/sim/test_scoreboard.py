from __future__ import annotations

import pytest

from hw.content import load_bytes
from hw.interface import interface
from sim.cycles import count_cycles
from sim.job import make_job, read_job, write_job
from sim.reference import run_reference
from sim.scoreboard import Scoreboard

IMAGES = 4
OFFSET = 100  # cycle of the bench in which the first event went in


@pytest.fixture(scope="module")
def job(tiny_case):
    network, config = tiny_case.network, tiny_case.config
    outside = interface(network, config)
    trace = run_reference(network, tiny_case.levels[:IMAGES])
    count = count_cycles(outside.layers, trace)
    return make_job(network, outside, trace, count, load_bytes(network, config), seed=1)


def _play(job, *, taps=None, results=None, first=None, result=None):
    """Tell a scoreboard what an RTL did; by default exactly what the job asks for."""
    board = Scoreboard(job)
    fields = job.fields["tap_hidden"]
    going = fields["valid"].put(1) | fields["ready"].put(1)
    for cycle in first or job.first:
        board.sent(0, cycle + OFFSET)
        board.sent(job.fields["events__payload"]["last"].put(1), cycle + OFFSET + 1)
    for value in job.taps["hidden"] if taps is None else taps:
        board.tapped("hidden", value | going)
    ends = iter(result or job.result)
    last = job.fields["result__payload"]["last"]
    for beat in job.results if results is None else results:
        board.answered(beat, next(ends, 0) + OFFSET if last.take(beat) else 0)
    return board


def test_equal_streams_give_a_clean_outcome(job):
    board = _play(job)
    assert board.finished
    outcome = board.outcome("bench", stalled=False)
    assert (outcome.images, outcome.events) == (IMAGES, len(job.taps["hidden"]))
    assert (outcome.event_mismatches, outcome.class_mismatches) == (0, 0)
    assert outcome.cycle_mismatches == 0
    assert outcome.message == ""


def _event(job, neuron, level):
    fields = job.fields["tap_hidden"]
    return fields["event.address"].put(neuron) | fields["event.level"].put(level)


def _decode(job, value):
    fields = job.fields["tap_hidden"]
    return fields["event.address"].take(value), fields["event.level"].take(value)


def test_a_wrong_event_is_named_by_layer_neuron_and_step(job):
    taps = list(job.taps["hidden"])
    at = next(n for n, value in enumerate(taps) if _decode(job, value)[1] > 1)
    neuron, level = _decode(job, taps[at])
    image = sum(job.fields["tap_hidden"]["event.last"].take(value) for value in taps[:at])
    taps[at] = _event(job, neuron, level - 1)
    outcome = _play(job, taps=taps).outcome("bench", stalled=False)
    assert outcome.event_mismatches == 1
    assert outcome.message == (
        f"layer hidden, image {image}: the RTL sends neuron {neuron} at step {4 - level + 1} "
        f"(k = {level - 1}), the reference neuron {neuron} at step {4 - level} (k = {level})"
    )


def test_swapped_events_are_two_differences_and_the_first_is_named(job):
    taps = list(job.taps["hidden"])
    spikes = [_decode(job, value)[1] > 0 for value in taps]
    at = next(n for n in range(len(taps)) if all(spikes[n : n + 2]))
    taps[at], taps[at + 1] = taps[at + 1], taps[at]
    outcome = _play(job, taps=taps).outcome("bench", stalled=True)
    assert outcome.event_mismatches == 2
    assert outcome.message.startswith("layer hidden, image ")


def test_a_missing_event_at_the_end_is_told(job):
    outcome = _play(job, taps=job.taps["hidden"][:-2]).outcome("bench", stalled=False)
    assert outcome.event_mismatches == 2
    assert outcome.message == "layer hidden: 2 events of the reference never came"


def test_an_extra_event_is_told(job):
    extra = [*job.taps["hidden"], _event(job, 3, 2)]
    outcome = _play(job, taps=extra).outcome("bench", stalled=False)
    assert outcome.event_mismatches == 1
    assert "the RTL sends neuron 3 at step 2 (k = 2), the reference nothing more" in outcome.message


def test_a_mark_too_early_is_told(job):
    taps = [job.fields["tap_hidden"]["event.last"].put(1), *job.taps["hidden"]]
    outcome = _play(job, taps=taps).outcome("bench", stalled=False)
    assert outcome.event_mismatches > 0


def test_events_that_nobody_took_do_not_count(job):
    board = Scoreboard(job)
    fields = job.fields["tap_hidden"]
    board.tapped("hidden", fields["valid"].put(1) | _event(job, 1, 1))
    board.tapped("hidden", fields["ready"].put(1) | _event(job, 1, 1))
    assert board.outcome("bench", stalled=True).events == 0


def test_a_wrong_class_counts_as_one(job):
    fields = job.fields["result__payload"]
    results = list(job.results)
    results[2] ^= fields["index"].put(1)
    outcome = _play(job, results=results).outcome("bench", stalled=False)
    assert (outcome.event_mismatches, outcome.class_mismatches) == (0, 1)
    assert outcome.message.startswith("image 0, result: the RTL says class ")


def test_a_wrong_membrane_is_named_with_both_values(job):
    fields = job.fields["result__payload"]
    results = list(job.results)
    value = fields["membrane"].take(results[4])
    results[4] = fields["index"].put(1) | fields["membrane"].put(value + 1)
    outcome = _play(job, results=results).outcome("bench", stalled=False)
    assert (outcome.event_mismatches, outcome.class_mismatches) == (1, 0)
    assert outcome.message == (
        f"image 1, result: the RTL says neuron 1 with membrane {value + 1}, "
        f"the reference neuron 1 with membrane {value}"
    )


def test_beats_beyond_the_last_are_differences_not_a_crash(job):
    outcome = _play(job, results=[0, 0, 0, *job.results]).outcome("bench", stalled=False)
    assert outcome.event_mismatches + outcome.class_mismatches > 0


def test_a_class_without_its_image_is_a_difference_not_a_crash(job):
    outcome = _play(job, first=job.first[:-1]).outcome("bench", stalled=True)
    assert outcome.cycle_mismatches == 1
    assert outcome.message == "image 3: its class does not follow its first event"


@pytest.mark.parametrize("change", [-1, 1])
def test_without_stalls_a_cycle_more_or_less_is_a_difference(job, change):
    result = list(job.result)
    result[2] += change
    outcome = _play(job, result=result).outcome("bench", stalled=False)
    assert outcome.cycle_mismatches == 1
    assert outcome.message == (
        f"image 2: first event and class come in cycles {(job.first[2], result[2])}, "
        f"the cycle model says {(job.first[2], job.result[2])}"
    )


def test_an_event_accepted_too_late_is_a_difference(job):
    first = list(job.first)
    first[1] += 1
    assert _play(job, first=first).outcome("bench", stalled=False).cycle_mismatches == 1


def test_under_stalls_cycles_may_grow_and_not_shrink(job):
    grown = [cycle + 7 for cycle in job.result]
    assert _play(job, result=grown).outcome("bench", stalled=True).cycle_mismatches == 0
    shrunk = [*job.result[:-1], job.result[-1] - 1]
    assert _play(job, result=shrunk).outcome("bench", stalled=True).cycle_mismatches == 1


def test_not_finished_before_the_last_class(job):
    assert not _play(job, results=job.results[:-1]).finished


def test_a_hang_says_how_far_it_came(job):
    board = _play(job, results=job.results[:3])
    assert board.hang(77) == "nothing moves after image 1, cycle 77: the RTL hangs"


def test_a_job_survives_the_way_to_the_simulator(job, tmp_path):
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_a_job_holds_every_event_of_the_reference_in_order(job, tiny_case):
    trace = run_reference(tiny_case.network, tiny_case.levels[:IMAGES])
    wanted = []
    for levels in trace.layers[0].levels:
        for begin in (0, 2):  # two lanes
            for level in (4, 3, 2, 1):
                wanted += [(n, level) for n in (begin, begin + 1) if levels[n] == level]
        wanted.append((0, 0))
    assert [_decode(job, value) for value in job.taps["hidden"]] == wanted
