"""A user's own picture, made into what the network was trained on.

MNIST's digits are white on black, scaled into a 20 x 20 box with their aspect kept, and centred by
their centre of mass in 28 x 28 pixels; the same is done here to any picture.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from spikeforge.errors import SpikeforgeError

__all__ = ["load_picture"]

Pixels = NDArray[np.uint8]

MAX_FILE_BYTES = 1 << 27
MAX_PIXELS = 1 << 26
WORK_SIZE = 1024
BOX_SHARE = 20 / 28
BLACK_BORDER = 16
MIN_CONTRAST = 32
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error)


def load_picture(path: Path, shape: tuple[int, ...]) -> tuple[Pixels, list[str]]:
    """Read a picture of one digit and bring it into the form of MNIST.

    Args:
        path: A PNG, JPEG, BMP, GIF, TIFF, WebP or PNM file of any size, colour or grey.
        shape: The network's input, (H, W) or (1, H, W).

    Returns:
        Pixels 0..255, shape (H, W), white digit on black; and what was done, one note each.

    Raises:
        SpikeforgeError: If there is no such file, it is no picture, it is too large, or no digit
            can be seen in it.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] != 1):
        raise SpikeforgeError(f"pictures need a network input of shape (1, H, W), not {shape}")
    height, width = shape[-2:]
    notes: list[str] = []
    pixels = _grey(_open(path, notes), notes)
    if pixels.shape == (height, width) and _border(pixels).mean() <= BLACK_BORDER:
        if int(pixels.max()) < MIN_CONTRAST:
            raise SpikeforgeError(_nothing_seen(path))
        return pixels, [*notes, f"taken as it is: {width} x {height} with a black border"]
    ink = _white_on_black(pixels, path, notes)
    digit = _scaled_digit(ink, height, width, notes)
    notes.append(f"centred by its centre of mass in {width} x {height}")
    return _centred(digit, height, width), notes


