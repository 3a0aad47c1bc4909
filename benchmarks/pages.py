"""Bytes that a browser downloads for a page and for a track, and mixes at eight callers.

    python -m benchmarks.pages [--before CHECKOUT] [--home HOME]

The home is the demo library; the browser is Chromium, driven by Playwright, with an empty cache for
the first visit. `--before` is another checkout with its own `.venv`, whose server is asked first,
on a copy of the same home, which it builds, unless `--home` names a home of the demo library that
it can open. The other copy is brought up to date by this checkout.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.load import serving
from benchmarks.serving import ROOT, ask

PAGES = (
    ("a mix of 20 rows", "/?like=track:5"),
    ("a track's page", "/tracks/5"),
    ("an artist's page", "/artist?name=Disco+Cormorant"),
    ("the library", "/library"),
)
CALLERS, SECONDS = 8, 10.0
MIX = "/api/v1/mix?like=track:{}"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--home", type=Path, help="of the demo library")
    args = parser.parse_args()
    checkouts = [args.before, ROOT] if args.before else [ROOT]
    columns: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "first"
        if args.home:
            shutil.copytree(args.home, home)
        else:
            earshot(checkouts[0], "build", "--home", home)
        for number, checkout in enumerate(checkouts):
            copy = shutil.copytree(home, Path(folder) / str(number))
            earshot(checkout, "build", "--again", "--home", copy)
            with serving(checkout, copy) as (_, address):
                columns.append(measured(address) | mixes(address))
    print("| | " + " | ".join(["before", "after"][-len(columns) :]) + " |")
    print("|---|" + "---:|" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


def earshot(checkout: Path, *arguments: object) -> None:
    """Run a command of a checkout."""
    python = checkout / ".venv" / "bin" / "python"
    command = [str(python), "-P", "-m", "earshot", *map(str, arguments)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)


def measured(address: str) -> dict[str, str]:
    """Return kB by what is looked at."""
    found: dict[str, str] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, path in PAGES:
            page, counted = opened(browser)
            page.goto(address + path, wait_until="networkidle")
            first = counted.total
            page.goto(address + path, wait_until="networkidle")
            found[f"{name}, first visit, kB"] = f"{first / 1000:,.0f}"
            found[f"{name}, again, kB"] = f"{(counted.total - first) / 1000:,.0f}"
        page, counted = opened(browser)
        page.goto(address + PAGES[0][1], wait_until="networkidle")
        before = counted.total
        page.locator("#rows [data-play]").first.click()
        page.wait_for_function("() => document.getElementById('audio').currentTime > 1")
        page.wait_for_load_state("networkidle")
        number = page.locator("#rows .row").first.get_attribute("data-track")
        size = int(
            page.request.get(f"{address}/api/v1/tracks/{number}/audio").headers["content-length"]
        )
        found["a track that is played, kB"] = f"{(counted.total - before) / 1000:,.0f}"
        found["the track's file, kB"] = f"{size / 1000:,.0f}"
        browser.close()
    return found


class Counted:
    """Counts the bytes that a page's network brings, as they travel."""

    def __init__(self, session: CDPSession) -> None:
        self.total = 0
        session.send("Network.enable")
        session.on("Network.dataReceived", self._add)
        session.on("Network.loadingFinished", self._settle)
        self._seen: dict[str, int] = {}

    def _add(self, event: dict[str, object]) -> None:
        number, size = str(event["requestId"]), int(str(event["encodedDataLength"]))
        self._seen[number] = self._seen.get(number, 0) + size
        self.total += size

    def _settle(self, event: dict[str, object]) -> None:
        """Take the final size of a request, heads included, instead of what was added up."""
        size = int(float(str(event["encodedDataLength"])))
        self.total += size - self._seen.pop(str(event["requestId"]), 0)


def opened(browser: Browser) -> tuple[Page, Counted]:
    """Return a page of an empty browser, and what counts its bytes."""
    page = browser.new_context().new_page()
    return page, Counted(page.context.new_cdp_session(page))


def mixes(address: str) -> dict[str, str]:
    """Return mixes a second, and the 99th percentile of their times, at eight callers."""
    host = address.removeprefix("http://")
    ask(http.client.HTTPConnection(host), MIX.format(1))  # much is read for the first
    until = time.monotonic() + SECONDS

    def call(caller: int) -> list[float]:
        connection = http.client.HTTPConnection(host)
        times: list[float] = []
        while time.monotonic() < until:
            times.append(ask(connection, MIX.format(1 + (7 * len(times) + caller) % 72)))
        return times

    with ThreadPoolExecutor(CALLERS) as pool:
        times = [one for own in pool.map(call, range(CALLERS)) for one in own]
    return {
        f"mixes a second, {CALLERS} callers": f"{len(times) / SECONDS:.0f}",
        "99th percentile, ms": f"{np.percentile(times, 99):.0f}",
    }


if __name__ == "__main__":
    main()
