"""What a build says of albums in one file and their cue sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from encoders.features import AudioInfo
from recsys.catalog import KnownFile
from recsys.catalog.base import shown
from recsys.library.album_images import Piece, Sheets
from recsys.library.cue_sheets import CONTRADICTORY

HIDDEN = 10.0  # s before the first track, from which on it is said that they are in no track


class ImageReport:
    """What becomes of albums in one file, to be said."""

    def __init__(self) -> None:
        self.superseded: list[int] = []  # tracks of files that hold others now
        self._n_cut = self._n_pieces = self._n_were_one = 0
        self._contradictory: list[Path] = []
        self._data = 0
        self._late = 0

    def see(self, path: Path, sheets: Sheets, *, is_cut: bool) -> None:
        """Note a file that was not opened."""
        if not is_cut and path in sheets.by_file:
            self._contradictory.append(sheets.by_file[path].path)

    def opened(
        self,
        path: Path,
        pieces: list[Piece],
        held: Mapping[int, KnownFile],
        sheets: Sheets,
    ) -> None:
        """Note what an opened file holds, and held."""
        parts = {piece.part for piece in pieces}
        others = [row for row in held.values() if not row.removed and row.part not in parts]
        self.superseded += [row.id for row in others]
        if 0 in parts:
            if isinstance(pieces[0].audio, AudioInfo):
                self.see(path, sheets, is_cut=False)
            return
        if not parts & held.keys():
            self._n_cut += 1
            self._n_pieces += len(pieces)
            self._n_were_one += any(row.part == 0 for row in others)
        sheet = sheets.of(path) or pieces[0].written.sheet
        self._data += sheet is not None and len(sheet.tracks) > len(pieces)
        self._late += pieces[0].begin >= HIDDEN

    def sentences(self, sheets: Sheets) -> tuple[str, ...]:
        """Return what is said of them."""
        said = []
        if n := self._n_cut:
            cut = f"{n:,} albums in one file are" if n > 1 else "1 album in one file is"
            said.append(
                f"{cut} {self._n_pieces:,} tracks now, by {'their' if n > 1 else 'its'} cue "
                f"sheet{'s' * (n > 1)}."
            )
        if n := self._n_were_one:
            were, its, that, it_is, sheet = (
                (f"{n:,} of them were", "Their", "those tracks", "they are", "their cue sheets are")
                if n > 1
                else ("1 of them was", "Its", "that track", "it is", "its cue sheet is")
            )
            said.append(
                f"{were} one track before. {its} plays, likes and places in playlists stay with "
                f"{that}: {it_is} back when {sheet} gone."
            )
        if n := self._late:
            have = f"{n:,} of them have" if n > 1 else "1 of them has"
            said.append(
                f"{have} {HIDDEN:g} s or more before the first track, which are in no track."
            )
        if n := self._data:
            said.append(f"{n:,} cue sheet{'s name' if n > 1 else ' names'} data, left out.")
        unused = dict(sheets.unused)
        if self._contradictory:
            unused[CONTRADICTORY] = (*unused.get(CONTRADICTORY, ()), *self._contradictory)
        return (*said, *_unused_sentences(unused))


def _unused_sentences(unused: Mapping[str, Sequence[Path]]) -> tuple[str, ...]:
    """Return a sentence on the cue sheets that make no tracks, for each reason."""
    return tuple(
        f"{len(paths):,} cue sheet{'s were' if len(paths) > 1 else ' was'} not used: {reason}. "
        f"{'The first: ' if len(paths) > 1 else ''}{shown(paths[0])}."
        for reason, paths in sorted(unused.items())
    )
