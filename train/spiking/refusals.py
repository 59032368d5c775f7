"""What a rule may not be asked for, said in one line before anything is trained."""

from __future__ import annotations

from spikeforge.errors import SpikeforgeError
from train.recipe import Recipe

__all__ = ["refuse_neuron", "refuse_recurrence"]


def refuse_neuron(recipe: Recipe, **allowed: object) -> None:
    """Refuse a neuron that a rule is not defined for.

    Args:
        recipe: The recipe.
        allowed: The only value of a field of ``network.neuron``, by the field's name.

    Raises:
        SpikeforgeError: Names the field, its value and the one that works.
    """
    for field, only in allowed.items():
        asked = getattr(recipe.network.neuron, field)
        if asked != only:
            raise SpikeforgeError(
                f"network.neuron.{field} must be {_toml(only)} for rule {recipe.rule}, not "
                f"{_toml(asked)}; leave it out, or take rule surrogate"
            )


def refuse_recurrence(recipe: Recipe) -> None:
    """Refuse recurrent layers.

    Raises:
        SpikeforgeError: If the recipe asks for them.
    """
    if recipe.network.recurrent:
        raise SpikeforgeError(
            f"network.recurrent must be false for rule {recipe.rule}, not true; leave it out, or "
            f"take rule st-rsbp"
        )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
