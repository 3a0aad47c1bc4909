"""Builds: starting, following and stopping them. They run in processes of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from flask import Response, current_app, request
from pydantic import Field
from werkzeug.exceptions import Conflict, ServiceUnavailable

from recsys.catalog import BuildRunning
from recsys.durations import clock
from recsys.library.build_state import STAGES, BuildState, read_state, stop
from webui.api.openapi import WRITES, answer, blueprint, content, problems
from webui.api.parameters import Described, Parameters, Strict, Text
from webui.connection import leave_pool
from webui.current_listener import require_owner
from webui.music_folders import allowed_folder, require_presence
from webui.refusals import InsufficientStorage
from webui.suggested import suggesting

MAX_STREAMS = 3  # at once: each has a thread of the server
MAX_FOLDERS = 20  # of one build
POLL = 0.5  # s between two looks at the state
HEARTBEAT = 15.0  # s after which a comment shows that the stream lives, and whether anybody listens
LONGEST = 300.0  # s of a stream, whose reader then comes again

api = blueprint("builds")
_starting = threading.Lock()
_streams = threading.BoundedSemaphore(MAX_STREAMS)


class BuildRefused(Exception):
    """A build ended at once; the message says why."""


class NoRoomForBuild(BuildRefused):
    """A build ended at once because a disk is full."""


class StartBuild(Protocol):
    """Starts builds of the home that is served."""

    def __call__(
        self, *, retry_failed: bool, folders: Sequence[Path] = (), demo: bool = False
    ) -> None:
        """Return as soon as a build is at work. Raises BuildRunning, BuildRefused,
        and CatalogError or OSError where nothing can be written."""


class Build(Described):
    """A build, running or over."""

    state: Literal["none", "running", "done", "stopped", "failed", "died"] = Field(
        description='"died": its process was killed; "none": nothing was built yet.',
        examples=["running"],
    )
    sentence: str = Field(description="The state as a sentence.", examples=["Analysing: 12 of 40"])
    details: str = Field(default="", description="How fast a running build is.")
    stage: str = Field(default="", examples=["analyse"])
    done: int = Field(default=0, description="Files of this stage.", examples=[12])
    total: int = Field(default=0, examples=[40])
    failed: int = 0
    rate_per_hour: float | None = Field(default=None, examples=[2057.1])
    seconds_left: float | None = None
    seconds: float = Field(default=0.0, description="How long it took, or has taken.")
    began_at: int | None = Field(default=None, description="Unix seconds.", examples=[1764000000])
    ended_at: int | None = None
    lines: list[str] = Field(default_factory=list, description="The last lines of its log.")
    result: dict[str, Any] | None = Field(
        default=None, description="Figures of the last build that finished."
    )

    @classmethod
    def of(cls, state: BuildState | None) -> Build:
        """Describe what is known of a home's builds."""
        if state is None:
            return cls(state="none", sentence=suggesting(sentence(None)))
        return cls(
            state=state.state,
            sentence=sentence(state),
            details=details(state),
            stage=state.stage,
            done=state.done,
            total=state.total,
            failed=state.failed,
            rate_per_hour=state.rate and round(state.rate, 1),
            seconds_left=state.left and round(state.left, 1),
            seconds=round(state.seconds, 1),
            began_at=round(state.began),
            ended_at=None if state.ended is None else round(state.ended),
            lines=list(state.lines),
            result=None if state.result is None else dict(state.result),
        )


class RequestedBuild(Strict):
    """What a client asks of a build."""

    retry_failed: bool = Field(False, description="Retry files that failed.")
    folders: list[Text] = Field(
        [],
        max_length=MAX_FOLDERS,
        description="Build these instead of the folders of the last build: whole paths, below the "
        "folders that GET /folders lists. By whoever is logged in, not with a key.",
    )
    demo: bool = Field(False, description="Make the demo library, in a home without another one.")


class LastSeen(Parameters):
    """The last event that a client has received."""

    last_event_id: str = Field("", alias="Last-Event-ID", description="The id of that event.")


@api.get("/build", responses={200: Build, **problems(403)})
def show_build() -> Response:
    """Return the state of the running build, or of the last one."""
    require_owner()
    return _answer()


@api.post("/build", responses={202: Build, **problems(403, 409, 413, 415, 507)}, security=WRITES)
def start_build(body: RequestedBuild) -> Response:
    """Start a build like the last one, with the same folders, taggers and recipe, or of others."""
    begin_build(retry_failed=body.retry_failed, folders=body.folders, demo=body.demo)
    return _answer(202)


