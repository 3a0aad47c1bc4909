"""Search of the library by words: from a query to tracks with the words that each meets.

Each part of a query gives every track a value: its normal score, that is the quantile of the
standard normal distribution at the track's rank in the library (van der Waerden 1952). So a rare
tag and a common one count the same, whatever a tagger's probabilities are. A track's score is the
mean over the parts. Years, tempo, length and key leave out the tracks known to be outside.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from encoders.errors import WeightsError
from index.arrays import BoolArray, Float16Array, Float32Array, IndexArray
from recsys.catalog import Track
from recsys.catalog.search import fold
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.musical_key import KEYS
from recsys.recommendation.filters import STANDS_OUT
from recsys.recommendation.recommender import Recommender
from recsys.recommendation.seeds import GENRE_BONUS, MAX_OF_ARTIST
from recsys.tagging.moods import MOODS
from recsys.tagging.personal_tags import ListenersTags
from recsys.words.encoder import MISSING, EncoderError, TextEncoder, installed_encoder
from recsys.words.grammar import Likeness, Phrase, Range, WantedKeys, parse
from recsys.words.meaning import Dictionary, Meaning
from recsys.words.text_audio import TextAudio, take_text
from recsys.words.thesaurus import MEASURED

MAX_RESULTS = 500
N_CACHED = 400  # columns of normal scores
KNOWN_INSIDE = 2.0  # value of a track whose year, tempo, length or key is one that is wanted
UNITS = {"bpm": "tempo", "year": "year", "minutes": "length"}


@dataclass(frozen=True)
class Understood:
    """A part of a query, and the tags, track, numbers or text–audio model it was taken for."""

    words: str
    taken_for: tuple[str, ...]


@dataclass(frozen=True)
class FoundByWords:
    """A track; `score` in standard deviations, `met` the words that it meets."""

    rank: int
    track: Track
    score: float
    met: tuple[str, ...]


@dataclass(frozen=True)
class WordAnswer:
    """The tracks found, best first; what was understood and ignored of the query, and sentences."""

    understood: tuple[Understood, ...]
    ignored: tuple[str, ...]
    notices: tuple[str, ...]
    results: tuple[FoundByWords, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of a query with each track's value (n,), and where it is met."""

    understood: Understood
    values: Float32Array
    met: BoolArray


