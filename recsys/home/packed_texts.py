"""Many short texts in one piece of memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class PackedTexts:
    """Texts by their numbers, 0 to n - 1, as UTF-8; a million cost no million objects."""

    def __init__(self, texts: Iterable[bytes] = ()) -> None:
        self._packed = bytearray()
        self._ends = array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: bytes) -> None:
        """Add the text of the next number."""
        self._packed += text
        self._ends.append(len(self._packed))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> bytes:
        return bytes(self._packed[self._ends[number] : self._ends[number + 1]])
