"""Serve a home to this machine's browser: the workbench, and its API.

    python scripts/serve.py --home ~/music-home --port 8000
    python scripts/serve.py --listener ann

Exit status: 0 stopped by a signal, 1 the port cannot be had, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import waitress
from building import Building
from hearing import Hearing
from transcoding import transcoded

from recsys.catalog import CatalogError, is_name
from recsys.query import Query
from recsys.serving import ServedHome, Unavailable
from recsys.settings import SettingsError, load_settings
from webui.app import DEFAULT_LISTENER, create_app
from webui.safety import is_loopback
from webui.sounds import MAX_SOUND

FAILED, USAGE = 1, 2
THREADS = 8  # some of which streams of a build's progress may hold


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; requests under way are finished."""
    parser = argparse.ArgumentParser(description="Serve a home to this machine's browser.")
    parser.add_argument("--home", type=Path, help="where catalogue and index are kept")
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument(
        "--listener",
        default=DEFAULT_LISTENER,
        metavar="NAME",
        help="whose listens and likes these are, as in imported histories (default: %(default)s)",
    )
    args = parser.parse_args(arguments)
    if not is_loopback(args.host):
        parser.error(
            f"--host {args.host} is open to other machines, and there are no accounts yet: "
            "serve on 127.0.0.1."
        )
    if not 0 <= args.port <= 65535:
        parser.error("--port takes a number from 0, any free one, to 65535")
    if not is_name(args.listener):
        parser.error("--listener takes a name of 1 to 200 printable characters")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        settings = load_settings(args.home)
        app = create_app(
            settings,
            listener=args.listener,
            hear=Hearing(settings.home),
            transcode=transcoded,
            build=Building(settings.home),
        )
        server = waitress.create_server(
            app,
            host=args.host,
            port=args.port,
            ident=None,
            threads=THREADS,
            max_request_body_size=2 * MAX_SOUND,  # which the application refuses with a sentence
        )
    except SettingsError as error:
        print(error, file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"{args.host}:{args.port} cannot be served on: {error.strerror}.", file=sys.stderr)
        return FAILED
    home = app.extensions["served_home"]
    threading.Thread(target=warm, args=(home,), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # which may come before the server waits for it
        print(f"Serving on http://{url_host(args.host)}:{server.effective_port}", flush=True)
        server.run()  # returns after KeyboardInterrupt, when its threads are done
    home.close()
    return 0


def warm(home: ServedHome) -> None:
    """Read, before the first question comes, what it takes: the catalogue, the listening model."""
    with suppress(Unavailable, CatalogError):
        home.current().recommender.recommend(Query(), 1)


def url_host(host: str) -> str:
    """Return a host as a URL has it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