class WordSearch:
    """Finds tracks by words. Safe to share between threads."""

    def __init__(
        self,
        recommender: Recommender,
        load_encoder: Callable[[], TextEncoder | None] = installed_encoder,
        text_audio: TextAudio | None = None,
    ) -> None:
        """The text encoder is loaded at the first search.

        With `text_audio`, the home's text–audio model, that compares words with sound; tags are for
        the rest.
        """
        self._recommender = recommender
        self._catalog = recommender.catalog
        self._load_encoder = load_encoder
        self._text_audio = text_audio
        self._lock = threading.Lock()
        self._encoder: TextEncoder | None = None
        self._encoder_notice: str | None = None
        self._loaded = False
        self._table: TrackTable | None = None  # that the columns are of
        self._dictionary: Dictionary | None = None
        self._columns: OrderedDict[str, Float16Array] = OrderedDict()

    def search(self, query: str, k: int, listener: int | None = None) -> WordAnswer:
        """Return at most `k` tracks, one of each recording; the listener's own tags count too.

        Raises ValueError for `k` outside 1 to MAX_RESULTS, ProjectionError or StaleIndex where the
        library's tags cannot be read.
        """
        if not 1 <= k <= MAX_RESULTS:
            raise ValueError(f"k: wanted 1 to {MAX_RESULTS}, got {k}")
        parsed = parse(query)
        table = self._recommender.track_table()
        tags = self._recommender.tags_of(listener)
        dictionary = self._prepare(table, tags)
        allowed = table.available.copy()
        parts: list[_Part] = []
        ignored: list[str] = []
        notices: list[str] = []
        unknown: list[str] = []
        wanted_unknown: list[str] = []
        for likeness in parsed.likenesses:
            part = self._alike(likeness, table)
            if part is None:
                unknown.append(likeness.name)
            else:
                parts.append(part)
        for phrase in parsed.phrases:
            compared = self._compared(phrase, parsed.likenesses, table, allowed)
            parts += compared.values()
            rest = phrase
            if compared:
                others = tuple(word for word in phrase.words if word not in compared)
                rest = replace(phrase, words=others, text="")
            heard, rest, troubles = self._heard(rest, table, tags)
            parts += heard
            notices += troubles
            meanings, words = dictionary.read(rest)
            parts += [self._tagged(meaning, table, tags) for meaning in meanings]
            unknown += words
            wanted_unknown += [] if phrase.negated else words
        bounds = [
            (wanted.text, UNITS[wanted.quantity], self._ranged(wanted, table, tags, allowed))
            for wanted in parsed.ranges
        ]
        bounds += [(keys.text, "key", _in_key(keys, table, allowed)) for keys in parsed.keys]
        for text, quantity, part in bounds:
            if part is None:
                ignored.append(text)
                notices.append(
                    f"No track of the library has a known {quantity}: “{text}” is ignored."
                )
            else:
                parts.append(part)
        if not parts:
            distinct = dict.fromkeys(wanted_unknown)
            guessed = [one for word in distinct if (one := dictionary.mixture(word))]
            parts = [self._tagged(meaning, table, tags) for meaning in guessed]
            for guess in guessed:
                unknown = [word for word in unknown if word != guess.words]
                notices.append(f"“{guess.words}” is a guess, by tags that are related to it.")
        ignored = [*dict.fromkeys(unknown), *ignored]
        notices = [*self._on_unknown(unknown, bool(parts)), *dict.fromkeys(notices)]
        results = self._best(parts, allowed, table, k) if parts else ()
        return WordAnswer(
            tuple(part.understood for part in parts), tuple(ignored), tuple(notices), results
        )

    def warm(self) -> None:
        """Load what the first searches would wait for. Raises ProjectionError, StaleIndex."""
        self.search("quiet", 1)
        table, tags = self._recommender.track_table(), self._recommender.tags_of(None)
        for name in list(tags.names)[:N_CACHED]:
            self._column(name, table, tags)

    def _prepare(self, table: TrackTable, tags: ListenersTags) -> Dictionary:
        """Return what the words can mean, and forget the columns of another revision."""
        names = {*tags.names, *table.genre_rows}
        with self._lock:
            if not self._loaded:
                try:
                    self._encoder = self._load_encoder()
                    self._encoder_notice = None if self._encoder else f"{MISSING}."
                except EncoderError as error:
                    self._encoder_notice = str(error)
                self._loaded = True
            if self._dictionary is None or self._dictionary.names != names - {""}:
                self._dictionary = Dictionary(names, self._encoder)
            if self._table is not table:
                self._columns.clear()
                self._table = table
            return self._dictionary

    def _column(self, name: str, table: TrackTable, tags: ListenersTags) -> Float32Array:
        """Return the normal scores of a tag or genre by its folded name, (n,)."""
        own = name in tags.own_names or name in MOODS  # in which own tags may count
        with self._lock:
            cached = None if own else self._columns.get(name)
        if cached is not None:
            return cached.astype(np.float32)
        column, rows = tags.column(name), table.genre_rows.get(name)
        values = np.zeros(len(table), np.float32) if column is None else column
        if rows is not None:
            values[rows] += GENRE_BONUS
        scores = normal_scores(values, table.available)
        if not own:
            with self._lock:
                self._columns[name] = scores.astype(np.float16)
                while len(self._columns) > N_CACHED:
                    self._columns.popitem(last=False)
        return scores

    def _tagged(self, meaning: Meaning, table: TrackTable, tags: ListenersTags) -> _Part:
        """Return the values of words that mean tags."""
        values = np.zeros(len(table), np.float32)
        for side, sign in ((meaning.wanted, 1.0), (meaning.lacking, -1.0)):
            for name, weight in side:
                values += np.float32(sign * weight) * self._column(name, table, tags)
        values /= max(float(values[table.available].std()), 1e-6)
        names = {**table.names, **tags.names}
        taken_for = [names.get(name, name) for name, _ in meaning.wanted]
        taken_for += [f"not {names.get(name, name)}" for name, _ in meaning.lacking]
        least = 0.0 if meaning.words.startswith("without ") else STANDS_OUT
        return _Part(Understood(meaning.words, tuple(taken_for)), values, values >= least)

    def _heard(
        self, phrase: Phrase, table: TrackTable, tags: ListenersTags
    ) -> tuple[list[_Part], Phrase, list[str]]:
        """Return the values of words by a text–audio model, what it leaves to tags, and sentences.

        All is left to them where there is none, or it cannot be used.
        """
        if self._text_audio is None:
            return [], phrase, []
        text, rest = take_text(phrase, tags.own_names)
        if not text:
            return [], phrase, []
        try:
            cosines = self._text_audio.cosines(text)
        except WeightsError as error:
            return [], phrase, [f"{error} Tags are used instead."]
        values = normal_scores(-cosines if phrase.negated else cosines, table.available)
        words, least = (f"without {text}", 0.0) if phrase.negated else (text, STANDS_OUT)
        understood = Understood(words, (f"the text–audio model {self._text_audio.name}",))
        return [_Part(understood, values, values >= least)], rest, []

    def _named(self, likeness: Likeness, table: TrackTable) -> tuple[IndexArray, str]:
        """Return the rows of an artist, or of a track, and the name; no rows for an unknown one."""
        rows = table.artist_rows.get(fold(likeness.name))
        if rows is not None and len(rows):
            spread = np.linspace(0, len(rows) - 1, min(len(rows), MAX_OF_ARTIST)).astype(np.intp)
            return rows[spread], table.names[fold(likeness.name)]
        found = self._catalog.search(likeness.name, 1)
        return table.rows([track.id for track in found]), found[0].name if found else ""

    def _compared(
        self,
        phrase: Phrase,
        likenesses: Sequence[Likeness],
        table: TrackTable,
        allowed: BoolArray,
    ) -> dict[str, _Part]:
        """Return by word what is faster or louder than what the query is to be like.

        What is known not to be is taken out of `allowed`. Nothing where the query is like nothing,
        or where no tempo or loudness of that is known.
        """
        parts: dict[str, _Part] = {}
        alike = next((one for one in likenesses if not one.negated), None)
        if phrase.negated or alike is None:
            return parts
        for word in MEASURED.keys() & set(phrase.words):
            quantity, least = MEASURED[word]
            numbers = 100 * np.log(table.tempos) if quantity == "tempo" else table.loudness
            rows, name = self._named(alike, table)
            of_name = numbers[rows][~np.isnan(numbers[rows])]
            if not len(of_name):
                continue
            middle = float(np.median(of_name))
            known = ~np.isnan(numbers)
            inside = known & ((numbers - middle) * np.sign(least) >= abs(least))
            allowed &= ~known | inside
            written = (
                f"{np.exp(middle / 100):.0f} BPM" if quantity == "tempo" else f"{middle:.1f} LUFS"
            )
            understood = Understood(f"{word} than {name}", (f"{quantity} {written}",))
            values = np.where(inside, np.float32(KNOWN_INSIDE), np.float32(0))
            parts[word] = _Part(understood, values, inside)
        return parts

    def _alike(self, likeness: Likeness, table: TrackTable) -> _Part | None:
        """Return the similarity to an artist's tracks, or to a track; None for an unknown name."""
        rows, of = self._named(likeness, table)
        if not len(rows):
            return None
        centre = self._recommender.index.vectors_at(rows).mean(axis=0)
        cosines = self._recommender.index.products(centre)
        values = normal_scores(-cosines if likeness.negated else cosines, table.available)
        words = f"{'unlike' if likeness.negated else 'like'} {likeness.name}"
        return _Part(Understood(words, (of,)), values, values >= STANDS_OUT)

    def _ranged(
        self,
        wanted: Range,
        table: TrackTable,
        tags: ListenersTags,
        allowed: BoolArray,
    ) -> _Part | None:
        """Return the values of a range, and take what is known to be outside out of `allowed`.

        None where no track has such a number, and no tagger knows the decade.
        """
        numbers_of = {
            "year": table.years,
            "bpm": table.tempos,
            "minutes": table.durations / np.float32(60),
        }[wanted.quantity]
        known = ~np.isnan(numbers_of)
        by_sound = wanted.decade in tags.names
        if not (known & table.available).any() and not by_sound:
            return None
        values = np.zeros(len(table), np.float32)
        if by_sound:
            values = self._column(wanted.decade, table, tags).copy()
        inside = known & (numbers_of >= wanted.low) & (numbers_of <= wanted.high)
        values[inside] = KNOWN_INSIDE
        allowed &= ~known | inside
        met = inside | (~known & (values >= STANDS_OUT))
        taken_for = [f"{UNITS[wanted.quantity]} {_written(wanted)}"] if known.any() else []
        taken_for += [tags.names[wanted.decade]] if by_sound else []
        return _Part(Understood(wanted.text, tuple(taken_for)), values, met)

    def _best(
        self, parts: Sequence[_Part], allowed: BoolArray, table: TrackTable, k: int
    ) -> tuple[FoundByWords, ...]:
        """Return the best of the allowed tracks, one of each recording."""
        scores = np.mean([part.values for part in parts], axis=0)
        rows = np.flatnonzero(allowed)
        wanted = min(len(rows), 2 * k + 20)  # some are copies of others
        if not wanted:
            return ()
        nearest = np.argpartition(-scores[rows], wanted - 1)[:wanted]
        rows = rows[nearest]
        rows = rows[np.lexsort((rows, -scores[rows]))]
        _, first = np.unique(table.recordings.codes[rows], return_index=True)
        rows = rows[np.sort(first)][:k]
        tracks = self._catalog.tracks(table.ids[rows].tolist())
        return tuple(
            FoundByWords(
                rank,
                track,
                round(float(scores[row]), 4),
                tuple(dict.fromkeys(p.understood.words for p in parts if p.met[row])),
            )
            for rank, (row, track) in enumerate(zip(rows, tracks, strict=True), start=1)
        )

    def _on_unknown(self, words: Sequence[str], has_rest: bool) -> list[str]:
        rest = "; used the rest." if has_rest else "."
        notices = [f"Nothing for “{word}”{rest}" for word in dict.fromkeys(words)]
        if words and self._encoder_notice:
            notices.append(self._encoder_notice)
        return notices


