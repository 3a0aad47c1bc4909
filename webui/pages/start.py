"""What a first mix may begin with: tracks, activities, moods, the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys.catalog import Track
from recsys.served_home import Served
from webui.listening import listening
from webui.pages.imports import n_others_histories

N_TRACKS = 8  # each of another artist
N_MOODS = 10
# Of the taggers' tags, in the order in which they are offered.
MOODS = (
    *(
        "chillout",
        "happy",
        "beautiful",
        "party",
        "ambient",
        "sad",
        "mellow",
        "slow",
        "fast",
        "soft",
    ),
    *("loud", "quiet", "catchy", "easy listening", "sexy", "dance", "weird"),
)


@dataclass(frozen=True)
class Invitation:
    """Where a first mix may begin."""

    tracks: tuple[Track, ...]
    activities: tuple[str, ...]
    moods: tuple[str, ...]
    has_map: bool
    histories: int  # in the library, of nobody yet


def invitation(served: Served) -> Invitation:
    """Return tracks spread over the library's artists, and moods that some tracks have."""
    known = {tag.casefold(): tag for tag in served.similar.tags}
    moods = (known[mood] for mood in MOODS if mood in known and served.recommender.tagged(mood))
    return Invitation(
        tuple(served.catalog.tracks(_spread(served))),
        activities(served),
        tuple(mood for _, mood in zip(range(N_MOODS), moods, strict=False)),
        served.map.read() is not None,
        n_others_histories(served),
    )


def activities(served: Served) -> tuple[str, ...]:
    """Return the names of the moods and activities that a mix can be made for."""
    return tuple(mood.name for mood in served.recommender.tags_of(None).moods)


def is_unknown(served: Served, listener_id: int | None) -> bool:
    """Return whether nothing is known of the listener who asks: no listens, no feedback."""
    if listener_id is None:
        return True
    return not listening(served).plays and not served.catalog.feedback(listener_id)


def _spread(served: Served) -> list[int]:
    """Return the ids of one track each of several artists, evenly over all artists."""
    table = served.recommender.track_table()
    rows = np.flatnonzero(table.available)
    _, first = np.unique(table.artists[rows], return_index=True)
    one_each = rows[first]
    picked = np.linspace(0, len(one_each) - 1, min(N_TRACKS, len(one_each))).round().astype(int)
    ids: list[int] = table.ids[one_each[picked]].tolist()
    return ids
