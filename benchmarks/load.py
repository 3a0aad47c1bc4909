"""Answers a second of one or several versions of the server under load, on the same home, in turn.

    python -m benchmarks.load [--tracks 100000] [--home HOME] [--before CHECKOUT] [--what similar]

The callers are those of wrk (https://github.com/wg/wrk, a package of most systems), on the same
machine as the server. The home is that of serving.py; `--what listener` gives it listens, unless it
has some, and a listening model. `--before` is another checkout with its own
`.venv`, whose server is asked first. Memory is the proportional set
size of the server and its processes (Linux).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.serving import ROOT, make_home
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.training.listening_model import refit
from webui.app import DEFAULT_LISTENER

CALLERS = (1, 8, 32)
PATHS = {  # for Lua, `n` being the number of tracks
    "similar": '"/api/v1/tracks/" .. math.random(1, n) .. "/similar?k=10"',
    "mix": '"/api/v1/mix?like=track:" .. math.random(1, n)',
    "listener": '"/api/v1/mix"',
    "complete": '"/api/v1/complete?q=song" .. math.random(1, n)',
    "search": '"/api/v1/search?q=artist7%20song" .. math.random(1, n)',
}
N_LISTENERS, N_PLAYED, N_STRETCHES = 200, 120, 6  # of invented listens, and tracks of each
SCRIPT = """
local n = {n}
math.randomseed({seed})
request = function() return wrk.format("GET", {path}) end
"""


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="one made before, of so many tracks")
    parser.add_argument("--before", type=Path, help="another checkout, asked first")
    parser.add_argument("--before-home", type=Path, help="its own, where schemas differ")
    parser.add_argument("--what", choices=PATHS, default="similar")
    parser.add_argument("--processes", type=int, nargs="*", help="of the server, each in turn")
    parser.add_argument("--after", type=float, default=15.0, help="s from the start to the load")
    parser.add_argument(
        "--seconds", type=int, default=5, help="of load, for each number of callers"
    )
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt-get install wrk, or brew install wrk.")
    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder) / "home"
        if args.home is None:
            make_home(home, args.tracks)
        if args.what == "listener":
            add_listens(home)
        script = Path(folder) / "callers.lua"
        print("| server | callers | answers a second | median, ms | p99, ms | failed | MiB |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        servers: list[tuple[str, Path, Path, tuple[str, ...]]] = []
        for n in args.processes or [None]:
            said, options = (f", {n} processes", processes(n)) if n else ("", ())
            if args.before is not None:
                before_home = args.before_home or home
                servers.append((f"before{said}", args.before, before_home, options))
            servers.append((f"after{said}", ROOT, home, options))
        for name, checkout, served, options in servers:
            with serving(checkout, served, *options) as (process, address):
                time.sleep(args.after)
                for callers in CALLERS:
                    text = SCRIPT.format(n=args.tracks, seed=callers, path=PATHS[args.what])
                    script.write_text(text, encoding="utf-8")
                    measured = load(address, script, callers, args.seconds)
                    print(f"| {name} | {callers} | {measured} | {memory(process)} |", flush=True)


def add_listens(home: Path) -> None:
    """Invent listens, where there are none: each person plays tracks of a few stretches of ids."""
    with open_home(load_settings(home)) as opened:
        catalog, n = opened.catalog, len(opened.index)
        if catalog.listeners():
            return
        rng = np.random.default_rng(3)
        starts = rng.integers(0, n, 50)
        for number in range(N_LISTENERS):
            listener = catalog.listener(f"p{number}" if number else DEFAULT_LISTENER, create=True)
            liked = rng.choice(starts, N_STRETCHES, replace=False)
            rows = (rng.choice(liked, N_PLAYED) + rng.integers(0, 200, N_PLAYED)) % n
            if listener:
                ids = opened.index.ids[np.unique(rows)].tolist()
                catalog.record_listens(listener.id, [(track, at) for at, track in enumerate(ids)])
        refit(opened)


def processes(n: int | None) -> tuple[str, ...]:
    """Return the server's option for a number of processes."""
    return () if n is None else ("--processes", str(n))


@contextmanager
def serving(
    checkout: Path, home: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a home by a checkout's own interpreter; give the process and its address."""
    own = checkout / ".venv" / "bin" / "python"
    python = str(own) if checkout != ROOT else sys.executable
    command = [python, str(checkout / "scripts" / "serve.py"), "--home", str(home), "--port", "0"]
    command += options
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        command, cwd=checkout, env=environ, stdout=-1, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().rpartition(" ")[2].strip()
            urllib.request.urlopen(f"{address}/healthz", timeout=60).close()
            yield process, address
        finally:
            process.terminate()


def load(address: str, script: Path, callers: int, seconds: int) -> str:
    """Return the cells of a row: answers a second, milliseconds, and failed answers."""
    command = ["wrk", "-t1", f"-c{callers}", f"-d{seconds}s", "--latency", "-s", str(script)]
    said = subprocess.run([*command, address], check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: (.*)", said)
    cells = [
        f"{float(rate[1]):.0f}" if rate else "-",
        *(milliseconds(said, share) for share in ("50%", "99%")),
        (failed[1] if failed else "0") + (f" ({broken[1]})" if broken else ""),
    ]
    return " | ".join(cells)


def milliseconds(said: str, share: str) -> str:
    """Return a percentile of wrk's latencies."""
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", said)
    return f"{float(found[1]) * {'us': 0.001, 'ms': 1, 's': 1000}[found[2]]:.1f}" if found else "-"


def memory(process: subprocess.Popen[str]) -> int:
    """Return the MiB of a process and all it started, shared pages divided among them."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    pss: int = sum(one.memory_full_info().pss for one in family)
    return pss >> 20


if __name__ == "__main__":
    main()
