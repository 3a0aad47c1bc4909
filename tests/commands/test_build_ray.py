"""Builds on a Ray cluster: real node processes on this machine, killed and joining on the way."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from commands import Commands, children, finish, start, until
from onnx_models import write_encoder
from sounds import long_wav, tune, write
from stored import content, query

from earshot import cli
from recsys.catalog import Catalog

# ray, moto and fsspec take seconds to import: only where these tests run.
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="needs the extra `ray`: pip install 'earshot[ray]'",
    ),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
    # Ray's own: its cluster for tests leaves files and processes to be collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*ResourceWarning"),
]

N_TRACKS = 16
OPTIONS = "--no-learn", "--segments", "3"
OBJECTS = 80 << 20  # bytes of a node's object store, the least that Ray takes


class LocalCluster:
    """A Ray cluster of several nodes, each with processes of its own, and one core."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster  # noqa: PLC0415

        self._cluster = Cluster()
        self._cluster.add_node(num_cpus=0, object_store_memory=OBJECTS, include_dashboard=False)
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def join(self) -> Any:
        node = self._cluster.add_node(num_cpus=1, object_store_memory=OBJECTS)
        self.nodes.append(node)
        return node

    def kill(self, node: Any) -> None:
        """End a node's processes at once, as a machine does that loses its power."""
        family = [
            process for pid in pids(node) for process in [psutil.Process(pid), *children(pid)]
        ]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def shutdown(self) -> None:
        self._cluster.shutdown()


def pids(node: Any) -> list[int]:
    """The processes of a node that Ray started for it."""
    return [info.process.pid for infos in node.all_processes.values() for info in infos]


