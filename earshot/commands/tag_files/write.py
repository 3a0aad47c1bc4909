"""`earshot tags write`: write tempo, key, tags and moods into the music files' own tags.

    earshot tags write
    earshot tags write --fields tempo,key,moods --write-tags

Without --write-tags it says what it would write, and changes nothing. What a file says already
stays, unless --replace is given. The audio is not touched, which is checked for each file.
"""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track as with_progress

from earshot.arguments import add_json, names, new_parser, whole_number
from earshot.command import DONE, NOTHING, Command, NotFound
from earshot.terminal import complain, printable
from encoders.errors import AudioError
from recsys.catalog.base import shown
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.library.tag_writing import (
    FIELDS,
    CannotWrite,
    Field,
    Values,
    why_not,
    write_fields,
    written_fields,
)
from recsys.musical_key import short_key
from recsys.recommendation.filters import STANDS_OUT
from recsys.tagging.described_tracks import DescribedTrack, described_tracks

N_TAGS = 5  # of a track, the surest of those that it stands out in
N_SHOWN = 10  # files of a dry run
PART = "they hold several tracks"
GONE = "they cannot be read"
SAID = "they say all of it already, or nothing is known"


@dataclass(frozen=True)
class WriteOptions:
    """The arguments of `earshot tags write`."""

    home: Path | None
    json: bool
    fields: tuple[Field, ...]
    replace: bool
    write_tags: bool
    ids: tuple[int, ...]


class Planned(NamedTuple):
    """What is to be written into a file, and the digest of the audio that it is about."""

    path: Path
    values: Values
    audio_hash: str | None


def parse(arguments: Sequence[str]) -> WriteOptions:
    """Parse the arguments."""
    parser = new_parser(
        "tags write",
        "Write tempo, key, tags and moods into the music files' own tags.",
        nothing="1 a file could not be written",
        epilog="Without --write-tags nothing is changed.",
    )
    add_json(parser)
    parser.add_argument(
        "ids", nargs="*", type=whole_number(1), metavar="ID", help="tracks (default: all)"
    )
    parser.add_argument(
        "--fields",
        type=names,
        default=("tempo", "key"),
        metavar="NAME,…",
        help=f"of {', '.join(FIELDS)} (default: tempo,key)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="also where a file says something else"
    )
    parser.add_argument(
        "--write-tags", action="store_true", help="change the files (default: say what would be)"
    )
    args = parser.parse_args(arguments)
    for name in args.fields:
        if name not in FIELDS:
            parser.error(f"--fields takes {', '.join(FIELDS)}, not {name}")
    return WriteOptions(**{**vars(args), "ids": tuple(args.ids)})


def run(options: WriteOptions) -> int:
    """Say what would be written, or write it."""
    left_alone: Counter[str] = Counter()
    with open_home(load_settings(options.home)) as home:
        planned = list(plan(home, options, left_alone))
    failures = write(planned) if options.write_tags else []
    n = len(planned) - len(failures)
    if options.json:
        files = [{"path": shown(one.path), **one.values} for one in planned]
        print(
            json.dumps(
                {
                    "written": options.write_tags,
                    "files": files,
                    "left_alone": dict(left_alone),
                    "failures": failures,
                }
            )
        )
    else:
        for one in planned[:N_SHOWN]:
            told = "; ".join(f"{name} {', '.join(texts)}" for name, texts in one.values.items())
            print(printable(f"{shown(one.path)}: {told}"))
        if len(planned) > N_SHOWN:
            print(f"and {len(planned) - N_SHOWN:,} more")
    for why, n_files in left_alone.most_common():
        complain(f"{counted(n_files)} left alone: {why}.")
    for sentence in failures:
        complain(sentence)
    if options.write_tags:
        complain(
            f"{counted(n)} written. The next `earshot build` reads them, and analyses nothing."
        )
    else:
        complain(f"{counted(n)} to be written, and none is yet: add --write-tags.")
    return NOTHING if failures else DONE


def counted(n: int) -> str:
    """Write a number of files.

    >>> counted(1), counted(1200)
    ('1 file', '1,200 files')
    """
    return f"{n:,} file{'s' * (n != 1)}"


def plan(home: Home, options: WriteOptions, left_alone: Counter[str]) -> Iterator[Planned]:
    """Give what is to be written into each file, and count the files that are left alone.

    Raises NotFound.
    """
    found = False
    for one in described_tracks(home, options.ids or None):
        found = True
        path = one.track.path
        if one.track.part:
            left_alone[PART] += 1
            continue
        try:
            written = written_fields(path)
            values = {
                field: texts
                for field in options.fields
                if (texts := value_of(one, field, options.replace))
                and (field not in written or (options.replace and written[field] != texts))
            }
            why = why_not(path) if values else SAID
        except OSError:
            why = GONE
        if why:
            left_alone[why] += 1
        else:
            yield Planned(path, values, one.track.audio_hash)
    if not found:
        raise NotFound("None of these tracks is in the index: run `earshot build`.")


def value_of(one: DescribedTrack, field: Field, replace: bool) -> tuple[str, ...]:
    """Return what is known of a field, () for nothing."""
    track = one.track
    if field == "tempo":
        return () if track.tempo is None else (str(round(track.tempo)),)
    if field == "key":
        key = track.estimated_key or track.key if replace else track.key
        return (short_key(key),) if key else ()
    if field == "moods":
        return tuple(name for name, value in one.moods.items() if value >= STANDS_OUT)
    names = [name for name, value in one.standing_out.items() if value >= STANDS_OUT]
    return tuple(sorted(names, key=lambda name: -one.probabilities.get(name, 0.0))[:N_TAGS])


def write(planned: Sequence[Planned]) -> list[str]:
    """Write into the files, and return a sentence for each that failed. OSError: disk full."""
    from encoders.audio import inspect  # noqa: PLC0415 - PyAV, which a dry run does without

    failures = []
    console = Console(stderr=True)
    for one in with_progress(planned, "Writing", console=console, transient=True):
        try:
            if inspect(one.path).audio_hash != one.audio_hash:
                raise CannotWrite(f"{shown(one.path)}: its audio is not that of the last build.")
            write_fields(one.path, one.values, lambda path: inspect(path).audio_hash)
        except (AudioError, CannotWrite) as error:
            failures.append(str(error))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            failures.append(f"{shown(one.path)} cannot be written: {error.strerror}.")
    return failures


COMMAND = Command(parse, run, refused="cannot be written")
