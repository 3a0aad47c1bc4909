"""The API's own description, OpenAPI 3.1."""

from __future__ import annotations

import json
from typing import cast

from flask import Response, current_app
from flask_openapi3.openapi import OpenAPI

from webui.api.openapi import NOT_MODIFIED, blueprint, content, tagged
from webui.api.parameters import Revalidating

api = blueprint("document")


@api.get("/openapi.json", responses={200: content("application/json"), **NOT_MODIFIED})
def openapi(header: Revalidating) -> Response:
    """Describe this API to programs: OpenAPI 3.1."""
    described = cast(OpenAPI, current_app).api_doc
    return tagged(Response(json.dumps(described), mimetype="application/json"))
