"""Arrays of a safetensors file that the processes of one server share."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from encoders.tensor_file import read_tensors, tensors_of
from index import shared_copy


def read(
    path: Path, copies: Path | None, kind: str
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and the metadata of a file, as `encoders.tensor_file.read_tensors` does.

    Processes that give the same folder of `copies` share one copy of each `kind`, read-only: see
    `index.shared_copy`. Raises OSError, SafetensorError.
    """
    if copies is None:
        return read_tensors(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        content, _ = shared_copy.copy(file, digest, copies, kind)
    return tensors_of(memoryview(content).toreadonly())
