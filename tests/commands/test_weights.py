"""Weights into a home: from a folder, from a server, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from commands import Commands
from onnx_models import write_encoder
from small_taggers import write_tagger
from sounds import tune, write

from earshot.commands import weights as command
from encoders.architectures import ARCHITECTURES
from encoders.bundles import BUNDLES
from encoders.models.sample_cnn import SampleCnn, SampleCnnConfig
from encoders.onnx_bundles import ENCODERS
from encoders.weights import CollectionFile

FCN = "msd_fcn"  # its digest is known
SAMPLE = "jamendo_sample"  # its digest is not


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the collection with two files, one of which has the digest that is known."""
    folder = tmp_path / "collection"
    torch.manual_seed(0)
    for name in (FCN, SAMPLE):
        bundle = BUNDLES[name]
        weights = bundle.weights
        assert isinstance(weights, CollectionFile)
        path = folder / weights.revision / weights.place
        path.parent.mkdir(parents=True)
        torch.save(published(name), path)
        if name == FCN:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            weights = replace(weights, sha256=digest)
            monkeypatch.setitem(BUNDLES, name, replace(bundle, weights=weights))
    return folder


def published(name: str) -> dict[str, torch.Tensor]:
    """Random tensors of a model under the names that the collection has for them."""
    if name == FCN:
        names = {"input_bn": "spec_bn", "output": "dense"}
        names |= {f"blocks.{i}": f"layer{i + 1}" for i in range(5)}
    else:
        names = {"stem": "layer1", "head": "layer11", "output": "dense"}
        names |= {f"blocks.{i}": f"layer{i + 2}" for i in range(9)}
    state = {}
    for ours, tensor in ARCHITECTURES[BUNDLES[name].architecture].build(50).state_dict().items():
        prefix = max((p for p in names if ours.startswith(f"{p}.")), key=len)
        state[names[prefix] + ours.removeprefix(prefix)] = tensor
    return state


@pytest.fixture
def mirror(collection: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(collection)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def bare(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    """A home in which nothing is yet."""
    return Commands(tmp_path / "bare", capfdbinary)


def listed(commands: Commands) -> dict[str, dict[str, object]]:
    result = commands.run("weights", "--list", "--json")
    assert result.status == 0
    return {row["name"]: row for row in json.loads(result.out)}


def test_the_list_tells_what_there_is_and_what_is_here(bare: Commands, collection: Path) -> None:
    rows = listed(bare)
    assert list(rows) == [*BUNDLES, *ENCODERS, "skey"]
    assert rows["skey"]["bytes"] == 765_465 and rows["skey"]["here"] is False
    assert rows["MTT_musicnn"]["here"] is True
    assert rows["MTT_musicnn"]["from"] == "package musicnn 0.1.0"
    assert rows["jamendo_crnn"]["here"] is False
    assert rows["jamendo_crnn"]["bytes"] == 1_687_626
    assert rows["jamendo_crnn"]["tags"] == list(BUNDLES["jamendo_crnn"].tags)
    assert str(rows["jamendo_crnn"]["from"]).endswith("/models/jamendo/crnn/best_model.pth")
    assert rows[SAMPLE]["sha256"] is None
    result = bare.run("weights", "--list")
    assert b"unknown" in result.out
    assert not bare.home.exists()  # a list writes nothing


def test_a_file_is_fetched_once_and_then_listened_with(
    earshot: Commands, mirror: str, music: Path
) -> None:
    refused = earshot.build(music, "--tagger", FCN)
    assert refused.status == 1
    assert f"`earshot weights {FCN} --home {earshot.home}`" in refused.err
    got = earshot.run("weights", FCN, "--mirror", mirror)
    assert (got.status, got.out) == (0, b"")
    assert f"{FCN} is there now" in got.err
    assert listed(earshot)[FCN]["here"] is True
    again = earshot.run("weights", FCN, "--mirror", "http://127.0.0.1:1")
    assert (again.status, again.err) == (0, f"{FCN} is there.\n")
    for number in range(2):
        write(music / f"{number}.flac", tune(number))
    done = earshot.build_json(music, "--tagger", f"{FCN},MTT_musicnn", "--segments", 1)
    assert done["index"]["ntotal"] == 2
    assert done["index"]["dim"] == 64 + (64 + 200)  # means of one, deviations of both
    assert len(earshot.neighbours("0")) == 1
    (earshot.home / "weights" / f"{FCN}.pth").write_bytes(b"altered")
    assert listed(earshot)[FCN]["here"] is False


def test_an_unknown_digest_is_trusted_once_and_then_kept(bare: Commands, mirror: str) -> None:
    refused = bare.run("weights", SAMPLE, "--mirror", mirror)
    assert refused.status == 1
    assert "--trust-first-download" in refused.err
    assert not (bare.home / "weights").exists()
    got = bare.run("weights", SAMPLE, "--mirror", mirror, "--trust-first-download")
    assert got.status == 0
    path = bare.home / "weights" / f"{SAMPLE}.pth"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert listed(bare)[SAMPLE] == {**listed(bare)[SAMPLE], "here": True, "sha256": digest}
    BUNDLES[SAMPLE].load(path.parent)
    path.write_bytes(b"another file")
    assert listed(bare)[SAMPLE]["here"] is False
    assert bare.run("weights", SAMPLE, "--mirror", mirror).status == 0  # the recorded one
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_what_is_no_such_model_is_not_trusted(bare: Commands, collection: Path) -> None:
    folder = collection / "local"
    folder.mkdir()
    torch.save(SampleCnn(SampleCnnConfig(n_tags=3)).state_dict(), folder / f"{SAMPLE}.pth")
    result = bare.run("weights", SAMPLE, "--from", folder, "--trust-first-download")
    assert result.status == 1
    assert "another architecture" in result.err
    assert list((bare.home / "weights").iterdir()) == []


def test_local_files_are_taken_in_either_layout(bare: Commands, collection: Path) -> None:
    weights = BUNDLES[FCN].weights
    assert isinstance(weights, CollectionFile)
    copy = collection / weights.revision
    assert bare.run("weights", FCN, "--from", copy).status == 0
    path = bare.home / "weights" / f"{FCN}.pth"
    path.rename(bare.home / path.name)
    assert bare.run("weights", FCN, "--from", bare.home).status == 0
    assert path.exists()
    path.unlink()
    (bare.home / path.name).write_bytes(b"another file")
    result = bare.run("weights", FCN, "mtat_crnn", "--from", bare.home)
    assert result.status == 1
    assert "is not the published file" in result.err
    assert "There is no mtat_crnn.pth" in result.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["msd_nothing"], "there is no msd_nothing; there are MTT_musicnn,"),
        (["--all", "--from", "/nowhere"], "there is no folder /nowhere"),
    ],
)
def test_usage(bare: Commands, arguments: list[str], sentence: str) -> None:
    result = bare.run("weights", *arguments)
    assert result.status == 2
    assert sentence in result.err


