from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from histories import MBID, MSID, START, export, json_lines, listen, page, scrobble
from small_catalog import MODEL, heard, seen

from recsys.catalog import Catalog, CatalogError, StoredCounts, Tags
from recsys.listens.choice import FormatChoice
from recsys.listens.importing import Imported, import_file
from recsys.listens.matching import match_recordings
from recsys.listens.sources import FormatError

GUESS = FormatChoice()
N_LISTENS = 40_000


def load(catalog: Catalog, path: Path, choice: FormatChoice = GUESS) -> Imported:
    return import_file(catalog, path, choice)


def content(catalog: Catalog) -> list[object]:
    """All that is kept of listening."""
    return [
        catalog.listeners(),
        catalog.recordings_after(0, 10_000),
        catalog.unmatched(10_000),
        catalog.listens_revision,
    ]


def test_the_same_file_twice_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    feedback = [{"recording_msid": MSID, "score": 1, "created": START}]
    path = export(tmp_path / "e.zip", {"2023/11": [listen(i) for i in range(5)]}, feedback)
    first = load(catalog, path)
    assert (first.listens, first.feedback, first.stored) == (5, 1, StoredCounts(new=6))
    before = content(catalog)
    again = load(catalog, path)
    assert (again.listens, again.feedback, again.stored) == (5, 1, StoredCounts(known=6))
    assert content(catalog) == before


def test_an_overlapping_export_adds_only_what_is_new(catalog: Catalog, tmp_path: Path) -> None:
    old, new = [listen(i) for i in range(5)], [listen(i) for i in range(3, 9)]
    new[0]["track_metadata"]["mbid_mapping"] = {"recording_mbid": MBID}
    load(catalog, export(tmp_path / "old.zip", {"2023/11": old}))
    stored = load(catalog, export(tmp_path / "new.zip", {"2023/11": new})).stored
    assert stored == StoredCounts(new=4, known=2)
    assert [person.n_listens for person in catalog.listeners()] == [9]
    (kept,) = catalog.recordings_after(0, 10)
    assert kept.recording.mapped_mbid == MBID


