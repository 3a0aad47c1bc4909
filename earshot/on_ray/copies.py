"""Copies of files of object stores on this machine, for as long as they are read."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

from encoders.errors import AudioError
from recsys.catalog.base import is_address
from recsys.library.addresses import address, fetch

Result = TypeVar("Result")


class Copies:
    """The files of one task: those of object stores as copies, the others as they are.

    A few files are copied ahead of the one that is asked for; a copy is deleted once it was
    given back as often as it is in `paths`. The block deletes all.
    """

    def __init__(self, paths: Sequence[Path], ahead: int) -> None:
        """`ahead` files are copied side by side."""
        self._uses = Counter(path for path in paths if is_address(path))
        self._waiting = list(reversed(self._uses))
        self._places = {path: number for number, path in enumerate(self._uses)}
        self._ahead = ahead
        self._copying: dict[Path, Future[Path]] = {}
        self._origins: dict[Path, Path] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._uses:
            name = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="earshot-"))
            self._folder = Path(name)
            self._pool = self._stack.enter_context(ThreadPoolExecutor(self._ahead))
        return self

    def __exit__(self, *_: object) -> None:
        for copying in self._copying.values():
            copying.cancel()
        self._stack.close()

    def get(self, path: Path) -> Path:
        """Return the path of a file here. Raises FileUnavailable."""
        if path not in self._places:
            return path
        while self._waiting and len(self._copying) <= self._places[path] + self._ahead:
            following = self._waiting.pop()
            self._copying[following] = self._pool.submit(self._copy, following)
        copy = self._copying[path].result()
        self._origins[copy] = path
        return copy

    def origin(self, copy: Path) -> Path:
        """Return the path that was asked for."""
        return self._origins.get(copy, copy)

    def give_back(self, copy: Path) -> None:
        """Say that one use of a file is over."""
        path = self.origin(copy)
        if path in self._places:
            self._uses[path] -= 1
            if not self._uses[path]:
                copy.unlink(missing_ok=True)

    def named(self, result: Result | AudioError, copy: Path) -> Result | AudioError:
        """Return a result of a copy, whose error names the file."""
        path = self.origin(copy)
        if path is copy or not isinstance(result, AudioError):
            return result
        return type(result)(str(result).replace(str(copy), address(path)))

    def _copy(self, path: Path) -> Path:
        copy = self._folder / f"{self._places[path]}{path.suffix}"
        fetch(path, copy)
        return copy