def normal_scores(values: Float32Array, available: BoolArray) -> Float32Array:
    """Return the standard normal quantiles of the values' ranks among the available tracks: (n,).

    Equal values get their mean rank. What is not available gets 0.

    >>> scores = normal_scores(np.array([5.0, 1.0, 9.0], np.float32), np.ones(3, bool))
    >>> [round(score, 2) for score in scores.tolist()]
    [0.0, -0.97, 0.97]
    """
    scores = np.zeros(len(values), np.float32)
    n = int(np.count_nonzero(available))
    if n:
        scores[available] = ndtri((rankdata(values[available]) - 0.5) / n)
    return scores


def _written(wanted: Range) -> str:
    """Write a range's numbers."""
    if wanted.low == 0:
        return f"up to {wanted.high:g}"
    if wanted.high == float("inf"):
        return f"from {wanted.low:g}"
    return f"{wanted.low:g}" if wanted.low == wanted.high else f"{wanted.low:g} to {wanted.high:g}"


def _in_key(wanted: WantedKeys, table: TrackTable, allowed: BoolArray) -> _Part | None:
    """Return the values of keys, and take tracks of others out of `allowed`.

    None where no track's key is known.
    """
    known = table.keys != UNKNOWN
    if not (known & table.available).any():
        return None
    inside = np.isin(table.keys, [KEYS.index(key) for key in wanted.keys])
    values = np.where(inside, np.float32(KNOWN_INSIDE), np.float32(0))
    allowed &= ~known | inside
    several = f"any {wanted.keys[0].split()[1]}"
    name = wanted.keys[0] if len(wanted.keys) == 1 else several
    return _Part(Understood(wanted.text, (f"key {name}",)), values, inside)
