"""What words mean among the tags of a library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from index.arrays import Float32Array
from recsys.words.encoder import EncoderError, StaticEncoder, installed_encoder
from recsys.words.grammar import Phrase
from recsys.words.meaning import Dictionary, Meaning, mixture_weights
from recsys.words.thesaurus import THESAURUS

NAMES = ("rock", "hard rock", "quiet", "slow", "mellow", "vocals", "vocal", "no vocals", "guitar",
         "fast", "loud", "violin", "jazz")  # fmt: skip


class ByLetters:
    """Texts are as near as the letters that they have in common."""

    def encode(self, texts: Sequence[str]) -> Float32Array:
        vectors = np.array(
            [[text.count(chr(97 + n)) for n in range(26)] for text in texts], np.float32
        )
        unit: Float32Array = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9
        )
        return unit


def read(words: str, negated: bool = False) -> tuple[list[Meaning], list[str]]:
    return Dictionary(NAMES, None).read(Phrase(tuple(words.split()), negated))


def tags(meaning: Meaning) -> set[str]:
    return {tag for tag, _ in meaning.wanted}


def test_the_longest_name_is_taken() -> None:
    meanings, unknown = read("some hard rock guitar")
    assert [(one.words, one.way, tags(one)) for one in meanings] == [
        ("hard rock", "name", {"hard rock"}),
        ("guitar", "name", {"guitar"}),
    ]
    assert not unknown


def test_stems_listed_words_and_unknown_ones() -> None:
    meanings, unknown = read("jazzing violins and calm xyzzy")
    assert [(one.words, one.way) for one in meanings] == [
        ("jazzing", "stem"),
        ("violins", "meaning"),
        ("calm", "meaning"),
    ]
    assert tags(meanings[2]) == {"quiet", "slow", "mellow"}, "only tags that the library has"
    assert sum(weight for _, weight in meanings[2].wanted) == pytest.approx(1)
    assert unknown == ["xyzzy"]


def test_what_lacks_vocals_may_have_a_tag_for_that() -> None:
    ((meaning,), _) = read("vocals", negated=True)
    assert meaning.words == "without vocals"
    assert tags(meaning) == {"no vocals"}
    assert {tag for tag, _ in meaning.lacking} == {"vocals", "vocal"}


def test_comparatives_want_one_thing_and_lack_another() -> None:
    ((meaning,), _) = read("faster")
    assert (tags(meaning), dict(meaning.lacking)) == ({"fast"}, {"slow": 1.0})


def test_the_encoder_finds_near_words_and_leaves_far_ones() -> None:
    dictionary = Dictionary(NAMES, ByLetters())
    meanings, unknown = dictionary.read(Phrase(("tiuqe", "bbb")))
    assert [(one.words, one.way) for one in meanings] == [("tiuqe", "encoder")]
    assert "quiet" in tags(meanings[0])
    assert unknown == ["bbb"]


def test_a_mixture_is_the_ridge_regression_of_the_nearest_tags() -> None:
    tags = np.eye(3, 4, dtype=np.float32)
    word = np.array([0.4, -0.2, 0.0, 0.8], np.float32)  # cosines .4, -.2 and 0 to the three
    assert mixture_weights(tags, word) == pytest.approx([2 / 3, -1 / 3, 0])
    assert not mixture_weights(tags, np.array([0.2, 0.1, 0, 0.9], np.float32)).any(), "nonsense"
    many = np.eye(20, 21, dtype=np.float32)
    word = np.array([*(0.26 - n / 100 for n in range(20)), 0], np.float32)
    assert np.flatnonzero(mixture_weights(many, word)).tolist() == list(range(8))


def test_every_listed_word_is_folded_and_has_tags() -> None:
    assert len(THESAURUS) > 300
    for word, listed in THESAURUS.items():
        assert word and word == word.casefold() and listed and all(listed)


def test_the_installed_encoder_knows_what_words_mean() -> None:
    encoder = installed_encoder()
    if encoder is None:
        pytest.skip("the extra words is not installed")
    vectors = encoder.encode(["synthesizer", "synth", "opera", ""])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx([1, 1, 1])
    assert not vectors[3].any()
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_a_damaged_encoder_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("tokenizers")
    with pytest.raises(EncoderError, match=str(tmp_path)):
        StaticEncoder(tmp_path)
