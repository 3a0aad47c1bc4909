"""What a server reads before the first questions come."""

from __future__ import annotations

import os
import queue
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS

import recsys.home.tag_means
from earshot import worker_process
from recsys.catalog import Catalog, CatalogError
from recsys.home.files import INDEX_NAME
from recsys.home.settings import Settings
from recsys.served_home import Served, ServedHome

PATIENCE = 30  # s


def test_what_was_read_ahead_is_not_read_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise CatalogError("The whole library is read.")

    def statuses() -> set[int]:
        with monkeypatch.context() as patch:
            for read in ("track_summaries", "track_names"):
                patch.setattr(Catalog, read, refuse)
            patch.setattr(recsys.home.tag_means, "read_features", refuse)
            patch.setattr(recsys.home.tag_means, "load", lambda *_: None)
            paths = ("/api/v1/mix?like=tag:rock", "/api/v1/complete?q=ro", "/artist?name=Bix")
            return {client.get(path).status_code for path in paths}

    assert statuses() == {503}
    client.application.extensions["served_home"].current().warm()
    assert statuses() == {200}


def test_each_new_index_is_taken_up_and_read_without_a_question(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed: queue.Queue[Served] = queue.Queue()

    def note(served: Served) -> None:
        warmed.put(served)

    monkeypatch.setattr(Served, "warm", note)
    monkeypatch.setattr(worker_process, "LOOK", 0.01)
    served, closing = ServedHome(Settings(home)), threading.Event()
    index, hidden = home / INDEX_NAME, home / "hidden"
    index.rename(hidden)
    reader = threading.Thread(target=worker_process.keep_warm, args=(served, closing))
    reader.start()
    try:
        time.sleep(0.2)
        assert warmed.empty(), "there is nothing to serve yet"
        hidden.rename(index)
        for n in range(3):
            assert warmed.get(timeout=PATIENCE).n_indexed == N_TRACKS
            time.sleep(0.2)
            assert warmed.empty(), "each index is read once"
            os.utime(index, ns=(n, n))
    finally:
        closing.set()
        reader.join()
        served.close()
