from __future__ import annotations

import dataclasses
import random
import zlib

import numpy as np
import pytest

from hw.content import architecture_id, load_bytes
from sim.reference import run_reference
from spikeforge.errors import SpikeforgeError

NONE, ARCHITECTURE, CRC = 0, 1, 2


@pytest.fixture
def model(tiny):
    with tiny.model(loaded=False) as made:
        yield made


@pytest.fixture(scope="module")
def content(tiny):
    return load_bytes(tiny.network, tiny.config)


def _send(model, data, *, first=True):
    fields = model.interface.fields["load__payload"]
    for number, byte in enumerate(data):
        begins = first and number == 0
        model.io.load__payload = fields["data"].put(byte) | fields["first"].put(begins)
        model.io.load__valid = 1
        model.clock.tick()
    model.io.load__valid = 0
    model.clock.tick(4)


def _crc(body):
    return body + zlib.crc32(body).to_bytes(4, "little")


def _answers(model, levels):
    *_, batch = model.run(levels)
    return batch.membranes.tolist()


def test_identity_port_is_the_architecture_id(model, tiny):
    identity = architecture_id(tiny.network, tiny.config)
    assert model.io.identity == int.from_bytes(identity, "little")


def test_content_by_single_steps_gives_the_networks_answers(model, tiny, content):
    _send(model, content)
    assert (model.io.loaded, model.io.load_error) == (1, NONE)
    assert _answers(model, tiny.levels) == run_reference(tiny.network, tiny.levels).outputs.tolist()


def test_another_architecture_is_refused(model, content):
    _send(model, _crc(bytes([content[0] ^ 1]) + content[1:-4]))
    assert (model.io.loaded, model.io.load_error) == (0, ARCHITECTURE)


def test_every_flipped_byte_is_refused(model, content):
    rng = random.Random(3)
    for place in range(len(content)):
        data = bytearray(content)
        data[place] ^= rng.randrange(1, 256)
        _send(model, data)
        wanted = ARCHITECTURE if place < 8 else CRC
        assert (model.io.loaded, model.io.load_error) == (0, wanted), place
    _send(model, content)
    assert model.io.loaded == 1


def test_a_truncated_load_says_not_loaded_and_first_restarts(model, content):
    for length in range(0, len(content), 3):
        _send(model, content[:length])
        assert (model.io.loaded, model.io.load_error) == (0, NONE), length
    _send(model, content)
    assert model.io.loaded == 1


def test_a_load_in_two_halves_is_one_load(model, content):
    _send(model, content[:11])
    model.clock.tick(20)
    _send(model, content[11:], first=False)
    assert model.io.loaded == 1


def test_no_event_is_accepted_before_content_is_there(model, content):
    model.io.events__valid = 1
    for _ in range(20):
        assert model.io.events__ready == 0
        model.clock.tick()
    model.io.events__valid = 0
    _send(model, content[:-1])
    assert model.io.events__ready == 0
    _send(model, content[-1:], first=False)
    model.clock.tick(4)
    assert model.io.events__ready == 1


def test_other_content_of_the_same_architecture_is_taken(model, tiny, content):
    rng = np.random.default_rng(1)
    tensors = dict(tiny.network.tensors)
    shape = tensors["hidden.weight"].shape
    tensors["hidden.weight"] = rng.permutation(tensors["hidden.weight"].ravel()).reshape(shape)
    tensors["hidden.threshold"] = np.array([2])
    tensors["output.bias"] = np.array([-1, 1])
    tensors["hidden.weight"] = np.sign(tensors["hidden.weight"])
    other = dataclasses.replace(tiny.network, tensors=tensors)
    assert other.architecture_hash() == tiny.network.architecture_hash()
    _send(model, content)
    before = _answers(model, tiny.levels)
    model.load(load_bytes(other, tiny.config))
    after = _answers(model, tiny.levels)
    assert after == run_reference(other, tiny.levels).outputs.tolist()
    assert after != before


def test_reset_asks_for_content_again(model, tiny, content):
    _send(model, content)
    model.reset()
    assert model.io.loaded == 0
    _send(model, content)
    assert (
        _answers(model, tiny.levels[:4])
        == run_reference(tiny.network, tiny.levels[:4]).outputs.tolist()
    )


def test_a_new_load_drops_the_image_under_way(model, tiny, content):
    _send(model, content)
    event = model.interface.fields["events__payload"]
    model.io.events__payload = event["address"].put(1) | event["level"].put(3)
    model.io.events__valid = 1
    model.clock.tick(2)  # two events of an image, and no mark
    model.io.events__valid = 0
    _send(model, content)
    assert _answers(model, tiny.levels) == run_reference(tiny.network, tiny.levels).outputs.tolist()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: _crc(bytes([data[0] ^ 255]) + data[1:-4]), "made for another architecture"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "its CRC is wrong"),
        (lambda data: data[:-3], "it is incomplete"),
    ],
)
def test_refused_content_is_explained(model, content, damage, why):
    with pytest.raises(SpikeforgeError, match=f"the accelerator refuses the content: .*{why}"):
        model.load(damage(content))
