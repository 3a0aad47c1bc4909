"""Pictures of folders, and pictures made smaller."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recsys.library.covers import Cover, SmallCovers, read_folder_cover, smaller

JPEG = b"\xff\xd8\xff" + bytes(20)


def picture(width: int, height: int, mode: str = "RGB", kind: str = "JPEG") -> Cover:
    """A smooth picture."""
    across, down = np.linspace(0, 255, width), np.linspace(0, 255, height)
    red, green = np.meshgrid(across, down)
    pixels = np.stack([red, green, 255 - red], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return Cover(file.getvalue(), f"image/{kind.lower()}")


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("P", "GIF"), ("RGB", "WEBP")],
)
def test_a_smaller_picture_is_the_same_one(mode: str, kind: str) -> None:
    whole = picture(600, 401, mode, kind)
    small = smaller(whole, 150)
    assert small.media_type == "image/jpeg"
    with Image.open(io.BytesIO(small.data)) as shown, Image.open(io.BytesIO(whole.data)) as large:
        assert (shown.format, shown.size) == ("JPEG", (150, 100))
        wanted = np.asarray(large.convert("RGB").resize(shown.size), float)
        assert np.abs(np.asarray(shown.convert("RGB"), float) - wanted).mean() < 4


@pytest.mark.parametrize(
    "whole",
    [picture(100, 150), Cover(JPEG, "image/jpeg"), Cover(b"GIF8", "image/gif"), Cover(b"", "")],
)
def test_what_is_small_enough_or_no_picture_stays_as_it_is(whole: Cover) -> None:
    assert smaller(whole, 150) is whole
    assert SmallCovers().of(whole, 150) is whole


def test_the_last_small_pictures_are_kept() -> None:
    first, second = picture(400, 400), picture(300, 400)
    n_bytes = len(smaller(first, 64).data)
    covers = SmallCovers(most_bytes=2 * n_bytes)
    made = covers.of(first, 64)
    assert covers.of(Cover(bytes(first.data), first.media_type), 64) is made
    covers.of(second, 64)
    covers.of(first, 63)
    assert covers.of(first, 64) is not made  # the oldest of three gave way
    assert covers.of(first, 64) == made


def test_a_disc_has_the_picture_of_its_album(tmp_path: Path) -> None:
    disc, other = tmp_path / "Album" / "CD 2", tmp_path / "Album" / "Covers"
    for folder in (disc, other):
        folder.mkdir(parents=True)
    assert read_folder_cover(disc) is None
    (tmp_path / "Album" / "Front.JPEG").write_bytes(JPEG)
    assert read_folder_cover(disc) == read_folder_cover(disc.parent) == Cover(JPEG, "image/jpeg")
    assert read_folder_cover(other) is None
    (disc / "cover.jpg").write_bytes(JPEG + b"own")
    assert read_folder_cover(disc) == Cover(JPEG + b"own", "image/jpeg")
