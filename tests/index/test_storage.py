"""The index file: what it keeps, what it refuses, and what survives a save that is cut short."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from index import storage
from index.hubs import METHODS, SHARES
from index.vector_index import DamagedIndex, StaleIndex, VectorIndex, read_manifest

DIM = 16
NAMES = {"model": "vgg", "projection": "w1"}
VECTORS = np.random.default_rng(0).standard_normal((700, DIM))
IDS = np.arange(700) * 3


def save(path, recipe="Flat", revision=1, vectors=VECTORS):
    index = VectorIndex.build(IDS[: len(vectors)], vectors, recipe)
    return index, index.save(path, **NAMES, catalogue_revision=revision)


def load(path, **changes):
    return VectorIndex.load(path, **({**NAMES, "dim": DIM} | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tracks.index"


class TestRoundTrip:
    @pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat", "HNSW16", "SQ8", "IVF8,SQ8"])
    def test_a_loaded_index_is_the_saved_one(self, path, recipe):
        saved, manifest = save(path, recipe, revision=7)
        loaded = load(path)
        assert loaded.manifest == manifest == read_manifest(path)
        assert (loaded.recipe, len(loaded), loaded.dim) == (recipe, 700, DIM)
        assert (loaded.ids == saved.ids).all()
        assert (loaded.vectors(IDS) == saved.vectors(IDS)).all()
        for a, b in zip(saved.search(VECTORS, 9), loaded.search(VECTORS, 9), strict=True):
            assert a.ids.tolist() == b.ids.tolist()
            assert a.scores.tolist() == b.scores.tolist()

    @pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat", "HNSW16"])
    def test_an_empty_index_too(self, path, recipe):
        save(path, recipe, vectors=VECTORS[:0])
        loaded = load(path)
        assert (len(loaded), loaded.recipe, loaded.dim) == (0, recipe, DIM)
        assert loaded.search(VECTORS[:1], 3)[0].ids.tolist() == []

    def test_the_manifest_says_what_the_index_is(self, path):
        save(path, "IVF8,Flat", revision=7)
        manifest = read_manifest(path)
        assert (manifest.model, manifest.projection, manifest.catalogue_revision) == (
            "vgg",
            "w1",
            7,
        )
        assert (manifest.dim, manifest.ntotal) == (DIM, 700)
        assert (manifest.recipe, manifest.search) == ("IVF8,Flat", "nprobe=8")
        assert len(manifest.sha256) == 64

    def test_a_loaded_index_can_be_saved_over_its_own_file(self, path):
        save(path, "IVF8,Flat")
        loaded = load(path)
        loaded.save(path, **NAMES, catalogue_revision=2)
        assert load(path).manifest.catalogue_revision == 2
        assert loaded.search(VECTORS[:1], 1)[0].ids.tolist() == [0]

    def test_search_parameters_can_be_replaced_on_loading(self, path):
        save(path, "IVF8,Flat")
        assert load(path).search_parameters == "nprobe=8"
        assert load(path, search="nprobe=2").search_parameters == "nprobe=2"
        with pytest.raises(ValueError, match="wanted parameters of this recipe, got 'efSearch=8'"):
            load(path, search="efSearch=8")

    def test_a_manifest_too_long_for_the_header_is_refused(self, path):
        with pytest.raises(ValueError, match="wanted at most 4096"):
            VectorIndex.build([1], [[1.0]]).save(
                path, model="m" * 5000, projection="p", catalogue_revision=1
            )
        assert list(path.parent.iterdir()) == []


class TestStale:
    @pytest.mark.parametrize("changed", [{"model": "mtt"}, {"projection": "w2"}, {"dim": 8}])
    def test_another_model_projection_or_dimension_is_refused(self, path, changed):
        save(path)
        ((name, value),) = changed.items()
        with pytest.raises(
            StaleIndex, match=rf"for {name} .*wanted {value!r}.*run `earshot build`"
        ):
            load(path, **changed)

    def test_none_accepts_any(self, path):
        save(path)
        assert len(load(path, model=None, projection=None, dim=None)) == 700

    @pytest.mark.parametrize(
        ("other", "advice"),
        [(b"1", r"run `earshot build` again, .*anew\.$"), (b"4", "or upgrade Earshot")],
    )
    def test_another_format_is_refused(self, path, other, advice):
        save(path)
        renamed = b"earshot-index " + other + b" "
        path.write_bytes(path.read_bytes().replace(b"earshot-index 2 ", renamed, 1))
        for read in (load, read_manifest):
            with pytest.raises(
                StaleIndex, match=rf"format {int(other)}, .* reads formats 2 and 3: .*{advice}"
            ):
                read(path)


class TestDamaged:
    def test_a_missing_file(self, path):
        for read in (load, read_manifest):
            with pytest.raises(DamagedIndex, match=r"There is no index at .*run `earshot build`"):
                read(path)

    @pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat", "HNSW16"])
    def test_a_flipped_byte_anywhere(self, path, recipe):
        save(path, recipe)
        whole = path.read_bytes()
        spots = [0, 20, 70, 90, 200, 4095, 4096, *range(5000, len(whole), 9973), len(whole) - 1]
        for spot in spots:
            damaged = bytearray(whole)
            damaged[spot] ^= 0x40
            path.write_bytes(damaged)
            with pytest.raises(DamagedIndex, match=r"is damaged \(.*\): run `earshot build` again"):
                load(path)

    @pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat"])
    def test_a_file_cut_short_or_continued(self, path, recipe):
        save(path, recipe)
        whole = path.read_bytes()
        cuts = [whole[:n] for n in (0, 10, 300, 4095, 4096, 5000, len(whole) - 1)]
        for content in (*cuts, whole + b"\0"):
            path.write_bytes(content)
            with pytest.raises(DamagedIndex, match="is damaged"):
                load(path)

    def test_another_kind_of_file(self, path):
        path.write_bytes(os.urandom(9000))
        with pytest.raises(DamagedIndex, match="does not begin as an index file does"):
            load(path)

    def test_a_structure_that_faiss_cannot_read(self, path):
        _, manifest = save(path)
        with storage.replacing(path) as file:  # whole by its checksums, but not faiss's
            file.write(bytes(4096))
            content = storage._Hashed(file, manifest)
            usual = 4 * (700 * 3 + len(METHODS) * len(SHARES))
            content.write(bytes(700 * 8 + 700 * DIM * 4 + usual) + b"gibberish")
            file.seek(0)
            sha256 = content.sha256.hexdigest()
            header = storage._header(storage.replace(manifest, sha256=sha256), storage.FORMAT)
            file.write(header)
        with pytest.raises(DamagedIndex, match="cannot read its structure"):
            load(path)


INTERRUPTED = """
import os, resource, signal, sys
import numpy as np
from index.vector_index import VectorIndex

