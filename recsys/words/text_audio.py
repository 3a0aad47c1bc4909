"""Words compared with sound by the home's text–audio model, where its build used one."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from encoders.errors import WeightsError
from encoders.text_encoders import OnnxTextEncoder, load_text_encoder
from index.arrays import Float32Array
from recsys.home.audio_embeddings import TextAudioModel, text_audio_model
from recsys.home.files import WEIGHTS_NAME
from recsys.home.home import Home
from recsys.words.grammar import FILLERS, Phrase
from recsys.words.meaning import longest_first
from recsys.words.thesaurus import COMPARATIVES

_BLOCK = 1 << 14  # tracks whose embeddings are compared at once, in float32
_JOINS = frozenset(("and", "or"))


class TextAudio:
    """Compares texts with the tracks of a home. Safe to share between threads."""

    def __init__(self, home: Home, model: TextAudioModel) -> None:
        """The model's text side is loaded at the first text."""
        self.name = model.name.rpartition(".")[0] or model.name  # for people, without the digest
        self._home = home
        self._model = model
        self._lock = threading.Lock()
        self._loaded: OnnxTextEncoder | WeightsError | None = None

    def cosines(self, text: str) -> Float32Array:
        """Return the cosine of a text's embedding with each indexed track's: (n,).

        0 for a track without an embedding. Raises WeightsError where the text side cannot be used,
        and CatalogError where the tracks' embeddings cannot be read.
        """
        vector = self._encoder().encode([text])[0]
        embeddings = self._home.tables.audio_embeddings(self._model.extractor)
        if embeddings.shape[1] != len(vector):
            raise WeightsError(
                f"The text encoder {self._model.name} gives vectors of {len(vector)} numbers, and "
                f"tracks have {embeddings.shape[1]}: run `earshot build` again."
            )
        cosines = np.empty(len(embeddings), np.float32)
        for begin in range(0, len(embeddings), _BLOCK):
            block = embeddings[begin : begin + _BLOCK].astype(np.float32)
            cosines[begin : begin + _BLOCK] = block @ vector
        return cosines

    def _encoder(self) -> OnnxTextEncoder:
        with self._lock:
            if self._loaded is None:
                try:
                    weights = self._home.settings.home / WEIGHTS_NAME
                    self._loaded = load_text_encoder(weights, self._model.name)
                except WeightsError as error:
                    self._loaded = error
            loaded = self._loaded
        if isinstance(loaded, WeightsError):
            raise WeightsError(str(loaded))
        return loaded


def text_audio_of(home: Home) -> TextAudio | None:
    """Return the comparison by a home's text–audio model; None where its build used none.

    Raises ProjectionError, StaleIndex.
    """
    model = text_audio_model(home.settings.home, home.projection.extractors)
    return None if model is None else TextAudio(home, model)


def take_text(phrase: Phrase, own_names: Collection[str]) -> tuple[str, Phrase]:
    """Return the words of a phrase that describe a sound, as a text, and what is left of it.

    Left are comparatives and a listener's own tags, which no model knows by `own_names`, folded.
    The text is "" where its words say nothing about music by themselves.

    >>> take_text(Phrase(("calm", "sunday", "piano")), {"sunday"})
    ('calm piano', Phrase(words=('sunday',), negated=False))
    """
    taken: list[str] = []
    left: list[str] = []

    def kept(words: tuple[str, ...]) -> str | None:
        name = " ".join(words)
        return name if name in own_names or name in COMPARATIVES else None

    for words, name in longest_first(phrase.words, kept):
        (taken if name is None else left).extend(words)
    if all(word in FILLERS for word in taken):
        return "", phrase
    text = phrase.text.split() if phrase.text and not left else taken
    while text and text[0] in _JOINS:
        text = text[1:]
    while text and text[-1] in _JOINS:
        text = text[:-1]
    return " ".join(text), replace(phrase, words=tuple(left), text="")
