"""The API reference page, on which operations can be tried.

Swagger UI runs under this server's policy, but a screen reader finds its way through it badly; this
page is made of the same document, and of forms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from flask import Blueprint, current_app, render_template
from flask_openapi3.openapi import OpenAPI

from webui import current_listener

api_page = Blueprint("api_page", __name__)


@dataclass(frozen=True)
class Parameter:
    """What an operation takes beside its body; `place` is path, query or header."""

    name: str
    place: str
    required: bool
    takes: str
    description: str
    example: str


@dataclass(frozen=True)
class Operation:
    """Something to be asked of the API.

    body     "json", "file" or "" for none
    example  of a JSON body
    answers  by status, what each means
    """

    id: str
    tag: str
    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: str
    example: str
    answers: Mapping[str, str]


@api_page.get("/api")
def show() -> str:
    """Show every operation with a form that tries it."""
    operations = operations_of(cast(OpenAPI, current_app).api_doc)
    return render_template(
        "api.html",
        resources=[(tag, list(found)) for tag, found in groupby(operations, lambda o: o.tag)],
        person=current_listener.person(),
    )


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    """Return what a document describes, those of one tag together."""
    schemas = document["components"]["schemas"]
    found = [
        _operation(path, method, described, schemas)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    tags = list(dict.fromkeys(operation.tag for operation in found))
    return sorted(found, key=lambda operation: tags.index(operation.tag))


def _operation(
    path: str, method: str, described: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Operation:
    bodies = described.get("requestBody", {}).get("content", {})
    schema = bodies.get("application/json", {}).get("schema")
    example = "" if schema is None else json.dumps(_example(schema, schemas), ensure_ascii=False)
    return Operation(
        id=described["operationId"],
        tag=described["tags"][0],
        method=method.upper(),
        path=path,
        summary=described["summary"],
        parameters=tuple(map(_parameter, described.get("parameters", ()))),
        body="json" if schema else "file" if bodies else "",
        example=example,
        answers={
            status: answer["description"]
            for status, answer in sorted(described["responses"].items())
        },
    )


def _parameter(described: Mapping[str, Any]) -> Parameter:
    schema = described["schema"]
    example = described.get("example", schema.get("default", ""))
    return Parameter(
        name=described["name"],
        place=described["in"],
        required=bool(described.get("required")),
        takes=_takes(schema),
        description=described.get("description", ""),
        example="\n".join(map(str, example)) if isinstance(example, list) else str(example),
    )


def _takes(schema: Mapping[str, Any]) -> str:
    """Say what a parameter takes.

    >>> _takes({"type": "integer", "minimum": 1.0, "maximum": 200})
    'integer, 1 to 200'
    """
    schema = schema.get("anyOf", [schema])[0]  # the others are nothing given
    kind = str(schema.get("type", "text"))
    if kind == "array":
        return f"{schema['items'].get('type', 'text')}, one a line"
    if "enum" in schema:
        return f"{kind}: {', '.join(map(str, schema['enum']))}"
    if "minimum" in schema and "maximum" in schema:
        return f"{kind}, {schema['minimum']:g} to {schema['maximum']:g}"
    return kind


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a body as it may be: what has an example."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "example" in schema:
        return schema["example"]
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    return {
        name: _example(held, schemas)
        for name, held in properties.items()
        if name in required or "example" in held
    } or schema.get("default", (schema.get("enum") or [None])[0])
