"""The catalogue: what is known of the library and its listeners, in a database."""

from recsys.catalog.catalog import Catalog
from recsys.catalog.database import CatalogError
from recsys.catalog.examples import TagExamples
from recsys.catalog.feedback import Feedback, FeedbackKind, Opinion
from recsys.catalog.histories import History, KeptListen, Plays
from recsys.catalog.listens import Listen, Listener, Matched, PlayCount, Stored, is_name
from recsys.catalog.lock import BuildRunning
from recsys.catalog.people import Account, AccountError, ApiKey, Role
from recsys.catalog.playlists import LONGEST_PLAYLIST, KeptPlaylist, PlaylistChanged
from recsys.catalog.recordings import KeptRecording, Match, MatchLevel, Recording
from recsys.catalog.sightings import Sighting
from recsys.catalog.totals import Totals
from recsys.catalog.tracks import Counts, KnownFile, Label, Status, Tags, Track

__all__ = [
    "LONGEST_PLAYLIST",
    "Account",
    "AccountError",
    "ApiKey",
    "BuildRunning",
    "Catalog",
    "CatalogError",
    "Counts",
    "Feedback",
    "FeedbackKind",
    "History",
    "KeptListen",
    "KeptPlaylist",
    "KeptRecording",
    "KnownFile",
    "Label",
    "Listen",
    "Listener",
    "Match",
    "MatchLevel",
    "Matched",
    "Opinion",
    "PlayCount",
    "PlaylistChanged",
    "Plays",
    "Recording",
    "Role",
    "Sighting",
    "Status",
    "Stored",
    "TagExamples",
    "Tags",
    "Totals",
    "Track",
    "is_name",
]
