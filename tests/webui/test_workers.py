"""Several processes that answer for one server."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import faiss
import psutil
from flask import Flask
from test_server import PATIENCE, healthy, process, request

from earshot.commands.serve import parse
from earshot.worker_process import Shared, application
from index.shared_copy import shared_folder
from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.files import INDEX_NAME
from recsys.home.settings import Settings
from webui.handing_over import HANDED_OVER
from webui.server_resources import ThreadPool
from webui.worker_messages import RECEIVED, Incoming, packed
from webui.workers import answer_requests

PATHS = (
    "/api/v1/tracks/1/similar?k=3",
    "/api/v1/mix?like=track:2",
    "/api/v1/search?q=a",
    "/api/v1/tracks",
)


def workers_of(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [one for one in children if "--multiprocessing-fork" in one.cmdline()]


def until(what: Any) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def requests_counted(address: str, headers: dict[str, str]) -> Counter[str]:
    """Return what the metrics count of each endpoint that answered with 200."""
    asked = urllib.request.Request(f"{address}/metrics", headers=headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        text = answer.read().decode()
    found = re.findall(r'earshot_requests_total\{endpoint="(.+?)".*status="200"\} (\d+)', text)
    return Counter({endpoint: int(n) for endpoint, n in found})


def test_a_thread_that_answers_lets_faiss_use_one_thread() -> None:
    """OpenMP's number is each thread's own; that of new ones is as many as there are cores."""
    used: list[int] = []
    pool = ThreadPool(1)
    pool.submit(lambda: used.append(faiss.omp_get_max_threads()))
    assert pool.close(PATIENCE) == 0

    def answer(_: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [str(faiss.omp_get_max_threads()).encode()]

    ours, theirs = socket.socketpair()
    worker = threading.Thread(target=answer_requests, args=(answer, [theirs]))
    worker.start()
    with ours:
        ours.sendall(packed({}, b""))
        received = Incoming().take(ours.recv(RECEIVED))
    worker.join()
    assert received is not None
    assert (used, received[1]) == ([1], b"1")


def test_a_worker_that_is_killed_costs_no_answer(home: Path) -> None:
    with Catalog(home) as catalog:
        accounts = Accounts(catalog.people)
        _, key = accounts.make_key(accounts.add("ann", role="owner")[0], "test")
    headers = {"Authorization": f"Bearer {key}"}
    statuses: Counter[tuple[str, int]] = Counter()
    is_over = threading.Event()

    def call(path: str) -> None:
        caller = http.client.HTTPConnection(host, timeout=PATIENCE)
        while not is_over.is_set():
            statuses[path, request(caller, "GET", path, headers=headers)[0]] += 1
        caller.close()

    with (
        process(home, "--accounts", "--processes", "2") as (run, address),
        ThreadPoolExecutor(8) as pool,
    ):
        host = address.removeprefix("http://")
        first = until(lambda: workers_of(run.pid))
        assert healthy(address)
        calls = [pool.submit(call, path) for path in PATHS * 2]
        until(lambda: len(statuses) == len(PATHS))
        workers_of(run.pid)[0].kill()
        before = statuses.total()
        until(lambda: statuses.total() > before + 20)
        (home / INDEX_NAME).touch()  # a new index
        until(lambda: set(workers_of(run.pid)) - set(first))
        is_over.set()
        for one in calls:
            one.result()
        assert {status for _, status in statuses} == {200}
        counted = requests_counted(address, headers)
        assert counted["tracks.similar"] == statuses[PATHS[0], 200]
        assert counted["recommendations.mix"] == statuses[PATHS[1], 200]
        check_that_workers_see_what_is_written(host, headers)
        workers = workers_of(run.pid)
        run.send_signal(signal.SIGTERM)
        log = run.communicate(timeout=PATIENCE)[1]
    assert run.returncode == 0, log
    assert not [one for one in workers if one.is_running()]
    assert "Traceback" not in log
    assert log.count("a worker ended with -9") == 1


def check_that_workers_see_what_is_written(host: str, headers: dict[str, str]) -> None:
    """What the one process writes, all know; strangers are refused by workers, too."""
    caller = http.client.HTTPConnection(host, timeout=PATIENCE)
    headers = {**headers, "Content-Type": "application/json"}
    body = json.dumps({"kind": "dislike"})
    path = "/api/v1/tracks/5/feedback"
    assert request(caller, "PUT", path, body=body, headers=headers)[0] < 300
    for _ in range(4):
        path = "/api/v1/mix?like=track:4&length=50"
        answer = json.loads(request(caller, "GET", path, headers=headers)[2])
        assert 5 not in [one["id"] for one in answer["tracks"]]
        assert request(caller, "GET", PATHS[0])[0] == 401
    body = json.dumps({"seeds": [{"kind": "track", "ref": 1}], "k": 3})
    status, _, content = request(caller, "POST", "/api/v1/recommend", body=body, headers=headers)
    assert (status, len(json.loads(content)["tracks"])) == (200, 3)
    caller.close()


def test_what_a_page_of_one_process_holds_another_one_takes(home: Path) -> None:
    options = parse(["--home", str(home)])
    shared = Shared(b"a token that all have", None)
    with ExitStack() as stack:
        one, other = (
            application(options, Settings(home), shared, threading.Event(), stack)[0].test_client()
            for _ in range(2)
        )
        token = one.get("/api/v1/session").json["token"]  # type: ignore[index]
        headers = {"X-Earshot-Token": token}
        answer = other.put("/api/v1/tracks/5/feedback", json={"kind": "like"}, headers=headers)
        assert answer.status_code < 300


def test_what_is_handed_over_exists_and_holds_nothing(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints >= HANDED_OVER
    methods = {
        method
        for rule in app.url_map.iter_rules()
        if rule.endpoint in HANDED_OVER - {"recommendations.recommend"}
        for method in rule.methods or ()
    }
    assert methods <= {"GET", "HEAD", "OPTIONS"}, "what writes is for the one process"


def test_a_killed_server_leaves_no_copies(tmp_path: Path) -> None:
    with shared_folder() as folder:
        assert folder is not None
        abandoned = folder.with_name("earshot-abandoned")
        abandoned.mkdir()
        (abandoned / "owner").touch()
        with shared_folder() as other:
            assert other is not None and other != folder
            assert folder.exists() and not abandoned.exists()
        assert not other.exists()
