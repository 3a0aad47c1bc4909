"""Sources of pretrained weights: an installed package, or files downloaded on request."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from encoders.checkpoints import read_tensorflow_checkpoint
from encoders.conversion import Tensors, Variables
from encoders.errors import WeightsError

COLLECTION = "https://raw.githubusercontent.com/minzwon/sota-music-tagging-models"
SKEY_PROJECT = "https://raw.githubusercontent.com/deezer/skey"
PACKAGE = "musicnn==0.1.0"


@dataclass(frozen=True)
class PackagedWeights:
    """A TensorFlow checkpoint in the musicnn 0.1.0 wheel (ISC licence).

    `sha256` is the digest of its tensors; `convert` renames and reorders them.
    """

    name: str
    sha256: str
    convert: Callable[[Variables], dict[str, Tensor]]

    origin = "package musicnn 0.1.0"  # for people

    @property
    def size(self) -> int | None:
        """Bytes of the checkpoint; None where the package is not installed."""
        try:
            return self._data().stat().st_size
        except (OSError, WeightsError):
            return None

    def expected_sha256(self, _: Path) -> str:
        """Return the digest that the checkpoint must have."""
        return self.sha256

    def is_here(self, cache: Path) -> bool:
        """Return whether the weights are in the cache or the package is installed."""
        return _read_cached(self._cached(cache)) is not None or self.size is not None

    def check(self, cache: Path) -> None:
        """Raise WeightsError if they are missing or not what they should be."""
        self.state(cache)

    def state(self, cache: Path) -> dict[str, Tensor]:
        """Return the tensors for our architecture, from the cache or the package.

        Converted weights are kept in `cache` as safetensors; a damaged file there is rebuilt.
        Raises WeightsError if the package that carries the weights is missing or altered.
        """
        cached = self._cached(cache)
        state = _read_cached(cached)
        if state is None:
            state = self.convert(self._published())
            _write_cached(cached, state)
        return state

    def _cached(self, cache: Path) -> Path:
        return cache / f"{self.name}-{self.sha256[:12]}.safetensors"

    def _data(self) -> Path:
        return _package_folder() / self.name / ".data-00000-of-00001"

    def _published(self) -> Variables:
        data = self._data()
        digest = hashlib.sha256(data.read_bytes()).hexdigest() if data.exists() else "no file"
        if digest != self.sha256:
            raise WeightsError(
                f"The weights of {self.name} in {data} are not the published ones (sha256 "
                f"{digest}, expected {self.sha256}). Reinstall them: "
                f"pip install --no-deps --force-reinstall {PACKAGE}"
            )
        return read_tensorflow_checkpoint(data.parent)


@dataclass(frozen=True)
class CollectionFile:
    """A PyTorch state dict of the collection of Won et al. (2020; MIT licence).

    `earshot weights` puts it into the folder of weights; nothing is fetched anywhere else.
    Where `sha256` is None, the digest of the file is not known yet, and the one recorded with the
    first download counts. `revision` is the collection's, `size` in bytes.
    """

    dataset: str
    model: str
    convert: Callable[[Tensors], dict[str, Tensor]]
    sha256: str | None = None
    size: int | None = None
    revision: str = "master"

    project = COLLECTION  # the address that it is fetched from

    @property
    def name(self) -> str:
        """The bundle's: "mtat_fcn"."""
        return f"{self.dataset}_{self.model}"

    @property
    def place(self) -> str:
        """Where the file lies in the collection."""
        return f"models/{self.dataset}/{self.model}/best_model.pth"

    @property
    def origin(self) -> str:
        """Where it comes from, for people: its address."""
        return f"{self.project}/{self.revision}/{self.place}"

    def path(self, folder: Path) -> Path:
        """Where the file lies in a folder of weights."""
        return folder / f"{self.name}.pth"

    def record(self, folder: Path) -> Path:
        """Where the digest of a trusted first download lies in a folder of weights."""
        return folder / f"{self.name}.pth.sha256"

    def expected_sha256(self, folder: Path) -> str | None:
        """Return the digest that the file must have; None where nobody knows one yet."""
        if self.sha256:
            return self.sha256
        try:
            return self.record(folder).read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def is_here(self, folder: Path) -> bool:
        """Return whether the file is there and has the expected digest."""
        try:
            self.read(folder)
        except WeightsError:
            return False
        return True

    def read(self, folder: Path) -> bytes:
        """Return the file, checked. Raises WeightsError if it is missing or another one."""
        path, expected = self.path(folder), self.expected_sha256(folder)
        command = f"earshot weights {self.name}"
        if expected is None:
            raise WeightsError(
                f"The weights of {self.name} are not in {folder}, and no digest of them is known. "
                f"To trust the first download: `{command} --trust-first-download`"
            )
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WeightsError(
                f"The weights of {self.name} are not in {folder} ({error.strerror}). "
                f"Fetch them with: `{command}`"
            ) from error
        if (digest := hashlib.sha256(content).hexdigest()) != expected:
            raise WeightsError(
                f"{path} is not the published file (sha256 {digest}, expected {expected}). "
                f"Fetch it again with: `{command}`"
            )
        return content

    def check(self, cache: Path) -> None:
        """Raise WeightsError if they are missing or not what they should be."""
        self.state(cache)

    def state(self, cache: Path) -> dict[str, Tensor]:
        """Return the tensors for our architecture; nothing but tensors is read from the file.

        Raises WeightsError if the file is missing, another one or no state dict.
        """
        tensors = _read_tensors(self.read(cache), self.path(cache))
        if not isinstance(tensors, dict) or not all(
            isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in tensors.items()
        ):
            raise WeightsError(f"{self.path(cache)} is no state dict; it is not loaded.")
        return self.convert(tensors)


