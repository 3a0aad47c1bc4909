"""Taggers trained with Earshot: a file of weights with architecture and tags in its metadata.

A safetensors file holds the weights, and beside them the means of the outputs over the training
clips; its metadata name architecture and tags. In a home it lies among the weights under a name
that ends in the beginning of its digest, so that features of two trainings are never mixed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from encoders.architectures import ARCHITECTURES
from encoders.errors import WeightsError
from encoders.files import replace_file
from encoders.tensor_file import read_metadata

SUFFIX = ".safetensors"
FORMAT = "earshot-tagger-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")  # a key of features ends in -precision-segments
_METADATA = "tagger"
_PENULTIMATE, _LOGITS = "mean penultimate", "mean logits"


class Prior(NamedTuple):
    """A model's mean outputs over its training data: float32 (n_units,) and (n_tags,)."""

    penultimate: NDArray[np.float32]
    logits: NDArray[np.float32]


def is_name(name: str) -> bool:
    """Return whether a tagger can have this name: letters, digits, dots and underscores."""
    return _NAME.fullmatch(name) is not None


def save_trained(
    path: Path,
    architecture: str,
    tags: Sequence[str],
    state: dict[str, Tensor],
    prior: Prior,
) -> str:
    """Write a trained tagger; return its digest. Raises OSError, ValueError for a bad name."""
    if not is_name(path.stem) or path.suffix != SUFFIX:
        raise ValueError(
            f"wanted a name of letters and digits, ending in {SUFFIX}; got {path.name}"
        )
    if architecture not in ARCHITECTURES:
        raise ValueError(f"wanted one of {', '.join(ARCHITECTURES)}; got {architecture}")
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    tensors[_PENULTIMATE], tensors[_LOGITS] = (Tensor(mean) for mean in prior)
    # One entry: several are written in a random order, and equal taggers would not be equal files.
    metadata = {"format": FORMAT, "architecture": architecture, "tags": list(tags)}
    data = save(tensors, {_METADATA: json.dumps(metadata)})
    replace_file(path, data)
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class TrainedWeights:
    """The weights of a tagger trained here, in a folder of weights under its name."""

    name: str
    architecture: str
    tags: tuple[str, ...]
    size: int

    origin = "trained here"

    @classmethod
    def read(cls, path: Path) -> TrainedWeights:
        """Read a file's metadata. Raises WeightsError if it is no trained tagger."""
        try:
            metadata = json.loads(read_metadata(path).get(_METADATA, "{}"))
            if metadata.get("format") != FORMAT:
                raise ValueError("it is no tagger trained here, or of another version")
            if metadata["architecture"] not in ARCHITECTURES:
                raise ValueError(f"its architecture {metadata['architecture']} is not known")
            tags = tuple(str(tag) for tag in metadata["tags"])
            return cls(path.stem, metadata["architecture"], tags, path.stat().st_size)
        except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"The tagger {path} cannot be used: {error}.") from error

    def path(self, folder: Path) -> Path:
        """Return its path in a folder of weights."""
        return folder / f"{self.name}{SUFFIX}"

    def expected_sha256(self, folder: Path) -> str:
        """Return the beginning of the digest that the file must have: its name ends in it."""
        return self.name.rpartition(".")[2]

    def is_here(self, folder: Path) -> bool:
        """Return whether the file is there and undamaged."""
        try:
            self._read(folder)
        except WeightsError:
            return False
        return True

    def check(self, folder: Path) -> None:
        """Raise WeightsError if it is missing or damaged."""
        self._read(folder)

    def state(self, folder: Path) -> dict[str, Tensor]:
        """Return the tensors for the architecture. Raises WeightsError."""
        tensors = self._read(folder)
        return {k: v for k, v in tensors.items() if k not in (_PENULTIMATE, _LOGITS)}

    def prior(self, folder: Path) -> Prior:
        """Return the means of the outputs over the training clips. Raises WeightsError."""
        tensors = self._read(folder)
        return Prior(tensors[_PENULTIMATE].numpy(), tensors[_LOGITS].numpy())

    def _read(self, folder: Path) -> dict[str, Tensor]:
        path = self.path(folder)
        try:
            data = path.read_bytes()
            if not hashlib.sha256(data).hexdigest().startswith(self.expected_sha256(folder)):
                raise ValueError("its content is not what its name says")
            tensors: dict[str, Tensor] = load(data)
            if not {_PENULTIMATE, _LOGITS} <= set(tensors):
                raise ValueError("it lacks the means of its outputs")
        except (OSError, SafetensorError, ValueError) as error:
            raise WeightsError(
                f"The tagger {path} cannot be used ({error}): give `earshot build` the file that "
                "`earshot train-tagger` wrote again."
            ) from error
        return tensors


def adopt(path: Path, folder: Path) -> str:
    """Copy a trained tagger's file into a folder of weights; return its name there.

    Raises WeightsError if it is none, and OSError where the folder cannot be written.
    """
    TrainedWeights.read(path)
    return copy_under_digest(path, folder, SUFFIX, "tagger")


def copy_under_digest(path: Path, folder: Path, suffix: str, what: str) -> str:
    """Copy a file to a name that ends in the beginning of its digest; return it without `suffix`.

    `what` it is, for people. Raises WeightsError for a name that no tagger can have, and OSError.
    """
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:8]
    base = path.stem.removesuffix(f".{digest}")  # a file of another home's weights has it
    if not is_name(base):
        raise WeightsError(
            f"The {what} {path} needs a name of letters, digits, dots and underscores: rename it."
        )
    name = f"{base}.{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{name}{suffix}", data)
    return name


def trained_in(folder: Path) -> list[str]:
    """Return the names of the trained taggers in a folder of weights, sorted."""
    names = []
    for path in sorted(folder.glob(f"*.????????{SUFFIX}")):
        try:
            names.append(TrainedWeights.read(path).name)
        except WeightsError:
            continue
    return names
