"""Encoders in ONNX files: waveform or spectrogram in, embeddings of segments and optional tags out.

A file of one's own describes itself by an entry `earshot` of its metadata, JSON:

    {"format": "earshot-encoder-1", "sample_rate": 16000, "n_samples": 48000,
     "embedding": "name of an output", "tags": ["calm", …], "logits": "name of an output"}

Its input are waveforms float32 (n_segments, n_samples); with "mel": {…}, the fields of MelConfig
that are not the default, instead of the two numbers, they are log-mel spectrograms (n_segments,
n_frames, n_mels). Outputs are (n_segments, n_units), and log-odds (n_segments, n_tags); tags and
logits may be left out. Published files that do not describe themselves are in ENCODERS.

What has neither pools nor known means gives its embedding for the pools, and 0 for the means.
Files of a text side beside it make it a text–audio model: see `encoders.text_encoders`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from encoders.errors import WeightsError
from encoders.frontends import FrontEnd, WaveformConfig
from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.onnx_sessions import read_limited, session
from encoders.text_encoders import adopt_text_side, has_text_side
from encoders.trained_bundles import Prior, copy_under_digest

SUFFIX = ".onnx"
FORMAT = "earshot-encoder-1"
_METADATA = "earshot"


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file in a folder of weights; `sha256` is its digest, or the beginning of it."""

    name: str
    sha256: str
    size: int
    licence: str
    origin: str

    def path(self, folder: Path) -> Path:
        """Return its path in a folder of weights."""
        return folder / f"{self.name}{SUFFIX}"

    def expected_sha256(self, _: Path) -> str:
        """Return the digest that it must have."""
        return self.sha256

    def is_here(self, folder: Path) -> bool:
        """Return whether it is there and undamaged."""
        try:
            self.read(folder)
        except WeightsError:
            return False
        return True

    def read(self, folder: Path) -> bytes:
        """Return its content, checked. Raises WeightsError."""
        path = self.path(folder)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WeightsError(
                f"The encoder {self.name} is not in {folder} ({error.strerror}). Install it with: "
                f"`earshot weights {self.name}`"
            ) from error
        if not hashlib.sha256(content).hexdigest().startswith(self.sha256):
            raise WeightsError(f"{path} is not the file that it was: install it again.")
        return content

    def check(self, folder: Path) -> None:
        """Raise WeightsError if it is missing or damaged."""
        self.read(folder)


@dataclass(frozen=True)
class OnnxBundle:
    """An encoder: its file, front end and outputs.

    embedding  the name of the output, or how many numbers it has of a segment
    logits     the name of the output; None where it has no tags
    """

    weights: OnnxFile
    front: FrontEnd
    embedding: str | int
    tags: tuple[str, ...] = ()
    logits: str | None = None

    @property
    def name(self) -> str:
        """Its name on the command line and in the keys of features."""
        return self.weights.name

    def load(self, cache: Path) -> nn.Module:
        """Return the model. Raises WeightsError, ModuleNotFoundError without ONNX Runtime."""
        return OnnxModel(self, session(self.weights.read(cache), str(self.weights.path(cache))))

    def prior(self, model: nn.Module, cache: Path) -> Prior:
        """Return zeros: the means over the training data are not known."""
        with torch.inference_mode():
            silence = model(torch.zeros(1, *self.front.shape))
        n_units = silence.penultimate.shape[1]
        return Prior(np.zeros(n_units, np.float32), np.zeros(len(self.tags), np.float32))


