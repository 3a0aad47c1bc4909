"""The play queue, to be gone on with in another player."""

from __future__ import annotations

import time

from recsys.catalog import LONGEST_PLAYLIST, PlayQueue
from webui import current_listener
from webui.subsonic.answers import Tree
from webui.subsonic.authentication import username
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import PROBLEM, SubsonicError, missing
from webui.subsonic.library import library, when
from webui.subsonic.parameters import maybe_whole, text, texts, whole
from webui.subsonic.playback import player_name

api = group("queue")


@endpoint(api, "savePlayQueue")
def save_play_queue() -> None:
    """Keep the queue, with the current song by its id; without songs delete it."""
    current = text("current")
    ids = texts("id")
    if current is not None and ids and current not in ids:
        raise SubsonicError(PROBLEM, '"current" takes one of the queue\'s songs.')
    _save(ids, ids.index(current) if current is not None and ids else 0)


@endpoint(api, "savePlayQueueByIndex")
def save_play_queue_by_index() -> None:
    """Keep the queue, with the current song by its place; without songs delete it."""
    ids, place = texts("id"), maybe_whole("currentIndex")
    if ids and place is None:
        raise missing("currentIndex")
    if ids and place is not None and place >= len(ids):
        raise SubsonicError(PROBLEM, f'"currentIndex" takes 0 to {len(ids) - 1}.')
    _save(ids, place or 0)


@endpoint(api, "getPlayQueue")
def get_play_queue() -> Tree:
    """Return the queue as it was left, with the current song by its id."""
    tree, current = _queue()
    if current is not None:
        tree["current"] = tree["entry"][current]["id"]
    return {"playQueue": tree}


@endpoint(api, "getPlayQueueByIndex")
def get_play_queue_by_index() -> Tree:
    """Return the queue as it was left, with the current song by its place."""
    tree, current = _queue()
    if current is not None:
        tree["currentIndex"] = current
    return {"playQueueByIndex": tree}


def _save(song_ids: list[str], place: int) -> None:
    if len(song_ids) > LONGEST_PLAYLIST:
        raise SubsonicError(PROBLEM, f"A queue has at most {LONGEST_PLAYLIST} songs.")
    view = library()
    ids = tuple(track.id for track in view.tracks(song_ids))
    queue = PlayQueue(ids, place, whole("position", 0), int(time.time()), player_name())
    listener = current_listener.writing_listener(view.served)
    view.served.catalog.save_play_queue(listener, queue if ids else None)


def _queue() -> tuple[Tree, int | None]:
    """Return the queue, and the place of the current song among those that are there."""
    view = library()
    listener = current_listener.listener(view.served)
    queue = None if listener is None else view.served.catalog.play_queue(listener)
    tree: Tree = {"username": username(), "changed": when(0), "changedBy": "", "entry": []}
    if queue is None:
        return tree, None
    there = [i in view.discography.seconds for i in queue.track_ids]
    entries = view.songs(queue.track_ids)
    place = min(sum(there[: queue.place]), len(entries) - 1)
    tree["entry"] = entries
    tree["changed"], tree["changedBy"] = when(queue.changed_at), queue.changed_by
    if entries:
        tree["position"] = queue.position_ms if there[queue.place] else 0
    return tree, place if entries else None
