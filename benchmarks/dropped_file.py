"""What a file from outside the library takes as a query: the first, and those after it.

    python -m benchmarks.dropped_file HOME FILE [--times 5]

HOME is that of a build, FILE any music. The server is `earshot serve`; times are those of whole
answers of `POST /api/v1/similar`, one at a time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
from pathlib import Path

from benchmarks.serving import serving


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    content = args.file.read_bytes()
    with serving(args.home) as (_, connection, _):
        time.sleep(5.0)  # in which the server reads ahead
        token = json.loads(answer(connection, "GET", "/api/v1/session"))["token"]
        headers = {"Content-Type": "application/octet-stream", "X-Earshot-Token": token}
        print("| file | seconds |\n|---|---:|")
        for n in range(args.times):
            begin = time.perf_counter()
            answer(connection, "POST", "/api/v1/similar?name=a", content, headers)
            print(f"| {n + 1} | {time.perf_counter() - begin:.2f} |", flush=True)


def answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return an answer; ends where it is a refusal."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {content[:300]!r}")
    return content


if __name__ == "__main__":
    main()
