"""The application of a server, and the processes that answer by it (`webui.workers`)."""

from __future__ import annotations

import atexit
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask

from earshot.build_process import BuildStarter
from earshot.command import DONE
from earshot.import_process import ImportStarter
from earshot.transcoding import transcoded
from earshot.upload_analyser import UploadAnalyser
from earshot.waveforms import levels_of
from encoders.projection import ProjectionError
from recsys.accounts import Accounts
from recsys.catalog import CatalogError
from recsys.home.settings import Settings
from recsys.served_home import Served, ServedHome, Unavailable, open_catalog
from recsys.threads import one_thread_each
from webui.app import create_app
from webui.media_server import MediaServer
from webui.music_folders import default_roots
from webui.server import behind_proxy
from webui.workers import answer_requests

if TYPE_CHECKING:
    from earshot.commands.serve import ServeOptions

LOOK = 5.0  # s between two looks for a new index
PATIENCE = 2.0  # s for a thread beside the answers to end
MOST_PROCESSES = 64
TURN = 0.0005  # s that a thread works on while others wait for the interpreter


class Shared(NamedTuple):
    """What all processes of a server share: the token for writing, a folder of index copies."""

    write_token: bytes
    copies: Path | None


def application(
    options: ServeOptions,
    settings: Settings,
    shared: Shared,
    closing: threading.Event,
    stack: ExitStack,
) -> tuple[Flask, Accounts | None]:
    """Make the application, as every process of a server has it; the stack closes it."""
    accounts = None
    if options.accounts:
        catalog = stack.enter_context(open_catalog(settings))
        accounts = Accounts(catalog.people)
    analyser = UploadAnalyser(settings.home, closing)
    stack.callback(analyser.close)
    app = create_app(
        settings,
        listener=options.listener,
        accounts=accounts,
        public_names={name.lower() for name in (*options.public_name, options.host)},
        analyse_file=analyser,
        transcode=transcoded,
        read_levels=levels_of,
        build=BuildStarter(settings.home),
        import_history=ImportStarter(settings.home),
        music_roots=options.music or default_roots(),
        closing=closing,
    )
    app.config["WRITE_TOKEN"] = shared.write_token
    if options.media_server is not None:
        app.extensions["media_server"] = MediaServer(options.media_server)
    home: ServedHome = app.extensions["served_home"]
    home.copies = shared.copies
    stack.callback(home.close)
    return app, accounts


def begin_serving() -> None:
    """Set this process up to serve: its log, how its threads take turns, its end."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # Messages alone are logged: who wrote one is not looked up, for each answer.
    logging._srcfile = None  # as Python's documentation has it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.setswitchinterval(TURN)  # an answer takes a dozen turns beside what is read ahead
    atexit.register(gc.freeze)  # a last collection would look through all modules for a second


def start_worker(
    options: ServeOptions, settings: Settings, shared: Shared, channels: list[socket.socket]
) -> BaseProcess:
    """Start a worker, see `webui.workers`. Raises OSError."""
    arguments = options, settings, shared, channels
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    return process


def work(
    options: ServeOptions, settings: Settings, shared: Shared, channels: list[socket.socket]
) -> None:
    """Answer the requests that a server hands over, until it closes the channels or ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # for the server, which first finishes answers
        signal.signal(number, signal.SIG_IGN)
    begin_serving()
    closing = threading.Event()
    with ExitStack() as stack:
        app, _ = application(options, settings, shared, closing, stack)
        stack.enter_context(one_thread_each())
        home: ServedHome = app.extensions["served_home"]
        warm = threading.Thread(target=keep_warm, args=(home, closing), daemon=True)
        warm.start()
        answer_requests(behind_proxy(app, options.trusted_proxy), channels)
        closing.set()
    end_without([warm])


def end_without(beside: Sequence[threading.Thread]) -> None:
    """Wait for threads to end soon; end this process now, and well, where one does not.

    It is in a library's code, which the ordinary end of a process would abort.
    """
    for thread in beside:
        thread.join(PATIENCE)
    if any(thread.is_alive() for thread in beside):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(DONE)


def _give_back() -> None:
    """Give the system the memory back that reading ahead took and needs no more (glibc)."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # of another C library
            ctypes.CDLL(None).malloc_trim(0)


def keep_warm(home: ServedHome, closing: threading.Event) -> None:
    """Take up each new index, and read what questions to it will need, before they come."""
    warmed: Served | None = None
    while not closing.is_set():
        with suppress(Unavailable, CatalogError, ProjectionError):
            served = home.current()
            if served is not warmed:
                warmed = served
                served.warm()
                _give_back()
        closing.wait(LOOK)
