"""Analysing uploaded files in a process of their own that stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from commands import PATIENCE, children, ended, fork, make_home, until
from sounds import tune, write

from earshot.upload_analyser import UploadAnalyser
from encoders.projection import Projection
from index.vector_index import VectorIndex
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from webui.uploads import SoundRefused


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A folder with a home, its music of three files, and `words`, which is no music."""
    folder = tmp_path_factory.mktemp("built")
    home = make_home(folder / "home", weights)
    for number in range(3):
        write(folder / "music" / f"{number}.flac", tune(number))
    (folder / "words").write_text("words " * 100)
    build = fork("build", folder / "music", "--home", home, output=folder / "said")
    build.join(PATIENCE)
    assert build.exitcode == 0, (folder / "said").read_text()
    (folder / "music" / "1.flac").rename(folder / "sound")  # without a suffix
    return folder


@pytest.fixture
def server(built: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of the home, and its address."""
    command = [sys.executable, "-m", "earshot", "serve", "--port", "0"]
    command += ["--home", str(built / "home")]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().removeprefix("Serving on ").strip()
        finally:
            process.kill()


def upload(address: str, file: Path) -> str:
    """Send a file; return what stands for it."""
    with urllib.request.urlopen(f"{address}/api/v1/session", timeout=PATIENCE) as answer:
        token = json.load(answer)["token"]
    headers = {"X-Earshot-Token": token, "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(
        f"{address}/api/v1/sounds?name=x", file.read_bytes(), headers=headers
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(json.load(answer)["ref"])


def workers(pid: int) -> list[psutil.Process]:
    """Return the analysing processes of a server."""
    return [one for one in children(pid) if "earshot.upload_worker" in one.cmdline()]


def test_one_process_analyses_all_files(built: Path) -> None:
    with closing(UploadAnalyser(built / "home", threading.Event())) as analyser:
        projection, vector = analyser(built / "sound")
        assert projection == Projection.load(built / "home" / PROJECTION_NAME).id
        index = VectorIndex.load(built / "home" / INDEX_NAME, model=None, projection=None, dim=None)
        assert float(index.vectors([2])[0] @ vector) == pytest.approx(1, abs=1e-3)
        first = analyser.process_id
        with pytest.raises(SoundRefused, match=r"^It is not readable as audio") as refused:
            analyser(built / "words")
        assert str(built) not in str(refused.value)
        again = analyser(built / "sound")
        assert (again[0], again[1].tolist()) == (projection, vector.tolist())
        assert analyser.process_id == first is not None
        kept = psutil.Process(first)
    assert ended([kept])
    with pytest.raises(SoundRefused, match="being stopped"):
        analyser(built / "sound")
    assert analyser.process_id is None


@pytest.mark.parametrize("limit", [{"seconds": 1}, {"memory": 64 << 20}])
def test_an_analysis_has_limits(built: Path, limit: dict[str, int]) -> None:
    with closing(UploadAnalyser(built / "home", threading.Event(), **limit)) as analyser:
        with pytest.raises(SoundRefused, match=r"too much memory or time|takes too long"):
            analyser(built / "sound")
        assert analyser.process_id is None


def test_a_crash_costs_its_own_file_and_idleness_ends_the_process(built: Path) -> None:
    with (
        closing(UploadAnalyser(built / "home", threading.Event(), idle=2.0)) as analyser,
        ThreadPoolExecutor(1) as pool,
    ):
        analysis = pool.submit(analyser, built / "sound")
        psutil.Process(until(lambda: analyser.process_id)).kill()
        with pytest.raises(SoundRefused, match="crashed"):
            analysis.result()
        assert analyser.process_id is None
        analyser(built / "sound")
        kept = psutil.Process(analyser.process_id)
        kept.suspend()
        analysis = pool.submit(analyser, built / "sound")
        with pytest.raises(TimeoutError):
            analysis.result(2.5)  # in use: not idle
        kept.resume()
        analysis.result()
        assert analyser.process_id == kept.pid
        until(lambda: analyser.process_id is None)
        assert ended([kept])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_a_server_that_is_stopped_leaves_no_process(
    built: Path, server: tuple[subprocess.Popen[str], str]
) -> None:
    process, address = server
    ref = upload(address, built / "sound")
    kept = workers(process.pid)
    assert upload(address, built / "sound") == ref
    assert workers(process.pid) == kept
    assert len(kept) == 1
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, "Traceback" in log) == (0, False), log
    assert ended(kept)


def test_a_server_that_is_killed_leaves_no_process(
    built: Path, server: tuple[subprocess.Popen[str], str]
) -> None:
    process, address = server
    with ThreadPoolExecutor(1) as pool:
        analysis = pool.submit(upload, address, built / "sound")
        under_way = until(lambda: workers(process.pid))
        process.kill()
        assert isinstance(analysis.exception(), OSError)
    until(lambda: ended(under_way))
