"""Files of histories, written and read by tests."""

from __future__ import annotations

from pathlib import Path

from recsys.catalog import Listen, Opinion, PlayCount
from recsys.listens.choice import FormatChoice
from recsys.listens.formats import read
from recsys.listens.notes import Notes
from recsys.listens.sources import BadLine
from recsys.listens.table_rows import Event

ANN = FormatChoice(listener="ann")


class Result:
    """What was read of a file."""

    def __init__(self, path: Path, choice: FormatChoice = ANN) -> None:
        self.notes = Notes()
        self.formats: list[str] = []
        self.all: list[Event | BadLine] = []
        for name, events in read(path, choice, self.notes):
            self.formats.append(name)
            self.all += events

    @property
    def listens(self) -> list[Listen]:
        return [event for event in self.all if isinstance(event, Listen)]

    @property
    def counts(self) -> list[PlayCount]:
        return [event for event in self.all if isinstance(event, PlayCount)]

    @property
    def opinions(self) -> list[Opinion]:
        return [event for event in self.all if isinstance(event, Opinion)]

    @property
    def bad(self) -> list[BadLine]:
        return [event for event in self.all if isinstance(event, BadLine)]

    @property
    def times(self) -> list[int]:
        return [listen.at for listen in self.listens]

    @property
    def names(self) -> list[tuple[str, str]]:
        return [
            (event.recording.artist, event.recording.title)
            for event in self.all
            if not isinstance(event, BadLine)
        ]

    @property
    def said(self) -> str:
        return " ".join(self.notes.sentences)


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path
