"""Data, spike coding, quantization-aware training and export to the integer contract.

Torch is loaded only when something that needs it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.cnn import WindowedCnn
    from train.data import Dataset, load_dataset
    from train.evaluation import Evaluation, accuracy, evaluate
    from train.exporter import export
    from train.model import WindowedMlp
    from train.recipe import Recipe, load_recipe
    from train.stdbp import StdbpDense, StdbpOutput
    from train.stdbp_net import StdbpMlp
    from train.trainer import TrainResult, train
    from train.windowed import WindowedDense, WindowedReadout
    from train.windowed_conv import WindowedConv

__all__ = [
    "Dataset", "Evaluation", "Recipe", "StdbpDense", "StdbpMlp", "StdbpOutput", "TrainResult",
    "WindowedCnn", "WindowedConv", "WindowedDense", "WindowedMlp", "WindowedReadout", "accuracy",
    "evaluate", "export", "load_dataset", "load_recipe", "train",
]  # fmt: skip

_HOMES = {
    "Dataset": "train.data",
    "Evaluation": "train.evaluation",
    "Recipe": "train.recipe",
    "StdbpDense": "train.stdbp",
    "StdbpMlp": "train.stdbp_net",
    "StdbpOutput": "train.stdbp",
    "TrainResult": "train.trainer",
    "WindowedCnn": "train.cnn",
    "WindowedConv": "train.windowed_conv",
    "WindowedDense": "train.windowed",
    "WindowedMlp": "train.model",
    "WindowedReadout": "train.windowed",
    "accuracy": "train.evaluation",
    "evaluate": "train.evaluation",
    "export": "train.exporter",
    "load_dataset": "train.data",
    "load_recipe": "train.recipe",
    "train": "train.trainer",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'train' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