def begin_build(*, retry_failed: bool, folders: Sequence[str] = (), demo: bool = False) -> None:
    """Start a build, for an owner: of what was built last, of folders, or of the demo library.

    Raises Forbidden, ServiceUnavailable, Conflict, InsufficientStorage.
    """
    require_owner()
    if folders:
        require_presence()
    build: StartBuild | None = current_app.config["BUILD"]
    if build is None:
        raise ServiceUnavailable("This server starts no builds.")
    if not _starting.acquire(blocking=False):
        raise Conflict("A build is being started already.")
    try:
        leave_pool(request.environ)
        if folders or demo:
            allowed = [allowed_folder(folder) for folder in folders]
            build(retry_failed=retry_failed, folders=allowed, demo=demo and not allowed)
        else:
            build(retry_failed=retry_failed)
    except NoRoomForBuild as error:
        raise InsufficientStorage(str(error)) from error
    except (BuildRunning, BuildRefused) as error:
        raise Conflict(str(error)) from error
    finally:
        _starting.release()


@api.delete("/build", responses={202: Build, **problems(403, 409)}, security=WRITES)
def stop_build() -> Response:
    """Stop the build that runs, whoever started it; what it has analysed is kept."""
    require_owner()
    if not stop(_home()):
        raise Conflict("No build is running.")
    return _answer(202)


@api.get(
    "/build/events",
    responses={
        200: content("text/event-stream"),
        204: {"description": "No build runs: ask no more."},
        **problems(403),
    },
)
def follow_build(header: LastSeen) -> Response:
    """Send the state of the build that runs, as server-sent events, until it ends."""
    require_owner()
    home, last_seen = _home(), header.last_event_id
    state = read_state(home)
    if state is None or (not state.running and _id(state) == last_seen):
        return Response(status=204)
    if not _streams.acquire(blocking=False):
        raise ServiceUnavailable(f"{MAX_STREAMS} streams are open already: ask /api/v1/build.")
    leave_pool(request.environ)
    events = _follow(home, last_seen, current_app.extensions["closing"])
    response = Response(events, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(_streams.release)
    return response


def _follow(home: Path, last_seen: str, closing: threading.Event) -> Iterator[str]:
    """Give events until the build or the server ends, or for as long as a stream may last."""
    started = sent_at = time.monotonic()
    yield "retry: 2000\n\n"
    while (now := time.monotonic()) - started < LONGEST:
        state = read_state(home)
        if state is None:
            return
        if _id(state) != last_seen:
            last_seen, sent_at = _id(state), now
            yield f"id: {last_seen}\nevent: build\ndata: {Build.of(state).model_dump_json()}\n\n"
        elif now - sent_at > HEARTBEAT:
            sent_at = now
            yield ": still there\n\n"
        if not state.running or closing.wait(POLL):
            return


def sentence(state: BuildState | None) -> str:
    """Say in a sentence what a build does or how it ended."""
    if state is None:
        return (
            "This home has not been built yet. Run `earshot build` with your music folders once; "
            "after that, builds can be started here."
        )
    if state.running:
        name = STAGES.get(state.stage, state.stage)
        return f"{name}: {state.done:,} of {state.total:,}" if state.total else f"{name} …"
    when = datetime.fromtimestamp(state.ended or state.updated).strftime("%d %b %Y, %H:%M")
    took = clock(state.seconds)
    if state.state == "done" and state.result:
        n = state.result
        return (
            f"The last build ended on {when} after {took}: {n['analysed']:,} analysed, "
            f"{n['removed']:,} removed, {n['unchanged']:,} unchanged, {n['failed']:,} failed."
        )
    if state.state == "stopped":
        return f"The last build was stopped on {when}. What it analysed is kept; the next goes on."
    if state.state == "died":
        return (
            f"The last build was cut off after {when}: it was killed, or the machine went down. "
            "What it analysed is kept; the next goes on."
        )
    why = state.lines[-1] if state.lines else "Its output says why."
    return f"The last build failed on {when}. {why}"


def details(state: BuildState) -> str:
    """Say how fast a running build is."""
    if not state.running:
        return ""
    parts = [f"running for {clock(state.seconds)}"]
    if state.rate:
        parts.append(f"{state.rate:,.0f} an hour")
    if state.left is not None:
        parts.append(f"{clock(state.left)} left")
    if state.failed:
        parts.append(f"{state.failed:,} failed")
    return " · ".join(parts)


def _home() -> Path:
    home: Path = current_app.config["HOME"]
    return home


def _id(state: BuildState) -> str:
    """Return what changes with a state."""
    return f"{state.process}-{state.updated}-{state.state}"


def _answer(status: int = 200) -> Response:
    response = answer(Build.of(read_state(_home())), status)
    response.headers["Cache-Control"] = "no-store"
    return response
