"""Catalog: the only place that opens a session."""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from encoders.errors import AudioError
from encoders.features import TrackFeatures
from recsys.catalog import (
    examples,
    features,
    feedback,
    histories,
    listens,
    playlists,
    recordings,
    sightings,
    totals,
    tracks,
)
from recsys.catalog.base import State, batches, locked_state, shown
from recsys.catalog.database import (
    CatalogError,
    database_url,
    explained,
    migrate,
    open_engine,
    writing,
)
from recsys.catalog.examples import TagExamples
from recsys.catalog.feedback import Feedback, FeedbackKind, Opinion
from recsys.catalog.histories import History, KeptListen, Plays
from recsys.catalog.listens import Listen, Listener, Matched, PlayCount, Stored
from recsys.catalog.lock import LOCK_NAME, BuildRunning, exclusive
from recsys.catalog.people import People
from recsys.catalog.playlists import KeptPlaylist
from recsys.catalog.recordings import KeptRecording, Match, Recording
from recsys.catalog.search import WordIndex
from recsys.catalog.sightings import Sighting
from recsys.catalog.totals import Totals
from recsys.catalog.tracks import Counts, KnownFile, Label, Track
from recsys.interactions import Interactions

_TRACK_REVISION = select(State.track_revision)  # of the one row, which every answer asks for
_ROWS_PER_BATCH = 500
_RECORDINGS_KEPT = 100_000  # whose ids are remembered
_BUILD_LOCK = 0x4541525348  # of PostgreSQL, beside the lock file


