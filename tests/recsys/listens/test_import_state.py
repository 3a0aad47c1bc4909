"""What is known of an import that was begun on a page, and of one whose process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from recsys.listens.import_state import STATE_NAME, ImportRecord, read_import, stop_import

RUN = """
import sys, time
from pathlib import Path
from recsys.listens.import_state import ImportRecord
ImportRecord(Path(sys.argv[1]), "ann", "played.csv")
print("running", flush=True)
time.sleep(60)
"""


def test_an_import_is_seen_stopped_and_found_dead(tmp_path: Path) -> None:
    assert read_import(tmp_path) is None
    assert not stop_import(tmp_path)
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "running\n"
        state = read_import(tmp_path)
        assert state
        assert (state.state, state.process, state.person) == ("running", process.pid, "ann")
        assert stop_import(tmp_path)
        assert process.wait(30) < 0
    state = read_import(tmp_path)
    assert state
    assert state.state == "died"
    assert not stop_import(tmp_path)


def test_an_end_is_kept_and_a_damaged_state_is_none(tmp_path: Path) -> None:
    record = ImportRecord(tmp_path, "ann", "played.csv")
    record.say("30 listens.", "1 could not be used.")
    record.end("done", {"listens": 30})
    state = read_import(tmp_path)
    assert state
    assert (state.state, state.lines, state.counts) == (
        "done",
        ("30 listens.", "1 could not be used."),
        {"listens": 30},
    )
    for text in ("", "[]", "{}", '{"lines": 3}', "\0"):
        (tmp_path / STATE_NAME).write_text(text)
        assert read_import(tmp_path) is None
