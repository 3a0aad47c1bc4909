"""A build compares what is named alike; lists hide what it confirms, and say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from commands import Commands
from sounds import tune, write


def test_copies_are_hidden_and_movements_shown(earshot: Commands, music: Path) -> None:
    song = tune(1, 8.0)
    write(music / "song.flac", song, title="Rain", artist="Ann")
    write(music / "song.m4a", song * np.float32(0.7), title="Rain", artist="Ann")
    write(music / "first.flac", tune(2, 8.0), title="I. Allegro", artist="Quartet")
    write(music / "second.flac", tune(3, 8.0), title="I. Allegro", artist="Quartet")
    write(music / "other.flac", tune(4, 8.0), title="Sun", artist="Ann")
    earshot.build_json(music)
    rows = earshot.neighbours(music / "other.flac", "-k", 9)
    assert sorted(row["copies_hidden"] for row in rows) == [0, 0, 1]
    names = [Path(row["path"]).name for row in rows]
    assert len(names) == 3
    assert {"first.flac", "second.flac"} < set(names)
    result = earshot.similar(music / "other.flac", "-k", 9)
    assert "1 copy of tracks in this list is not shown." in result.out.decode()
    groups = earshot.similar("--duplicates", "--json").json
    assert [{Path(copy["path"]).name for copy in group} for group in groups] == [
        {"song.flac", "song.m4a"}
    ]
