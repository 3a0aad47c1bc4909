"""What is known of a build while it runs, and after it ended in any way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.catalog import BuildRunning
from recsys.library.build import Progress
from recsys.library.build_state import STATE_NAME, BuildRecord, read_state, stop
from recsys.library.scanning import folders_of

ROOT = Path(__file__).parents[3]
RUNS = """
import signal, sys, time
from pathlib import Path
from recsys.library.build import Progress
from recsys.library.build_state import BuildRecord
signal.signal(signal.SIGTERM, signal.default_int_handler)
with BuildRecord(Path(sys.argv[1])) as record:
    record.show(Progress("analyse", 3, 9))
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_build_is_told_from_its_beginning_to_its_end(home: Path) -> None:
    home.mkdir()
    assert read_state(home) is None
    with BuildRecord(home) as record:
        record.plan([home / "music"], {"taggers": "a", "segments": 2, "recipe": "Flat"})
        record.show(Progress("identify", 0, 4))
        record.show(Progress("analyse", 0, 4))
        told = record.show(Progress("analyse", 2, 4, 1))
        assert told.rate
        assert told.left == pytest.approx(2 * 3600 / told.rate)
        seen = read_state(home)  # as it was when the stage began: it is not written at once again
        assert seen
        assert (seen.state, seen.stage, seen.done, seen.total) == ("running", "analyse", 0, 4)
        record.say("One file is broken.")
        record.finish({"tracks": 3})
    done = read_state(home)
    assert done
    assert (done.state, done.done, done.failed) == ("done", 2, 1)
    assert done.lines == ("One file is broken.",)
    assert done.result == {"tracks": 3}
    assert not stop(home)
    with pytest.raises(KeyboardInterrupt), BuildRecord(home):
        raise KeyboardInterrupt
    stopped = read_state(home)
    assert stopped
    assert stopped.state == "stopped"
    assert (stopped.folders, stopped.result) == ((str(home / "music"),), {"tracks": 3})
    with pytest.raises(ValueError, match="odd"), BuildRecord(home) as failing:
        raise ValueError("odd")
    failing.say("The recipe is odd.")  # by whoever caught it
    failed = read_state(home)
    assert failed
    assert (failed.state, failed.lines) == ("failed", ("The recipe is odd.",))


def test_a_process_is_not_in_its_own_way(home: Path) -> None:
    """Where the disk was full, the end of an earlier build of this process is not written."""
    home.mkdir()
    with BuildRecord(home):
        running = (home / STATE_NAME).read_bytes()
    (home / STATE_NAME).write_bytes(running)
    with BuildRecord(home):
        pass
    state = read_state(home)
    assert state
    assert state.state == "done"


def test_who_is_refused_leaves_the_other_builds_word(home: Path) -> None:
    home.mkdir()
    with pytest.raises(BuildRunning), BuildRecord(home) as refused:
        other = json.loads((home / STATE_NAME).read_text()) | {"process": 1, "stage": "fit"}
        (home / STATE_NAME).write_text(json.dumps(other))
        raise BuildRunning.on(home, 1)
    refused.say("Another build is running.")
    left = json.loads((home / STATE_NAME).read_text())
    assert (left["process"], left["stage"], left["lines"]) == (1, "fit", [])


@pytest.mark.parametrize(("end", "state"), [("stop", "stopped"), ("kill", "died")])
def test_a_process_that_is_gone_does_not_run(home: Path, end: str, state: str) -> None:
    home.mkdir()
    command = [sys.executable, "-c", RUNS, str(home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        running = read_state(home)
        assert running
        assert (running.state, running.process) == ("running", process.pid)
        with pytest.raises(BuildRunning, match=f"process {process.pid}"), BuildRecord(home):
            pass
        later = json.loads((home / STATE_NAME).read_text())  # as if its number were another's now
        (home / STATE_NAME).write_text(json.dumps(later | {"process_began": 1.0}))
        found = read_state(home)
        assert found
        assert found.state == "died"
        (home / STATE_NAME).write_text(json.dumps(later))
        if end == "kill":
            process.kill()
        else:
            assert stop(home)
        process.wait(60)
    ended = read_state(home)
    assert ended
    assert ended.state == state
    assert not stop(home)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"lines": 3, "folders": []}', "\0\1"])
def test_a_damaged_state_says_nothing(home: Path, text: str) -> None:
    home.mkdir()
    (home / STATE_NAME).write_text(text)
    assert read_state(home) is None
    with BuildRecord(home):
        pass
    state = read_state(home)
    assert state
    assert state.state == "done"


def test_folders_of_a_library(tmp_path: Path) -> None:
    for name in ("a/b", "c", "d"):
        (tmp_path / name).mkdir(parents=True)
    a, b, c, d = (tmp_path / name for name in ("a", "a/b", "c", "d"))
    (tmp_path / "link").symlink_to(c)
    tracks = [c / "1.mp3", b / "2.mp3"]
    assert folders_of([a], [], tracks) == (a,)
    assert folders_of([a, b], [c, d], tracks) == (a, c)  # b is in a; nothing is left of d
    assert folders_of([tmp_path / "link"], [b], tracks) == (b, c)
