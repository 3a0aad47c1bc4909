"""What builds and servers survive: a campaign of faults over real processes, and what was lost.

    python -m benchmarks.faults [--only kill-build clock …] [--seed 0] [--kills 6] [--uploads 1000]
        [--before CHECKOUT]

Each fault meets a copy of a small home that holds listens, likes and playlists. Whatever happens, a
process may end with a sentence and never with a traceback; afterwards a build must run to its end
with every track analysed, and everything stored before, or acknowledged by a server meanwhile, must
be there. `--before` is another checkout, whose version takes turns with this one on one home.

    kill-build    SIGKILL of a random process of a build, at a random time
    kill-server   the same of a server of three processes that is being written to
    full-disk     a disk of a few MiB that is full, or full but for a few pages (root)
    slow-disk     a disk on which each read, write and sync waits (root, FUSE)
    read-only     a disk remounted read-only (root)
    clock         clocks a year behind and ahead (faketime)
    postgresql    the database's server killed and started again under a build and a server
    failover      the same, and its standby takes its place
    versions      the versions of two checkouts on one home, in turn
    uploads       damaged files of music, sent to a server

Prints a Markdown table; exits with 1 where anything was lost, or a traceback was seen. Damaged
files of a home are `benchmarks.torn_files`.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import create_engine, text

from benchmarks.damaged_media import damaged_media
from benchmarks.earshot_processes import PATIENCE, Client, Process, kill, resident, works
from benchmarks.faulty_disks import disk, fill_disk, mount, slow
from benchmarks.faulty_postgresql import Postgresql, WithStandby
from encoders.bundles import BUNDLES, DEFAULT_MODELS
from recsys.catalog import Catalog
from recsys.catalog.database import database_url

ROOT = Path(__file__).parents[1]
N_TRACKS, N_MORE, SECONDS = 8, 4, 4.0  # of music, in a home and to be added
PRECIOUS = {  # tables, and the columns that must stay
    "tracks": "id, path",
    "features": "track_id, extractor",
    "listeners": "id, name",
    "listens": "listener_id, listened_at, recording_id",
    "feedback": "listener_id, recording_id, kind",
    "playlists": "id, name",
    "playlist_entries": "playlist_id, place, recording_id",
}
Rows = dict[str, set[tuple[Any, ...]]]


@dataclass
class Outcome:
    """What became of one kind of fault: how often it was tried, and what was wrong then."""

    tried: int = 0
    sentences: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Campaign:
    """A folder with music and a home, and processes on copies of it."""

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        self.folder, self.args = folder, args
        self.rng = random.Random(args.seed)
        self.outcome = Outcome()
        self.processes: list[Process] = []
        self.music, self.more = folder / "music", folder / "more"
        for number in range(N_TRACKS + N_MORE):
            write_tune(self.music if number < N_TRACKS else self.more, number)
        self.home = folder / "home"
        (folder / "weights").mkdir()
        for name in DEFAULT_MODELS:
            BUNDLES[name].load(folder / "weights")
        begin = time.monotonic()
        self.finish(self.build(self.new(self.home), self.music))
        self.seconds = time.monotonic() - begin
        fill(self.home, None)

    def new(self, home: Path) -> Path:
        """Make an empty home that has the weights."""
        home.mkdir(parents=True)
        (home / "weights").symlink_to(self.folder / "weights")
        return home

    def copy(self, name: str) -> Path:
        """Copy the home."""
        return shutil.copytree(self.home, self.folder / name, symlinks=True)

    def start(
        self,
        *command: object,
        before: Sequence[str] = (),
        checkout: Path = ROOT,
        environ: Mapping[str, str] = {},
    ) -> Process:
        """Start a command of Earshot, by another one such as faketime, of another checkout."""
        self.processes.append(Process(command, before, checkout, environ, self.folder / "said"))
        return self.processes[-1]

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()

    def build(self, home: Path, *music: Path | str, **more: Any) -> Process:
        """Start a build of folders, or with further options."""
        return self.start("build", *music, "--home", home, "--workers", 1, **more)

    def finish(self, process: Process, *, refused: bool = False) -> int:
        """Wait for a process; note a traceback, and a failure unless it may be `refused`."""
        status = process.wait()
        if "Traceback" in process.said:
            self.outcome.wrong.append(f"traceback: {process.said[-1500:]}")
        elif status and not refused:
            self.outcome.wrong.append(f"status {status}: {process.said[-500:]}")
        elif status > 0 and not re.search(r"[.!]\s*$", process.said.strip()):
            self.outcome.wrong.append(f"status {status} without a sentence: {process.said[-300:]}")
        elif status > 0:
            self.outcome.sentences += 1
        return status

    def ended(self, family: Sequence[psutil.Process]) -> None:
        """Note processes that stay though the one that started them has ended."""
        deadline = time.monotonic() + PATIENCE / 5  # a worker that is being started ends then
        while (left := [one for one in family if works(one)]) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in left:
            self.outcome.wrong.append(f"{process} stays")
            kill(process)

    def check(self, home: Path, before: Rows, database: str | None = None) -> None:
        """Build to the end; note what is lost, and what is not analysed."""
        environ = {} if database is None else {"EARSHOT_DATABASE": database}
        self.finish(self.build(home, self.music, self.more, environ=environ))
        after = precious(home, database)
        for table, rows in before.items():
            if lost := rows - after[table]:
                self.outcome.wrong.append(f"lost of {table}: {sorted(lost, key=str)[:5]}")
        analysed = {row[0] for row in after["features"]}
        if len(after["tracks"]) != N_TRACKS + N_MORE or len(analysed) != N_TRACKS + N_MORE:
            self.outcome.wrong.append(f"{len(analysed)} of {len(after['tracks'])} are analysed")


def main() -> None:
    """Run the campaign and print the table."""
    faults: dict[str, Callable[[Campaign], None]] = {
        "kill-build": kill_build,
        "kill-server": kill_server,
        "full-disk": full_disk,
        "read-only": read_only,
        "slow-disk": slow_disk,
        "clock": clock,
        "postgresql": postgresql,
        "failover": failover,
        "versions": versions,
        "uploads": uploads,
    }
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=faults, default=list(faults))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=6, help="of builds, and as many of servers")
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--before", type=Path, help="another checkout, for versions")
    args = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        campaign = stack.enter_context(closing(Campaign(Path(folder), args)))
        print("| fault | tried | refused with a sentence | wrong | notes | s |")
        print("|---|---:|---:|---:|---|---:|")
        for name in args.only:
            outcome = campaign.outcome = Outcome()
            begin = time.monotonic()
            faults[name](campaign)
            cells = [outcome.tried, outcome.sentences, len(outcome.wrong)]
            seconds = time.monotonic() - begin
            print(f"| {name} |", *(f"{cell} |" for cell in cells), end=" ")
            print(f"{'; '.join(outcome.notes)} | {seconds:.0f} |", flush=True)
            wrong += [f"{name}: {sentence}" for sentence in outcome.wrong]
    for sentence in wrong:
        print(f"\n{sentence}")
    raise SystemExit(1 if wrong else 0)


def kill_build(campaign: Campaign) -> None:
    """Kill a random process of builds, and once in three the whole family."""
    n_killed = 0
    for number in range(campaign.args.kills):
        home = campaign.copy(f"killed build {number}")
        before = precious(home)
        process = campaign.build(home, campaign.music, campaign.more)
        time.sleep(campaign.rng.uniform(0.1, 1.0) * campaign.seconds)
        family = process.family()
        if family:
            n_killed += 1
            if number % 3:
                kill(campaign.rng.choice(family))
            else:
                process.kill()
        campaign.finish(process, refused=True)
        campaign.ended(family)
        campaign.outcome.tried += 1
        campaign.check(home, before)
        shutil.rmtree(home)
    campaign.outcome.notes.append(f"{n_killed} still ran when killed")


def kill_server(campaign: Campaign) -> None:
    """Kill random processes of servers that are written to; one whose own process lives goes on."""
    home = campaign.copy("killed server")
    before, n_lived, saved = precious(home), 0, set[str]()
    for number in range(campaign.args.kills):
        process = campaign.start("serve", "--home", home, "--port", 0, "--processes", 2)
        client = Client(process)
        client.until_healthy()
        names = (f"{number}: {n}" for n in range(10_000))
        ended = threading.Event()
        writer = threading.Thread(target=save_all, args=(client, names, ended))
        writer.start()
        time.sleep(campaign.rng.uniform(0.5, 4))
        family = process.family()
        victim = campaign.rng.choice(family) if family else None
        if victim is not None:
            kill(victim)
        time.sleep(2)
        if victim is not None and victim.pid != process.run.pid:
            n_lived += 1
            if not client.until_healthy():
                campaign.outcome.wrong.append("the server answers no more")
        ended.set()
        process.kill()
        writer.join()
        campaign.ended(family)
        saved |= client.saved
        campaign.outcome.tried += 1
        if "Traceback" in process.said:
            campaign.outcome.wrong.append(f"traceback: {process.said[-1500:]}")
    names_kept = {name for _, name in precious(home)["playlists"]}
    if lost := saved - names_kept:
        campaign.outcome.wrong.append(f"lost playlists: {sorted(lost)[:5]}")
    campaign.outcome.notes.append(f"{len(saved)} playlists saved, {n_lived} went on by themselves")
    campaign.check(home, before)


def full_disk(campaign: Campaign) -> None:
    """Build and save on disks that are full, but for some pages."""
    free = [0, 1, 4, 16, 64, 256, 1024]  # KiB
    size = sum(path.stat().st_size for path in campaign.home.iterdir() if path.is_file())
    for number in free:
        with disk(campaign.folder, f"{size // 1024 + 4096}k") as folder:
            home = shutil.copytree(campaign.home, folder / "home", symlinks=True)
            before = precious(home)
            fill_disk(folder, number << 10)
            campaign.finish(campaign.build(home, campaign.music, campaign.more), refused=True)
            process = campaign.start("serve", "--home", home, "--port", 0)
            client = Client(process)
            if client.until_healthy():
                for n in range(20):
                    status = client.save(f"full {n}")
                    if status not in (201, 507):
                        campaign.outcome.wrong.append(f"saving: {status} {client.answer[:200]!r}")
                if client.ask("/api/v1/tracks/1/similar") != 200:
                    campaign.outcome.wrong.append("no similar tracks on a full disk")
            else:
                campaign.outcome.wrong.append(f"no server on a full disk: {process.said[-300:]}")
            process.kill()
            (folder / "filled").unlink()
            before["playlists"] |= {
                row for row in precious(home)["playlists"] if row[1] in client.saved
            }
            if not client.saved <= {name for _, name in precious(home)["playlists"]}:
                campaign.outcome.wrong.append("an acknowledged playlist is not there")
            campaign.outcome.tried += 1
            campaign.check(home, before)
    campaign.outcome.notes.append(f"free KiB: {', '.join(map(str, free))}")


def read_only(campaign: Campaign) -> None:
    """Build and save on a disk that is read-only."""
    with disk(campaign.folder, "64m") as folder:
        home = shutil.copytree(campaign.home, folder / "home", symlinks=True)
        before = precious(home)
        process = campaign.start("serve", "--home", home, "--port", 0)
        client = Client(process)
        client.until_healthy()
        for path in folder.rglob("*"):  # a database that is open keeps a disk from being remounted
            assert path.exists()
        process.kill()
        mount("-o", "remount,ro", str(folder))
        status = campaign.finish(campaign.build(home, campaign.music, campaign.more), refused=True)
        if status != 1:
            campaign.outcome.wrong.append(f"a build of a read-only home ended with {status}")
        process = campaign.start("serve", "--home", home, "--port", 0)
        client = Client(process)
        if not client.until_healthy() or client.ask("/api/v1/tracks/1/similar") != 200:
            campaign.outcome.wrong.append(f"no answer from a read-only home: {process.said[-300:]}")
        if not 400 <= client.save("read-only") < 600 or b"detail" not in client.answer:
            campaign.outcome.wrong.append(f"saving said {client.answer[:200]!r}")
        process.kill()
        mount("-o", "remount,rw", str(folder))
        campaign.outcome.tried += 3
        campaign.check(home, before)


def slow_disk(campaign: Campaign) -> None:
    """Build, be killed, and serve from a home on a disk where reads, writes and syncs wait."""
    with slow(campaign.folder) as folder:
        if folder is None:
            needs = "mfusepy, libfuse2 and the right to mount"
            campaign.outcome.notes.append(f"*not run*: needs {needs}")
            return
        home = shutil.copytree(campaign.home, folder / "home", symlinks=True)
        before = precious(home)
        begin = time.monotonic()
        campaign.finish(campaign.build(home, campaign.music, campaign.more))
        seconds = time.monotonic() - begin
        for _ in range(2):
            process = campaign.build(home, campaign.music, campaign.more, "--refit")
            time.sleep(campaign.rng.uniform(0.2, 0.9) * seconds)
            process.kill()
            campaign.outcome.tried += 1
        process = campaign.start("serve", "--home", home, "--port", 0)
        client = Client(process)
        client.until_healthy()
        taken = []
        for number in range(30):
            begin = time.monotonic()
            if client.save(f"slow {number}") != 201:
                campaign.outcome.wrong.append(f"saving said {client.answer[:200]!r}")
            taken.append(time.monotonic() - begin)
        if client.ask("/api/v1/tracks/1/similar") != 200:
            campaign.outcome.wrong.append("no similar tracks from a slow disk")
        process.kill()
        campaign.outcome.tried += 2
        if not client.saved <= {name for _, name in precious(home)["playlists"]}:
            campaign.outcome.wrong.append("an acknowledged playlist is not there")
        saving = f"saving {np.median(taken):.1f} s in the median, {max(taken):.1f} at most"
        campaign.outcome.notes.append(f"a build took {seconds:.0f} s, {saving}")
        campaign.check(home, before)


def clock(campaign: Campaign) -> None:
    """Build and serve by clocks a year behind and ahead, in turn."""
    if shutil.which("faketime") is None:
        campaign.outcome.notes.append("*not run*: needs faketime (apt-get install faketime)")
        return
    home = campaign.copy("clock")
    before, saved = precious(home), set[str]()
    for when in ("-1y", "+1y", "-2y"):
        fake = ("faketime", "-f", when)
        campaign.finish(campaign.build(home, campaign.music, campaign.more, before=fake))
        process = campaign.start("serve", "--home", home, "--port", 0, before=fake)
        client = Client(process)
        if not client.until_healthy() or client.save(f"at {when}") != 201:
            campaign.outcome.wrong.append(f"{when}: {client.answer[:200]!r} {process.said[-300:]}")
        process.kill()
        saved |= client.saved
        campaign.outcome.tried += 2
    if not saved <= {name for _, name in precious(home)["playlists"]}:
        campaign.outcome.wrong.append("an acknowledged playlist is not there")
    campaign.check(home, before)


def postgresql(campaign: Campaign) -> None:
    """Kill the database's server under a build and under a server, and start it again."""
    if shutil.which("psql") is None:
        campaign.outcome.notes.append("*not run*: needs PostgreSQL (.ci/postgresql)")
        return
    campaign.folder.chmod(0o755)
    with closing(Postgresql(campaign.folder / "postgresql")) as database:
        is_down = False

        def kill_it(number: int) -> None:
            nonlocal is_down
            database.cluster.kill()
            is_down = not number % 2  # else it is there again for the build's next step
            if not is_down:
                database.cluster.start()

        def have_it() -> None:
            nonlocal is_down
            if is_down:
                database.cluster.start()
            is_down = False

        on_database(campaign, database, kill_it, have_it)


