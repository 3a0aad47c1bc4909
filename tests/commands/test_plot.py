"""Pictures of a home's taggers."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands
from sounds import tune, write


def plot(earshot: Commands, *arguments: str | Path) -> tuple[int | None, str, str]:
    result = earshot.run("plot", "kernels", *arguments)
    return result.status, result.out.decode(), result.err


def test_kernels_over_the_tags_of_the_homes_tracks(
    earshot: Commands, music: Path, tmp_path: Path
) -> None:
    out = tmp_path / "kernels.png"
    for number in range(10):
        write(music / f"{number}.flac", tune(number))
    status, _, err = plot(earshot, "--out", out)
    assert status == 1
    assert f"run `earshot build --tagger MSD_musicnn --home {earshot.home}` first" in err
    earshot.build_json(music, "--tagger", "MSD_musicnn", "--segments", 1)
    status, text, err = plot(earshot, "--out", out, "--kernels", "3")
    assert (status, err) == (0, "")
    assert len(text.splitlines()) == 3
    assert all(line.count(",") == 3 for line in text.splitlines())  # four tags
    assert out.read_bytes().startswith(b"\x89PNG")
    assert plot(earshot, "--out", tmp_path / "nowhere" / "kernels.png")[0] == 2


@pytest.mark.parametrize(
    "arguments", [["--out", "a.gif"], ["--out", "a.png", "--kernels", "0"], []]
)
def test_usage(earshot: Commands, arguments: list[str]) -> None:
    assert plot(earshot, *arguments)[0] == 2
