"""Strict pydantic models whose failures become one readable line."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["StrictModel", "parse"]


class StrictModel(BaseModel):
    """A frozen record: unknown fields, wrong kinds and NaN are refused, nothing is converted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], data: object, where: str) -> Model:
    """Validate JSON-like data (``data`` as read by json or tomllib) against a model.

    Args:
        model: The pydantic model to build.
        data: Plain containers.
        where: What is being read, for the message (a file name, say).

    Raises:
        SpikeforgeError: With every problem on one line, each naming field, value and range.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(_explain(model, dict(item)) for item in error.errors()[:4])
        more = len(error.errors()) - 4
        raise SpikeforgeError(
            f"{where}: {problems}" + (f"; and {more} more" if more > 0 else "")
        ) from None


def _explain(model: type[BaseModel], item: dict[str, Any]) -> str:
    field = ".".join(_short(str(part))[1:-1] for part in item["loc"]) or "the whole file"
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, item["loc"][:-1])
        hint = nearest(str(item["loc"][-1]), known)
        allowed = f", known are {', '.join(known)}" if known else ""
        return f"unknown key {field}{hint or allowed}"
    if item["type"] == "missing":
        return f"{field} is missing"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{field} {message}, not {_short(item['input'])}"


def _fields_at(model: Any, path: tuple[Any, ...]) -> list[str]:
    """Names of the fields of the nested model that a location leads to, as far as it is known."""
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return []
        model = field.annotation
    return sorted(getattr(model, "model_fields", {}))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
