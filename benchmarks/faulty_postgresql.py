"""A PostgreSQL server that is killed, started again, or replaced by its standby."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy.engine import URL, make_url

from benchmarks.earshot_processes import kill

SCRIPT = Path(__file__).parents[1] / ".ci" / "postgresql"


class Cluster(NamedTuple):
    """A folder of PostgreSQL's data, and the port of its server on loopback."""

    data: Path
    port: int

    def kill(self) -> None:
        """Kill the postmaster with SIGKILL, and its processes."""
        number = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        family = psutil.Process(number).children(recursive=True)
        os.kill(number, signal.SIGKILL)
        for process in family:
            kill(process)
        psutil.wait_procs(family, timeout=30)

    def start(self) -> None:
        """Start its server again."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories= -c fsync=off"
        log = self.data.with_suffix(".log")
        self.run("pg_ctl", "start", "--wait", "--silent", "--log", log, "--options", options)

    def run(self, program: str, *arguments: object, password: str = "") -> None:
        """Run one of PostgreSQL's programs on it, as the user whose it is."""
        binary = max(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        command = [str(binary), "--pgdata", str(self.data), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        environ = {**os.environ, "PGPASSWORD": password}
        subprocess.run(command, check=True, cwd=self.data.parent, capture_output=True, env=environ)


class Postgresql:
    """A throw-away server in a new folder; PostgreSQL is installed where it is missing."""

    def __init__(self, folder: Path) -> None:
        started = subprocess.run(
            [SCRIPT, "start", folder], check=True, capture_output=True, text=True
        )
        self._folder = folder
        self._address = make_url(started.stdout.strip())
        self.cluster = Cluster(folder / "data", int(self._address.port or 0))

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of its database."""
        return self._address.render_as_string(hide_password=False)

    def close(self) -> None:
        """Stop it, and delete its files."""
        subprocess.run([SCRIPT, "stop", self._folder], check=False, capture_output=True)


class WithStandby(Postgresql):
    """A server whose transactions are on its standby, too, before they are acknowledged."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._standby = Cluster(folder / "other", int(free.getsockname()[1]))
        with (self.cluster.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = '*'\n")
        self._follow()
        self.cluster.run("pg_ctl", "reload", "--silent")

    @property
    def url(self) -> str:
        """A URL of both, for whichever may be written to."""
        ports = sorted((self.cluster.port, self._standby.port))
        hosts = [f"127.0.0.1:{port}" for port in ports]
        address = self._address
        return URL.create(
            address.drivername,
            address.username,
            address.password,
            database=address.database,
            query={"host": hosts, "target_session_attrs": "read-write"},
        ).render_as_string(hide_password=False)

    def fail_over(self) -> None:
        """Kill the server, let its standby take its place, and make it a new standby."""
        self.cluster.kill()
        self.cluster, self._standby = self._standby, self.cluster
        self.cluster.run("pg_ctl", "promote", "--wait", "--silent")
        shutil.rmtree(self._standby.data)
        self._follow()

    def close(self) -> None:
        """Stop both, and delete their files."""
        for cluster in (self._standby, self.cluster):
            cluster.run("pg_ctl", "stop", "--mode", "immediate", "--silent")
        shutil.rmtree(self._folder)

    def _follow(self) -> None:
        """Make the standby a copy of the server, and start it."""
        source = f"host=127.0.0.1 port={self.cluster.port} user={self._address.username}"
        copy = ("--dbname", source, "--write-recovery-conf", "--checkpoint", "fast")
        self._standby.run("pg_basebackup", *copy, password=self._address.password or "")
        self._standby.start()
