"""The network file: safetensors with one JSON entry in its header. Never pickle.

A file is untrusted input: its size is bounded before it is read, safetensors checks that the
tensors lie inside it, the JSON is validated field by field, and two hashes (over the header, and
over the tensors) show whether it was edited.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from pydantic import ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.network import Metadata, Network
from spikeforge.schema import InputSpec, Layer, Readout
from spikeforge.validation import StrictModel, parse

__all__ = ["SCHEMA_VERSION", "load_network", "save_network"]

SCHEMA_VERSION = 1
MAX_FILE_BYTES = 1 << 28
MAX_HEADER_BYTES = 1 << 24
_KEY = "spikeforge"


class _Header(StrictModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    schema_version: int
    name: str = Field(min_length=1, max_length=64)
    input: InputSpec
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=256, strict=False)
    readout: Readout
    metadata: Metadata
    architecture: str
    content: str


def save_network(network: Network, path: Path) -> None:
    """Write one network file; an existing file stays whole until the new one is complete.

    Raises:
        SpikeforgeError: If the folder cannot be written or the disk is full.
    """
    header: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "name": network.name,
        **network.structure(),
        "metadata": network.metadata.model_dump(mode="json"),
        "architecture": network.architecture_hash(),
        "content": network.content_hash,
    }
    header["digest"] = _digest(header)
    tensors = {
        key: value.astype(np.int8 if key.endswith((".weight", ".recurrent")) else "<i8", order="C")
        for key, value in network.tensors.items()
    }
    data = save_tensors(tensors, {_KEY: json.dumps(header, sort_keys=True)})
    if len(data) > MAX_FILE_BYTES:
        raise SpikeforgeError(
            f"{path}: a network file has at most {MAX_FILE_BYTES} bytes, not {len(data)}"
        )
    write_atomically(path, data)


def load_network(path: Path) -> Network:
    """Read and validate a network file.

    Raises:
        SpikeforgeError: If it is missing, truncated, edited, of another kind or schema, or
            describes a network that does not hold together.
    """
    data = _read(path)
    if (length := _header_bytes(data)) > MAX_HEADER_BYTES:
        found = f"its header would have {length} bytes, at most {MAX_HEADER_BYTES} are allowed"
        raise SpikeforgeError(_not_safetensors(path, data, found))
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise SpikeforgeError(_not_safetensors(path, data, error)) from None
    except KeyError as error:  # a kind of number that numpy lacks
        _header(path, data)
        raise SpikeforgeError(f"{path}: tensors must hold integers, not {error}") from None
    header = _header(path, data)
    if header.pop("digest", None) != _digest(header):
        raise SpikeforgeError(
            f"{path}: the header was edited (its digest does not match); "
            f"export the network again instead of editing the file"
        )
    record = parse(_Header, header, str(path))
    try:
        network = Network(
            name=record.name, input=record.input, layers=record.layers, readout=record.readout,
            tensors=tensors, metadata=record.metadata,
        )  # fmt: skip
    except SpikeforgeError as error:
        raise SpikeforgeError(f"{path}: {error}") from None
    if network.content_hash != record.content:
        raise SpikeforgeError(
            f"{path}: the tensors were edited (content hash {network.content_hash[:12]}, the "
            f"header says {record.content[:12]}); export the network again"
        )
    return network


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise SpikeforgeError(
                f"{path}: a network file has at most {MAX_FILE_BYTES} bytes, not {size}"
            )
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        raise SpikeforgeError(
            f"{path}: no such network file; make one with 'spikeforge train'"
        ) from None
    except OSError as error:
        raise SpikeforgeError(f"{path}: cannot be read ({error.strerror})") from None


def _header_bytes(data: bytes) -> int:
    """What the first eight bytes say about the length of a safetensors header."""
    return int.from_bytes(data[:8], "little")


def _header(path: Path, data: bytes) -> dict[str, object]:
    entries = json.loads(data[8 : 8 + _header_bytes(data)]).get("__metadata__") or {}
    text = entries.get(_KEY)
    if text is None:
        raise SpikeforgeError(
            f"{path}: a safetensors file, but no Spikeforge network (no {_KEY!r} header entry); "
            f"export one with train.export"
        )
    try:
        header = json.loads(text)
        version = header["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SpikeforgeError(f"{path}: the {_KEY!r} header entry is not a network's") from None
    if version != SCHEMA_VERSION:
        raise SpikeforgeError(
            f"{path}: schema_version must be {SCHEMA_VERSION}, not {version!r}; "
            f"update Spikeforge, or export the network with this version"
        )
    return dict(header)


def _digest(fields: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _not_safetensors(path: Path, data: bytes, reason: object) -> str:
    pickled = data[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")
    if pickled and any(data[2:8]):  # all zeros: the length of a safetensors header
        return (
            f"{path}: looks like a pickle or torch.save file, which is never opened; "
            f"export the network with train.export"
        )
    return f"{path}: not a whole safetensors file ({reason}); copy or export it again"