def test_without_names_the_default_taggers_are_installed(bare: Commands) -> None:
    result = bare.run("weights")
    assert (result.status, result.err) == (0, "MSD_musicnn is there.\nMTT_musicnn is there.\n")


def test_a_package_that_cannot_be_installed(tmp_path: Path) -> None:
    (tmp_path / "modules" / "musicnn").mkdir(parents=True)  # without any data
    (tmp_path / "modules" / "musicnn" / "__init__.py").touch()
    (tmp_path / "empty").mkdir()
    process = subprocess.run(
        [
            *(sys.executable, "-m", "earshot", "weights", "MSD_musicnn"),
            *("--home", tmp_path / "home", "--from", tmp_path / "empty"),
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "modules"), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert re.search(r": pip install --no-deps .*musicnn==0\.1\.0\n$", process.stderr)
    assert "Traceback" not in process.stderr


def test_an_interrupt_is_answered(bare: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch", stop)
    result = bare.run("weights", FCN)
    assert result.status == 130
    assert "run the command again to go on" in result.err


def test_importing_fetches_nothing() -> None:
    code = (
        "import socket\n"
        "def refuse(*_): raise SystemExit('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "import earshot.commands.weights"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_encoder_is_fetched_when_its_licence_is_accepted(
    bare: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_encoder(tmp_path / "files" / "discogs-effnet-bsdynamic-1.onnx", None)
    bundle = ENCODERS["discogs_effnet"]
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    file = replace(bundle.weights, sha256=digest)
    monkeypatch.setitem(ENCODERS, "discogs_effnet", replace(bundle, weights=file))
    arguments = ("weights", "discogs_effnet", "--from", source.parent)
    refused = bare.run(*arguments)
    assert refused.status == 1
    for said in ("CC BY-NC-SA 4.0", "18.0 MB", "essentia.upf.edu", digest, "Nothing was fetched"):
        assert said in refused.err
    assert listed(bare)["discogs_effnet"]["here"] is False
    assert bare.run(*arguments, "--accept-licence").status == 0
    assert listed(bare)["discogs_effnet"]["here"] is True
    alone = bare.build(tmp_path, "--tagger", "discogs_effnet")
    assert alone.status == 1
    assert "--tagger MSD_musicnn,discogs_effnet" in alone.err


def test_encoders_in_two_formats_are_heard_compared_and_searched(
    earshot: Commands, music: Path, tmp_path: Path
) -> None:
    """The whole road: an ONNX file and a safetensors file, side by side."""
    trained = write_tagger(tmp_path / "trained.safetensors")
    encoder = write_encoder(tmp_path / "encoder.onnx")
    for number in range(3):
        write(music / f"{number}.flac", tune(number), artist=f"Artist {number % 2}")
    done = earshot.build_json(music, "--tagger", f"{trained},{encoder}", "--segments", 2)
    assert done["index"]["ntotal"] == 3
    assert done["index"]["dim"] == 64 + (64 + 8)  # means of one, deviations of both
    assert len(earshot.neighbours("0")) == 2
    evaluated = earshot.run("evaluate", "content", "--by", "artist", "-k", "1", "--json")
    kinds = {name.partition(".")[0] for name in evaluated.json["systems"]}
    assert {"penultimate:trained", "penultimate:encoder"} <= kinds
