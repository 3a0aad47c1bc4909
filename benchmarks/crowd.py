"""What callers of a server wait for, alone and beside thousands of stalled connections.

    python -m benchmarks.crowd [--tracks 100000] [--stalled 2000] [--callers 8] [--seconds 10]

The library and the server are those of serving.py. The stalled connections have sent half a request
each; they come from addresses of 127.0.0.0/8, as many from each as the server lets be (Linux).
"""

from __future__ import annotations

import argparse
import http.client
import socket
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.load import processes
from benchmarks.serving import ask, make_home, serving
from webui.server import raise_file_limit
from webui.server_resources import ServerLimits

WARM = 20.0  # s after the first answer, in which the server reads ahead


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--stalled", type=int, default=2000)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--home", type=Path, help="one made before, of so many tracks")
    parser.add_argument("--processes", type=int, help="of the server")
    args = parser.parse_args()
    raise_file_limit()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = args.home or Path(folder)
        if args.home is None:
            make_home(home, args.tracks)
        _, connection, _ = stack.enter_context(serving(home, *processes(args.processes)))
        time.sleep(WARM)
        print("| beside | requests a second | median, ms | p99, ms |\n|---|---:|---:|---:|")
        stalled: list[socket.socket] = []
        for _ in range(2):  # each twice, in turn
            report("nobody", call(connection.host, connection.port, args))
            stalled.extend(stall(connection.port, n) for n in range(args.stalled))
            report(f"{args.stalled:,} stalled", call(connection.host, connection.port, args))
            print(f"<!-- {sum(map(is_open, stalled))} of them were still open -->")
            while stalled:
                stalled.pop().close()
            time.sleep(1.0)


def stall(port: int, n: int) -> socket.socket:
    """Return a connection that has sent half a request."""
    source = f"127.0.1.{1 + n // (ServerLimits().of_address - 6)}"
    client = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    client.sendall(b"GET /healthz HT")
    return client


def is_open(client: socket.socket) -> bool:
    """Say whether the server has closed it."""
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def call(host: str, port: int, args: argparse.Namespace) -> tuple[list[float], float]:
    """Ask for similar tracks by several callers; return milliseconds of all, and the seconds."""
    times: list[float] = []
    ends = time.perf_counter() + args.seconds

    def caller(seed: int) -> None:
        connection = http.client.HTTPConnection(host, port)
        rng = np.random.default_rng(seed)
        while time.perf_counter() < ends:
            track_id = rng.integers(1, args.tracks + 1)
            times.append(ask(connection, f"/api/v1/tracks/{track_id}/similar?k=10"))
        connection.close()

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in range(args.callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, args.seconds


def report(beside: str, measured: tuple[list[float], float]) -> None:
    """Print a line of the table."""
    times, seconds = measured
    median, p99 = np.percentile(times, [50, 99])
    print(f"| {beside} | {len(times) / seconds:.0f} | {median:.1f} | {p99:.1f} |", flush=True)


if __name__ == "__main__":
    main()
