"""Shards: Parquet files of analysed audio, by its hash, from which catalogues take it up.

Workers on several machines write them into one folder, here or in an object store, each whole and
in one step, under the digest of its content: so what is there is done, whoever died meanwhile, a
damaged one is recognised, and any catalogue can take all up.

A row is one audio: its hash, its descriptors, and for each of the folder's extractors its features,
in the bytes that the catalogue has them in.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from encoders.features import Descriptors
from recsys.catalog.features import pack, unpack
from recsys.catalog.track_features import Features
from recsys.library.addresses import names_in, open_file, read_bytes, write_bytes

FORMAT = "earshot-shard-1"
SUFFIX = ".parquet"
_HASH = "audio_hash"
_DESCRIPTORS = ("method", "bpm", "key", "loudness")
_READERS = 8  # shards that are listed side by side


class ShardRow(NamedTuple):
    """One audio: its hash, its features of each extractor, and its descriptors."""

    audio_hash: str
    features: Features
    descriptors: Descriptors


class Shards:
    """The shards of one analysis below a place: of these extractors and this way to describe."""

    def __init__(self, place: Path, names: Sequence[str], method: str) -> None:
        """`names` are the extractors', `method` is the describer's."""
        self.names = tuple(names)
        key = "\n".join((FORMAT, *names, method))
        self.folder = place / blake2b(key.encode(), digest_size=8).hexdigest()

    def write(self, rows: Iterable[ShardRow]) -> str:
        """Write a shard, whole or not at all; return its name. Raises OSError."""
        rows = sorted(rows, key=lambda row: row.audio_hash)
        columns: dict[str, list[Any]] = {_HASH: [row.audio_hash for row in rows]}
        for field in _DESCRIPTORS:
            columns[field] = [getattr(row.descriptors, field) for row in rows]
        for number, name in enumerate(self.names):
            columns[name] = [pack(row.features[number]) for row in rows]
        content = io.BytesIO()
        table = pyarrow.table(columns, schema=self._schema)
        pyarrow.parquet.write_table(table, content, compression="zstd")
        shard = _digest(content.getvalue()) + SUFFIX
        write_bytes(self.folder / shard, content.getvalue())
        return shard

    def read(self, shard: str) -> list[ShardRow] | None:
        """Return the rows of a shard; None where it is missing or damaged. Raises OSError."""
        try:
            content = read_bytes(self.folder / shard)
        except FileNotFoundError:
            return None
        if _digest(content) + SUFFIX != shard:
            return None
        rows = []
        for values in pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist():
            features = tuple(unpack(values[name], crc32(values[name])) for name in self.names)
            described = Descriptors(*(values[name] for name in _DESCRIPTORS))
            rows.append(ShardRow(values[_HASH], features, described))  # type: ignore[arg-type]
        return rows

    def holding(self, hashes: Collection[str]) -> Mapping[str, set[str]]:
        """Return which of these audios each shard holds, without shards that hold none of them.

        Raises OSError.
        """
        shards = [name for name in names_in(self.folder) if name.endswith(SUFFIX)]
        with ThreadPoolExecutor(_READERS) as readers:
            held = readers.map(self._hashes, shards)
            found = {
                shard: set(hashes).intersection(of) for shard, of in zip(shards, held, strict=True)
            }
        return {shard: of for shard, of in found.items() if of}

    @property
    def _schema(self) -> Any:
        text, number, data = pyarrow.string(), pyarrow.float64(), pyarrow.binary()
        fields = [(_HASH, text), ("method", text), ("bpm", number), ("key", text)]
        fields += [("loudness", number), *((name, data) for name in self.names)]
        return pyarrow.schema(fields, {"format": FORMAT})

    def _hashes(self, shard: str) -> list[str]:
        """Return what a shard says that it holds; `read` looks whether it is damaged."""
        try:
            with open_file(self.folder / shard) as file:
                hashes: list[str] = pyarrow.parquet.read_table(file, columns=[_HASH])[
                    _HASH
                ].to_pylist()
                return hashes
        except (FileNotFoundError, KeyError, pyarrow.ArrowException):
            return []
        except OSError as error:
            if error.errno is not None:  # of the system; the others are about the content
                raise
            return []


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
