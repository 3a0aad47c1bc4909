"""The answers against the official description of OpenSubsonic (../shared)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from made_home import N_TRACKS
from official import OFFERED, SHARED, Bundle
from schemathesis.checks import CHECKS

from recsys.catalog import Catalog
from recsys.home.discography import Discographies
from recsys.home.settings import Settings
from webui.app import create_app

if not SHARED.is_dir():
    pytest.skip("There is no official description in ../shared.", allow_module_level=True)

BINARY = ("stream", "download", "getCoverArt")
# Exempt from the description: what is sent as it is has its own type, not "application/binary".
# Of the checks that schemathesis has, those on refusals are left out: the protocol answers what it
# refuses with status 200 and an error in the body, whose form is checked like any other answer's.
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
OF_BINARY = ("not_a_server_error", "status_code_conformance")
IDS: list[str] = [*map(str, range(1, N_TRACKS + 1)), "pl-1"]


class Application:
    """The application under test, which is asked for JSON; a stream is read to its end."""

    def __init__(self) -> None:
        self.flask: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        query = environ.get("QUERY_STRING", "")
        environ["QUERY_STRING"] = f"{query}&f=json&c=fuzz&v=1.16.1"
        with closing(self.flask(environ, start_response)) as pieces:
            return [b"".join(pieces)]


APPLICATION = Application()
schemathesis.openapi.format(
    "thing",
    st.one_of(
        st.deferred(lambda: st.sampled_from(IDS)),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    ),
)
SCHEMA = schemathesis.openapi.from_dict(Bundle().document())
SCHEMA.app = APPLICATION


@pytest.fixture(scope="module", autouse=True)
def served(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[None]:
    home = shutil.copytree(library / "home", tmp_path_factory.mktemp("official") / "home")
    with Catalog(home) as catalog:
        found = Discographies(catalog).current()
        IDS.extend([*found.albums, *found.artists])

    def transcode(path: Path, start: float, **_: Any) -> Any:
        yield b"sound"

    app = create_app(Settings(home), transcode=transcode, build=lambda *, retry_failed: None)
    APPLICATION.flask = app
    client = app.test_client()
    for name in ("star?id=1", "createPlaylist?name=x&songId=1", "setRating?id=2&rating=4"):
        assert client.get(f"/rest/{name}&f=json").get_json()["subsonic-response"]["status"] == "ok"
    yield
    app.extensions["served_home"].close()


@SCHEMA.include(method="GET").parametrize()
@settings(derandomize=True, max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_officially_described(case: Any) -> None:
    check(case)


@SCHEMA.include(method="POST").parametrize()
@settings(derandomize=True, max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_to_forms_are_as_officially_described(case: Any) -> None:
    check(case)


def check(case: Any) -> None:
    name = case.path.rpartition("/")[2]
    checks = [CHECKS.get_one(check) for check in (OF_BINARY if name in BINARY else WANTED)]
    response = case.call(headers={"Accept-Encoding": "identity"})  # it unpacks nothing
    case.validate_response(response, checks=checks)


def test_everything_that_is_offered_is_checked() -> None:
    rules = {rule.rule for rule in APPLICATION.flask.url_map.iter_rules()}
    names = {rule.removeprefix("/rest/") for rule in rules if rule.startswith("/rest/")}
    plain = {name for name in names if name and not name.endswith(".view") and "<" not in name}
    assert plain == set(OFFERED)
    assert {f"{name}.view" for name in plain} <= names
