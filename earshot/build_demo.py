"""The demo library of a home: made where no folder is given, removed when a real one comes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from earshot.build_progress import BuildDisplay
from recsys.catalog import Catalog
from recsys.demo import FEEDBACK, LISTENS, make_demo_library
from recsys.home.files import DEMO_NAME
from recsys.library import build
from recsys.library.addresses import is_there
from recsys.library.scanning import LeftOut, LibraryError


def demo(catalog: Catalog, workers: int, display: BuildDisplay) -> Path:
    """Make the demo library in the home, unless the home has a library of its own."""
    folder = (catalog.home / DEMO_NAME).resolve()
    if any(not row.removed and folder not in path.parents for path, row in catalog.files().items()):
        raise LibraryError(
            f"The home {catalog.home} already has a library: name its folders to bring it up to "
            "date, or another --home for a demo."
        )
    make_demo_library(
        folder,
        workers=workers,
        progress=lambda done, total: display.show(build.Progress("demo", done, total)),
    )
    return folder


def leave_demo(catalog: Catalog, folders: Sequence[Path], display: BuildDisplay) -> None:
    """Remove the demo library from a home that gets a real one.

    It stays where a folder is missing, or is the demo library's.
    """
    folder = (catalog.home / DEMO_NAME).resolve()
    if not all(is_there(other) and apart(folder, other.resolve()) for other in folders):
        return
    rows = catalog.files().items()
    demo_ids = [row.id for path, row in rows if folder in path.parents and not row.removed]
    if demo_ids:
        with catalog.build_lock():
            catalog.set_presence(gone=demo_ids)
            shutil.rmtree(folder, ignore_errors=True)
        display.say("The demo library was removed, as the home has a library of its own now.")


def without_own_files(files: LeftOut) -> LeftOut:
    """Return what was left out of the demo library but for its histories, which belong to it.

    >>> without_own_files(LeftOut({".jsonl": 3})).by_suffix
    {'.jsonl': 1}
    """
    own = Counter(Path(name).suffix for name in (LISTENS, FEEDBACK))
    return replace(files, by_suffix=dict(Counter(files.by_suffix) - own))


def apart(one: Path, other: Path) -> bool:
    """Return whether neither folder is in the other."""
    return not one.is_relative_to(other) and not other.is_relative_to(one)
