"""Analysing an uploaded file in a process of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from commands import Commands
from sounds import tune, write

from earshot.upload_worker import UploadAnalyser
from encoders.projection import Projection
from index.vector_index import VectorIndex
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from webui.uploads import SoundRefused


def test_a_file_is_analysed_within_limits(earshot: Commands, music: Path, tmp_path: Path) -> None:
    analyser, closing = UploadAnalyser, threading.Event()
    for number in range(3):
        write(music / f"{number}.flac", tune(number))
    earshot.build_json(music)
    path = (music / "1.flac").rename(tmp_path / "sound")  # without a suffix
    projection, vector = analyser(earshot.home, closing)(path)
    assert projection == Projection.load(earshot.home / PROJECTION_NAME).id
    index = VectorIndex.load(earshot.home / INDEX_NAME, model=None, projection=None, dim=None)
    assert float(index.vectors([2])[0] @ vector) == pytest.approx(1, abs=1e-3)
    (tmp_path / "words").write_text("words " * 100)
    with pytest.raises(SoundRefused, match=r"^It is not readable as audio") as refused:
        analyser(earshot.home, closing)(tmp_path / "words")
    assert str(tmp_path) not in str(refused.value)
    for limit in ({"seconds": 1}, {"memory": 64 << 20}):
        with pytest.raises(SoundRefused, match=r"too much memory or time|takes too long"):
            analyser(earshot.home, closing, **limit)(path)
    closing.set()
    with pytest.raises(SoundRefused, match="being stopped"):
        analyser(earshot.home, closing)(path)
