"""How endpoints are described, how they answer and how they refuse."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from webui.api.parameters import Described
from webui.texts import CarefulJson

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"
WRITES: list[dict[str, list[Any]]] = [{"token": []}, {"key": []}]
SECURITY_SCHEMES: dict[str, Any] = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Earshot-Token",
        "description": "What writes takes the token of /api/v1/session.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "With accounts every request takes a key of an account, or its session.",
    },
}
INFO = Info(
    title="Earshot",
    version="1",
    description="Search, similarity, recommendations, playlists and listening of one library.",
)


class Problem(Described):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["The library has no track 999."])
    request_id: str = Field(
        description="Also in the header X-Request-Id and in the server's log.",
        examples=["5d3f2f2c2a1b0e9d"],
    )


def blueprint(name: str, *, tag: str = "") -> APIBlueprint:
    """Return a blueprint of the API for one resource, which the document lists under `tag`."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=PREFIX,
        abp_tags=[Tag(name=tag or name)],
        abp_responses=problems(400, 401, 503),
        operation_id_callback=_operation_id,
    )


def problems(*statuses: int) -> dict[Any, Any]:
    """Describe answers that are problems."""
    return {status: content(PROBLEM, schema=Problem, status=status) for status in statuses}


def content(
    *media_types: str, schema: type[BaseModel] | None = None, status: int = 200, **more: Any
) -> dict[str, Any]:
    """Describe an answer of these media types, of bytes where there is no schema."""
    body: dict[str, Any] = {}
    if schema is not None:
        body = {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}
    described = {"description": HTTPStatus(status).phrase, **more}
    return {**described, "content": dict.fromkeys(media_types, body)}


def taking_bytes(what: str) -> dict[str, Any]:
    """Describe a body that is a file as it is, for `openapi_extensions`."""
    return {"requestBody": {"required": True, "description": what, "content": {BYTES: {}}}}


NOT_MODIFIED: dict[Any, Any] = {304: {"description": "Not Modified"}}


def answer(model: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON."""
    return Response(model.model_dump_json(), status, mimetype="application/json")


def tagged(response: Response) -> Response:
    """Return an answer with its ETag, without its body where the client has it already."""
    response.add_etag()
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.make_conditional(request)
    return response


def refuse(error: ValidationError) -> NoReturn:
    """Say what a parameter takes. Raises BadRequest, or UnsupportedMediaType for no JSON."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "control":  # of two fields together
        raise BadRequest(f"{first['msg']}.")
    if not name and not request.is_json:
        raise UnsupportedMediaType("The body is sent as application/json.")
    if not name:
        raise BadRequest("The body takes a JSON object.")
    if first["type"] == "missing":
        raise BadRequest(f'"{name}" is missing.')
    if first["type"] == "extra_forbidden":
        raise BadRequest(f'"{name[:100]}" means nothing here.')
    raise BadRequest(f'"{name}" {first["msg"]}.')


def described_app(name: str, **options: Any) -> OpenAPI:
    """Return an application whose `api_doc` describes what is registered with it."""
    app = OpenAPI(
        name,
        info=INFO,
        security_schemes=SECURITY_SCHEMES,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=refuse,
        doc_ui=False,
        **options,
    )
    app.json = CarefulJson(app)
    return app


def _operation_id(*, name: str, path: str, method: str) -> str:
    return name