def failover(campaign: Campaign) -> None:
    """Kill the database's server under a build and under a server; its standby takes its place."""
    if shutil.which("psql") is None:
        campaign.outcome.notes.append("*not run*: needs PostgreSQL (.ci/postgresql)")
        return
    campaign.folder.chmod(0o755)
    with closing(WithStandby(campaign.folder / "with standby")) as database:
        on_database(campaign, database, lambda _: database.fail_over(), lambda: None)


def on_database(
    campaign: Campaign,
    database: Postgresql,
    take_away: Callable[[int], None],
    give_back: Callable[[], None],
) -> None:
    """Take the database's server away under builds and under a server, and give it back."""
    url = database.url
    environ = {"EARSHOT_DATABASE": url}
    home = campaign.new(campaign.folder / f"of {type(database).__name__}")
    campaign.finish(campaign.build(home, campaign.music, environ=environ))
    fill(home, url)
    before = precious(home, url)
    n_killed = 0
    for number in range(campaign.args.kills):
        folders = campaign.music, campaign.more
        process = campaign.build(home, *folders, "--refit", environ=environ)
        time.sleep(campaign.rng.uniform(0.2, 0.8) * campaign.seconds)
        n_killed += process.run.poll() is None
        take_away(number)
        campaign.finish(process, refused=True)
        campaign.outcome.tried += 1
        give_back()
    campaign.outcome.notes.append(f"{n_killed} builds still ran when it was killed")
    process = campaign.start("serve", "--home", home, "--port", 0, environ=environ)
    client = Client(process)
    client.until_healthy()
    for number in range(2):
        client.save(f"before {number}")
        take_away(0)
        without = client.save(f"without {number}")
        if not (without == 201 or (500 <= without < 600 and b"detail" in client.answer)):
            campaign.outcome.wrong.append(f"without: {without} {client.answer[:300]!r}")
        give_back()
        if not client.until_healthy() or client.save(f"again {number}") != 201:
            campaign.outcome.wrong.append(f"after a restart: {client.answer[:300]!r}")
        campaign.outcome.tried += 1
    process.kill()
    if not client.saved <= {name for _, name in precious(home, url)["playlists"]}:
        campaign.outcome.wrong.append("an acknowledged playlist is not there")
    campaign.check(home, before, url)


