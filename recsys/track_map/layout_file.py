"""The file of a map: the position and cluster of each track."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from encoders.tensor_file import read_tensors, with_digest
from index.arrays import Float32Array, Int64Array, UInt8Array
from index.storage import replacing

_FORMAT = "earshot-map-1"
NO_CLUSTER = 0


class DamagedLayout(Exception):
    """A map file is damaged, or not a map; the message names it."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions and clusters of the tracks of a map.

    ids        int64 (n,), ascending
    positions  float32 (n, 2), in units of t-SNE
    clusters   uint8 (n,), numbers from 1 on; NO_CLUSTER in older files
    key        hash of the embeddings
    """

    ids: Int64Array
    positions: Float32Array
    clusters: UInt8Array
    key: str

    def save(self, path: Path) -> None:
        """Write by rename, so that a reader gets the old file or the new one."""
        arrays: dict[str, NDArray[Any]] = {
            "ids": np.ascontiguousarray(self.ids),
            "positions": np.ascontiguousarray(self.positions),
            "clusters": np.ascontiguousarray(self.clusters),
        }
        with replacing(path) as file:
            file.write(save(arrays, with_digest(arrays, {"format": _FORMAT, "key": self.key})))

    @classmethod
    def load(cls, path: Path) -> Layout:
        """Read a saved map. Raises DamagedLayout, FileNotFoundError."""
        try:
            arrays, metadata = read_tensors(path)
            if metadata.get("format") != _FORMAT:
                raise ValueError("it is no map, or one of another version")
            ids, positions = arrays["ids"], arrays["positions"]
            clusters = arrays.get("clusters", np.full(len(ids), NO_CLUSTER, np.uint8))
            layout = cls(ids, positions, clusters, metadata["key"])
            n = len(layout.ids)
            if ids.ndim != 1 or positions.shape != (n, 2) or clusters.shape != (n,):
                raise ValueError("its arrays do not fit")
            if (np.diff(layout.ids) <= 0).any() or not np.isfinite(layout.positions).all():
                raise ValueError("its arrays hold what they must not")
        except FileNotFoundError:
            raise
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DamagedLayout(
                f"The map {path} cannot be used ({error}); `earshot build` draws another."
            ) from error
        return layout