class OnnxModel(nn.Module):
    """Runs an encoder by ONNX Runtime on the CPU, with one thread of arithmetic."""

    def __init__(self, bundle: OnnxBundle, session: Any) -> None:
        """Raises WeightsError for a model of other inputs or outputs."""
        super().__init__()
        self._session, self._tags = session, bundle.tags
        inputs, outputs = session.get_inputs(), {o.name: o.shape for o in session.get_outputs()}
        wide = [name for name, shape in outputs.items() if shape and shape[-1] == bundle.embedding]
        embedding = wide[0] if wide else str(bundle.embedding)
        self._outputs = [name for name in (embedding, bundle.logits) if name]
        if len(inputs) != 1 or not set(self._outputs) <= set(outputs):
            raise WeightsError(
                f"The encoder {bundle.name} has {len(inputs)} inputs and the outputs "
                f"{', '.join(sorted(outputs))}; wanted one input, and {', '.join(self._outputs)}."
            )
        self._input, self._name = inputs[0].name, bundle.name

    def forward(self, inputs: Tensor) -> Activations:
        """Encode segments (batch, *the front end's shape). Raises WeightsError."""
        batch = np.ascontiguousarray(inputs.float().cpu().numpy())
        try:
            results = self._session.run(self._outputs, {self._input: batch})
        except Exception as error:  # as in `encoders.onnx_sessions`
            raise WeightsError(
                f"The encoder {self._name} does not take its input: {error}"
            ) from error
        embedding, *logits = (torch.from_numpy(np.asarray(r, np.float32)) for r in results)
        tags = logits[0] if logits else embedding.new_zeros(len(batch), 0)
        if embedding.shape[:1] != tags.shape[:1] or tags.shape[1:] != (len(self._tags),):
            raise WeightsError(
                f"The encoder {self._name} gives arrays of shapes {tuple(embedding.shape)} and "
                f"{tuple(tags.shape)} for {len(batch)} segments and {len(self._tags)} tags."
            )
        return Activations(tags, embedding, embedding)


def read_bundle(path: Path) -> OnnxBundle:
    """Read an encoder that describes itself. Raises WeightsError."""
    content = read_limited(path)
    metadata = session(content, str(path)).get_modelmeta().custom_metadata_map
    try:
        said = json.loads(metadata.get(_METADATA, "{}"))
        if said.get("format") != FORMAT:
            raise ValueError(f"its metadata have no entry {_METADATA} of the format {FORMAT}")
        tags = tuple(str(tag) for tag in said.get("tags", ()))
        if bool(tags) != ("logits" in said):
            raise ValueError("tags and logits go together")
        front: FrontEnd
        if "mel" in said:
            front = MelConfig(**said["mel"])
        else:
            front = WaveformConfig(int(said["sample_rate"]), int(said["n_samples"]))
        digest = path.stem.rpartition(".")[2]
        file = OnnxFile(path.stem, digest, len(content), "the file's own", "a file of one's own")
        return OnnxBundle(file, front, str(said["embedding"]), tags, said.get("logits"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"The encoder {path} cannot be used: {error}.") from error


def adopt_encoder(path: Path, folder: Path) -> str:
    """Copy an encoder's file into a folder of weights; return its name there.

    The text side of a text–audio model, beside it, comes along. Raises WeightsError if it is none,
    and OSError where the folder cannot be written.
    """
    bundle = read_bundle(path)
    name = copy_under_digest(path, folder, SUFFIX, "encoder")
    if has_text_side(path.parent, path.stem):
        weights = replace(bundle.weights, name=name, sha256=name.rpartition(".")[2])
        copied = replace(bundle, weights=weights)
        n_units = len(copied.prior(copied.load(folder), folder).penultimate)
        adopt_text_side(path, folder, name, n_units)
    return name


# Published encoders, which `earshot weights NAME --accept-licence` fetches.
ENCODERS = {
    bundle.name: bundle
    for bundle in (
        OnnxBundle(
            OnnxFile(
                "discogs_effnet",
                "a280825b334797cf677939db8cd5762c0392aedd0ca6415dbc1cd083f045e43c",
                18_027_718,
                "CC BY-NC-SA 4.0 by its documentation, CC BY-NC-ND 4.0 by the text beside it; "
                "not for commercial use",
                "https://essentia.upf.edu/models/feature-extractors/discogs-effnet/"
                "discogs-effnet-bsdynamic-1.onnx",
            ),
            MelConfig(n_frames=128),
            1280,
        ),
    )
}
