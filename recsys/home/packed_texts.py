"""Many short texts in one piece of memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from index.arrays import Int64Array


class PackedTexts:
    """Texts by their numbers, 0 to n - 1, as UTF-8; a million cost no million objects."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        packed, ends = bytearray(), [0]
        for text in texts:
            packed += text
            ends.append(len(packed))
        self._packed = bytes(packed)
        self._ends: Int64Array = np.array(ends, np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> bytes:
        return self._packed[self._ends[number] : self._ends[number + 1]]
