"""Prometheus metrics of a server: of one process, and what it hands over to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Literal

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recsys.served_home import ServedHome, Unavailable

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
# Seconds: from a page at hand to a file that is analysed.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counts the requests of an application, and the files that it analyses."""

    def __init__(self, home: ServedHome) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "earshot_requests",
            "Requests answered, by endpoint and status.",
            ("method", "endpoint", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "earshot_request_seconds",
            "How long requests take until their answer begins.",
            ("endpoint",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "earshot_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self._uploads = Counter(
            "earshot_uploads",
            "Files from outside the library, by what became of them.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in ("analysed", "failed"):
            self._uploads.labels(outcome)
        self.registry.register(_Library(home))

    def count_upload(self, outcome: Literal["analysed", "failed"]) -> None:
        """Count a file from outside the library."""
        self._uploads.labels(outcome).inc()

    def watch(self, app: Flask) -> None:
        """Count what an application does, and answer `/metrics`."""
        app.before_request(self._begin)
        app.after_request(self._count)
        app.teardown_request(self._end)
        app.add_url_rule("/metrics", "metrics", self.show)

    def show(self) -> Response:
        """Say all that is counted."""
        return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    def count_handed_over(self, method: str, endpoint: str) -> Callable[[int | None], None]:
        """Count a request that another process answers.

        What is returned is to be called with the status of its answer, with None for no answer.
        """
        begin = time.monotonic()
        self._in_flight.inc()

        def count(status: int | None) -> None:
            self._in_flight.dec()
            if status is not None:
                self._count_answer(method, endpoint, status, begin)

        return count

    def _begin(self) -> None:
        g.counted_from = time.monotonic()
        self._in_flight.inc()

    def _count(self, response: Response) -> Response:
        if response.status_code == HTTPStatus.CONTINUE:
            return response
        endpoint = request.endpoint or "none"  # of addresses that are nowhere
        method = request.method if request.method in METHODS else "other"
        self._count_answer(method, endpoint, response.status_code, g.counted_from)
        return response

    def _count_answer(self, method: str, endpoint: str, status: int, begin: float) -> None:
        self._requests.labels(method, endpoint, status).inc()
        self._seconds.labels(endpoint).observe(time.monotonic() - begin)

    def _end(self, error: BaseException | None) -> None:
        if "counted_from" in g:
            self._in_flight.dec()


class _Library(Collector):
    """What answers now; asked when a monitor asks."""

    def __init__(self, home: ServedHome) -> None:
        self._home = home

    def collect(self) -> Iterator[Metric]:
        """Give the size of the index, 0 while nothing can be served."""
        try:
            n_indexed = self._home.current().n_indexed
        except Unavailable:
            n_indexed = 0
        yield GaugeMetricFamily(
            "earshot_indexed_tracks", "Tracks in the index that answers.", value=n_indexed
        )

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: it would open the home."""
        return []
