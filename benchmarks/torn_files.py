"""What happens when a file of a home is cut short or overwritten, for every file but the catalogue.

    python -m benchmarks.torn_files --home HOME [--step 1024] [--most 60]

Each file that a build or a training writes is damaged in a copy of the home: cut at every `--step`
bytes (at most `--most` places, evenly), filled with zeros from there on, and with one byte altered
there. Then commands and pages run in a process of their own, and what they say is compared with
what the whole home says:

    same      the same answer (the file is not needed, or was made again)
    refused   no answer, and a sentence
    reduced   another answer, and a sentence that says why
    SILENT    another answer, and no sentence: a fault
    CRASHED   a traceback, a signal or no end: a fault

Exits with 1 after a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import multiprocessing
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from earshot import cli
from recsys.home.settings import load_settings
from webui.app import create_app

TIME_LIMIT = 60.0  # s for one command
NOT_DERIVED = ("catalogue", "weights", "demo-library")  # beginnings of names
COMMANDS = (
    ("similar", "1", "--json", "-k", "5"),
    ("similar", "1", "--why", "-k", "3"),
    ("recommend", "--json", "-k", "5"),
    ("recommend", "--json", "-k", "5", "--like", "1"),
)
ADDRESSES = (
    "/api/v1/tracks/1/similar?k=5",
    "/api/v1/mix?like=track:1",
    "/api/v1/map",
    "/artist?name=Aune%20Vesterdal",
    "/evaluation",
)
Question = tuple[str, ...] | str  # a command's arguments, or an address
FAULTS = ("SILENT", "CRASHED")
TOKEN = re.compile(r'name="earshot-token" content="\w+"')  # another one in each page


class Answer(NamedTuple):
    """What a command or an address answered."""

    is_ok: bool
    content: str
    said: str


def main() -> None:
    """Damage every file in turn and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--step", type=int, default=1024, help="bytes between two damages")
    parser.add_argument("--most", type=int, default=60, help="damages of a kind for each file")
    args = parser.parse_args()
    questions: list[Question] = [*COMMANDS, *ADDRESSES]
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(args.home, home, ignore=shutil.ignore_patterns("demo-library"))
        whole = {question: asked(home, question) for question in questions}
        print("| file | damages | same | refused | reduced | SILENT | CRASHED |")
        print("|---|---|---|---|---|---|---|")
        for path in derived_files(home):
            content, counts, n = path.read_bytes(), Counter[str](), 0
            for name, damaged in damages(content, args.step, args.most):
                n += 1
                for question in questions:
                    path.write_bytes(damaged)
                    answer = asked(home, question)
                    kind = judged(answer, whole[question], path.name)
                    counts[kind] += 1
                    if kind in FAULTS:
                        faults.append(f"{path.name} {name}, {question}: {answer.said[-2000:]}")
                    restore(home, args.home)
            kinds = ("same", "refused", "reduced", *FAULTS)
            print(f"| {path.name} | {n} |", " | ".join(str(counts[kind]) for kind in kinds), "|")
            sys.stdout.flush()
    for fault in faults[:20]:
        print(f"\n{fault}")
    raise SystemExit(1 if faults else 0)


def derived_files(home: Path) -> list[Path]:
    """Return the files of a home that builds and trainings write, without the catalogue."""
    return sorted(
        path for path in home.iterdir() if path.is_file() and not path.name.startswith(NOT_DERIVED)
    )


def damages(content: bytes, step: int, most: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged versions of a file, each with a name."""
    places = range(0, len(content), step)
    places = places[:: max(1, -(-len(places) // most))]
    for at in places:
        yield f"cut at {at}", content[:at]
        yield f"zeros from {at}", content[:at] + bytes(len(content) - at)
        yield f"altered at {at}", content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def restore(home: Path, whole: Path) -> None:
    """Put every file back that a question or a damage changed."""
    for path in derived_files(whole):
        shutil.copy2(path, home / path.name)


def judged(answer: Answer, whole: Answer, name: str) -> str:
    """Return the kind of an answer of a home whose file `name` is damaged."""
    if "Traceback" in answer.said or not (answer.said or answer.is_ok):
        return "CRASHED"
    if answer.is_ok and answer.content == whole.content:
        return "same"
    if not answer.is_ok:
        return "refused"
    return "reduced" if name in answer.said + answer.content else "SILENT"


def asked(home: Path, question: Question) -> Answer:
    """Return the answer of a home, given in a process of its own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=answer_into, args=(home, question, theirs)
    )
    process.start()
    theirs.close()
    answer = Answer(False, "", "")
    with contextlib.suppress(EOFError):
        if ours.poll(TIME_LIMIT):
            answer = ours.recv()
    process.join(1)
    process.kill()
    process.join()
    return answer


def answer_into(home: Path, question: Question, pipe: Connection) -> None:
    """Send the answer of a home."""
    logs = io.StringIO()
    logging.basicConfig(stream=logs, level=logging.WARNING, force=True)
    try:
        answer = page(home, question) if isinstance(question, str) else command(home, question)
        pipe.send(answer._replace(said=answer.said + logs.getvalue()))
    except BaseException:
        pipe.send(Answer(False, "", traceback.format_exc()))


def page(home: Path, address: str) -> Answer:
    """Return what the server answers."""
    app = create_app(load_settings(home))
    response = app.test_client().get(address)
    text = TOKEN.sub("", response.get_data().decode("latin-1"))
    said = f"{response.status_code} {text if response.status_code >= 400 else ''}"
    return Answer(response.status_code == 200, text, said)


def command(home: Path, arguments: tuple[str, ...]) -> Answer:
    """Return what a command prints."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            status = cli.main([*arguments, "--home", str(home)])
        except SystemExit as error:
            status = int(error.code or 0)
    return Answer(status == 0, out.getvalue(), said.getvalue())


if __name__ == "__main__":
    main()
