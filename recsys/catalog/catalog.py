"""`Catalog`: all access to the database; the only place that opens a session."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from encoders.errors import AudioError
from encoders.features import Descriptors, TrackFeatures
from recsys.catalog import (
    comparisons,
    descriptors,
    examples,
    features,
    feedback,
    histories,
    levels,
    listens,
    marks,
    play_queues,
    playlists,
    recordings,
    renewals,
    scanned_files,
    totals,
    tracks,
)
from recsys.catalog.base import State, batches, locked_state, shown
from recsys.catalog.comparisons import Verdicts
from recsys.catalog.database import (
    CatalogError,
    CatalogFull,
    CatalogReadOnly,
    busy,
    database_url,
    explained,
    file_of,
    full,
    migrate,
    only_readable,
    open_engine,
    read_only,
    reading_once,
    unwritable,
    writing,
)
from recsys.catalog.database_lock import DatabaseLock
from recsys.catalog.examples import TagExamples
from recsys.catalog.feedback import Feedback, FeedbackKind, Opinion
from recsys.catalog.histories import History, StoredListen, TrackPlays
from recsys.catalog.listens import Listen, Listener, MatchCounts, PlayCount, StoredCounts
from recsys.catalog.lock import LOCK_NAME, exclusive
from recsys.catalog.marks import Mark, MarkedKind
from recsys.catalog.people import People
from recsys.catalog.play_queues import PlayQueue
from recsys.catalog.playlists import StoredPlaylist
from recsys.catalog.recordings import ListeningState, Match, Recording, StoredRecording
from recsys.catalog.renewals import Renewals
from recsys.catalog.scanned_files import ScannedFile
from recsys.catalog.totals import Totals
from recsys.catalog.tracks import (
    AlbumTrack,
    Counts,
    KnownFile,
    PlacedTrack,
    Tags,
    Track,
    TrackNames,
    TrackSummary,
)
from recsys.catalog.turns import NoTurn, Turns
from recsys.catalog.word_search import FullTextSearch
from recsys.interactions import Interactions

# Of the one row. Every request reads them, and so without a session.
_TRACK_REVISION = f"SELECT {State.track_revision.key} FROM {State.__tablename__}"
_LISTENS_REVISION = f"SELECT {ListeningState.revision.key} FROM {ListeningState.__tablename__}"
PATIENCE = 30.0  # s
_ROWS_PER_BATCH = 500
_MAX_RECORDING_IDS = 100_000  # that are cached


class Catalog:
    """The tracks of a library and their features, in a database.

    Safe to use from several threads and beside another process that writes; each call is one
    short transaction. Every method raises CatalogError where the database does.
    """

    def __init__(
        self,
        home: Path,
        database: str | None = None,
        *,
        patience: float = PATIENCE,
        most_waiting: int | None = None,
    ) -> None:
        """Open the catalogue, making `home` and migrating the schema where needed.

        `database` is an SQLAlchemy URL, None for `catalogue.db` in the home; `patience` is how
        many seconds to wait for another writer, and `most_waiting` how many threads may, None for
        any number. Where the catalogue may only be read, it is read, and what writes raises
        CatalogReadOnly; so it is on a full disk, and what writes raises CatalogFull.
        """
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(
                error,
                f"The home {shown(home)} cannot be made: {error.strerror}. Choose another one.",
            ) from error
        self.home = home
        self._url = database_url(home, database)
        self._patience = patience
        self._only_readable = only_readable(self._url)
        self._is_full = False  # as far as was known when it was opened
        self._engine = open_engine(self._url, patience, for_reading=self._only_readable)
        self._build_lock = DatabaseLock(self._engine)
        self._turns = Turns(patience, most_waiting)
        self._word_search = FullTextSearch()
        self._recording_ids: dict[Recording, int] = {}
        self.people = People(self._reading, self._writing, home)
        self.renewals = Renewals(self._reading, self._writing)
        try:
            self._migrate()
        except CatalogError:
            self._engine.dispose()
            raise
        self._once = reading_once(self._engine)

    def _migrate(self) -> None:
        """Bring the schema to this version's; where there is no room at all, only read."""
        try:
            with explained(self._url, self._patience):
                migrate(self._engine)
        except CatalogFull:
            if file_of(self._url) is None:
                raise
            self._engine.dispose()
            self._is_full = True
            self._engine = open_engine(self._url, self._patience, is_full=True)
            with self._explained():
                migrate(self._engine)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the errors of writing into CatalogErrors."""
        try:
            with explained(self._url, self._patience):
                yield
        except CatalogReadOnly as error:
            if self._is_full:
                raise full(self._url) from error
            raise

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with explained(self._url, self._patience), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        if self._only_readable:
            raise read_only(self._url)
        try:
            with (
                self._turns.turn(),
                self._explained(),
                Session(writing(self._engine)) as session,
                session.begin(),
            ):
                self._build_lock.keep(session)
                yield session
        except NoTurn:
            raise busy(self._url, self._patience) from None

    # Reading

    @property
    def revision(self) -> int:
        """A number that rises with every change of what an index is built from."""
        with self._reading() as session:
            return session.get_one(State, 1).revision

    @property
    def track_revision(self) -> int:
        """A number that rises with every change of tags, presence, or what is one recording."""
        return self._number(_TRACK_REVISION)

    def _number(self, statement: str) -> int:
        """Return what one statement selects."""
        with explained(self._url, self._patience), self._once.connect() as connection:
            found: int = connection.exec_driver_sql(statement).scalar_one()
            return found

    def counts(self) -> Counts:
        """Count the tracks by status."""
        with self._reading() as session:
            return tracks.counts(session)

    def files(self) -> dict[Path, KnownFile]:
        """Return every file of the catalogue, removed ones included.

        Of a file that holds several tracks, the first that is available.
        """
        found: dict[Path, KnownFile] = {}
        for path, row in self.rows_of_files():
            known = found.get(path)
            if known is None or (row.removed, row.part) < (known.removed, known.part):
                found[path] = row
        return found

    def rows_of_files(self) -> Iterator[tuple[Path, KnownFile]]:
        """Yield each known file, or part of one, with its path, removed ones included."""
        with self._reading() as session:
            yield from tracks.files(session)

    def files_at(self, paths: Iterable[Path]) -> dict[Path, dict[int, KnownFile]]:
        """Return what these files hold, by the numbers of their parts, removed ones included."""
        with self._reading() as session:
            return tracks.files_at(session, paths)

    def track(self, track_id: int) -> Track | None:
        """Return one track, also a removed one; None for an unknown id."""
        return next(iter(self.tracks([track_id])), None)

    def tracks(self, ids: Iterable[int]) -> list[Track]:
        """Return the tracks of these ids in this order, leaving out unknown ids."""
        with self._reading() as session:
            return tracks.by_ids(session, [int(track_id) for track_id in ids])

    def titles(self, ids: Iterable[int]) -> dict[int, str]:
        """Return the titles of the tracks of these ids, without unknown ids."""
        with self._reading() as session:
            return tracks.titles(session, ids)

    def at_paths(self, paths: Iterable[Path]) -> dict[Path, list[PlacedTrack]]:
        """Return the available tracks at these paths, those of one file in their order."""
        with self._reading() as session:
            return tracks.at_paths(session, paths)

    def available_tracks(self) -> Iterator[Track]:
        """Yield every track whose file is there, by id."""
        last = 0
        while True:
            batch = self.available_after(last, _ROWS_PER_BATCH)
            if not batch:
                return
            yield from batch
            last = batch[-1].id

    def by_artist(self, name: str) -> list[int]:
        """Return the ids of the available tracks of an artist with exactly this name, ascending."""
        with self._reading() as session:
            return tracks.by_artist(session, name)

    def available_after(self, track_id: int, limit: int) -> list[Track]:
        """Return the next `limit` tracks whose file is there, by id."""
        with self._reading() as session:
            return tracks.available_after(session, track_id, limit)

    def track_summaries(self) -> Iterator[TrackSummary]:
        """Yield the metadata of each available track by which lists are filtered, by id."""
        with self._reading() as session:
            yield from tracks.summaries(session)

    def track_names(self) -> list[TrackNames]:
        """Return the names of each available track, by id."""
        with self._reading() as session:
            return tracks.names(session)

    def album_tracks(self) -> list[AlbumTrack]:
        """Return what albums and artists are made of, of each available track, by id."""
        with self._reading() as session:
            return tracks.album_tracks(session)

    def undescribed(self, methods: Collection[str]) -> list[int]:
        """Return the ids of the analysed tracks without descriptors by `methods`, by id.

        Of several tracks with equal audio only the first is returned.
        """
        with self._reading() as session:
            return tracks.undescribed(session, methods)

    def describe(self, by_audio: Mapping[str, Descriptors], *, renews: bool = False) -> None:
        """Write the descriptors of audio, by its hash, replacing earlier ones.

        With `renews`, who has read the tracks reads them again.
        """
        with self._writing() as session:
            state = locked_state(session)
            descriptors.store(session, by_audio)
            state.track_revision += renews

    def failures(self, *, after: int = 0, limit: int | None = None) -> list[Track]:
        """Return the next tracks whose file cannot be analysed, by id; `error` says why."""
        with self._reading() as session:
            return tracks.failures(session, after, limit)

    def verdicts(self) -> Verdicts:
        """Return which audios were compared, by hash, and whether they are one recording."""
        with self._reading() as session:
            return comparisons.verdicts(session)

    def record_verdicts(self, verdicts: Mapping[tuple[str, str], bool]) -> None:
        """Write verdicts, by two audio hashes, the lower one first, in one transaction."""
        with self._writing() as session:
            comparisons.record(session, verdicts)

    def with_undeclared_tags(self) -> list[Track]:
        """Return the available tracks whose tags do not say their encoding, by path."""
        with self._reading() as session:
            return tracks.with_undeclared_tags(session)

    def totals(self) -> Totals:
        """Return the totals of the catalogue: artists, albums, listens, ..."""
        with self._reading() as session:
            return totals.totals(session)

    def copies(self, limit: int) -> list[list[Track]]:
        """Return groups of available files with equal audio, the largest first."""
        with self._reading() as session:
            return totals.copies(session, limit)

    def search(self, words: str, limit: int = 10) -> list[Track]:
        """Search available tracks by words of title, artist, album and genres, allowing typos.

        Best first; empty where nothing matches.
        """
        with self._reading() as session:
            return tracks.by_ids(session, self._word_search.search(session, words, limit))

    def recording_groups(self) -> dict[int, int]:
        """Return the lowest id of a recording's available tracks, for those of several tracks."""
        with self._reading() as session:
            return tracks.recording_groups(session)

    # Features

    def pending(self, extractor: str) -> list[tuple[int, Path]]:
        """Return id and path of the available tracks to be analysed, by id.

        Of several tracks with equal audio only the first is returned: its features are stored for
        all. Where its analysis fails, the next call returns the next one.
        """
        with self._reading() as session:
            return features.pending(session, extractor)

    def extractors(self) -> list[str]:
        """Return the names of all extractors with stored features, sorted."""
        with self._reading() as session:
            return features.extractors(session)

    def ready_ids(self, extractor: str) -> list[int]:
        """Return the ids of the available tracks that have features, ascending."""
        with self._reading() as session:
            return features.ready_ids(session, extractor)

    def iter_features(
        self, extractor: str, ids: Iterable[int] | None = None
    ) -> Iterator[tuple[int, TrackFeatures]]:
        """Yield the features of `ids`, or of all of `ready_ids`, by id.

        Tracks without features, or with damaged ones, are left out.
        """
        wanted = self.ready_ids(extractor) if ids is None else sorted({int(i) for i in ids})
        for track_id, track_features in self._unpacked(extractor, wanted):
            if track_features is not None:
                yield track_id, track_features

    def _unpacked(
        self, extractor: str, ids: Sequence[int]
    ) -> Iterator[tuple[int, TrackFeatures | None]]:
        """Yield the features of `ids`, None for damaged ones."""
        for batch in batches(ids, _ROWS_PER_BATCH):
            with self._reading() as session:
                rows = features.packed(session, extractor, batch)
            for track_id, blob, checksum in rows:
                yield track_id, features.unpack(blob, checksum)

    def store_features(
        self, extractor: str, results: Iterable[tuple[int, TrackFeatures | AudioError]]
    ) -> None:
        """Write a batch of features, or of errors, in one transaction.

        Features are stored for all tracks with the same audio; an error marks its own track only.
        """
        by_track: dict[int, TrackFeatures] = {}
        errors: list[tuple[int, AudioError]] = []
        for track_id, result in results:
            if isinstance(result, AudioError):
                errors.append((int(track_id), result))
            else:
                by_track[int(track_id)] = result
        with self._writing() as session:
            state = locked_state(session)
            features.fail(session, errors)
            features.store(session, extractor, by_track)
            state.revision += 1

    def drop_damaged_features(self, extractor: str) -> int:
        """Delete features that cannot be read, so that they are pending again; return how many."""
        with self._reading() as session:
            ids = features.ids(session, extractor)
        damaged = [i for i, unpacked in self._unpacked(extractor, ids) if unpacked is None]
        if damaged:
            with self._writing() as session:
                state = locked_state(session)
                features.drop(session, damaged, extractor)
                features.refresh_status(session, damaged)
                state.revision += 1
        return len(damaged)

    def levels(self, audio_hash: str) -> bytes | None:
        """Return how loud an audio is over its length, a byte a part; None: not known yet.

        Empty where it cannot be decoded. See `encoders.levels.read_levels`.
        """
        with self._reading() as session:
            return levels.read(session, audio_hash)

    def store_levels(self, by_hash: Mapping[str, bytes]) -> None:
        """Write levels by audio hash; known ones stay."""
        with self._writing() as session:
            levels.store(session, by_hash)

    # Listens

    @property
    def listens_revision(self) -> int:
        """A number that rises with each change of listens, feedback, matches or personal tags."""
        return self._number(_LISTENS_REVISION)

    def listeners(self) -> list[Listener]:
        """Return all listeners, by name."""
        with self._reading() as session:
            return listens.listeners(session)

    def listener(self, name: str, *, create: bool = False) -> Listener | None:
        """Return a listener by name, or None; with `create`, create the listener instead.

        Raises ValueError for an invalid name of a new listener.
        """
        with self._reading() as session:
            listener = listens.listener(session, name)
        if listener is not None or not create:
            return listener
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            listens.ensure_ids(session, [name])
            return listens.listener(session, name)

    def listener_id(self, name: str) -> int | None:
        """Return the id of a listener, without counting listens: every request asks for it."""
        with explained(self._url, self._patience), self._once.connect() as connection:
            return listens.listener_id(connection, name)

    def record_listens(self, listener_id: int, plays: Sequence[tuple[int, int]]) -> None:
        """Insert listens made here, (track_id, Unix seconds); stored ones are ignored.

        Raises KeyError for an unknown listener or track.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            listens.record(session, int(listener_id), plays)

    def set_feedback(
        self, listener_id: int, track_id: int, kind: FeedbackKind | None, at: int
    ) -> None:
        """Write a listener's feedback on a track at a time in Unix seconds, None to withdraw it.

        Later feedback replaces earlier feedback, but a skip never a like or a dislike.
        Raises KeyError for an unknown listener or track.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            feedback.set_feedback(session, int(listener_id), int(track_id), kind, int(at))

    def examples(self, listener_id: int) -> list[TagExamples]:
        """Return the personal tags of a listener, with their examples among available tracks."""
        with self._reading() as session:
            return examples.examples(session, int(listener_id))

    def teach(self, listener_id: int, tag: str, marks: Iterable[tuple[int, bool | None]]) -> None:
        """Write examples of a listener's tag, (track_id, whether it fits), None to remove one.

        Raises KeyError for an unknown listener or track, ValueError for an invalid tag.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            examples.teach(session, int(listener_id), tag, marks)

    def forget_tag(self, listener_id: int, tag: str) -> bool:
        """Delete a listener's tag with its examples; return whether there was one."""
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            return examples.forget(session, int(listener_id), tag)

    def store_listening(self, events: Sequence[Listen | PlayCount | Opinion]) -> StoredCounts:
        """Write a batch of a listening history in one transaction, ignoring what is stored already.

        Raises ValueError for an invalid name of a listener.
        """
        if len(self._recording_ids) > _MAX_RECORDING_IDS:
            self._recording_ids = {}
        cached = self._recording_ids  # recordings are never deleted, their ids never changed
        opinions = [event for event in events if isinstance(event, Opinion)]
        others = [event for event in events if not isinstance(event, Opinion)]
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            new = recordings.ensure_ids(
                session, (event.recording for event in events if event.recording not in cached)
            )
            ids = ChainMap(new, cached)
            stored = listens.store(session, others, ids) + feedback.store(session, opinions, ids)
        cached.update(new)
        return stored

    def recordings_after(self, recording_id: int, limit: int) -> list[StoredRecording]:
        """Return the next `limit` recordings by id, with their matches."""
        with self._reading() as session:
            return recordings.stored_after(session, recording_id, limit)

    def begin_matching(self) -> int:
        """Return the id up to which recordings have been matched against the present library."""
        with self._writing() as session:
            return recordings.begin_matching(session)

    def set_matches(self, matches: Mapping[int, Match | None], *, upto: int = 0) -> None:
        """Write the matches of recordings, and that those up to an id have been matched."""
        with self._writing() as session:
            recordings.set_matches(session, matches, upto)

    def match_by_items(self) -> int:
        """Match nameless recordings by others of the same identifier; return how many changed."""
        with self._writing() as session:
            return recordings.match_by_items(session)

    def match_counts(self) -> list[MatchCounts]:
        """Count recordings and listens by kind and level of match, most listens first."""
        with self._reading() as session:
            return listens.match_counts(session)

    def unmatched(self, limit: int) -> list[tuple[Recording, int]]:
        """Return the recordings without a match and their listens, most first."""
        with self._reading() as session:
            return listens.unmatched(session, limit)

    def interactions(self) -> Interactions:
        """Return the plays of all listeners of the available tracks that are ready.

        Listeners without such listens are left out. `times` are 0 where none are known.
        """
        with self._reading() as session:
            return histories.interactions(session)

    def history(self, listener_id: int) -> History:
        """Return one listener's plays of the available tracks."""
        with self._reading() as session:
            return histories.history(session, int(listener_id))

    def plays(self, listener_id: int, track_id: int, limit: int = 10) -> TrackPlays:
        """Return how often one listener listened to one track, and the last `limit` times."""
        with self._reading() as session:
            return histories.plays(session, int(listener_id), int(track_id), limit)

    def listens_before(
        self, listener_id: int, before: tuple[int, int] | None, limit: int
    ) -> list[StoredListen]:
        """Return the next `limit` listens of a listener with a time, the latest first.

        `before` is (listened_at, recording_id) of the last one seen, None to begin.
        """
        with self._reading() as session:
            return histories.listens_before(session, int(listener_id), before, limit)

    def artists_missing(self, listener_id: int) -> list[tuple[str, int]]:
        """Return the artists of a listener's unmatched recordings and their listens, most first."""
        with self._reading() as session:
            return histories.artists_missing(session, int(listener_id))

    def feedback(self, listener_id: int) -> list[Feedback]:
        """Return a listener's feedback on the available tracks, by id of the track."""
        with self._reading() as session:
            return feedback.feedback(session, int(listener_id))

    def feedback_on(self, listener_id: int, track_id: int) -> Feedback | None:
        """Return a listener's feedback on one available track, None without any."""
        with self._reading() as session:
            found = feedback.feedback(session, int(listener_id), int(track_id))
            return found[0] if found else None

    # Stars and ratings

    def marks(self, listener_id: int) -> list[Mark]:
        """Return a listener's stars and ratings of tracks, albums and artists."""
        with self._reading() as session:
            return marks.marks(session, int(listener_id))

    def star(
        self, listener_id: int, items: Iterable[tuple[MarkedKind, str]], at: int, *, on: bool
    ) -> None:
        """Give or take a listener's stars at a time in Unix seconds, all or none.

        A star of a track is a like. Raises KeyError for an unknown listener or track.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            for kind, item in items:
                marks.star(session, int(listener_id), kind, item, int(at), on=on)

    def rate(
        self, listener_id: int, kind: MarkedKind, item: str, rating: int | None, at: int
    ) -> None:
        """Write a listener's rating from 1 to 5 at a time in Unix seconds, None to withdraw it.

        Of a track, 4 and 5 are a like, 1 and 2 a dislike, unless it has a star. Raises KeyError for
        an unknown listener or track.
        """
        if rating is not None and not marks.LOWEST <= rating <= marks.HIGHEST:
            raise ValueError(f"a rating is from {marks.LOWEST} to {marks.HIGHEST}, got {rating}")
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            marks.rate(session, int(listener_id), kind, item, rating, int(at))

    # Play queues

    def play_queue(self, listener_id: int) -> PlayQueue | None:
        """Return the queue that a listener left off at, None where there is none."""
        with self._reading() as session:
            return play_queues.play_queue(session, int(listener_id))

    def save_play_queue(self, listener_id: int, queue: PlayQueue | None) -> None:
        """Replace a listener's queue; None or an empty one deletes it.

        Raises KeyError for an unknown listener, ValueError for a place outside the queue or a queue
        that is longer than a playlist may be.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            play_queues.save(session, int(listener_id), queue)

    # Playlists

    def playlists(
        self, listener_id: int, *, after: int = 0, limit: int | None = None
    ) -> list[StoredPlaylist]:
        """Return the playlists of a listener by id, those with ids above `after`."""
        with self._reading() as session:
            return playlists.playlists(session, int(listener_id), int(after), limit)

    def playlist(self, listener_id: int, playlist_id: int) -> StoredPlaylist | None:
        """Return a playlist of a listener, None for an unknown one."""
        with self._reading() as session:
            return playlists.playlist(session, int(listener_id), int(playlist_id))

    def save_playlist(
        self,
        listener_id: int,
        name: str,
        track_ids: Sequence[int],
        playlist_id: int | None = None,
        *,
        revision: int | None = None,
    ) -> StoredPlaylist:
        """Create a playlist, or replace the one with an id.

        With `revision`, only where it has that one, so that no other writer's change is lost.
        Raises KeyError for an unknown listener, playlist or track, ValueError for an invalid name
        or length, PlaylistChanged for another revision, PlaylistRenews for other tracks of one
        that renews itself.
        """
        ids = [int(track_id) for track_id in track_ids]
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            if playlist_id is not None:
                renewals.check_by_hand(session, int(listener_id), int(playlist_id), ids)
            return playlists.save(session, int(listener_id), name, ids, playlist_id, revision)

    def delete_playlist(
        self, listener_id: int, playlist_id: int, *, revision: int | None = None
    ) -> None:
        """Delete a playlist. Raises KeyError for an unknown one, and PlaylistChanged."""
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            renewals.forget(session, int(playlist_id))
            playlists.remove(session, int(listener_id), int(playlist_id), revision)

    # Files

    def record_files(self, files: Sequence[ScannedFile]) -> None:
        """Write scanned files in one transaction; new ids follow the order given."""
        with self._writing() as session:
            scanned_files.record_files(session, files)

    def record_tags(self, tags: Mapping[int, Tags]) -> None:
        """Write the tags of known tracks in one transaction; what was analysed stays."""
        with self._writing() as session:
            scanned_files.record_tags(session, tags)

    def supersede(self, ids: Iterable[int]) -> None:
        """Mark tracks as removed whose file holds others now; theirs stays what was theirs."""
        with self._writing() as session:
            scanned_files.supersede(session, ids)

    def set_presence(self, *, gone: Iterable[int] = (), back: Iterable[int] = ()) -> None:
        """Mark tracks as removed, and others as available again, in one transaction."""
        with self._writing() as session:
            scanned_files.set_presence(session, gone, back)

    @contextmanager
    def build_lock(self) -> Iterator[None]:
        """Hold the home for one build; the system releases it when the process dies.

        Raises BuildRunning, which names the process that holds it.
        """
        with exclusive(self.home / LOCK_NAME), self._database_lock():
            yield

    @contextmanager
    def _database_lock(self) -> Iterator[None]:
        """Hold a PostgreSQL database against builds from other homes and machines."""
        if self._engine.dialect.name != "postgresql":
            yield
            return
        with explained(self._url, self._patience):
            self._build_lock.take()
        try:
            yield
        finally:
            self._build_lock.release()