def test_counts_are_set_and_not_added(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("user,artist,title,count\nann,Ada,Blue,3\n")
    load(catalog, path)
    assert load(catalog, path).stored == StoredCounts(known=1)
    path.write_text("user,artist,title,count\nann,Ada,Blue,5\nann,Ada,Red,1\n")
    assert load(catalog, path).stored == StoredCounts(new=1, changed=1)
    assert [person.n_listens for person in catalog.listeners()] == [6]


def test_two_listeners_of_two_services_meet_at_the_tracks(catalog: Catalog, tmp_path: Path) -> None:
    catalog.record_files(
        [seen("a.mp3", tags=Tags("Blue", "Ada")), seen("b", tags=Tags("Red", "Ada"))]
    )
    catalog.store_features(MODEL, [(1, heard()), (2, heard())])
    lines = [listen(0) | {"user_name": "ann"}, listen(1, title="Red") | {"user_name": "bob"}]
    (tmp_path / "l.jsonl").write_bytes(json_lines(lines))
    (tmp_path / "s.json").write_bytes(json_lines([page([scrobble(0), scrobble(7)], "ann")]))
    load(catalog, tmp_path / "l.jsonl")
    load(catalog, tmp_path / "s.json")
    match_recordings(catalog)
    assert catalog.interactions().counts.toarray().tolist() == [[2, 0], [0, 1]]  # once at START


def test_bad_lines_are_counted_and_the_first_are_named(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_bytes(
        json_lines([listen(0)]) + b"{\n" * 50 + json_lines([listen(1)])
    )
    done = load(catalog, tmp_path / "l.jsonl", FormatChoice("listenbrainz", "ann"))
    assert (done.listens, done.n_bad, done.rows) == (2, 50, 52)
    assert [bad.line for bad in done.bad] == list(range(2, 22))


def test_a_refused_file_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    path = export(tmp_path / "e.zip", {"2023/11": [listen(i) for i in range(100)]})
    load(catalog, path)
    before = content(catalog)
    path.write_bytes(path.read_bytes()[:-100])
    (tmp_path / "words.txt").write_text("No listens at all.")
    (tmp_path / "header.csv").write_text("user,item,count\n")
    for name in ("e.zip", "words.txt", "header.csv"):
        with pytest.raises(FormatError, match=name):
            load(catalog, tmp_path / name)
    assert content(catalog) == before


def test_a_batch_is_stored_whole_or_not_at_all(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.listens.importing._EVENTS_AT_ONCE", 10)
    path = tmp_path / "l.jsonl"
    path.write_bytes(json_lines(listen(i, title=f"Song {i}") for i in range(25)))

    def stop(done: Imported) -> None:
        if done.rows >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(catalog, path, FormatChoice(listener="ann"), stop)
    assert len(catalog.recordings_after(0, 100)) == 20
    with monkeypatch.context() as patch:
        patch.setattr("recsys.catalog.listens.store_listens", broken)
        with pytest.raises(CatalogError):
            import_file(catalog, path, FormatChoice(listener="bob"))
    assert [person.name for person in catalog.listeners()] == ["ann"]
    done = load(catalog, path, FormatChoice(listener="ann"))
    assert done.stored == StoredCounts(new=5, known=20)


def broken(*_: object) -> StoredCounts:
    raise CatalogError("The disk is full.")


def test_an_import_that_is_killed_leaves_whole_batches_and_is_finished_by_the_next(
    home: Path, database: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "l.jsonl"
    path.write_bytes(json_lines(listen(i, title=f"Song {i % 5000}") for i in range(N_LISTENS)))
    program = (
        "import sys; from pathlib import Path; from recsys.catalog import Catalog\n"
        "from recsys.listens.choice import FormatChoice\n"
        "from recsys.listens.importing import import_file\n"
        "with Catalog(Path(sys.argv[1]), sys.argv[2] or None) as catalog:\n"
        "    import_file(catalog, Path(sys.argv[3]), FormatChoice(listener='ann'))\n"
    )
    with Catalog(home, database) as catalog:
        arguments = [str(home), database or "", str(path)]
        root = Path(__file__).parents[3]
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=root)
        deadline = time.monotonic() + 120
        while not catalog.listeners():
            assert process.poll() is None, "the import ended early"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        (ann,) = catalog.listeners()
        assert 0 < ann.n_listens < N_LISTENS
        assert ann.n_listens % 20_000 == 0
        assert len(catalog.recordings_after(0, 10_000)) == 5000
        done = load(catalog, path, FormatChoice(listener="ann"))
        assert done.stored == StoredCounts(new=N_LISTENS - ann.n_listens, known=ann.n_listens)
        assert [person.n_listens for person in catalog.listeners()] == [N_LISTENS]


def test_a_file_of_ones_own_is_stored_under_ones_name_whatever_it_says(
    catalog: Catalog, tmp_path: Path
) -> None:
    def stored(text: str, choice: FormatChoice = GUESS) -> dict[str, int]:
        path = tmp_path / "t.csv"
        path.write_text(text)
        import_file(catalog, path, choice, whose="me")
        return {one.name: one.n_listens for one in catalog.listeners()}

    nobody = "artist,title,count\nNobody,a,3\n"
    assert stored(nobody) == {"me": 3}
    assert stored("user,artist,title,count\nann,Nobody,b,4\nann,Nobody,c,1\n") == {"me": 8}
    several = "user,artist,title,count\nann,Nobody,d,1\ncleo,Nobody,e,2\n"
    with pytest.raises(FormatError, match=r"several people, “ann” and “cleo” among them"):
        stored(several)
    assert [one.name for one in catalog.listeners()] == ["me"], "nothing of them is stored"
    with pytest.raises(FormatError, match="holds no listens"):
        stored("artist,title,count\n")
    path = export(tmp_path / "e.zip", {"2023/11": [listen(i) for i in range(5)]})
    import_file(catalog, path, GUESS, whose="me")
    assert [(one.name, one.n_listens) for one in catalog.listeners()] == [("me", 13)]
