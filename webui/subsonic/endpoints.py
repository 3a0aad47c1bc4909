"""Groups of endpoints: each by GET and by form, with `.view` behind its name or without."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from flask import Blueprint, Response

from webui.subsonic.answers import Tree, answer
from webui.subsonic.errors import answer_errors

PREFIX = "/rest"
_Answer = TypeVar("_Answer", bound=Tree | Response | None)


def group(name: str) -> Blueprint:
    """Return the blueprint of a group of endpoints."""
    made = Blueprint(f"subsonic_{name}", __name__, url_prefix=PREFIX)
    answer_errors(made)
    return made


def endpoint(
    blueprint: Blueprint, *names: str
) -> Callable[[Callable[[], _Answer]], Callable[[], _Answer]]:
    """Register a view under its names in the protocol."""

    def register(view: Callable[[], _Answer]) -> Callable[[], _Answer]:
        @wraps(view)
        def answered() -> Response:
            result = view()
            return result if isinstance(result, Response) else answer(result)

        for name in names:
            for path in (f"/{name}", f"/{name}.view"):
                blueprint.add_url_rule(path, name, answered, methods=["GET", "POST"])
        return view

    return register