def versions(campaign: Campaign) -> None:
    """Let another version and this one build and serve one home in turn."""
    other = campaign.args.before
    if other is None:
        campaign.outcome.notes.append("*not run*: needs --before")
        return
    home = campaign.new(campaign.folder / "versions")
    campaign.finish(campaign.build(home, campaign.music, checkout=other))
    fill(home, None)
    before, saved = precious(home), set[str]()
    for number, checkout in enumerate((ROOT, other, ROOT, other, ROOT)):
        is_other = checkout == other
        campaign.finish(
            campaign.build(home, campaign.music, campaign.more, checkout=checkout),
            refused=is_other,
        )
        process = campaign.start("serve", "--home", home, "--port", 0, checkout=checkout)
        if process.run.stdout and process.run.poll() is None:
            client = Client(process)
            if client.address.startswith("http") and client.until_healthy():
                client.save(f"by {number}")
                saved |= client.saved
        process.kill()
        campaign.finish(process, refused=True)
        campaign.outcome.tried += 2
    if not saved <= {name for _, name in precious(home)["playlists"]}:
        campaign.outcome.wrong.append("an acknowledged playlist is not there")
    campaign.outcome.notes.append(f"{len(saved)} of 5 servers saved a playlist")
    campaign.check(home, before)


def uploads(campaign: Campaign) -> None:
    """Send damaged files to a server; each is analysed or refused with a sentence."""
    home = campaign.copy("uploads")
    process = campaign.start("serve", "--home", home, "--port", 0)
    client = Client(process)
    client.until_healthy()
    peak = 0
    for name, content in damaged_media(campaign.args.seed, campaign.args.uploads):
        status = client.ask(f"/api/v1/sounds?name={name}", content, "application/octet-stream")
        if not (status == 200 or (400 <= status < 500 and b"detail" in client.answer)):
            campaign.outcome.wrong.append(f"{name}: {status} {client.answer[:200]!r}")
        campaign.outcome.tried += 1
        campaign.outcome.sentences += 400 <= status < 500
        peak = max(peak, sum(resident(one) for one in process.family()))
    if client.ask("/healthz") != 200:
        campaign.outcome.wrong.append("the server answers no more")
    counted = ", ".join(f"{n} × {status}" for status, n in sorted(client.answers.items()))
    campaign.outcome.notes.append(f"answers: {counted}; {peak >> 20} MiB at most")
    process.kill()
    if "Traceback" in process.said:
        campaign.outcome.wrong.append(f"traceback: {process.said[-1500:]}")


