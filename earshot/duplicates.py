"""Listing the files of a library that are the same recording."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from earshot.terminal import TableConsole, complain, printable
from encoders.decoding import DecoderProcess
from encoders.features import AudioSpan
from index.arrays import Float32Array
from recsys.catalog import Track
from recsys.durations import clock
from recsys.home.evaluation_reports import save_report
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.library.coherence import RATE
from recsys.library.duplicates import find_duplicates
from recsys.threads import n_cores


def list_duplicates(folder: Path | None, *, as_json: bool) -> None:
    """Print the groups of files that are one recording."""
    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with open_home(load_settings(folder)) as home, closing(Decoders()) as decoders, bar:
        task = bar.add_task("Comparing", total=None)
        duplicates = find_duplicates(
            home.catalog,
            home.index,
            decoders.load,
            workers=n_cores(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        groups = [[copy_as_json(track) for track in group] for group in duplicates.groups]
        command = "earshot similar --duplicates"
        figures = {"groups": groups, "failures": duplicates.failures}
        save_report(home.settings.home, "duplicates", command, home.index, figures)
    for failure in duplicates.failures:
        complain(failure)
    if as_json:
        print(json.dumps(groups))
    else:
        print_groups(duplicates.groups)


class Decoders:
    """Decoding processes, one for each thread that asks."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._all: list[DecoderProcess] = []

    def load(self, span: AudioSpan) -> Float32Array:
        """Decode a track or a part of one, mono at RATE: (n_samples,). Raises AudioError."""
        if not hasattr(self._own, "decoder"):
            self._own.decoder = DecoderProcess()
            self._all.append(self._own.decoder)
        decoder: DecoderProcess = self._own.decoder
        return decoder.waveform(span, RATE)

    def close(self) -> None:
        """End the processes."""
        for decoder in self._all:
            decoder.close()


def copy_as_json(track: Track) -> dict[str, object]:
    """Return one of several copies in the form --json prints."""
    return {
        "track_id": track.id,
        "path": str(track.path),
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "duration": track.duration,
        "codec": track.codec,
        "sample_rate": track.sample_rate,
        "channels": track.channels,
    }


def print_groups(groups: Sequence[Sequence[Track]]) -> None:
    """Print the copies of each recording for people."""
    if not groups:
        print("No two files are the same recording.")
        return
    title = f"{len(groups)} recordings in {sum(map(len, groups))} files"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in ("", "id", "file", "length", "codec", "kHz"):
        table.add_column(column, overflow="fold")
    for number, group in enumerate(groups, start=1):
        for track in group:
            table.add_row(
                str(number) if track is group[0] else "",
                str(track.id),
                printable(str(track.path)),
                clock(track.duration or 0.0),
                track.codec,
                f"{(track.sample_rate or 0) / 1000:g}",
            )
    TableConsole().print(table)
