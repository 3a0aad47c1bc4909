"""Analysis of files from outside the library, which are not stored."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from webui.api.openapi import WRITES, answer, blueprint, problems, taking_bytes
from webui.api.parameters import Described, Parameters, Text
from webui.uploads import analyse_upload, write_sound

api = blueprint("sounds")


class SoundQuery(Parameters):
    """What the file is called."""

    name: Text = Field("", description="The file's name.", examples=["new song.mp3"])


class AnalysedSound(Described):
    """A file that was analysed."""

    name: str = Field(examples=["new song.mp3"])
    ref: str = Field(description="What stands for it in a mix: its embedding, and its name.")


@api.post(
    "/sounds",
    responses={200: AnalysedSound, **problems(403, 413, 415, 429, 507)},
    security=WRITES,
    openapi_extensions=taking_bytes("Any file of music, up to 100 MiB."),
)
def analyse(query: SoundQuery) -> Response:
    """Analyse a file, and return what stands for it in an address; the file is not kept."""
    sound = analyse_upload(query.name)
    return answer(AnalysedSound(name=sound.name, ref=f"sound:{write_sound(sound)}"))
