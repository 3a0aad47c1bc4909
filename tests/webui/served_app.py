"""Serving an application in a thread, by the server that people run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from webui.server import Server, listen
from webui.server_resources import ServerLimits


@contextmanager
def serving(app: Flask, limits: ServerLimits | None = None) -> Iterator[str]:
    """Serve an application in a thread, and give its address."""
    server = Server(app, listen("127.0.0.1", 0), limits=limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        app.extensions["closing"].set()
        server.stop()
        server.stop()  # without waiting for answers
        thread.join()
        app.extensions["served_home"].close()
