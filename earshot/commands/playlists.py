"""Playlists that people keep, and those that renew themselves.

    earshot playlists list
    earshot playlists list --listener ann
    earshot playlists renew
    earshot playlists renew 7 12

A running server renews playlists at their times. Without one, `earshot playlists renew` in a table
of cron does: whatever is due, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from earshot.arguments import add_subcommands, new_parser, whole_number
from earshot.command import DONE, NOTHING, Command, NotFound
from earshot.query_arguments import find_listener
from earshot.terminal import complain, printable, suggesting
from recsys.catalog import Catalog, LeaseLost, Listener, Renewal
from recsys.home.settings import load_settings
from recsys.playlists.schedule import next_time
from recsys.served_home import ServedHome, Unavailable
from webui.renewing import RenewalsBusy, due, renew, turn

PATIENCE = 60.0  # s for another process that renews


@dataclass(frozen=True)
class PlaylistOptions:
    """The arguments of `earshot playlists`; those of other subcommands have their defaults."""

    home: Path | None
    subcommand: str
    listener: str | None = None
    ids: tuple[int, ...] = ()


def parse(arguments: Sequence[str]) -> PlaylistOptions:
    """Parse the arguments."""
    parser = new_parser(
        "playlists",
        "List playlists, and renew those that renew themselves.",
        nothing="1 it cannot be done, or a new list was not found or not exported",
    )
    summaries = {name: summary for name, (_, summary) in SUBCOMMANDS.items()}
    for name, command in add_subcommands(parser, summaries):
        command.add_argument(
            "--listener", metavar="NAME", help="only this person's (default: everybody's)"
        )
        if name == "renew":
            command.add_argument(
                "ids",
                nargs="*",
                type=whole_number(1),
                metavar="ID",
                help="renew these now, due or not, paused or not",
            )
    args = vars(parser.parse_args(arguments))
    return PlaylistOptions(**{**args, "ids": tuple(args.get("ids", ()))})


def run(options: PlaylistOptions) -> int:
    """Do what is asked for."""
    act, _ = SUBCOMMANDS[options.subcommand]
    return act(options)


def show_all(options: PlaylistOptions) -> int:
    """List playlists, and when those that renew themselves do."""
    settings = load_settings(options.home)
    with Catalog(settings.home, settings.database) as catalog:
        renewals = {one.playlist_id: one for one in catalog.renewals.all()}
        n_listed = 0
        for listener in _listeners(catalog, options.listener):
            for stored in catalog.playlists(listener.id):
                n_listed += 1
                n = len(stored.track_ids)
                tracks = f"{n} track{'s' * (n != 1)}"
                print(printable(f"{stored.id}  {listener.name}: {stored.name}, {tracks}"))
                if stored.id in renewals:
                    _show(renewals[stored.id])
    if not n_listed:
        print(
            suggesting(
                "There are no playlists yet: the pages of `earshot serve` keep mixes as playlists."
            )
        )
    return DONE


def renew_playlists(options: PlaylistOptions) -> int:
    """Renew what is due, or what is named."""
    settings = load_settings(options.home)
    with closing(ServedHome(settings)) as home:
        served = home.current()
        with turn(served.catalog, PATIENCE) as holder:
            wanted = _wanted(served.catalog, options)
            complete = True
            for renewal in wanted:
                renewed = renew(served, renewal, holder, None)
                if renewed is None:
                    continue  # somebody deleted it meanwhile
                stored, sentences, is_complete = renewed
                complete = complete and is_complete
                print(printable(f"{stored.id}  {stored.name}: {len(stored.track_ids)} tracks"))
                for sentence in sentences:
                    complain(f"{stored.name}: {sentence}")
    if not wanted:
        print("No playlist is due.")
    return DONE if complete else NOTHING


def _wanted(catalog: Catalog, options: PlaylistOptions) -> list[Renewal]:
    """Return what is to be renewed. Raises NotFound."""
    whose = None if options.listener is None else find_listener(catalog, options.listener)
    if not options.ids:
        return [one for one in due(catalog, time.time()) if whose in (None, one.listener_id)]
    renewing = {one.playlist_id: one for one in catalog.renewals.all(whose)}
    unknown = [number for number in options.ids if number not in renewing]
    if unknown:
        raise NotFound(
            f"Playlist {unknown[0]} is unknown, or does not renew itself: see `earshot playlists "
            "list`."
        )
    return [renewing[number] for number in dict.fromkeys(options.ids)]


def _listeners(catalog: Catalog, name: str | None) -> list[Listener]:
    known = catalog.listeners()
    if name is None:
        return known
    one = find_listener(catalog, name)
    return [listener for listener in known if listener.id == one]


def _show(renewal: Renewal) -> None:
    plan = renewal.plan
    parts = [plan.words]
    if not plan.paused:
        parts.append(f"next on {_time(next_time(plan.every, time.time()))}")
    if renewal.renewed_at is not None:
        parts.append(f"last on {_time(renewal.renewed_at)}")
    if plan.folder is not None:
        parts.append(f"written to {plan.folder}")
    print(printable(f"     {'; '.join(parts)}"))
    for sentence in renewal.sentences:
        print(printable(f"     {sentence}"))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


SUBCOMMANDS: dict[str, tuple[Callable[[PlaylistOptions], int], str]] = {
    "list": (show_all, "list playlists, and when those that renew themselves do"),
    "renew": (renew_playlists, "renew what is due, or some playlists"),
}
COMMAND = Command(parse, run, errors=(RenewalsBusy, LeaseLost, Unavailable))
