"""How many recordings find their track by name, and how many a wrong one.

    python -m benchmarks.matching              pairs of names: one recording, or not
    python -m benchmarks.matching NAMES.csv    names changed in the ways services change them

The pairs are in name_pairs.csv beside this file: a track of the library, and what a history says.
NAMES.csv has the columns artist, title and album of real tracks. A random half of them is the
library. All are then looked for under names changed in the ways services change them: those of the
library are to be found, the others, and live versions, are not. Ten halves, seeds 0 to 9.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

from recsys.catalog import Recording, Tags, Track
from recsys.listens.matching import LibraryTracks

PAIRS = Path(__file__).with_name("name_pairs.csv")
N_HALVES = 10
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_typo(text: str, rng: random.Random) -> str:
    """Return the text with one letter wrong, missing, doubled or swapped with the next."""
    if len(text) < 2:
        return text
    at = rng.randrange(len(text) - 1)
    changed = (
        text[:at] + rng.choice(LETTERS) + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return rng.choice(changed)


CHANGES: Mapping[str, Callable[[Recording, random.Random], Recording]] = {
    "as tagged": lambda recording, _: recording,
    "upper case, no album": lambda recording, _: Recording(
        recording.artist.upper(), recording.title.upper()
    ),
    "remaster, guest": lambda recording, _: recording._replace(
        artist=f"{recording.artist} feat. Somebody", title=f"{recording.title} - 2011 Remaster"
    ),
    "typing error in the title": lambda recording, rng: recording._replace(
        title=with_typo(recording.title, rng), album=""
    ),
    "typing error in the artist": lambda recording, rng: recording._replace(
        artist=with_typo(recording.artist, rng), album=""
    ),
    "typing errors in both": lambda recording, rng: recording._replace(
        artist=with_typo(recording.artist, rng), title=with_typo(recording.title, rng), album=""
    ),
    "live version": lambda recording, _: recording._replace(
        title=f"{recording.title} (Live)", album=""
    ),
}


def track(number: int, recording: Recording) -> Track:
    """Return a track of the library."""
    tags = Tags(title=recording.title, artist=recording.artist, album=recording.album or None)
    return Track(
        **{field.name: getattr(tags, field.name) for field in fields(Tags)},
        id=number,
        path=Path(f"/music/{number}"),
        status="ready",
        error=None,
        size=1,
        duration=None,
        sample_rate=None,
        channels=None,
        codec=None,
        audio_hash=None,
        added_at=0,
        removed_at=None,
    )


class Pair(NamedTuple):
    """A track, what a history says, and whether they are one recording."""

    kind: str
    is_same: bool
    track: Track
    recording: Recording


def pairs() -> list[Pair]:
    """Return the pairs of name_pairs.csv."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [_pair(row) for row in csv.DictReader(file)]


def _pair(row: Mapping[str, str]) -> Pair:
    tags = Recording(row["track_artist"], row["track_title"], row["track_album"])
    described = track(1, tags)
    described = replace(
        described,
        artists=tuple(row["track_artists"].split("|")) if row["track_artists"] else (tags.artist,),
        track_number=int(row["track_number"]) if row["track_number"] else None,
        duration=float(row["track_seconds"]) if row["track_seconds"] else None,
    )
    recording = Recording(
        row["artist"],
        row["title"],
        row["album"],
        float(row["seconds"]) if row["seconds"] else None,
        track_number=int(row["number"]) if row["number"] else None,
    )
    return Pair(row["kind"], row["expected"] == "yes", described, recording)


def is_matched(pair: Pair) -> bool:
    """Say whether the track is found by what the history says, alone in a library."""
    return LibraryTracks([pair.track], {}).match(pair.recording) is not None


def print_pairs() -> None:
    """Print precision and recall of the pairs by kind, and the wrong ones."""
    by_kind: dict[str, Counter[str]] = {}
    wrong = []
    for pair in pairs():
        matched = is_matched(pair)
        outcome = ("true" if matched == pair.is_same else "false") + (" yes" if matched else " no")
        for kind in (pair.kind, "all"):
            by_kind.setdefault(kind, Counter())[outcome] += 1
        if matched != pair.is_same:
            wrong.append(pair)
    print("| kind | pairs | precision | recall |\n|---|---:|---:|---:|")
    for kind, n in sorted(by_kind.items(), key=lambda item: item[0] == "all"):
        precision = _share(n["true yes"], n["true yes"] + n["false yes"])
        recall = _share(n["true yes"], n["true yes"] + n["false no"])
        print(f"| {kind} | {n.total()} | {precision} | {recall} |")
    for pair in wrong:
        said = "not found" if pair.is_same else "wrongly found"
        print(f"{said}: {pair.track.artist} - {pair.track.title} by {pair.recording[:4]}")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def count(names: Sequence[Recording], change: str, seed: int) -> Counter[str]:
    """Look for all names in a library of half of them."""
    rng = random.Random(seed)
    inside = set(rng.sample(range(len(names)), len(names) // 2))
    library = LibraryTracks([track(number, names[number]) for number in sorted(inside)], {})
    outcome: Counter[str] = Counter()
    for number, recording in enumerate(names):
        match = library.match(CHANGES[change](recording, rng))
        where = "inside" if number in inside else "outside"
        same = match is not None and names[match.track_id][:2] == recording[:2]
        outcome[where] += 1
        outcome[f"{where} {'none' if match is None else 'right' if same else 'wrong'}"] += 1
    return outcome


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Count right and wrong matches by name.")
    parser.add_argument("names", type=Path, nargs="?", help="default: the table of pairs")
    args = parser.parse_args()
    if args.names is None:
        print_pairs()
        return
    with args.names.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    distinct = {(row["artist"], row["title"]): row for row in rows}  # one of each name
    names = [Recording(row["artist"], row["title"], row["album"]) for row in distinct.values()]
    print(f"{len(names)} names, {N_HALVES} halves\n")
    print("| name | in the library: found | a wrong one | not in it: a wrong one |")
    print("|---|---:|---:|---:|")
    for change in CHANGES:
        sums: Counter[str] = sum((count(names, change, i) for i in range(N_HALVES)), Counter())
        cells = [
            sums["inside right"] / sums["inside"],
            sums["inside wrong"] / sums["inside"],
            (sums["outside wrong"] + sums["outside right"]) / sums["outside"],
        ]
        print(f"| {change} | " + " | ".join(f"{100 * cell:.1f} %" for cell in cells) + " |")


if __name__ == "__main__":
    main()
