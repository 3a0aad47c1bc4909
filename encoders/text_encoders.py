"""The text side of text–audio models: texts to vectors that compare with an encoder's embeddings.

A text–audio model (Wu et al. 2023, "Large-scale contrastive language-audio pretraining with feature
fusion and keyword-to-caption augmentation"; Huang et al. 2022, "MuLan") is trained to give a piece
of music and a text that describes it vectors of a large cosine. Its audio side is an encoder as in
`encoders.onnx_bundles`, NAME.onnx; its text side are two files beside that:

NAME.text.onnx       token ids `input_ids` and `attention_mask`, integers (1, n_tokens), to one
                     output, or one `text_embeds` among several: float (1, n_units). Where the
                     graph has a fixed n_tokens, texts are padded to it.
NAME.tokenizer.json  a file of the library `tokenizers`

In a home NAME ends in the beginning of the audio side's digest, and NAME.text.sha256 has the
digests of these two. No torch: a server of searches loads this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoders.errors import WeightsError
from encoders.files import replace_file
from encoders.onnx_sessions import MAX_MODEL, read_limited, session

SUFFIXES = TEXT, TOKENIZER, DIGESTS = ".text.onnx", ".tokenizer.json", ".text.sha256"
HOW_TO_INSTALL = "pip install 'earshot[onnx,words]'"
MAX_TOKENIZER = 64 << 20  # bytes; those of a quarter of a million tokens have a quarter of it
MAX_TOKENS = 512  # of a text; what is longer is cut off
_IDS, _MASK, _OUTPUT = "input_ids", "attention_mask", "text_embeds"
_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_PADDING = ("<pad>", "[PAD]", "<|endoftext|>")  # usual tokens, where the file names none


class OnnxTextEncoder:
    """Turns texts into unit vectors by a text–audio model. Safe to share between threads."""

    def __init__(self, model: bytes, tokenizer: bytes, path: Path) -> None:
        """`model` and `tokenizer` are the files' contents, `path` is the model's.

        Raises WeightsError, also where a library is not installed that reads them.
        """
        self._path = path
        try:
            import tokenizers  # noqa: PLC0415 - of an extra

            self._session = session(model, str(path))
        except ModuleNotFoundError as error:
            raise WeightsError(
                f"The text encoder {path} needs {error.name}, which is not installed. "
                f"Install it with: {HOW_TO_INSTALL}"
            ) from error
        inputs = {one.name: one for one in self._session.get_inputs()}
        outputs = [one.name for one in self._session.get_outputs()]
        integers = {_INTEGERS.get(one.type) for one in inputs.values()}
        if set(inputs) != {_IDS, _MASK} or None in integers or len(integers) != 1:
            raise WeightsError(
                f"The text encoder {path} takes {', '.join(sorted(inputs))}; wanted integers "
                f"{_IDS} and {_MASK}."
            )
        if len(outputs) > 1 and _OUTPUT not in outputs:
            raise WeightsError(
                f"The text encoder {path} gives {', '.join(sorted(outputs))}; wanted {_OUTPUT}, or "
                "one output."
            )
        self._dtype = integers.pop()
        self._output = _OUTPUT if _OUTPUT in outputs else outputs[0]
        length = inputs[_IDS].shape[-1] if inputs[_IDS].shape else None  # a name where it is free
        if isinstance(length, int) and not 0 < length <= MAX_TOKENS:
            raise WeightsError(
                f"The text encoder {path} takes {length:,} tokens; wanted {MAX_TOKENS} at most."
            )
        with self._errors("tokenizer"):
            self._tokenizer = tokenizers.Tokenizer.from_buffer(tokenizer)
            _fit(self._tokenizer, length if isinstance(length, int) else None)
        self.dim = len(self._vector("music"))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a unit vector for each text, or zeros for an empty one: float32 (n, dim).

        Raises WeightsError where the model does not take a text.
        """
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            if text.strip():
                vectors[row] = self._vector(text)
        return vectors

    def _vector(self, text: str) -> NDArray[np.float32]:
        with self._errors("tokenizer"):
            encoding = self._tokenizer.encode(text)
        inputs = {
            _IDS: np.array([encoding.ids], self._dtype),
            _MASK: np.array([encoding.attention_mask], self._dtype),
        }
        with self._errors("model"):
            vector = np.asarray(self._session.run([self._output], inputs)[0], np.float32)
        length = float(np.linalg.norm(vector))
        if vector.ndim != 2 or len(vector) != 1 or not 0 < length < float("inf"):
            raise WeightsError(
                f"The text encoder {self._path} gives an array of shape {vector.shape} and length "
                f"{length:g} for a text; wanted one vector."
            )
        unit: NDArray[np.float32] = vector[0] / np.float32(length)
        return unit

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn the errors of a library into WeightsError."""
        try:
            yield
        except BaseException as error:
            # Neither library has a base class of its errors, and a panic in Rust is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise WeightsError(
                f"The text encoder {self._path} cannot be used: its {what} says: {error}"
            ) from error


def _fit(tokenizer: Any, length: int | None) -> None:
    """Have a tokenizer give at most MAX_TOKENS tokens of a text, or exactly `length`."""
    padding = tokenizer.padding or {}
    tokenizer.no_padding()
    tokenizer.enable_truncation(length or MAX_TOKENS)
    if length is not None:
        usual = [one for name in _PADDING if (one := tokenizer.token_to_id(name)) is not None]
        tokenizer.enable_padding(length=length, pad_id=padding.get("pad_id", (usual or [0])[0]))


def has_text_side(folder: Path, name: str) -> bool:
    """Return whether an encoder in a folder of weights is a text–audio model."""
    return any((folder / f"{name}{suffix}").is_file() for suffix in SUFFIXES)


def load_text_encoder(folder: Path, name: str) -> OnnxTextEncoder:
    """Load the text side of a text–audio model in a home's folder of weights.

    Raises WeightsError where it is missing, damaged, or a library is not installed.
    """
    files = [folder / f"{name}{suffix}" for suffix in (TEXT, TOKENIZER)]
    contents = _read(*files)
    record = folder / f"{name}{DIGESTS}"
    if read_limited(record, 1 << 10).decode("ascii", "replace") != _digests(files, contents):
        raise WeightsError(
            f"{files[0]} or {files[1].name} is not the file that it was: give `earshot build` the "
            "files of the model again."
        )
    return OnnxTextEncoder(*contents, files[0])


def adopt_text_side(path: Path, folder: Path, name: str, n_units: int) -> None:
    """Copy the text side beside an encoder's file to a folder of weights, under a name there.

    `n_units` has the embedding of its audio side. Raises WeightsError if it is none, or its vectors
    are of another length, and OSError where the folder cannot be written.
    """
    sources = [path.with_name(f"{path.stem}{suffix}") for suffix in (TEXT, TOKENIZER)]
    contents = _read(*sources)
    encoder = OnnxTextEncoder(*contents, sources[0])
    if encoder.dim != n_units:
        raise WeightsError(
            f"{sources[0]} gives vectors of {encoder.dim} numbers, and {path.name} of {n_units}: "
            "they are not the two sides of one model."
        )
    files = [folder / f"{name}{suffix}" for suffix in (TEXT, TOKENIZER)]
    for file, content in zip(files, contents, strict=True):
        replace_file(file, content)
    replace_file(folder / f"{name}{DIGESTS}", _digests(files, contents).encode())


def _read(model: Path, tokenizer: Path) -> tuple[bytes, bytes]:
    for path, other in ((model, tokenizer), (tokenizer, model)):
        if not path.is_file():
            raise WeightsError(
                f"There is no {path}, which belongs to {other.name}: a text–audio model has both."
            )
    return read_limited(model, MAX_MODEL), read_limited(tokenizer, MAX_TOKENIZER)


def _digests(files: Sequence[Path], contents: Sequence[bytes]) -> str:
    """Write the digests of files as `sha256sum` does."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {file.name}\n"
        for file, content in zip(files, contents, strict=True)
    )
