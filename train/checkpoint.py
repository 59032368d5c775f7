"""Interrupted trainings go on where they were: one safetensors file, written whole. Never pickle.

It holds every tensor of the run (weights, optimizer, running average, best weights so far, random
state) and, in its header, a fingerprint of recipe, data, seed and versions: a file of another run
is left aside.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from spikeforge.files import write_atomically

__all__ = ["RunState", "read_checkpoint", "write_checkpoint"]

MAX_CHECKPOINT_BYTES = 1 << 31
_KEY = "spikeforge-training"


@dataclass
class RunState:
    """Everything that changes while a network is trained.

    Attributes:
        model: The network under training.
        average: Running average of its parameters.
        optimizer: AdamW, or another optimizer whose state is made of tensors.
        best: State of the averaged network with the best validation accuracy so far.
        epoch: Epochs done.
        best_epoch: The epoch (from 0) that ``best`` is of; -1 before the first.
        history: Per epoch, by name.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    best: dict[str, Tensor]
    epoch: int
    best_epoch: int
    history: dict[str, list[float]]


def write_checkpoint(path: Path, state: RunState, fingerprint: str) -> None:
    """Write the state, with torch's random state.

    Raises:
        SpikeforgeError: If the place cannot be written or the disk is full.
    """
    header = {
        "fingerprint": fingerprint,
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "history": state.history,
    }
    write_atomically(path, save_tensors(_tensors(state), {_KEY: json.dumps(header)}))


def read_checkpoint(path: Path, state: RunState, fingerprint: str) -> bool:
    """Put a written state back, if the file is one of the same run.

    Args:
        path: The file; it may be missing, broken, or of another run.
        state: A run at its start, changed only if the file fits.
        fingerprint: Of this run.

    Returns:
        Whether the run goes on from the file.
    """
    try:
        if path.stat().st_size > MAX_CHECKPOINT_BYTES:
            return False
        data = path.read_bytes()
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
        if header["fingerprint"] != fingerprint:
            return False
        history = {str(k): [float(x) for x in v] for k, v in header["history"].items()}
        epoch, best_epoch = int(header["epoch"]), int(header["best_epoch"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if not _fits(tensors, state):
        return False
    _restore(tensors, state)
    state.epoch, state.best_epoch, state.history = epoch, best_epoch, history
    return True


def _tensors(state: RunState) -> dict[str, Tensor]:
    tensors = {"random": torch.get_rng_state()}
    for prefix, values in (
        ("model", state.model.state_dict()),
        ("average", state.average.state_dict()),
        ("best", state.best),
    ):
        tensors.update({f"{prefix}.{key}": value for key, value in values.items()})
    for at, slot in state.optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{at}.{key}": value for key, value in slot.items()})
    return {key: value.detach().clone().contiguous() for key, value in tensors.items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _fits(tensors: dict[str, Tensor], state: RunState) -> bool:
    """Whether all parts are there in the right shapes (the fingerprint alone proves no tensor)."""
    model, average = state.model.state_dict(), state.average.state_dict()
    for prefix, wanted in (("model", model), ("average", average), ("best", model)):
        found = _part(tensors, prefix)
        if found.keys() != wanted.keys():
            return False
        if any(found[key].shape != wanted[key].shape for key in wanted):
            return False
    random, own = tensors.get("random"), torch.get_rng_state()
    return random is not None and random.dtype == own.dtype and random.shape == own.shape


def _restore(tensors: dict[str, Tensor], state: RunState) -> None:
    state.model.load_state_dict(_part(tensors, "model"))
    state.average.load_state_dict(_part(tensors, "average"))
    state.best = _part(tensors, "best")
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(tensors, "optimizer").items():
        at, name = key.split(".", 1)
        slots.setdefault(int(at), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
    torch.set_rng_state(tensors["random"])
