"""The catalogue: tracks, features, listeners and their listens, in a database."""

from recsys.catalog.base import LONGEST_NAME, is_name, is_storable
from recsys.catalog.catalog import PATIENCE, Catalog
from recsys.catalog.database import (
    NO_RIGHT,
    NO_ROOM,
    CatalogBusy,
    CatalogError,
    CatalogFull,
    CatalogReadOnly,
)
from recsys.catalog.examples import TagExamples
from recsys.catalog.feedback import Feedback, FeedbackKind, Opinion
from recsys.catalog.histories import History, StoredListen, TrackPlays
from recsys.catalog.leases import LeaseLost
from recsys.catalog.listens import Listen, Listener, MatchCounts, PlayCount, StoredCounts
from recsys.catalog.lock import BuildRunning
from recsys.catalog.marks import Mark, MarkedKind
from recsys.catalog.people import Account, AccountError, ApiKey, KeyKind, Role
from recsys.catalog.play_queues import PlayQueue
from recsys.catalog.playlists import LONGEST_PLAYLIST, PlaylistChanged, StoredPlaylist
from recsys.catalog.recordings import Match, MatchLevel, Recording, StoredRecording
from recsys.catalog.renewals import (
    PlaylistRenews,
    Renewal,
    RenewalPlan,
    RenewedList,
)
from recsys.catalog.scanned_files import ScannedFile
from recsys.catalog.totals import Totals
from recsys.catalog.tracks import (
    AlbumTrack,
    Counts,
    KnownFile,
    PlacedTrack,
    Status,
    Tags,
    Track,
    TrackNames,
    TrackSummary,
)

__all__ = [
    "LONGEST_NAME",
    "LONGEST_PLAYLIST",
    "NO_RIGHT",
    "NO_ROOM",
    "PATIENCE",
    "Account",
    "AccountError",
    "AlbumTrack",
    "ApiKey",
    "BuildRunning",
    "Catalog",
    "CatalogBusy",
    "CatalogError",
    "CatalogFull",
    "CatalogReadOnly",
    "Counts",
    "Feedback",
    "FeedbackKind",
    "History",
    "KeyKind",
    "KnownFile",
    "LeaseLost",
    "Listen",
    "Listener",
    "Mark",
    "MarkedKind",
    "Match",
    "MatchCounts",
    "MatchLevel",
    "Opinion",
    "PlacedTrack",
    "PlayCount",
    "PlayQueue",
    "PlaylistChanged",
    "PlaylistRenews",
    "Recording",
    "Renewal",
    "RenewalPlan",
    "RenewedList",
    "Role",
    "ScannedFile",
    "Status",
    "StoredCounts",
    "StoredListen",
    "StoredPlaylist",
    "StoredRecording",
    "TagExamples",
    "Tags",
    "Totals",
    "Track",
    "TrackNames",
    "TrackPlays",
    "TrackSummary",
    "is_name",
    "is_storable",
]
