"""The labels in the files' tags that a head may be trained on, without what says nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recsys.catalog import Catalog
from recsys.catalog.search import fold
from recsys.evaluation.labels import SEPARATOR, catalogue_labels, split_labels

MAX_SHARE = 0.5  # of the labelled tracks: a commoner label does not tell tracks apart
# Names that stand for no artist, album or genre, as `recsys.catalog.search.fold` has them.
PLACEHOLDERS = frozenset(
    fold(name)
    for name in (
        *("Various Artists", "Various", "Various Artist", "VA", "V.A.", "V/A", "Verschiedene"),
        *("Verschiedene Interpreten", "Artistes divers", "Divers", "Artisti vari", "Varios"),
        *("Varios artistas", "Vários artistas", "Compilation", "Compilations", "Sampler"),
        *("Unknown", "Unknown Artist", "<unknown>", "[unknown]", "(unknown)", "Unbekannt"),
        *("Unbekannter Interpret", "Artiste inconnu", "Artista desconocido", "No Artist"),
        *("[no artist]", "None", "N/A", "Artist", "Interpret", "Untitled", "Unknown Album"),
        *("Unknown Genre", "Other", "Misc", "Miscellaneous", "Genre", "Track", "Music"),
        *("Soundtrack", "OST", "Default", "Various Composers", "-", "?", "???", "."),
    )
)


def trusted_labels(catalog: Catalog) -> pd.DataFrame:
    """Return artist, album and genre of the tags, indexed by track id; empty where unknown.

    Left out are names that stand for none ("Various Artists", "Unknown"), labels that more than
    MAX_SHARE of the labelled tracks have, and the albums of unknown artists. Equal names of albums
    of different artists are different albums.
    """
    table = catalogue_labels(catalog)[["artist", "album", "genre"]].copy()
    table["artist"] = [_known(text) for text in table["artist"]]
    table["genre"] = [_known(text) for text in table["genre"]]
    albums = [
        f"{artist} – {album}" if artist and fold(album) not in PLACEHOLDERS and album else ""
        for artist, album in zip(table["artist"], table["album"], strict=True)
    ]
    table["album"] = [album.replace(SEPARATOR, "/") for album in albums]
    for column in table.columns:
        counts = table[column][table[column] != ""].value_counts()
        common = counts.index[counts > MAX_SHARE * counts.sum()]
        table[column] = np.where(table[column].isin(common), "", table[column])
    return table


def _known(text: str) -> str:
    """Return the labels of a text that stand for something."""
    return SEPARATOR.join(name for name in split_labels(text) if fold(name) not in PLACEHOLDERS)