Weights: TypeAlias = PackagedWeights | CollectionFile


@dataclass(frozen=True)
class SkeyWeights(CollectionFile):
    """The published weights of S-KEY (Kong et al. 2025; MIT licence), which are no tagger's."""

    project = SKEY_PROJECT
    name = "skey"
    place = "skey/models/skey.pt"

    def path(self, folder: Path) -> Path:
        """Where the file lies in a folder of weights."""
        return folder / "skey.pt"

    def state(self, cache: Path) -> dict[str, Tensor]:
        """Return the network's tensors. Raises WeightsError if there are none."""
        # The file holds a training's state beside them, with numbers of NumPy's.
        reads_number: Any = np.float64(0).__reduce__()[0]
        scalar = reads_number, "numpy.core.multiarray.scalar"  # its name in the file
        with torch.serialization.safe_globals([np.dtype, np.dtypes.Float64DType, scalar]):
            content = _read_tensors(self.read(cache), self.path(cache))
        try:
            tensors = content["stone"].items()
        except (KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{self.path(cache)} is no checkpoint of S-KEY.") from error
        return self.convert(dict(tensors))


def _skey_tensors(tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors of the network alone: the transform before it is ours."""
    prefix = "chromanet."
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _read_tensors(content: bytes, path: Path) -> Any:
    """Read a file of torch's that holds tensors and plain values. Raises WeightsError."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is refused anyway
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path} holds something else than tensors; it is not loaded."
        ) from error


SKEY_FILE = SkeyWeights(
    "",
    "skey",
    _skey_tensors,
    sha256="78dfd0ad4fa9434bf7cec70a25934b7c575bda9c80e994700140770ad3a5ead4",
    size=765_465,
    revision="main",
)


def _package_folder() -> Path:
    """Find the installed musicnn package, none of whose code is run."""
    spec = importlib.util.find_spec("musicnn")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"The pretrained weights of the package {PACKAGE} are not installed. "
            "Install them with: `earshot weights`"
        )
    return Path(spec.submodule_search_locations[0])


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _read_cached(path: Path) -> dict[str, Tensor] | None:
    """Return the cached tensors, or None where there are none or their digest is wrong."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != _digest_path(path).read_text().strip():
            return None
        return load(content)
    except (OSError, SafetensorError, UnicodeDecodeError):
        return None


def _write_cached(path: Path, state: dict[str, Tensor]) -> None:
    """Write the tensors and their digest, each by rename; do without where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            tensors = Path(folder, "weights")
            tensors.write_bytes(save(state))
            digest = Path(folder, "digest")
            digest.write_text(hashlib.sha256(tensors.read_bytes()).hexdigest())
            tensors.replace(path)
            digest.replace(_digest_path(path))
    except OSError:
        return