def workers(node: Any) -> list[psutil.Process]:
    """The workers of a node that are at work: with decoders."""
    found = []
    for pid in pids(node):
        for process in children(pid):
            with suppress(psutil.Error):
                below = [child.cmdline() for child in process.children()]
                if any("encoders.decoding" in command for command in below):
                    found.append(process)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster whose processes find an object store where S3 usually is."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "any")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # read when ray is imported
        environment.setenv("RAY_worker_niceness", "0")  # or workers wait for all other tests
        cluster = LocalCluster()
        cluster.join()
        yield cluster
        cluster.shutdown()
    store.stop()


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("tagger") / "small.onnx")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tracks with and without tags, two of equal audio, and a file that is no audio."""
    folder = tmp_path_factory.mktemp("library")
    for number in range(N_TRACKS):
        tags = {"title": f"Song {number}", "artist": "Ann"} if number % 2 else {}
        write(folder / f"song {number:02}.flac", tune(number, 6.0), **tags)
    (folder / "twin.flac").write_bytes((folder / "song 00.flac").read_bytes())
    (folder / "broken.mp3").write_text("words")
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, library: Path, tagger: Path) -> Path:
    """A home that was built without Ray."""
    home = tmp_path_factory.mktemp("plain")
    arguments = library, "--home", home, "--tagger", tagger, *OPTIONS
    assert cli.main(["build", *map(str, arguments)]) == 0
    return home


@pytest.fixture
def earshot(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(tmp_path / "home", capfdbinary)


def assert_same(home: Path, plain: Path) -> None:
    """Assert that two homes have the same rows, and the same features to the last bit."""
    descriptors = "SELECT * FROM descriptors ORDER BY audio_hash"
    assert content(home)[0] == content(plain)[0]
    assert query(home, descriptors) == query(plain, descriptors)
    assert_same_features(home, plain)


def assert_same_features(home: Path, plain: Path) -> None:
    features, plain_features = content(home)[1], content(plain)[1]
    assert features.keys() == plain_features.keys()
    assert len(features) == N_TRACKS + 1
    for key, heard in features.items():
        for name, values in vars(plain_features[key]).items():
            np.testing.assert_array_equal(getattr(heard, name), values)


def written(shards: Path) -> dict[str, int]:
    """When each shard was written."""
    return {path.name: path.stat().st_mtime_ns for path in shards.rglob("*.parquet")}


def test_a_node_lost_and_one_that_joins_late_change_nothing(
    cluster: LocalCluster, tmp_path: Path, library: Path, tagger: Path, plain: Path, shards: Path
) -> None:
    stays, dies = cluster.nodes[0], cluster.join()
    home = tmp_path / "home"
    process = start(
        *("build", library, "--home", home, "--tagger", tagger, *OPTIONS, "--json"),
        *("--ray", cluster.address, "--shards", shards),
    )
    build = psutil.Process(process.pid)
    until(lambda: written(shards), process)
    build.suspend()  # so that it cannot end before the others do what they are to do
    n_shards = len(written(shards))
    (worker,) = until(lambda: workers(stays))
    worker.suspend()
    cluster.kill(dies)
    late = cluster.join()
    build.resume()
    until(lambda: workers(late), process)
    worker.resume()
    result = finish(process)
    assert result.status == 0, result.err
    assert (result.json["tracks"], result.json["failed"]) == (N_TRACKS + 1, 1)
    assert len(written(shards)) > n_shards
    assert_same(home, plain)


def test_what_is_in_shards_is_not_analysed_again(
    earshot: Commands,
    cluster: LocalCluster,
    library: Path,
    tagger: Path,
    plain: Path,
    shards: Path,
) -> None:
    """A catalogue takes them up, but for a damaged one, whose tracks are analysed again."""
    before = written(shards)
    damaged = next(shards.rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    options = library, "--tagger", tagger, *OPTIONS, "--ray", cluster.address, "--shards", shards
    earshot.build_json(*options)
    after = written(shards)
    assert [name for name in before if after[name] != before[name]] == [damaged.name]
    assert_same(earshot.home, plain)
    again = earshot.build_json(*options)
    assert (again["unchanged"], again["analysed"]) == (N_TRACKS + 2, 0)
    assert written(shards) == after


def test_files_and_shards_in_an_object_store(
    earshot: Commands, cluster: LocalCluster, library: Path, tagger: Path, plain: Path
) -> None:
    import fsspec  # noqa: PLC0415

    store = fsspec.filesystem("s3")
    store.mkdir("bucket")
    store.put(f"{library}/", "bucket/my music/", recursive=True)
    music = "s3://bucket/my music"
    options = music, "--tagger", tagger, *OPTIONS, "--ray", cluster.address
    done = earshot.build_json(*options, "--shards", "s3://bucket/shards")
    assert (done["tracks"], done["failed"]) == (N_TRACKS + 1, 1)
    (failure,) = done["failures"]
    assert failure["error"].startswith(f"{music}/broken.mp3 is not readable as audio")
    with Catalog(earshot.home) as ours, Catalog(plain) as theirs:
        there, here = ({t.id: t for t in catalog.available_tracks()} for catalog in (ours, theirs))
        assert there.keys() == here.keys()
        for track_id, track in here.items():
            assert there[track_id].path == Path(music) / track.path.name
            others = ("path", "added_at", "error")
            changes = {name: getattr(track, name) for name in others}
            assert replace(there[track_id], **changes) == track
    assert_same_features(earshot.home, plain)
    assert len(store.find("bucket/shards")) > 0
    again = earshot.build_json(*options, "--shards", "s3://bucket/shards")
    assert (again["unchanged"], again["analysed"]) == (N_TRACKS + 2, 0)
    alone = earshot.build("--again")
    assert alone.status == 2
    assert f"{music} is read with --ray: its tracks stay as they are." in alone.err


def test_a_file_that_ends_its_workers_costs_itself_alone(
    earshot: Commands, cluster: LocalCluster, music: Path, tagger: Path
) -> None:
    """It ends them as a system does that is short of memory."""
    for number in range(3):
        write(music / f"song {number}.flac", tune(number))
    poison = long_wav(music / "poison.wav", 4 * 3600, 22050, 3600)
    ended = set()
    over = threading.Event()

    def end_who_reads_it() -> None:
        while not over.wait(0.01):
            for worker in [worker for node in cluster.nodes for worker in workers(node)]:
                with suppress(psutil.Error):
                    opened = [file.path for one in worker.children() for file in one.open_files()]
                    if str(poison) in opened:
                        worker.kill()
                        ended.add(worker.pid)

    watching = threading.Thread(target=end_who_reads_it)
    watching.start()
    try:
        options = "--tagger", tagger, *OPTIONS, "--ray", cluster.address
        done = earshot.build_json(music, *options)
    finally:
        over.set()
        watching.join()
    assert (done["tracks"], done["analysed"]) == (3, 3)
    sentence = f"{poison} ended its worker, and another one: it is not analysed."
    assert done["failures"] == [{"path": str(poison), "error": sentence}]
    assert len(ended) >= 2


def test_what_cannot_be_done_is_said(earshot: Commands, library: Path, tagger: Path) -> None:
    result = earshot.build(library, "--tagger", tagger, "--ray", "127.0.0.1:1")
    assert result.status == 1
    assert "There is no Ray cluster at 127.0.0.1:1" in result.err
    result = earshot.build("s3://bucket/music")
    assert result.status == 2
    assert "s3://bucket/music is an address, which is read with --ray" in result.err
    result = earshot.build(library, "--shards", "shards")
    assert result.status == 2
    assert "--shards goes with --ray" in result.err
