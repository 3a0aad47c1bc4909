"""Listening histories, imported from files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from flask import Response, current_app, request
from pydantic import AfterValidator, Field, WithJsonSchema
from werkzeug.exceptions import Conflict, ServiceUnavailable, UnsupportedMediaType

from recsys.listens.choice import FormatChoice
from recsys.listens.columns import parse_columns
from recsys.listens.formats import FORMATS
from recsys.listens.import_state import ImportState, read_import, stop_import
from recsys.listens.text_encoding import known_codec
from recsys.listens.times import Order
from webui.api.openapi import BYTES, WRITES, answer, blueprint, problems, taking_bytes
from webui.api.parameters import Described, Parameters, Text, takes
from webui.connection import leave_pool
from webui.current_listener import person, require_owner
from webui.rate_limits import spend_import

MAX_FILE_NAME = 100  # characters
_PIECE = 1 << 20  # bytes written at once
_STAGES = {
    "read": "Reading: {:,} rows",
    "match": "Looking for the tracks in the library: {:,} recordings",
    "learn": "Learning from the listens …",
}

api = blueprint("imports", tag="listening")


class ImportRunning(Exception):
    """Another import is running."""


class StartImport(Protocol):
    """Starts imports into the home that is served."""

    def __call__(self, file: Path, person: str, whose: str, choice: FormatChoice) -> None:
        """Start one; the file's folder is removed in the end.

        `person` begins it, `whose` listens all of it are, "" for whom the file names. Raises
        ImportRunning, CatalogError, OSError.
        """


def _columns(text: str) -> str:
    if text:
        parse_columns(text)
    return text


def _format(text: str) -> str:
    if text and text not in FORMATS:
        raise ValueError(text)
    return text


def _codec(text: str) -> str:
    if text and known_codec(text) is None:
        raise ValueError(text)
    return text


class ImportQuery(Parameters):
    """What a file is, where that is to be said; what is not said is found."""

    name: Text = Field("", description="The file's name.", examples=["scrobbles.json"])
    whose: Literal["mine", "several"] = Field(
        "mine",
        description='"mine": all listens in it are those of the person who asks. "several": those '
        "of the people it names, for owners.",
    )
    user: Text = Field(
        "",
        description="Whose listens are taken of a file of several people; or whose they are, where "
        "the file does not say so.",
    )
    format: Annotated[
        Text,
        AfterValidator(_format),
        WithJsonSchema({"type": "string", "enum": ["", *FORMATS]}),
        takes(f"one of {', '.join(FORMATS)}"),
    ] = Field("", description="Empty: recognised.")
    columns: Annotated[
        Text, AfterValidator(_columns), takes("ROLE=COLUMN,… or ROLE,ROLE,… without a header")
    ] = Field("", description="Which columns of a table hold what.")
    dates: Literal["", "dmy", "mdy", "ymd"] = Field("", description="The order of dates.")
    decimal: Literal["", ".", ","] = Field("", description="The decimal mark of a table.")
    encoding: Annotated[Text, AfterValidator(_codec), takes("the name of an encoding")] = Field(
        "", description="Of a text, such as cp1251."
    )

    def choice(self) -> FormatChoice:
        """Return it as importers take it."""
        order: Order | None = self.dates or None
        return FormatChoice(
            self.format or None,
            self.user.strip(),
            parse_columns(self.columns) if self.columns else None,
            order,
            self.decimal or None,
            known_codec(self.encoding) if self.encoding else None,
        )


class ImportSchema(Described):
    """An import, running or over."""

    state: Literal["none", "running", "done", "failed", "stopped", "died"] = Field(
        description='"none": the person who asks has begun none. "died": its process was killed.',
        examples=["done"],
    )
    file: str = Field(default="", examples=["scrobbles.json"])
    sentence: str = Field(
        default="", description="What it does.", examples=["Reading: 12,000 rows"]
    )
    lines: list[str] = Field(
        default=[], description="What became of the file, as `earshot import` says it."
    )
    counts: dict[str, Any] = Field(default={}, description="Figures of the file.")

    @classmethod
    def of(cls, state: ImportState | None) -> ImportSchema:
        """Describe the person's own import."""
        if state is None or state.person != person().listener:
            return cls(state="none")
        lines = list(state.lines)
        if state.state == "died":
            lines.append("The import was cut off. Import the file again to go on.")
        return cls(
            state=state.state,
            file=state.file,
            sentence=_STAGES[state.stage].format(state.done) if state.running else "",
            lines=lines,
            counts=dict(state.counts),
        )


@api.get("/imports", responses={200: ImportSchema})
def show_import() -> Response:
    """Return how far the import of the person who asks is, or how the last one ended."""
    return _answer()


@api.post(
    "/imports",
    responses={202: ImportSchema, **problems(403, 409, 413, 415, 429, 507)},
    security=WRITES,
    openapi_extensions=taking_bytes("A listening history, as `earshot import` reads it."),
)
def begin_import(query: ImportQuery) -> Response:
    """Import a listening history in the background; importing it again changes nothing."""
    start: StartImport | None = current_app.config["IMPORT"]
    if query.whose == "several":
        require_owner()
    if request.mimetype != BYTES:
        raise UnsupportedMediaType(f"A history is sent as it is, as {BYTES}.")
    if start is None:
        raise ServiceUnavailable("This server imports nothing.")
    if (running := read_import(_home())) is not None and running.running:
        raise _busy()
    spend_import()
    leave_pool(request.environ)
    file = _received(file_name(query.name))
    whose = person().listener if query.whose == "mine" else ""
    try:
        start(file, person().listener, whose, query.choice())
    except BaseException as error:
        shutil.rmtree(file.parent, ignore_errors=True)
        if isinstance(error, ImportRunning):
            raise _busy() from None
        raise
    return _answer(202)


@api.delete("/imports", responses={202: ImportSchema, **problems(403, 409)}, security=WRITES)
def end_import() -> Response:
    """Stop the import of the person who asks; what was read is kept."""
    if ImportSchema.of(read_import(_home())).state == "none":
        raise Conflict("You are importing nothing.")
    if not stop_import(_home()):
        raise Conflict("Your import is over.")
    return _answer(202)


def _received(name: str) -> Path:
    """Write the body of the request to a file of this name, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="earshot-"))
    try:
        with (folder / name).open("wb") as written:
            shutil.copyfileobj(request.stream, written, _PIECE)
    except BaseException:  # the disk is full, or the client is gone
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / name


def _busy() -> Conflict:
    return Conflict("Another history is being imported: try again in a minute.")


def file_name(text: str) -> str:
    """Return a client's name of a file as one in a folder of ours.

    >>> file_name("../../etc/pass\\0wd"), file_name("..")
    ('passwd', 'history')
    """
    name = text.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable()).strip(" .")
    while len(name.encode()) > MAX_FILE_NAME:
        name = name[1:]
    return name or "history"


def _home() -> Path:
    home: Path = current_app.config["HOME"]
    return home


def _answer(status: int = 200) -> Response:
    response = answer(ImportSchema.of(read_import(_home())), status)
    response.headers["Cache-Control"] = "no-store"
    return response
