"""A user's own pictures, brought into the form of MNIST."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from spikeforge.errors import SpikeforgeError
from spikeforge.pictures import load_picture

SHAPE = (1, 28, 28)


def drawing(size: int, ink: int = 0, ground: int = 255, place: tuple[float, float] = (0.5, 0.5)):
    """A big 4 in a grey picture; ``place`` is its middle, as shares of the size."""
    picture = Image.new("L", (size, size), ground)
    font = ImageFont.load_default(size=size // 2)
    spot = (place[0] * size, place[1] * size)
    ImageDraw.Draw(picture).text(spot, "4", fill=ink, font=font, anchor="mm")
    return picture


def save(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)
    return path


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


@pytest.fixture
def plain(tmp_path) -> np.ndarray:
    """What the plainest drawing becomes."""
    return load_picture(save(drawing(400), tmp_path / "plain.png"), SHAPE)[0]


def test_the_result_is_made_as_mnist_is(plain):
    assert plain.shape == (28, 28)
    assert plain.dtype == np.uint8
    assert plain.max() == 255
    rows, columns = np.nonzero(plain)
    extents = (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert max(extents) == 20
    mass = plain.astype(float)
    for axis in (0, 1):
        centre = (mass.sum(axis=1 - axis) * np.arange(28)).sum() / mass.sum()
        assert abs(centre - 14) <= 0.51


def test_a_dark_digit_on_light_ground_is_inverted_and_a_light_one_not(plain, tmp_path):
    dark = save(drawing(400), tmp_path / "dark.png")
    light = save(drawing(400, ink=255, ground=0), tmp_path / "light.png")
    from_dark, said_dark = load_picture(dark, SHAPE)
    from_light, said_light = load_picture(light, SHAPE)
    assert "inverted: the ground is light" in said_dark
    assert not any("inverted" in note for note in said_light)
    assert alike(from_dark, from_light) > 0.999


@pytest.mark.parametrize("place", [(0.3, 0.3), (0.7, 0.6)])
@pytest.mark.parametrize("size", [120, 1500, 3000])
def test_size_and_place_do_not_matter(plain, tmp_path, size, place):
    pixels, notes = load_picture(save(drawing(size, place=place), tmp_path / "x.png"), SHAPE)
    assert alike(pixels, plain) > 0.93
    assert any(note.startswith("cut out and scaled from") for note in notes)
    assert "centred by its centre of mass in 28 x 28" in notes


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "I"])
def test_any_mode_gives_the_same_digit(plain, tmp_path, mode):
    picture = drawing(400)
    if mode.startswith("I"):
        deep = np.asarray(picture).astype(np.uint16) * 257
        picture = Image.fromarray(deep if mode == "I;16" else deep.astype(np.int32))
    else:
        picture = picture.convert(mode)
    path = save(picture, tmp_path / "x.tif")
    pixels, notes = load_picture(path, SHAPE)
    assert alike(pixels, plain) > 0.98
    assert ("colour made grey" in notes) == (mode in ("P", "RGB", "CMYK"))
    assert ("deep grey values scaled to 0..255" in notes) == mode.startswith("I")


@pytest.mark.parametrize(("ink", "ground"), [(0, "white"), (255, "black")])
def test_a_transparent_ground_becomes_the_opposite_of_the_ink(plain, tmp_path, ink, ground):
    alpha = drawing(400, ink=255, ground=0)
    picture = Image.new("RGBA", (400, 400), (ink, ink, ink, 0))
    picture.putalpha(alpha)
    pixels, notes = load_picture(save(picture, tmp_path / "x.png"), SHAPE)
    assert f"transparent parts made {ground}" in notes
    assert alike(pixels, plain) > 0.99


def test_a_grey_photo_is_stretched(plain, tmp_path):
    rng = np.random.default_rng(5)
    grey = np.asarray(drawing(400, ink=70, ground=190)).astype(float)
    noisy = (grey + rng.normal(0, 3, grey.shape)).clip(0, 255).astype(np.uint8)
    path = save(Image.fromarray(noisy).convert("RGB"), tmp_path / "x.jpg", quality=90)
    pixels, notes = load_picture(path, SHAPE)
    assert "contrast stretched" in notes
    assert alike(pixels, plain) > 0.95


def test_a_photo_is_turned_the_right_way_up(plain, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen turned by 90 degrees clockwise
    path = save(drawing(400).transpose(Image.Transpose.ROTATE_90), tmp_path / "x.jpg", exif=exif)
    assert alike(load_picture(path, SHAPE)[0], plain) > 0.98


def test_a_picture_like_mnist_is_taken_as_it_is(plain, tmp_path):
    pixels, notes = load_picture(save(Image.fromarray(plain), tmp_path / "x.png"), SHAPE)
    assert np.array_equal(pixels, plain)
    assert notes == ["taken as it is: 28 x 28 with a black border"]


def test_a_small_picture_with_light_border_is_not_taken_as_it_is(plain, tmp_path):
    path = save(Image.fromarray(255 - plain), tmp_path / "x.png")
    pixels, notes = load_picture(path, (28, 28))
    assert "inverted: the ground is light" in notes
    assert alike(pixels, plain) > 0.95


def test_only_the_first_frame_counts(tmp_path):
    path = tmp_path / "x.gif"
    drawing(100).save(path, save_all=True, append_images=[Image.new("L", (100, 100))])
    assert "only the first of several frames was read" in load_picture(path, SHAPE)[1]


def test_other_input_sizes_keep_the_share_of_the_box(tmp_path):
    pixels, _ = load_picture(save(drawing(400), tmp_path / "x.png"), (1, 56, 56))
    rows, columns = np.nonzero(pixels)
    assert pixels.shape == (56, 56)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 40


@pytest.mark.parametrize("value", [0, 77, 255])
@pytest.mark.parametrize("size", [28, 64])
def test_an_empty_picture_is_refused(tmp_path, size, value):
    path = save(Image.new("L", (size, size), value), tmp_path / "x.png")
    with pytest.raises(SpikeforgeError, match=r"x\.png: no digit can be seen: brightness must"):
        load_picture(path, SHAPE)


def test_a_single_pixel_is_refused(tmp_path):
    path = save(Image.new("RGBA", (1, 1), (0, 0, 0, 0)), tmp_path / "x.png")
    with pytest.raises(SpikeforgeError, match="no digit can be seen"):
        load_picture(path, SHAPE)


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + size + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "said"), [(9_000, "not 9000 x 9000"), (30_000, "not far more; save a smaller")]
)
def test_a_decompression_bomb_is_refused_unread(tmp_path, side, said):
    path = tmp_path / "bomb.png"
    path.write_bytes(header_only(side, side))
    with pytest.raises(SpikeforgeError, match=f"must have at most 67108864 pixels, {said}"):
        load_picture(path, SHAPE)


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate((1 << 27) + 1)
    with pytest.raises(SpikeforgeError, match="must be at most 128 MiB, not 128 MiB"):
        load_picture(tmp_path / "x.png", SHAPE)


def test_what_is_no_picture_gets_one_clear_line(tmp_path):
    text = tmp_path / "x.png"
    text.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    cases = {
        tmp_path / "none.png": r"none\.png: no such file; name a picture of a digit",
        tmp_path: r"is a folder; name a picture of a digit",
        text: r"x\.png: is not a picture that can be read; known are PNG, JPEG, ",
    }
    for path, message in cases.items():
        with pytest.raises(SpikeforgeError, match=message) as caught:
            load_picture(path, SHAPE)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_a_truncated_picture_is_refused_or_read_but_never_crashes(tmp_path, kind):
    path = save(drawing(200).convert("RGB"), tmp_path / f"x.{kind}")
    whole = path.read_bytes()
    said = []
    for length in (1, 30, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:length])
        try:
            said.append(f"{path} {load_picture(path, SHAPE)[0].shape}")
        except SpikeforgeError as error:
            said.append(str(error))
    assert all(text.startswith(str(path)) and "\n" not in text for text in said)
    assert "is not a picture" in said[0]


def test_a_half_png_is_damaged(tmp_path):
    path = save(drawing(200), tmp_path / "x.png")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SpikeforgeError, match=r"x\.png: the picture is damaged \("):
        load_picture(path, SHAPE)


def test_a_network_without_grey_input_is_refused(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"input of shape \(1, H, W\), not \(3, 32, 32\)"):
        load_picture(tmp_path / "x.png", (3, 32, 32))