# What the faults share


def write_tune(folder: Path, number: int) -> None:
    """Write a few seconds of chords as a WAV file."""
    folder.mkdir(exist_ok=True)
    times = np.arange(int(16_000 * SECONDS)) / 16_000
    pitches = 110 * 2 ** (np.random.default_rng(number).integers(0, 36, 4) / 12)
    chord = sum(np.sin(2 * np.pi * pitch * times) for pitch in pitches) * (1 - times % 0.5)
    with wave.open(str(folder / f"tune {number}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((6000 * chord).astype("<i2").tobytes())


def fill(home: Path, database: str | None) -> None:
    """Store listens, likes and playlists."""
    with Catalog(home, database) as catalog:
        for name in ("me", "ann"):
            listener = catalog.listener(name, create=True)
            assert listener
            catalog.record_listens(listener.id, [(n % N_TRACKS + 1, 10**9 + n) for n in range(40)])
            catalog.set_feedback(listener.id, 1, "like", 10**9)
            catalog.save_playlist(listener.id, f"of {name}", [1, 2, 3])


def precious(home: Path, database: str | None = None) -> Rows:
    """Return the rows that must not be lost."""
    engine = create_engine(database_url(home, database))
    with engine.connect() as connection:
        rows = {
            table: {tuple(row) for row in connection.execute(text(f"SELECT {names} FROM {table}"))}
            for table, names in PRECIOUS.items()
        }
    engine.dispose()
    return rows


def save_all(client: Client, names: Iterator[str], ended: threading.Event) -> None:
    """Save playlists until it is over."""
    for name in names:
        if ended.is_set():
            return
        client.save(name)


if __name__ == "__main__":
    main()
