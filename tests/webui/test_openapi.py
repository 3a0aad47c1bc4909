"""The API against its own description."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from earshot.transcoding import transcoded
from recsys.home.settings import Settings
from webui.api.parameters import write_cursor
from webui.app import create_app
from webui.security import TOKEN_HEADER
from webui.write_tokens import masked

# What is well formed and yet refused, by its meaning: lengths the wrong way round, one track as
# both ends, more than 200 seeds in all, a file that is no playlist, a listen of the future, a place
# behind a track's end, a folder that there is not, a state that is not the playlist's (If-Match),
# other tracks for a playlist that renews itself, an import too many, a radio at random from seeds.
REFUSED_BY_MEANING = (
    "POST /api/v1/recommend",
    "POST /api/v1/radio",
    "GET /api/v1/folders",
    "POST /api/v1/build",
    "POST /api/v1/imports",
    "GET /api/v1/path",
    "GET /api/v1/mix",
    "POST /api/v1/playlists/import",
    "POST /api/v1/renewals",
    "PATCH /api/v1/renewals/{playlist_id}",
    "POST /api/v1/listens",
    "GET /api/v1/tracks/{track_id}/audio.mp3",
    "PUT /api/v1/playlists/{playlist_id}",
    "PATCH /api/v1/playlists/{playlist_id}",
    "DELETE /api/v1/playlists/{playlist_id}",
)
CONFIG = {
    "operations": [
        {
            "include-name": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "4xx"]}},
        }
        for name in REFUSED_BY_MEANING
    ]
}
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)
REFS = st.one_of(
    st.integers(1, 30).map("track:{}".format),
    st.integers(1, 30).map("album:{}".format),
    NAMES.filter(str.strip).map("artist:{}".format),
    st.sampled_from(["tag:rock", "tag:\u202ecisum", "tag:<script>"]),
)
schemathesis.openapi.format("ref", REFS)
schemathesis.openapi.format("mix", REFS.map(lambda ref: "/?" + urlencode({"like": ref})))
schemathesis.openapi.format("cursor", st.integers(0, 50).map(lambda n: write_cursor(n, 0)))


class Application:
    """The application under test: its description needs no home, its answers do."""

    def __init__(self) -> None:
        self.flask = create_app(Settings(Path("nowhere")))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with closing(self.flask(environ, start_response)) as pieces:
            return [b"".join(pieces)]


APPLICATION = Application()
SCHEMA = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json", APPLICATION, config=SchemathesisConfig.from_dict(CONFIG)
)


@SCHEMA.auth()
class Token:
    """What writes names the token."""

    def get(self, case: Any, context: Any) -> str:
        return masked(APPLICATION.flask.config["WRITE_TOKEN"])

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers[TOKEN_HEADER] = data


@pytest.fixture(scope="module", autouse=True)
def served(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[None]:
    home = shutil.copytree(library / "home", tmp_path_factory.mktemp("fuzzed") / "home")

    def analyse(path: Path) -> tuple[str, Any]:
        now = app.extensions["served_home"].current()
        return now.projection_id, now.recommender.index.vectors([20])[0]

    def build(*, retry_failed: bool, **_: object) -> None:
        """Start nothing."""

    def import_history(file: Path, *_: object) -> None:
        """Read nothing."""
        shutil.rmtree(file.parent)

    app = create_app(
        Settings(home),
        analyse_file=analyse,
        transcode=transcoded,
        build=build,
        import_history=import_history,
    )
    APPLICATION.flask = app
    yield
    app.extensions["served_home"].close()


@SCHEMA.parametrize()
@settings(derandomize=True, max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Any) -> None:
    case.call_and_validate(headers={"Accept-Encoding": "identity"})  # it unpacks nothing