class Catalog:
    """The tracks of a library and their features, in a database.

    Safe to use from several threads and beside another process that writes; each call is one
    short transaction. Every method raises CatalogError where the database does.
    """

    def __init__(self, home: Path, database: str | None = None, *, patience: float = 30.0) -> None:
        """Open the catalogue, making `home` and migrating the schema where needed.

        `database` is an SQLAlchemy URL, None for `catalogue.db` in the home; `patience` is how
        many seconds to wait for another writer.
        """
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogError(
                f"The home {shown(home)} cannot be made: {error.strerror}. Choose another one."
            ) from error
        self.home = home
        self._url = database_url(home, database)
        self._patience = patience
        self._engine = open_engine(self._url, patience)
        self._search_lock = threading.Lock()
        self._word_index = WordIndex([])
        self._word_index_revision = -1
        self._recording_ids: dict[Recording, int] = {}
        self.people = People(self._reading, self._writing)
        try:
            with explained(self._url, patience):
                migrate(self._engine)
        except CatalogError:
            self._engine.dispose()
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
        with (
            explained(self._url, self._patience),
            Session(writing(self._engine)) as session,
            session.begin(),
        ):
            yield session

    # Reading

    @property
    def revision(self) -> int:
        """A number that rises with every change that matters to an index."""
        with self._reading() as session:
            return session.get_one(State, 1).revision

    @property
    def track_revision(self) -> int:
        """A number that rises with every change of tags or presence."""
        with self._reading() as session:
            return session.scalars(_TRACK_REVISION).one()

    def counts(self) -> Counts:
        """Count the tracks by status."""
        with self._reading() as session:
            return tracks.counts(session)

    def files(self) -> dict[Path, KnownFile]:
        """Return every known file, removed ones included."""
        with self._reading() as session:
            return tracks.files(session)

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

    def at_paths(self, paths: Iterable[Path]) -> dict[Path, int]:
        """Return the ids of the tracks whose files are at these paths."""
        with self._reading() as session:
            return tracks.at_paths(session, paths)

    def living(self) -> Iterator[Track]:
        """Give every track whose file is there, by id."""
        last = 0
        while True:
            batch = self.living_after(last, _ROWS_PER_BATCH)
            if not batch:
                return
            yield from batch
            last = batch[-1].id

    def by_artist(self, name: str) -> list[int]:
        """Return the ids of the living tracks of an artist who is written just so, ascending."""
        with self._reading() as session:
            return tracks.by_artist(session, name)

    def living_after(self, track_id: int, limit: int) -> list[Track]:
        """Return the next `limit` tracks whose file is there, by id."""
        with self._reading() as session:
            return tracks.living_after(session, track_id, limit)

    def labels(self) -> list[Label]:
        """Return what a list is filtered and spaced by, of each living track, by id."""
        with self._reading() as session:
            return tracks.labels(session)

    def failures(self, *, after: int = 0, limit: int | None = None) -> list[Track]:
        """Return the next tracks whose file cannot be analysed, by id; `error` says why."""
        with self._reading() as session:
            return tracks.failures(session, after, limit)

    def totals(self) -> Totals:
        """Count artists, listens and the like."""
        with self._reading() as session:
            return totals.totals(session)

    def copies(self, limit: int) -> list[list[Track]]:
        """Return the files of recordings that have several of the very same audio, most first."""
        with self._reading() as session:
            return totals.copies(session, limit)

    def search(self, words: str, limit: int = 10) -> list[Track]:
        """Find tracks by words of title, artist, album and genres, typos forgiven.

        Best first; empty where nothing is near. Removed tracks are never found.
        """
        with self._reading() as session:
            revision = session.get_one(State, 1).track_revision
            with self._search_lock:
                if revision != self._word_index_revision:
                    self._word_index = WordIndex(tracks.words(session))
                    self._word_index_revision = revision
                index = self._word_index
            return tracks.by_ids(session, index.search(words, limit))

    def recording_groups(self) -> dict[int, int]:
        """Return, for each living track, the lowest id among the tracks of the same recording."""
        with self._reading() as session:
            return tracks.recording_groups(session)

    # Features

    def pending(self, extractor: str) -> list[tuple[int, Path]]:
        """Return id and path of the living tracks to be analysed, by id.

        Of several tracks with one audio the first is named: its features are stored for all. Where
        it fails, the next one is named by the next call.
        """
        with self._reading() as session:
            return features.pending(session, extractor)

    def extractors(self) -> list[str]:
        """Return the names of all extractors that features are kept of, sorted."""
        with self._reading() as session:
            return features.extractors(session)

    def ready_ids(self, extractor: str) -> list[int]:
        """Return the ids of the living tracks that have features, in order: an index's content."""
        with self._reading() as session:
            return features.ready_ids(session, extractor)

    def iter_features(
        self, extractor: str, ids: Iterable[int] | None = None
    ) -> Iterator[tuple[int, TrackFeatures]]:
        """Give the features of `ids`, or of all of `ready_ids`, by id.

        Tracks without features, or with damaged ones, are left out.
        """
        wanted = self.ready_ids(extractor) if ids is None else sorted({int(i) for i in ids})
        for track_id, heard in self._unpacked(extractor, wanted):
            if heard is not None:
                yield track_id, heard

    def _unpacked(
        self, extractor: str, ids: Sequence[int]
    ) -> Iterator[tuple[int, TrackFeatures | None]]:
        """Give the features of `ids`, None for damaged ones."""
        for batch in batches(ids, _ROWS_PER_BATCH):
            with self._reading() as session:
                rows = features.packed(session, extractor, batch)
            for track_id, blob, checksum in rows:
                yield track_id, features.unpack(blob, checksum)

    def store_features(
        self, extractor: str, results: Iterable[tuple[int, TrackFeatures | AudioError]]
    ) -> None:
        """Write a batch in one transaction: features, or why there are none.

        Features are stored for all tracks of the same audio; an error, a sentence, marks its own
        track alone.
        """
        heard: dict[int, TrackFeatures] = {}
        errors: list[tuple[int, AudioError]] = []
        for track_id, result in results:
            if isinstance(result, AudioError):
                errors.append((int(track_id), result))
            else:
                heard[int(track_id)] = result
        with self._writing() as session:
            state = locked_state(session)
            features.fail(session, errors)
            features.store(session, extractor, heard)
            state.revision += 1

    def drop_damaged_features(self, extractor: str) -> int:
        """Delete features that cannot be read, so that they are pending again; return how many."""
        with self._reading() as session:
            having = features.ids(session, extractor)
        damaged = [i for i, heard in self._unpacked(extractor, having) if heard is None]
        if damaged:
            with self._writing() as session:
                state = locked_state(session)
                features.drop(session, damaged, extractor)
                features.refresh_status(session, damaged)
                state.revision += 1
        return len(damaged)

    # Listens

    @property
    def listens_revision(self) -> int:
        """A number that rises with each change of listens, feedback, matches or taught tags."""
        with self._reading() as session:
            return recordings.listening_state(session).revision

    def listeners(self) -> list[Listener]:
        """Return everybody who listens, by name."""
        with self._reading() as session:
            return listens.listeners(session)

    def listener(self, name: str, *, create: bool = False) -> Listener | None:
        """Return a listener by name, None for nobody; with `create`, a new one instead of None.

        Raises ValueError for an empty or endless name where there is none.
        """
        with self._reading() as session:
            found = listens.listener(session, name)
        if found is not None or not create:
            return found
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            listens.ids_of(session, [name])
            return listens.listener(session, name)

    def record_listens(self, listener_id: int, heard: Sequence[tuple[int, int]]) -> None:
        """Write (track_id, Unix seconds) of what a listener listened to here, once each.

        Raises KeyError for an unknown listener or track.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            listens.record(session, int(listener_id), heard)

    def set_feedback(
        self, listener_id: int, track_id: int, kind: FeedbackKind | None, at: int
    ) -> None:
        """Write what a listener says of a track at a time in Unix seconds, None to take it back.

        Later words take the place of earlier ones; a skip never that of a like or a dislike.
        Raises KeyError for an unknown listener or track.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            feedback.set_feedback(session, int(listener_id), int(track_id), kind, int(at))

    def examples(self, listener_id: int) -> list[TagExamples]:
        """Return the tags that a listener has taught, and their examples among living tracks."""
        with self._reading() as session:
            return examples.examples(session, int(listener_id))

    def teach(self, listener_id: int, tag: str, said: Iterable[tuple[int, bool | None]]) -> None:
        """Write (track_id, whether it fits) of a listener's tag, None to take an example back.

        Raises KeyError for an unknown listener or track, ValueError for a tag that is no name.
        """
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            examples.teach(session, int(listener_id), tag, said)

    def forget_tag(self, listener_id: int, tag: str) -> bool:
        """Delete a listener's tag with its examples; say whether there was one."""
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            return examples.forget(session, int(listener_id), tag)

    def store_listening(self, events: Sequence[Listen | PlayCount | Opinion]) -> Stored:
        """Write a batch of a listening history in one transaction; what is known stays as it is.

        Raises ValueError for a listener's name that cannot be one.
        """
        if len(self._recording_ids) > _RECORDINGS_KEPT:
            self._recording_ids = {}
        known = self._recording_ids  # recordings are never deleted, their ids never changed
        opinions = [event for event in events if isinstance(event, Opinion)]
        others = [event for event in events if not isinstance(event, Opinion)]
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            heard = recordings.ids_of(
                session, (event.recording for event in events if event.recording not in known)
            )
            ids = ChainMap(heard, known)
            stored = listens.store(session, others, ids) + feedback.store(session, opinions, ids)
        known.update(heard)
        return stored

    def recordings_after(self, recording_id: int, limit: int) -> list[KeptRecording]:
        """Return the next `limit` recordings that were heard, by id, with their matches."""
        with self._reading() as session:
            return recordings.kept_after(session, recording_id, limit)

    def begin_matching(self) -> int:
        """Return up to which id recordings have been looked for in the library as it is now."""
        with self._writing() as session:
            return recordings.begin_matching(session)

    def set_matches(self, matches: Mapping[int, Match | None], *, upto: int = 0) -> None:
        """Write which tracks these recordings are, and that those up to an id were looked for."""
        with self._writing() as session:
            recordings.set_matches(session, matches, upto)

    def match_by_items(self) -> int:
        """Match nameless recordings by others of the same identifier; count what changed."""
        with self._writing() as session:
            return recordings.match_by_items(session)

    def matched(self) -> list[Matched]:
        """Count the recordings that were heard, and the listens, by kind and rung."""
        with self._reading() as session:
            return listens.matched(session)

    def unmatched(self, limit: int) -> list[tuple[Recording, int]]:
        """Return recordings that are no track of the library, with their listens, most first."""
        with self._reading() as session:
            return listens.unmatched(session, limit)

    def interactions(self) -> Interactions:
        """Return who listened how often to which of the tracks that are there and ready.

        Listeners without such listens are left out. `times` are 0 where none are known.
        """
        with self._reading() as session:
            return histories.interactions(session)

    def history(self, listener_id: int) -> History:
        """Return what one listener listened to, of the tracks that are there."""
        with self._reading() as session:
            return histories.history(session, int(listener_id))

    def plays(self, listener_id: int, track_id: int, limit: int = 10) -> Plays:
        """Return how often one listener listened to one track, and the last `limit` times."""
        with self._reading() as session:
            return histories.plays(session, int(listener_id), int(track_id), limit)

    def listens_before(
        self, listener_id: int, before: tuple[int, int] | None, limit: int
    ) -> list[KeptListen]:
        """Return the next `limit` listens of a listener with a time, the latest first.

        `before` is (listened_at, recording_id) of the last one seen, None to begin.
        """
        with self._reading() as session:
            return histories.listens_before(session, int(listener_id), before, limit)

    def artists_missing(self, listener_id: int) -> list[tuple[str, int]]:
        """Return the artists of what a listener heard that is no track, with listens, most first.

        Such listens still say whose music is liked.
        """
        with self._reading() as session:
            return histories.artists_missing(session, int(listener_id))

    def feedback(self, listener_id: int) -> list[Feedback]:
        """Return what a listener says of the tracks that are there, by id of the track."""
        with self._reading() as session:
            return feedback.feedback(session, int(listener_id))

    # Playlists

    def playlists(
        self, listener_id: int, *, after: int = 0, limit: int | None = None
    ) -> list[KeptPlaylist]:
        """Return the playlists of a listener by id, those with ids above `after`."""
        with self._reading() as session:
            return playlists.playlists(session, int(listener_id), int(after), limit)

    def playlist(self, listener_id: int, playlist_id: int) -> KeptPlaylist | None:
        """Return a playlist of a listener, None for one that they do not have."""
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
    ) -> KeptPlaylist:
        """Write a playlist: a new one, or all of the one that has an id.

        With `revision`, only where it has that one, so that no other writer's change is lost.
        Raises KeyError for an unknown listener, playlist or track, ValueError for a name or a
        length that cannot be, PlaylistChanged for another revision.
        """
        ids = [int(track_id) for track_id in track_ids]
        with self._writing() as session:
            recordings.listening_state(session, lock=True)
            return playlists.save(session, int(listener_id), name, ids, playlist_id, revision)

    def delete_playlist(
        self, listener_id: int, playlist_id: int, *, revision: int | None = None
    ) -> None:
        """Delete a playlist. Raises KeyError for an unknown one, and PlaylistChanged."""
        with self._writing() as session:
            playlists.remove(session, int(listener_id), int(playlist_id), revision)

    # Files

    def record(self, seen: Sequence[Sighting]) -> None:
        """Write what was seen of some files in one transaction; new ids follow the order given."""
        with self._writing() as session:
            sightings.record(session, seen)

    def set_presence(self, *, gone: Iterable[int] = (), back: Iterable[int] = ()) -> None:
        """Mark tracks as removed, and others as there again, in one transaction."""
        with self._writing() as session:
            sightings.set_presence(session, gone, back)

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
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with explained(self._url, self._patience):
                free = connection.scalar(select(func.pg_try_advisory_lock(_BUILD_LOCK)))
            if not free:
                raise BuildRunning(
                    "Another build, from another home, is running on this database. Wait for it."
                )
            yield
        finally:
            connection.invalidate()  # ends the database's session, and with it the lock
            connection.close()
