"""Analyse music folders and index their tracks by how they sound.

    earshot build ~/Music
    earshot build --again

With no folder, a demo library is composed and rendered into the home, and indexed. Tracks that were
analysed before are not analysed again; Ctrl-C stops, and the next run goes on. The progress is also
in build.json in the home, where the library page of `earshot serve` reads it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earshot.arguments import add_json, names, new_parser, whole_number
from earshot.build_demo import demo, leave_demo, without_own_files
from earshot.build_learning import Learned, is_automatic, learn_similarity
from earshot.build_progress import BuildDisplay
from earshot.build_report import print_report, summarise
from earshot.command import DONE, FAILURES, NOTHING, Command, UsageError
from earshot.on_ray.errors import ClusterError
from earshot.terminal import suggesting
from encoders.bundles import BUNDLES, DEFAULT_MODELS, find_bundle, tagger_names
from encoders.errors import WeightsError
from encoders.extract import N_SEGMENTS, Extractor, load_extractor
from encoders.memory import PeakMemory
from encoders.projection import Projection, ProjectionError
from index.vector_index import DamagedIndex
from recsys.catalog import Catalog
from recsys.catalog.base import is_address, shown
from recsys.home.files import (
    DEMO_NAME,
    LAYOUT_NAME,
    PROJECTION_NAME,
    SHARDS_NAME,
    WEIGHTS_NAME,
)
from recsys.home.home import Home, NotIndexed, open_home
from recsys.home.settings import Settings, load_settings
from recsys.library import build
from recsys.library.addresses import AddressError, address, is_there
from recsys.library.build_state import BuildRecord, BuildState, read_state
from recsys.library.file_tags import SEPARATORS
from recsys.library.identification import ScanOptions
from recsys.library.scanning import LibraryError, folders_of
from recsys.listens.matching import match_recordings
from recsys.popularity.learning import renew_popularity
from recsys.popularity.measure import PopularityReport
from recsys.threads import n_cores
from recsys.track_map.layout import BUDGET, refresh_layout

if TYPE_CHECKING:
    from earshot.on_ray.extractor import RayExtractor

REPEATED = ("taggers", "segments", "recipe")  # the options that --again repeats

BFLOAT16_KEPT = (
    "This home's tracks were analysed in bfloat16 by an earlier version: they are not analysed "
    "again, and new ones, in float32, differ from them by rounding alone."
)
EARLIER_PROJECTION = (
    "This home keeps the embedding of an earlier version: `earshot build --again --refit` fits the "
    "present one, which finds more of an artist's tracks. Nothing is analysed again."
)


@dataclass(frozen=True)
class BuildOptions:
    """The arguments of `earshot build`."""

    folders: tuple[Path, ...]
    home: Path | None
    again: bool
    taggers: str
    segments: int
    workers: int | None
    nice: int
    recipe: str
    retry_failed: bool
    refit: bool
    reread_tags: bool
    learn: bool
    strict: bool
    json: bool
    ray: str | None
    shards: Path | None

    @property
    def cores(self) -> int:
        """The cores of this machine to use, or of each worker of a cluster."""
        return self.workers or (1 if self.ray else n_cores())

    @property
    def cores_here(self) -> int:
        """The cores of this machine to use."""
        return n_cores() if self.ray else self.cores

    @property
    def repeated(self) -> dict[str, str | int]:
        """The options that a later --again repeats."""
        return {name: getattr(self, name) for name in REPEATED}


def parse(arguments: Sequence[str]) -> BuildOptions:
    """Parse the arguments."""
    parser = new_parser(
        "build",
        "Analyse and index music folders. Without a folder: a demo library.",
        statuses="Exit status: 0 done; 1 nothing usable; 2 usage; 3 failures with --strict; "
        "4 the disk is full; 130 stopped.",
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="music to index")
    parser.add_argument(
        "--again",
        action="store_true",
        help="repeat the last build: its folders, taggers, segments and recipe",
    )
    parser.add_argument(
        "--tagger",
        "--models",
        dest="taggers",
        metavar="NAME,…",
        default=",".join(DEFAULT_MODELS),
        help=f"analyse with these of {', '.join(BUNDLES)} (default: %(default)s), which "
        "`earshot weights` installs, or with a file that `earshot train-tagger` wrote",
    )
    parser.add_argument(
        "--segments",
        type=whole_number(1),
        default=N_SEGMENTS,
        metavar="N",
        help="segments of 3 s analysed of each track (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="cores (default: all); with --ray: of each worker (default: 1)",
    )
    parser.add_argument(
        "--nice", type=whole_number(0), default=0, metavar="N", help="lower the priority by N"
    )
    parser.add_argument(
        "--recipe",
        default=build.AUTOMATIC,
        help="faiss index type; auto: Flat for up to a million tracks, IVF…,PQ… for more, which "
        "is built by shards and mapped (default: %(default)s)",
    )
    parser.add_argument("--retry-failed", action="store_true", help="try failed files again")
    parser.add_argument(
        "--refit", action="store_true", help="fit the embedding to the library anew"
    )
    parser.add_argument(
        "--reread-tags",
        action="store_true",
        help="read the tags of all files again, also of unchanged ones, without analysing any",
    )
    parser.add_argument(
        "--no-learn",
        dest="learn",
        action="store_false",
        help="learn neither similarity from the tags' artists, albums and genres, nor from listens "
        "what might please many",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 if anything failed")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="analyse on the Ray cluster at HOST:PORT, `auto` for the one that this machine is of, "
        "`local` for this machine alone; folders may be addresses, such as s3://bucket/music",
    )
    parser.add_argument(
        "--shards",
        type=Path,
        metavar="FOLDER",
        help="with --ray: the folder or address, in reach of all its machines, that features are "
        "written to (default: shards in the home)",
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    if args.again and args.folders:
        parser.error("--again brings all known folders up to date: leave the folders out")
    if args.shards and not args.ray:
        parser.error("--shards goes with --ray")
    for folder in args.folders:
        if is_address(folder) and not args.ray:
            parser.error(f"{address(folder)} is an address, which is read with --ray")
    return BuildOptions(**{**vars(args), "folders": tuple(args.folders)})


def run(options: BuildOptions) -> int:
    """Build, and print what was done."""
    if options.nice:
        os.nice(options.nice)
    display = BuildDisplay()
    with PeakMemory() as memory, display:
        try:
            return build_home(options, load_settings(options.home), display, memory)
        except (Exception, KeyboardInterrupt) as error:
            ending = COMMAND.ending(error)
            if display.record and ending and ending.sentence:
                display.record.say(suggesting(ending.sentence))
            raise


def build_home(
    options: BuildOptions, settings: Settings, display: BuildDisplay, memory: PeakMemory
) -> int:
    """Bring a home up to date, and print what was done."""
    begin = time.monotonic()
    if options.again:
        options = repeated(options, settings.home, display)
    with Catalog(settings.home, settings.database) as catalog, BuildRecord(catalog.home) as record:
        display.record = record
        options = with_weights(options, settings.home / WEIGHTS_NAME)
        folders = folders_to_build(options, catalog, display)
        try:
            extractor, report = analyse(options, folders, settings, catalog, display)
        except ValueError as error:  # a tagger or a recipe that there is not
            raise UsageError(f"{error}.") from error
        n_matched = match_recordings(catalog)
        display.close()
        learns = options.learn and settings.learn
        learned, popularity = learn(settings, display, options.cores_here, learns=learns)
        record.plan(library_folders(folders, catalog, record.state), options.repeated)
        summary = summarise(report, extractor, time.monotonic() - begin, memory.peak)
        summary["learned"] = learned and learned.as_json()
        summary["popularity"] = popularity and popularity.as_json()
        record.finish({**summary, "failures": len(report.failures)})
        if not options.json:
            print_report(report, summary, None if options.ray else options.cores, display)
            if learned:
                print(f"  {learned.sentence}")
            if popularity:
                print(f"  {popularity.sentence}")
            if n_matched:
                print(f"  {n_matched:,} recordings of listening histories match other tracks now")
        if report.tracks == 0:
            display.say(f"No usable audio in {', '.join(map(shown, folders))}.")
    if options.json:
        print(json.dumps(summary))
    if report.tracks == 0:
        return NOTHING
    incomplete = report.failures or report.problems or report.unavailable
    return FAILURES if options.strict and incomplete else DONE


def repeated(options: BuildOptions, home: Path, display: BuildDisplay) -> BuildOptions:
    """Return the folders and options of the builds before this one. Raises LibraryError."""
    last = read_state(home)
    folders = [Path(folder) for folder in last.folders] if last else []
    present = tuple(
        folder for folder in folders if is_there(folder) and (options.ray or not is_address(folder))
    )
    for folder in folders:
        if folder not in present:
            why = "is read with --ray" if is_address(folder) else "is not there"
            display.say(f"{shown(folder)} {why}: its tracks stay as they are.")
    if last is None or not present:
        raise LibraryError(
            f"The folders that {shown(home)} was built from are not known, or are gone: "
            "name the folders of its library."
        )
    known: dict[str, Any] = {name: last.options[name] for name in REPEATED}
    return replace(options, folders=present, **known)


def with_weights(options: BuildOptions, folder: Path) -> BuildOptions:
    """Return the options with the taggers' names in this home.

    Raises WeightsError where weights are missing, before anything long is begun.
    """
    taggers = tagger_names(options.taggers, folder)
    bundles = [bundle for name in taggers if (bundle := find_bundle(name, folder))]
    for bundle in bundles:
        bundle.weights.check(folder)
    if bundles and not any(bundle.tags for bundle in bundles):
        raise WeightsError(
            f"{options.taggers} gives no tags, which searches and reasons are made of: name a "
            f"tagger beside it, as in --tagger {DEFAULT_MODELS[0]},{options.taggers}"
        )
    return replace(options, taggers=",".join(taggers))


def folders_to_build(
    options: BuildOptions, catalog: Catalog, display: BuildDisplay
) -> tuple[Path, ...]:
    """Return the folders of the arguments, or that of the demo library."""
    if not options.folders:
        return (demo(catalog, options.cores_here, display),)
    leave_demo(catalog, options.folders, display)
    return options.folders


def library_folders(folders: Sequence[Path], catalog: Catalog, state: BuildState) -> Sequence[Path]:
    """Return all folders of the library: these, and those of earlier builds."""
    present = [folder for folder in folders if is_there(folder)]
    earlier = {Path(folder) for folder in state.folders}.difference(present)
    rows = catalog.files().items() if earlier else ()
    tracks = [path for path, row in rows if not row.removed]
    return folders_of(present, earlier, tracks)


def analyse(
    options: BuildOptions,
    folders: Sequence[Path],
    settings: Settings,
    catalog: Catalog,
    display: BuildDisplay,
) -> tuple[Extractor | RayExtractor, build.BuildReport]:
    """Bring the home up to its folders."""
    if display.record:
        library = library_folders(folders, catalog, display.record.state)
        display.record.plan(library, options.repeated)
    with extractor_of(options, settings, catalog, display) as extractor:
        display.extractor = extractor
        report = build.build(
            catalog,
            folders,
            extractor,
            stored_projection(settings.home, extractor.names, display, refit=options.refit),
            extractor.fit_projection,
            recipe=options.recipe,
            refit=options.refit,
            scanning=ScanOptions(
                options.retry_failed,
                options.reread_tags,
                settings.tag_encoding,
                SEPARATORS if settings.genre_separators is None else settings.genre_separators,
            ),
            renews_head=options.learn and settings.learn and is_automatic(settings.home),
            progress=display.show,
        )
    if (catalog.home / DEMO_NAME).resolve() in folders:
        report = replace(report, left_out=without_own_files(report.left_out))
    return extractor, report


@contextlib.contextmanager
def extractor_of(
    options: BuildOptions, settings: Settings, catalog: Catalog, display: BuildDisplay
) -> Iterator[Extractor | RayExtractor]:
    """Give the extractor of this machine, or of a cluster. Raises WeightsError, ClusterError."""
    weights = settings.home / WEIGHTS_NAME
    extractor = load_extractor(
        names(options.taggers),
        weights,
        known=catalog.extractors(),
        n_segments=options.segments,
        workers=options.cores,
        nice=options.nice,
    )
    if extractor.continues_bfloat16:
        display.say(BFLOAT16_KEPT)
    if options.ray is None:
        yield extractor
        return
    from earshot.on_ray.extractor import on_ray  # noqa: PLC0415 - pyarrow, slow to load

    shards = options.shards or settings.home / SHARDS_NAME
    shards = shards if is_address(shards) else shards.absolute()
    with on_ray(extractor, options.ray, weights, shards, display.say) as cluster:
        yield cluster


def learn(
    settings: Settings, display: BuildDisplay, workers: int, *, learns: bool
) -> tuple[Learned | None, PopularityReport | None]:
    """Train a head, compute the map and fit the listening model, where anything has changed.

    The head, and popularity, only where the build `learns`.
    """
    learned = popularity = None
    with contextlib.suppress(NotIndexed, DamagedIndex):
        if learns:
            with open_home(settings) as home:
                learned = learn_similarity(
                    home, lambda done, total: display.show(build.Progress("head", done, total))
                )
        with open_home(settings) as home:
            draw(home, display, workers)
            if home.catalog.listeners():
                display.show(build.Progress("learn"))
                from recsys.training.listening_model import refit  # noqa: PLC0415 - implicit, scikit-learn: slow to load

                refit(home, progress=display.say)
                if learns:
                    popularity = renew_popularity(home, "earshot build")
    return learned, popularity


def draw(home: Home, display: BuildDisplay, workers: int) -> None:
    """Compute the map of the library, unless it is up to date."""
    display.show(build.Progress("map"))
    drawn = refresh_layout(
        home.index,
        home.settings.home / LAYOUT_NAME,
        workers=workers,
        progress=lambda done, total: display.show(build.Progress("map", done, total)),
    )
    if drawn and not drawn.finished:
        display.say(
            f"The map of the library was not finished within {BUDGET:.0f} s, so it is less exact "
            "than it could be."
        )


def stored_projection(
    home: Path, names: tuple[str, ...], display: BuildDisplay, *, refit: bool
) -> Projection | None:
    """Load the home's projection if it takes these features; a damaged one is fitted anew."""
    path = home / PROJECTION_NAME
    if not path.exists():
        return None
    try:
        projection = Projection.load(path)
    except ProjectionError:
        return None
    if projection.extractors == names:
        if projection.is_earlier and not refit:
            display.say(EARLIER_PROJECTION)
        return projection
    if projection.has_head:
        display.say(build.HEAD_LOST)
    return None


COMMAND = Command(
    parse,
    run,
    errors=(AddressError, ClusterError),
    usage_errors=(LibraryError,),
    refused="cannot be written",
    stopped="Stopped. What was analysed is kept; run the command again to go on.",
)
