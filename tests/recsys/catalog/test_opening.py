from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

import recsys.catalog
from encoders.features import AudioInfo
from recsys.catalog import BuildRunning, Catalog, CatalogError, ScannedFile, Tags
from recsys.catalog.base import Base
from recsys.catalog.database import SCHEMA, VERSION_TABLE, database_url, open_engine, writing

SCANNED_FILE = ScannedFile(
    None, Path("/music/a.mp3"), 1, 2, AudioInfo(1.0, 44100, 2, "mp3", "a" * 32), Tags("A", "B")
)


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_the_tables_of_the_models(catalog: Catalog) -> None:
    with catalog._engine.connect() as connection:
        # Full-text indexes are the databases' own, and no tables of models; of an index by an
        # expression SQLAlchemy says nothing.
        left_out = ("track_words", "ix_track_words", "ix_tracks_artist")
        opts = {
            "version_table": VERSION_TABLE,
            "include_name": lambda name, kind, _: not str(name).startswith(left_out),
            "include_object": lambda of, name, *_: name != "ix_tracks_artist",
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == SCHEMA


def test_the_first_schema_is_migrated_with_its_rows(home: Path, database: str | None) -> None:
    home.mkdir()
    url = database_url(home, database)
    config = Config()
    folder = Path(recsys.catalog.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = open_engine(url, patience=5)
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO tracks (id, path, size, mtime_ns, status, added_at, title, artist,"
                " genres, has_cover) VALUES (7, :path, 5, 6, 'ready', 1700000000, 'T', 'A',"
                " '[\"jazz\"]', :no)"
            ),
            {"path": b"/music/\xff.mp3", "no": False},
        )
        connection.execute(text("UPDATE state SET last_track_id = 9, revision = 3"))
        connection.execute(
            text("INSERT INTO features VALUES (7, 'model', :blob, 0)"), {"blob": b""}
        )
    engine.dispose()
    with Catalog(home, database) as catalog:
        track = catalog.track(7)
        assert track is not None
        assert (track.title, track.genres) == ("T", ("jazz",))
        assert os.fsencode(track.path) == b"/music/\xff.mp3"
        assert catalog.revision == 3
        assert [found.id for found in catalog.search("t jazz")] == [7]
        assert catalog.ready_ids("model") == [7]
        assert catalog.levels("a" * 32) is None
        assert catalog.files()[track.path].mtime_ns != 6, "the next build reads its tempo"
        catalog.record_files([SCANNED_FILE])
        assert catalog.files()[SCANNED_FILE.path].id == 10


def test_a_newer_schema_is_refused_and_left_alone(home: Path, database: str | None) -> None:
    with Catalog(home, database) as catalog, catalog._writing() as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for _ in range(2):
        with pytest.raises(CatalogError, match=r"newer version of Earshot.*Update Earshot"):
            Catalog(home, database)


def test_the_tables_of_another_program_are_left_alone(home: Path, database: str | None) -> None:
    home.mkdir()
    engine = create_engine(database_url(home, database))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tracks (song TEXT)"))
    with pytest.raises(CatalogError, match="tables of another program"):
        Catalog(home, database)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT song FROM tracks")).all() == []
    engine.dispose()


@pytest.mark.parametrize(
    "content", [b"This is no database. " * 99, b"SQLite format 3\0" + b"x" * 99]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "catalogue.db").write_bytes(content)
    with pytest.raises(CatalogError, match=r"catalogue\.db is damaged or is not a catalogue"):
        Catalog(home)
    assert (home / "catalogue.db").read_bytes() == content


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/earshot")):
        with pytest.raises(CatalogError, match=r"cannot be made: .* Choose another"):
            Catalog(home)


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be opened for writing"):
        Catalog(tmp_path, f"sqlite:///{tmp_path}/missing/folder.db")
    with pytest.raises(CatalogError, match="cannot be opened for writing"):
        Catalog(tmp_path, "sqlite:////")


def test_a_read_only_database_is_named(home: Path) -> None:
    with Catalog(home) as catalog, catalog._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.close()
        with pytest.raises(CatalogError, match="cannot be opened for writing"):
            catalog.record_files([SCANNED_FILE])


def test_a_full_disk_is_named_and_loses_nothing(home: Path) -> None:
    with Catalog(home) as catalog:
        catalog.record_files([SCANNED_FILE])
        with catalog._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(CatalogError, match="disk is full"):
            catalog.record_files(
                [SCANNED_FILE._replace(path=Path(f"/music/{i}/{'x' * 900}")) for i in range(99)]
            )
        assert len(catalog.files()) == 1
    with Catalog(home) as catalog:
        assert len(catalog.files()) == 1


def test_a_database_locked_too_long_is_named(home: Path, database: str | None) -> None:
    with (
        Catalog(home, database) as writer,
        Catalog(home, database, patience=0.05) as waiting,
        writer._writing() as session,
    ):
        session.execute(text("UPDATE state SET revision = revision + 1"))
        with pytest.raises(CatalogError, match=r"written by another program.*0\.05 s"):
            waiting.record_files([SCANNED_FILE])
        assert waiting.files() == {}  # reading goes on


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:1/name",
        "postgresql://127.0.0.1:1/name?user=me&password=s3cret",
        "postgresql://me:s3cret@127.0.0.1:port/name",
        "nosuchdatabase://me:s3cret@host/name",
        "me:s3cret@host",
    ],
)
def test_passwords_are_not_shown(home: Path, url: str) -> None:
    with pytest.raises(CatalogError) as caught:
        Catalog(home, url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_wrong_password_is_a_sentence(home: Path, database: str) -> None:
    url = database_url(home, database).set(password="s3cret").render_as_string(False)
    with pytest.raises(CatalogError, match="password authentication failed") as caught:
        Catalog(home, url)
    assert "s3cret" not in str(caught.value)


def test_a_database_that_does_not_answer_is_a_sentence_that_says_what_to_do(home: Path) -> None:
    with pytest.raises(CatalogError, match=r"cannot be reached: .*\w\. .* Try again .*setting\.$"):
        Catalog(home, "postgresql+psycopg://me@127.0.0.1:1/name")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_catalogue_goes_on_when_its_server_has_ended_its_connections(
    home: Path, database: str
) -> None:
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    ending += "current_database() AND pid <> pg_backend_pid()"
    with Catalog(home, database) as catalog, catalog.build_lock():
        catalog.record_files([SCANNED_FILE])
        other = create_engine(database_url(home, database))
        with other.connect() as connection:
            assert connection.execute(text(ending)).all()
        assert len(catalog.files()) == 1
        catalog.record_files([SCANNED_FILE._replace(path=Path("/music/b.mp3"))])
        with (  # in a transaction
            pytest.raises(CatalogError, match=r"cannot be reached: .*safe\."),
            catalog._writing() as session,
            other.connect() as connection,
        ):
            session.execute(text("UPDATE state SET revision = revision + 1"))
            connection.execute(text(ending))
            session.execute(text("UPDATE state SET revision = revision + 1"))
        other.dispose()
        assert len(catalog.files()) == 2


def test_many_may_open_a_new_home_at_once(home: Path, database: str | None) -> None:
    opening = "from recsys.catalog import Catalog; from pathlib import Path; import sys; "
    opening += "Catalog(Path(sys.argv[1]), sys.argv[2] or None).close()"
    command_line = [sys.executable, "-W", "error", "-c", opening, str(home), database or ""]
    processes = [subprocess.Popen(command_line) for _ in range(2)]
    failures: list[CatalogError] = []

    def open_it() -> None:
        try:
            Catalog(home, database).close()
        except CatalogError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert failures == []


def test_threads_share_a_catalogue(catalog: Catalog) -> None:
    failures: list[CatalogError] = []

    def write(name: str) -> None:
        try:
            for i in range(20):
                catalog.record_files([SCANNED_FILE._replace(path=Path(f"/music/{name}/{i}"))])
                assert catalog.search("b")
        except CatalogError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(file.id for file in catalog.files().values()) == list(range(1, 81))


def test_the_catalogue_loads_nothing_heavy() -> None:
    code = "import sys, recsys.catalog, recsys.library.scanning, recsys.home.settings; "
    code += "print(sorted({'torch', 'faiss', 'flask', 'av'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"[]\n"


def test_one_build_at_a_time(catalog: Catalog, home: Path, database: str | None) -> None:
    running = f"process {os.getpid()}"
    with Catalog(home, database) as other:
        with (
            catalog.build_lock(),
            pytest.raises(BuildRunning, match=running),
            other.build_lock(),
        ):
            pass
        with other.build_lock():
            pass


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_one_build_at_a_time_on_one_database(
    catalog: Catalog, tmp_path: Path, database: str
) -> None:
    with Catalog(tmp_path / "other", database) as other:
        with pytest.raises(RuntimeError), catalog.build_lock():
            with pytest.raises(BuildRunning), other.build_lock():
                pass
            raise RuntimeError
        with other.build_lock():
            pass


HOLDER = """
import os, sys, time
from pathlib import Path
from recsys.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]), sys.argv[2] or None)
with catalog.build_lock():
    if os.fork() == 0:
        print(os.getpid(), flush=True)  # by the child, which has let go of the lock by then
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_killed_build_lets_go_though_its_worker_lives(
    catalog: Catalog, home: Path, database: str | None
) -> None:
    command_line = [sys.executable, "-c", HOLDER, str(home), database or ""]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        worker = int(holder.stdout.readline())
        try:
            with pytest.raises(BuildRunning, match=f"process {holder.pid}"), catalog.build_lock():
                pass
            holder.kill()
            holder.wait()
            with Catalog(home) as lone, lone.build_lock():
                pass
        finally:
            os.kill(worker, signal.SIGKILL)


DYING_WRITER = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import text
from recsys.catalog import Catalog
with Catalog(Path(sys.argv[1]))._writing() as session:
    session.execute(text("DELETE FROM tracks"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_whole_transactions(home: Path) -> None:
    with Catalog(home) as catalog:
        catalog.record_files([SCANNED_FILE])
    killed = subprocess.run([sys.executable, "-c", DYING_WRITER, str(home)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with Catalog(home) as catalog:
        assert list(catalog.files()) == [SCANNED_FILE.path]
    with sqlite3.connect(home / "catalogue.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