path, stage = sys.argv[1:]
vectors = np.random.default_rng(1).standard_normal((700, 16))
index = VectorIndex.build(np.arange(700) * 3, vectors, "IVF8,Flat")

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

fsync = os.fsync
if stage == "in the vectors":
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
elif stage == "in the structure":
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
elif stage == "killed before it is on the disk":
    os.fsync = die
elif stage == "killed before the rename":
    os.fsync = lambda descriptor: (fsync(descriptor), die())
elif stage == "killed after the rename":
    calls = []
    os.fsync = lambda descriptor: die() if calls else calls.append(fsync(descriptor))
try:
    index.save(path, model="vgg", projection="w1", catalogue_revision=2)
except OSError as error:
    sys.exit(f"refused: {error}")
"""


class TestInterruptedSaves:
    """Saves by another process that really is killed, or really may not write on."""

    def interrupt(self, path, stage):
        command = [sys.executable, "-c", INTERRUPTED, str(path), stage]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("stage", ["in the vectors", "in the structure"])
    def test_a_full_disk_leaves_the_old_index_and_nothing_else(self, path, stage):
        save(path)
        run = self.interrupt(path, stage)
        assert (run.returncode, run.stderr) == (1, "refused: [Errno 27] File too large\n")
        assert load(path).manifest.catalogue_revision == 1
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("stage", "revision"),
        [
            ("killed before it is on the disk", 1),
            ("killed before the rename", 1),
            ("killed after the rename", 2),
        ],
    )
    def test_a_kill_leaves_a_whole_index(self, path, stage, revision):
        save(path)
        assert self.interrupt(path, stage).returncode == -signal.SIGKILL
        assert load(path).manifest.catalogue_revision == revision

    def test_what_a_killed_save_left_is_removed_once_it_is_old(self, path):
        self.interrupt(path, "killed before the rename")
        (leftover,) = path.parent.iterdir()
        save(path)
        assert leftover.exists()  # for all we know, somebody is writing it
        an_age_ago = time.time() - 2 * storage.ABANDONED
        os.utime(leftover, (an_age_ago, an_age_ago))
        save(path)
        assert list(path.parent.iterdir()) == [path]


def test_readers_beside_a_writer_never_see_a_mixture(path):
    """Revision r holds r vectors, the last of them along axis r: any mixture would show."""
    axes = np.eye(DIM)
    save(path, vectors=axes[:1], revision=1)

    def write():
        for revision in [*range(2, DIM + 1)] * 3:
            save(path, vectors=axes[:revision], revision=revision)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        loaded = load(path)
        revision = loaded.manifest.catalogue_revision
        assert len(loaded) == revision
        last = loaded.vectors([IDS[revision - 1]])
        assert last.tolist() == [axes[revision - 1].tolist()]
    writer.join()


OVERWRITTEN = """
import os, sys
import numpy as np
from index.vector_index import VectorIndex

index = VectorIndex.load(sys.argv[1], model="vgg", projection="w1", dim=16)
before = index.search(index.vectors(index.ids[:1]), 9)[0]
os.truncate(sys.argv[1], 10)
after = index.search(index.vectors(index.ids[:1]), 9)[0]
assert (before.ids == after.ids).all() and np.isfinite(index.vectors(index.ids)).all()
"""


@pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat"])
def test_a_loaded_index_outlives_its_file(path, recipe):
    save(path, recipe)
    subprocess.run([sys.executable, "-c", OVERWRITTEN, path], check=True)
    with pytest.raises(DamagedIndex):
        load(path)
