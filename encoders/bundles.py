"""Named pretrained taggers: an architecture, its weights with their digest, its tags."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from encoders.checkpoints import read_tensorflow_checkpoint
from encoders.errors import WeightsError
from encoders.melspec import MelConfig
from encoders.models.musicnn import Musicnn, MusicnnConfig
from encoders.models.vgg import Vgg, VggConfig

_Variables = Mapping[str, NDArray[np.float32]]

# The tags of MagnaTagATune and of the Million Song Dataset (Last.fm), in the models' output order.
# fmt: off
MTT_TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast",
    "piano", "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male",
    "singing", "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute", "woman",
    "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man", "classic", "choir", "voice",
    "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello", "no voice",
    "weird", "country", "metal", "female voice", "choral",
)
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists",
    "classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill",
    "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)
# fmt: on


@dataclass(frozen=True)
class Bundle:
    """One pretrained tagger.

    `source_sha256` is the digest of the published tensors; `convert` renames and reorders them
    for `architecture`.
    """

    name: str
    architecture: Callable[[], nn.Module]
    tags: tuple[str, ...]
    source_sha256: str
    convert: Callable[[_Variables], dict[str, Tensor]]
    mel: MelConfig = field(default_factory=MelConfig)

    def load(self, cache: Path) -> nn.Module:
        """Return the model, in evaluation mode, with its weights from the cache or the package.

        Converted weights are kept in `cache` as safetensors; a damaged file there is rebuilt.
        Raises WeightsError if the package that carries the weights is missing or altered.
        """
        model = self.architecture()
        cached = cache / f"{self.name}-{self.source_sha256[:12]}.safetensors"
        state = _read_cached(cached)
        if state is None:
            state = self.convert(self._published())
            _write_cached(cached, state)
        model.load_state_dict(state)
        return model.eval().requires_grad_(False)

    def _published(self) -> _Variables:
        folder = _package_folder() / self.name
        data = folder / ".data-00000-of-00001"
        digest = hashlib.sha256(data.read_bytes()).hexdigest() if data.exists() else "no file"
        if digest != self.source_sha256:
            raise WeightsError(
                f"The weights of {self.name} in {data} are not the published ones (sha256 "
                f"{digest}, expected {self.source_sha256}). Reinstall them: "
                "pip install --no-deps --force-reinstall musicnn==0.1.0"
            )
        return read_tensorflow_checkpoint(folder)


def _package_folder() -> Path:
    """Find the installed musicnn package, none of whose code is run."""
    spec = importlib.util.find_spec("musicnn")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            "The pretrained weights are not installed. Add them with: "
            "pip install --no-deps musicnn==0.1.0"
        )
    return Path(spec.submodule_search_locations[0])


def _digest_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _read_cached(path: Path) -> dict[str, Tensor] | None:
    """Return the cached tensors, or None where there are none or their digest is wrong."""
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() != _digest_path(path).read_text().strip():
            return None
        return load_file(path)
    except (OSError, SafetensorError, UnicodeDecodeError):
        return None


def _write_cached(path: Path, state: dict[str, Tensor]) -> None:
    """Write the tensors and their digest, each by rename; do without where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            tensors = Path(folder, "weights")
            save_file(state, tensors)
            digest = Path(folder, "digest")
            digest.write_text(hashlib.sha256(tensors.read_bytes()).hexdigest())
            tensors.replace(path)
            digest.replace(_digest_path(path))
    except OSError:
        return


def _conv2d(kernel: NDArray[np.float32]) -> Tensor:
    """(time, mels, in, out) -> (out, in, time, mels)."""
    return torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())


def _named(prefix: str, variables: _Variables, layer: str) -> dict[str, Tensor]:
    """Rename a batch normalisation's variables."""
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    state = {
        f"{prefix}.{ours}": torch.from_numpy(variables[f"{layer}/{theirs}"].copy())
        for ours, theirs in names.items()
    }
    return state | {f"{prefix}.num_batches_tracked": torch.tensor(0)}


def _numbered(layer: str, number: int) -> str:
    """Spell TensorFlow's automatic names: conv2d, conv2d_1, conv2d_2, ..."""
    return layer if number == 0 else f"{layer}_{number}"


def _convert_musicnn(variables: _Variables) -> dict[str, Tensor]:
    state = _named("input_bn", variables, "batch_normalization")
    blocks = ["timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2"]
    for number, block in enumerate([*blocks, "mid.0", "mid.1", "mid.2"]):
        conv = _numbered("conv2d", number)
        kernel = _conv2d(variables[f"{conv}/kernel"])
        if block.startswith("mid"):  # (out, 1, 7, in): the "mels" of the mid end are its channels
            kernel = kernel.squeeze(1).transpose(1, 2).contiguous()
        state[f"{block}.conv.weight"] = kernel
        state[f"{block}.conv.bias"] = torch.from_numpy(variables[f"{conv}/bias"].copy())
        state |= _named(f"{block}.bn", variables, _numbered("batch_normalization", number + 1))
    # The published model interleaves its pools (max, mean, max, ...); ours are mean next to max.
    n_pools = variables["dense/kernel"].shape[0]
    order = np.concatenate([np.arange(1, n_pools, 2), np.arange(0, n_pools, 2)])
    pool_bn = _named("pool_bn", variables, "batch_normalization_9")
    state |= {name: t[order] if t.ndim else t for name, t in pool_bn.items()}
    state["dense.weight"] = torch.from_numpy(variables["dense/kernel"][order].T.copy())
    state["dense.bias"] = torch.from_numpy(variables["dense/bias"].copy())
    state |= _named("dense_bn", variables, "batch_normalization_10")
    state["output.weight"] = torch.from_numpy(variables["dense_1/kernel"].T.copy())
    state["output.bias"] = torch.from_numpy(variables["dense_1/bias"].copy())
    return state


def _convert_vgg(variables: _Variables) -> dict[str, Tensor]:
    state = _named("input_bn", variables, "batch_normalization")
    for i in range(5):
        state[f"convs.{i}.weight"] = _conv2d(variables[f"{i + 1}CNN/kernel"])
        state[f"convs.{i}.bias"] = torch.from_numpy(variables[f"{i + 1}CNN/bias"].copy())
        state |= _named(f"bns.{i}", variables, _numbered("batch_normalization", i + 1))
    state["output.weight"] = torch.from_numpy(variables["dense/kernel"].T.copy())
    state["output.bias"] = torch.from_numpy(variables["dense/bias"].copy())
    return state


def _musicnn() -> nn.Module:
    return Musicnn(MusicnnConfig())


def _vgg() -> nn.Module:
    return Vgg(VggConfig())


DEFAULT_MODELS = ("MSD_musicnn", "MTT_musicnn")

# The digests are of the tensors in the musicnn 0.1.0 wheel (ISC licence).
BUNDLES = {
    bundle.name: bundle
    for bundle in (
        Bundle(
            "MTT_musicnn",
            _musicnn,
            MTT_TAGS,
            "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
            _convert_musicnn,
        ),
        Bundle(
            "MSD_musicnn",
            _musicnn,
            MSD_TAGS,
            "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
            _convert_musicnn,
        ),
        Bundle(
            "MTT_vgg",
            _vgg,
            MTT_TAGS,
            "458f5c8bcecc086a3bba3dce83809df6da6e0a3560a59ddd84711bf3d5fd8303",
            _convert_vgg,
        ),
        Bundle(
            "MSD_vgg",
            _vgg,
            MSD_TAGS,
            "9683d756b8311146534f333502ebf4a2a78a3e320c54ab0411dff6186d8375fc",
            _convert_vgg,
        ),
    )
}
