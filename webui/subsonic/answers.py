"""Answers as JSON or XML, both from one tree.

A tree is a dict. In XML a number, text or switch is an attribute of its element, an `Element` a
child of its own, a dict a child element, a list an element for each of its items; what is called
"value" is the text of its element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree

from flask import Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from webui.connection import body_waits

Tree = dict[str, Any]
PROTOCOL = "1.16.1"  # of Subsonic
_NAMESPACE = "http://subsonic.org/restapi"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Element(str):
    """A text that XML has as an element, not as an attribute."""

    __slots__ = ()


def present(**fields: Any) -> Tree:
    """Return a tree of those fields that are known.

    >>> present(year=1965, genre=None)
    {'year': 1965}
    """
    return {name: value for name, value in fields.items() if value is not None}


def answer(tree: Tree | None = None, status: int = 200) -> Response:
    """Return a tree in the format that the request asks for."""
    return _answer("ok", tree or {}, status)


def failure(code: int, message: str, status: int = 200, help_url: str | None = None) -> Response:
    """Return an error by its number in the protocol, and what a person reads."""
    error = present(code=code, message=message, helpUrl=help_url)
    return _answer("failed", {"error": error}, status)


def wants_json() -> bool:
    """Say whether the request asks for JSON; XML is what it gets otherwise."""
    given = (*request.args.getlist("f"), *form().getlist("f"))
    return any(one.lower() == "json" for one in given)


def form() -> MultiDict[str, str]:
    """Return what a request sends as a form; nothing where that is not here, or is refused."""
    if body_waits(request.environ):
        return MultiDict()
    try:
        return request.form
    except RequestEntityTooLarge:
        return MultiDict()


@cache
def _server_version() -> str:
    """Return this program's version, which is read from a file."""
    return version("earshot")


def _answer(outcome: str, tree: Tree, status: int) -> Response:
    whole = {
        "status": outcome,
        "version": PROTOCOL,
        "type": "earshot",
        "serverVersion": _server_version(),
        "openSubsonic": True,
        **tree,
    }
    if wants_json():
        body = json.dumps({"subsonic-response": whole}, ensure_ascii=False, allow_nan=False)
        return Response(body, status, mimetype="application/json")
    return Response(as_xml(whole), status, mimetype="text/xml")


def as_xml(tree: Mapping[str, Any]) -> bytes:
    """Return a whole answer as XML."""
    root = ElementTree.Element("subsonic-response", xmlns=_NAMESPACE)
    _fill(root, tree)
    written: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return written


def _fill(element: ElementTree.Element, tree: Mapping[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, list | Mapping | Element):
            _add(element, name, value)
        elif name == "value":
            element.text = _text(value)
        else:
            element.set(name, _text(value))


def _add(element: ElementTree.Element, name: str, value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _add(element, name, one)
        return
    child = ElementTree.SubElement(element, name)
    if isinstance(value, Mapping):
        _fill(child, value)
    else:
        child.text = _text(value)


def _text(value: object) -> str:
    """Return a value as XML has it, with U+FFFD for what no XML can hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NOT_XML.sub("\ufffd", str(value))
