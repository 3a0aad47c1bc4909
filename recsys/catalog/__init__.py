"""The catalogue: what is known of the library, in a database."""

from recsys.catalog.catalog import Catalog
from recsys.catalog.database import CatalogError
from recsys.catalog.lock import BuildRunning
from recsys.catalog.sightings import Sighting
from recsys.catalog.tracks import Counts, KnownFile, Label, Status, Tags, Track

__all__ = [
    "BuildRunning",
    "Catalog",
    "CatalogError",
    "Counts",
    "KnownFile",
    "Label",
    "Sighting",
    "Status",
    "Tags",
    "Track",
]