def _open(path: Path, notes: list[str]) -> Image.Image:
    """Decode the first frame, the right way up, no larger than needed."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SpikeforgeError(
                f"{path}: must be at most {MAX_FILE_BYTES >> 20} MiB, not "
                f"{path.stat().st_size >> 20} MiB; save a smaller picture"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            return _decode(path, notes)
    except FileNotFoundError:
        raise SpikeforgeError(f"{path}: no such file; name a picture of a digit") from None
    except IsADirectoryError:
        raise SpikeforgeError(f"{path}: is a folder; name a picture of a digit") from None
    except PermissionError:
        raise SpikeforgeError(f"{path}: cannot be read (permission denied)") from None
    except Image.DecompressionBombError:
        raise SpikeforgeError(_too_large(path, "far more")) from None
    except UnidentifiedImageError:
        raise SpikeforgeError(
            f"{path}: is not a picture that can be read; known are {', '.join(FORMATS)}"
        ) from None
    except _DAMAGED as error:
        reason = " ".join(str(error).split())
        raise SpikeforgeError(f"{path}: the picture is damaged ({reason})") from None


def _decode(path: Path, notes: list[str]) -> Image.Image:
    with Image.open(path, formats=FORMATS) as file:
        if file.width * file.height > MAX_PIXELS:
            raise SpikeforgeError(_too_large(path, f"{file.width} x {file.height}"))
        if getattr(file, "n_frames", 1) > 1:
            notes.append("only the first of several frames was read")
        file.draft("L" if file.mode == "L" else "RGB", (WORK_SIZE, WORK_SIZE))
        file.load()
        turned = ImageOps.exif_transpose(file)
    factor = max(turned.width, turned.height) // WORK_SIZE
    return turned.reduce(factor) if factor > 1 and turned.mode in ("L", "RGB") else turned


def _too_large(path: Path, size: str) -> str:
    return f"{path}: must have at most {MAX_PIXELS} pixels, not {size}; save a smaller picture"


def _grey(picture: Image.Image, notes: list[str]) -> Pixels:
    """Brightness 0..255; transparent parts become the ground that the digit stands out from."""
    if picture.mode[0] in "IF":
        notes.append("deep grey values scaled to 0..255")
        return _stretched(np.asarray(picture, dtype=np.float64))
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        return _opaque(picture.convert("RGBA"), notes)
    if picture.mode not in ("1", "L"):
        notes.append("colour made grey")
    return np.array(picture.convert("L"))


def _stretched(values: NDArray[np.float64]) -> Pixels:
    low, high = np.nanmin(values), np.nanmax(values)
    if not np.isfinite([low, high]).all() or high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.nan_to_num((values - low) / (high - low) * 255).round().astype(np.uint8)


def _opaque(picture: Image.Image, notes: list[str]) -> Pixels:
    grey = np.asarray(picture.convert("RGB").convert("L"), dtype=np.float64)
    alpha = np.asarray(picture.getchannel("A"), dtype=np.float64) / 255
    if alpha.min() == 1:
        return grey.astype(np.uint8)
    dark = alpha.sum() > 0 and (grey * alpha).sum() / alpha.sum() < 128
    notes.append(f"transparent parts made {'white' if dark else 'black'}")
    return (grey * alpha + (255.0 if dark else 0.0) * (1 - alpha)).round().astype(np.uint8)


def _white_on_black(pixels: Pixels, path: Path, notes: list[str]) -> Pixels:
    """Invert a dark digit on light ground, and stretch the contrast from ground to ink."""
    values = pixels.astype(np.float64)
    if np.median(_border(pixels)) >= 128:
        values = 255 - values
        notes.append("inverted: the ground is light")
    ground, peak = float(np.median(_border(values))), float(values.max())
    if peak - ground < MIN_CONTRAST:
        raise SpikeforgeError(_nothing_seen(path))
    if ground > BLACK_BORDER or peak < 255 - BLACK_BORDER:
        notes.append("contrast stretched")
    ink = ((values - ground) / (peak - ground) * 255).clip(0, 255)
    ink[ink < 255 * 0.1] = 0  # shades of the ground, not ink
    return ink.round().astype(np.uint8)


def _nothing_seen(path: Path) -> str:
    return (
        f"{path}: no digit can be seen: brightness must differ by at least {MIN_CONTRAST} of 255 "
        f"from the border of the picture; use a dark digit on light ground or the reverse"
    )


def _scaled_digit(ink: Pixels, height: int, width: int, notes: list[str]) -> Pixels:
    """Cut the digit out and scale it into the box, its aspect kept, its peak white."""
    rows, columns = (np.flatnonzero((ink >= 64).any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box_height, box_width = round(height * BOX_SHARE), round(width * BOX_SHARE)
    scale = min(box_height / cut.shape[0], box_width / cut.shape[1])
    new_height, new_width = (max(1, round(extent * scale)) for extent in cut.shape)
    small = Image.fromarray(cut).resize((new_width, new_height), Image.Resampling.LANCZOS)
    notes.append(
        f"cut out and scaled from {cut.shape[1]} x {cut.shape[0]} to {new_width} x {new_height}"
    )
    values = np.asarray(small, dtype=np.float64)
    white: Pixels = (values / max(values.max(), 1) * 255).round().astype(np.uint8)
    return white


def _centred(digit: Pixels, height: int, width: int) -> Pixels:
    """Put the digit's centre of mass at (H / 2, W / 2), pixels counted from 0, as in MNIST."""
    field = np.zeros((height, width), np.uint8)
    mass = digit.astype(np.float64)
    places = []
    for axis, extent in enumerate((height, width)):
        along = mass.sum(axis=1 - axis)
        centre = float((along * np.arange(len(along))).sum() / along.sum())
        room = extent - len(along)
        places.append(min(max(round(extent / 2 - centre), 0), room))
    top, left = places
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field


def _border(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """All pixels of the outermost rows and columns, in one line."""
    parts = [pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]
    return np.concatenate(parts).astype(np.float64)
