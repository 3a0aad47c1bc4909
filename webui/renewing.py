"""Making the lists of playlists that renew themselves: by the clock, or when a person asks.

Whatever renews holds the turn, which is in the database: one process at a time, of one server or
several and of `earshot playlists renew`.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from recsys.catalog import (
    Catalog,
    CatalogError,
    LeaseLost,
    Renewal,
    RenewalPlan,
    RenewedList,
    StoredPlaylist,
)
from recsys.playlists.exporting import ExportRefused, export, remove_export
from recsys.playlists.schedule import is_due
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served, ServedHome, Unavailable
from webui import mix_list
from webui.mix_query import Mix
from webui.music_folders import allowed_among

LOOK = 60.0  # s between two looks at what is due
_PAUSE = 0.2  # s between two tries to take the turn
BUSY = "Other lists are being renewed now: try again in a moment."
NOTHING_FOUND = "Nothing was found for this list: the last one stays."

_log = logging.getLogger(__name__)


class RenewalsBusy(Exception):
    """Somebody else renews."""


class RenewedPlaylist(NamedTuple):
    """A playlist after it was renewed, what a person should know, and whether all was done."""

    playlist: StoredPlaylist
    sentences: tuple[str, ...]
    complete: bool


def mix_of(plan: RenewalPlan) -> Mix:
    """Return the mix that a playlist renews itself by. Raises BadRequest."""
    return Mix.parse(MultiDict(parse_qsl(plan.question.removeprefix("?"))))


@contextmanager
def turn(catalog: Catalog, patience: float = 0.0) -> Iterator[str]:
    """Hold the turn to renew, and give what proves it.

    Raises RenewalsBusy where somebody else has it for `patience` seconds, and CatalogError.
    """
    holder, begin = secrets.token_hex(16), time.monotonic()
    while not catalog.renewals.take_turn(holder):
        if time.monotonic() - begin >= patience:
            raise RenewalsBusy(BUSY)
        time.sleep(_PAUSE)
    try:
        yield holder
    finally:
        catalog.renewals.end_turn(holder)


def due(catalog: Catalog, now: float) -> list[Renewal]:
    """Return what is to be renewed."""
    return [
        one
        for one in catalog.renewals.all()
        if not one.plan.paused and is_due(one.plan.every, one.renewed_at, now)
    ]


def renew_due(served: Served, roots: Sequence[Path] | None) -> int:
    """Renew what is due, and return how many lists were; none where somebody else renews.

    One that fails stops no other: it is logged, and stays due. Raises CatalogError.
    """
    if not due(served.catalog, time.time()):
        return 0
    n_renewed = 0
    try:
        with turn(served.catalog) as holder:
            for renewal in due(served.catalog, time.time()):  # as it is, now that nobody else does
                try:
                    n_renewed += renew(served, renewal, holder, roots) is not None
                except (CatalogError, LeaseLost):
                    raise
                except Exception:
                    _log.exception("Playlist %d could not be renewed.", renewal.playlist_id)
    except (RenewalsBusy, LeaseLost):
        pass
    return n_renewed


def renew(
    served: Served, renewal: Renewal, holder: str, roots: Sequence[Path] | None
) -> RenewedPlaylist | None:
    """Make a playlist's next list, and export it; None where it renews itself no longer.

    Exports go below `roots` alone, for None wherever the plan says. Where nothing can be made of
    the question, the last list stays. Raises LeaseLost, CatalogError, and what the recommender
    raises.
    """
    if not served.catalog.renewals.take_turn(holder):
        raise LeaseLost(holder)
    try:
        made = next_list(served, renewal)
    except HTTPException as error:
        made = RenewedList(None, (), (f"{error.description} The last list stays.",))
    try:
        stored = served.catalog.renewals.record(renewal, holder, made, int(time.time()))
    except KeyError:
        return None
    if renewal.plan.folder is None or made.track_ids is None:
        return RenewedPlaylist(stored, made.sentences, made.track_ids is not None)
    said = _export(served.catalog, renewal, stored, renewal.plan.folder, roots)
    return RenewedPlaylist(stored, (*made.sentences, *said), not said)


def next_list(served: Served, renewal: Renewal) -> RenewedList:
    """Return a playlist's next list, without most of what its last ones held.

    Of the last list at most as many tracks may stay as the plan says: those that the mix puts
    first now. What earlier lists held comes again, the oldest first, where there is not enough
    else. Tracks that the mix asks for, as seeds or at their places, are in every list.
    Raises BadRequest for a mix that cannot be read, and what the recommender raises.
    """
    mix, listener = mix_of(renewal.plan), renewal.listener_id
    if mix.controls.randomness:
        chance = (mix.controls.seed + renewal.number) % (LARGEST_ID + 1)
        mix = replace(mix, controls=mix.controls.model_copy(update={"seed": chance}))
    listing = plain = mix_list.answer(served, mix, listener)
    lists = served.catalog.renewals.remembered(renewal.playlist_id)
    if lists:
        ranked = [i for i in _ids(plain) if i in lists[0] and i not in plain.fixed]
        staying = set(ranked[: renewal.plan.stay])
        for n_lists in range(len(lists), 0, -1):
            out = set().union(*lists[:n_lists]) - staying
            listing = mix_list.answer(served, mix, listener, out)
            if len(listing.rows) >= len(plain.rows):
                break
    ids = _ids(listing)
    if not ids:
        return RenewedList(None, (), (*listing.sentences, NOTHING_FOUND))
    remembered = tuple(i for i in ids if i not in listing.fixed)
    return RenewedList(ids, remembered, listing.sentences)


def renew_when_due(home: ServedHome, roots: Sequence[Path], closing: threading.Event) -> None:
    """Renew playlists at their times, until `closing` is set: the work of a server's thread.

    The index is opened only where something is due.
    """
    while not closing.wait(LOOK):
        try:
            if due(home.catalog(), time.time()):
                renew_due(home.current(), roots)
        except Unavailable:
            continue  # it is said to whoever asks
        except CatalogError as error:
            _log.warning("Playlists could not be renewed, and will be soon: %s", error)


def mark_of(stored: StoredPlaylist) -> str:
    """Return what an exported file is known by."""
    return f"Earshot renews this file: playlist {stored.id}, made {stored.created_at}"


def _export(
    catalog: Catalog,
    renewal: Renewal,
    stored: StoredPlaylist,
    folder: Path,
    roots: Sequence[Path] | None,
) -> list[str]:
    """Write a list to the plan's folder, and return what to say of it."""
    mark, before = mark_of(stored), renewal.exported
    tracks = catalog.tracks(stored.track_ids)
    there = [track for track in tracks if not track.removed]
    try:
        if roots is not None:
            allowed_among(str(folder), roots)
        path = export(there, stored.name, folder, mark, relative=renewal.plan.relative)
    except (ExportRefused, HTTPException) as error:
        said = [str(error.description if isinstance(error, HTTPException) else error)]
        catalog.renewals.record_export(renewal, before, said)
        return said
    if before is not None and before != path:
        remove_export(before, mark)
    catalog.renewals.record_export(renewal, path, ())
    return []


def _ids(listing: mix_list.Listing) -> tuple[int, ...]:
    return tuple(row.track.id for row in listing.rows)
