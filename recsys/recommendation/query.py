"""Queries to the recommender, and its recommendations with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, InstanceOf

from index.arrays import Float32Array
from recsys.catalog import Track
from recsys.recommendation import controls
from recsys.recommendation.controls import Controls

SeedKind = Literal["track", "artist", "tag", "sound"]
Fallback = Literal["track", "artist", "tags", "popular"]
ReasonKind = Literal[
    "seed",
    "listens",
    "artist",
    "tag",
    "listeners",
    "familiar",
    "dislike",
    "popular",
    "typical",
    "same_artist",
    "same_album",
    "related_artists",
    "sound",
    "audience",
    "habits",
]
LARGEST_ID = controls.LARGEST_ID
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-6, 1e6  # of a seed: what scores are made of stays a float32


@dataclass(frozen=True)
class _KindOfReason:
    """How a reason of a kind is written, and the fallback that it belongs to.

    positive, negative  of a track that it raises, and lowers; {} is the reason's name
    others              the name of the sum of those too small to list
    """

    positive: str
    negative: str
    others: str = ""
    fallback: Fallback | None = None


KINDS: Mapping[ReasonKind, _KindOfReason] = {
    "seed": _KindOfReason("sounds like {}", "unlike {}", "the other seeds", "track"),
    "listens": _KindOfReason("you play {}", "unlike {}, which you play", "other things", "track"),
    "artist": _KindOfReason("sounds like {}", "unlike {}", "other artists", "artist"),
    "tag": _KindOfReason("{}", "not much {}", "other tags", "tags"),
    "listeners": _KindOfReason(
        "played by people who play {}", "rarely played by people who play {}", "the same", "track"
    ),
    "familiar": _KindOfReason("how familiar it is", "how familiar it is"),
    "dislike": _KindOfReason("sounds like {}", "like {}, which you want less of", "other things"),
    "popular": _KindOfReason("many play it", "few play it", fallback="popular"),
    "typical": _KindOfReason(
        "typical of the library", "unusual for the library", fallback="popular"
    ),
    "same_artist": _KindOfReason("you play this artist", "you play little of this artist"),
    "same_album": _KindOfReason("you play this album", "you play little of this album"),
    "related_artists": _KindOfReason(
        "its artist goes with those you play", "its artist rarely goes with those you play"
    ),
    "sound": _KindOfReason("sounds like what you play", "unlike what you play"),
    "audience": _KindOfReason("how many play it", "how few or many play it"),
    "habits": _KindOfReason("suits how you listen", "suits less how you listen"),
}


@dataclass(frozen=True)
class Seed:
    """Something that recommendations are to be like, or unlike where its weight is negative.

    kind    "track", an id of the catalogue; "artist", a name; "tag", a genre of the files or a tag
            of the taggers; "sound", a file outside the library, named by `ref`
    weight  from LEAST_WEIGHT to LARGEST_WEIGHT, or the negative of such a number. Among seeds to be
            like, the proportions of the weights matter; one to be unlike pushes down with its
            weight, at most with 1
    vector  of a "sound" alone: its embedding, float32 (dim,)
    """

    kind: SeedKind
    ref: int | str
    weight: float = 1.0
    vector: Float32Array | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        wanted = int if self.kind == "track" else str
        if not isinstance(self.ref, wanted) or isinstance(self.ref, bool):
            raise ValueError(f"ref of a {self.kind}: wanted {wanted.__name__}, got {self.ref!r}")
        if isinstance(self.ref, int) and not 0 <= self.ref <= LARGEST_ID:
            wanted_ids = f"an id from 0 to {LARGEST_ID}"
            raise ValueError(f"ref of a track: wanted {wanted_ids}, got {self.ref}")
        if isinstance(self.ref, str) and not self.ref.strip():
            raise ValueError(f"ref of a {self.kind}: wanted a name, got an empty one")
        if not LEAST_WEIGHT <= abs(self.weight) <= LARGEST_WEIGHT:
            raise ValueError(
                f"weight of {self.ref!r}: wanted a number from {LEAST_WEIGHT:f} to "
                f"{LARGEST_WEIGHT:.0f}, or below 0 to be unlike, got {self.weight}"
            )
        if (self.vector is not None) != (self.kind == "sound"):
            raise ValueError(
                f"vector of {self.ref!r}: wanted one for a sound, and for nothing else"
            )


class Query(Controls):
    """A query: for which listener, like what, and with which controls.

    listener  id of a listener, whose dislikes and skips push down what sounds like them, and whose
              listens and likes recommendations are to be like, unless tracks, artists or sounds
              among the seeds replace them
    seeds     what recommendations are to be like and unlike. Tracks among them are not
              recommended, but listed first with `include_seeds`; those of an artist may be

    Raises pydantic's ValidationError, a ValueError, for controls out of their bounds.
    """

    listener: int | None = None
    seeds: Annotated[tuple[InstanceOf[Seed], ...], BeforeValidator(tuple)] = ()

    @property
    def leaves_out_played(self) -> bool:
        """Whether what the listener has played is left out."""
        return self.discovery >= 0.5 if self.exclude_played is None else self.exclude_played

    @classmethod
    def like(cls, tracks: Sequence[int], unlike: Sequence[int] = (), **controls: Any) -> Self:
        """Make a query for what sounds like some tracks and unlike others, given by their ids.

        >>> [seed.weight for seed in Query.like([7, 8], unlike=[9]).seeds]
        [1.0, 1.0, -1.0]
        """
        positive = [Seed("track", int(track_id)) for track_id in tracks]
        negative = [Seed("track", int(track_id), -1.0) for track_id in unlike]
        return cls(seeds=(*positive, *negative), **controls)


@dataclass(frozen=True)
class Reason:
    """What a part of a score comes from; the amounts of all reasons add up to the score.

    kind    "seed": sounds like a seed (`ref`: a track's id, or the name of a sound)
            "listens": sounds like what the listener played or likes (id)
            "artist": sounds like an artist asked for, or played by the listener (name)
            "tag": stands out in a tag (name)
            "listeners": whoever plays the same plays this too (id of what both play, or None)
            "familiar": known to the listener, or new to them (None)
            "dislike": sounds like what is to be avoided (id or name)
            "popular": many play it (None); "typical": the library sounds so (None)
            by the ranker (None): "same_artist" and "same_album": what is played of these;
            "related_artists": artists played together; "sound": like what is played; "audience":
            how many play the track and its artist; "habits": how many tracks and artists are played
            `ref` is None too for the sum of those of one kind that are too small to list.
    amount  in the library's standard deviations, like the score
    name    what `ref` is called: a track's title, an artist, a tag; "" for None
    """

    kind: ReasonKind
    ref: int | str | None
    amount: float
    name: str = ""

    @property
    def words(self) -> str:
        """The reason in words, without the amount.

        >>> Reason("listens", 7, 0.8, "Blue").words, Reason("listens", None, 0.1).words
        ('you play Blue', 'you play other things')
        """
        kind = KINDS[self.kind]
        sentence = kind.positive if self.amount >= 0 else kind.negative
        return sentence.format(self.name or kind.others)


@dataclass(frozen=True)
class Recommendation:
    """A recommended track.

    rank        from 1
    score       in standard deviations above the library's typical track: the sum of the reasons
    similarity  0 to 1: how much it sounds like the nearest of the seeds or listens, as the share
                of random pairs of the library whose cosine is less; 0 without any
    evidence    0 to 1: how much of its listening factors rests on listens, not on its sound; 0
                where no listening model took part
    fallback    what the recommendation is based on: the kind of its greatest reason
    """

    rank: int
    track: Track
    score: float
    similarity: float
    evidence: float
    fallback: Fallback
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class RecommendedList:
    """A list of recommendations.

    recommendations  best first
    fallback         the most direct of what the query could be based on
    notices          sentences for a person: what could not be used, what the list is based on, and
                     why it is shorter than asked for
    """

    recommendations: tuple[Recommendation, ...]
    fallback: Fallback
    notices: tuple[str, ...] = ()
