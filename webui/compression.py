"""Compressed answers: text as gzip, for clients that take it (RFC 9110, section 8.4.1).

Sound, pictures and streams are sent as they are. So is what a request other than GET is answered:
some of it holds a secret that is shown once. Tokens in pages are masked (`write_tokens`).
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

_TYPES = frozenset(
    {
        "application/json",
        "application/problem+json",
        "application/xml",
        "audio/x-mpegurl",
        "image/svg+xml",
        "text/css",
        "text/html",
        "text/javascript",
        "text/plain",
        "text/xml",
    }
)
_SMALLEST = 600  # bytes; smaller ones are one packet either way
_LEVEL = 5  # of 9: a page of 110 kB in 2 ms
_MARK = '-gzip"'  # at the end of an ETag: of the compressed form (RFC 9110, section 8.8.1)
_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_IF_RANGE")


def compress_answers(app: Flask) -> None:
    """Compress an app's answers; to be called before all that looks at them."""
    app.before_request(_unmark)
    app.after_request(_compress)


def _unmark() -> None:
    """Let conditions name either form of what a client has."""
    for name in _CONDITIONS:
        if _MARK in request.environ.get(name, ""):
            request.environ[name] = request.environ[name].replace(_MARK, '"')


def _compress(response: Response) -> Response:
    """Compress an answer where that is worth it and the client takes it."""
    if response.mimetype not in _TYPES or response.status_code in (204, 206, 304):
        return response
    if response.is_streamed and request.endpoint != "static":
        return response
    response.vary.add("Accept-Encoding")
    if request.method != "GET" or not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False
    content = response.get_data()
    if request.endpoint == "static":
        response.close()  # its file
    if len(content) < _SMALLEST:
        return response
    response.set_data(gzip.compress(content, _LEVEL, mtime=0))
    response.content_encoding = "gzip"
    if (etag := response.headers.get("ETag", "")).endswith('"'):
        response.headers["ETag"] = etag[:-1] + _MARK
    response.headers.pop("Accept-Ranges", None)
    return response
