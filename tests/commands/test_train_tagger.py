"""`earshot train-tagger`: from labelled files to a tagger that a home listens with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Commands, Result, fork, until
from sounds import write

from earshot import cli
from recsys.catalog import Catalog

sys.path.append(str(Path(__file__).parents[1] / "encoders"))

from clip_files import make_clips, waveform

QUICK = ("--architecture", "cnn1d", "--batch", "8", "--rate", "0.003", "--augment", "gain=3")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Files of six artists in folders named by what they are, and a CSV that says it too."""
    made = make_clips(tmp_path / "clips")
    rows = [f"{c.path.relative_to(tmp_path / 'clips')},{c.tags[0]},{c.artist}" for c in made]
    (tmp_path / "clips" / "labels.csv").write_text("\n".join(["path,kind,artist", *rows]) + "\n")
    return tmp_path / "clips"


@pytest.fixture
def train(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    def run(*arguments: str | Path) -> Result:
        capfdbinary.readouterr()
        try:
            status = cli.main(
                ["train-tagger", *map(str, arguments), "--cache", str(tmp_path / "cache")]
            )
        except SystemExit as stop:
            status = stop.code
        out, err = capfdbinary.readouterr()
        result = Result(status, out, err.decode())
        assert "Traceback" not in result.err
        return result

    return run


def weights_of(run: Path) -> bytes:
    return (run / f"{run.name}.safetensors").read_bytes()


def test_a_home_listens_with_what_was_trained(
    tmp_path: Path, clips: Path, train: Any, earshot: Commands
) -> None:
    out = tmp_path / "kinds"
    result = train(
        clips / "labels.csv", "--by", "kind", "--out", out, *QUICK, "--epochs", "4", "--tensorboard"
    )
    assert result.status == 0, result.err
    assert "roc_auc            1.000" in result.out.decode()
    figures = json.loads((out / "kinds.json").read_text())
    assert figures["tags"] == ["hiss", "hum"]
    assert sum(figures["clips"].values()) == 24
    assert figures["test"]["accuracy"]["value"] == 1.0
    assert len(figures["history"]) == 4
    card = (out / "kinds.md").read_text()
    assert figures["sha256"] in card
    assert "artist-disjoint" in card
    assert list((out / "tensorboard").glob("events.*"))

    music = tmp_path / "music"
    for number, kind in enumerate(["hum", "hiss"] * 4):
        write(
            music / f"{kind} {number}.flac",
            waveform(kind, 100 + number, 4.0),
            title=f"{kind} {number}",
        )
    built = earshot.build_json(music, "--tagger", out / "kinds.safetensors")
    assert built["tracks"] == 8
    with Catalog(earshot.home) as catalog:
        (key,) = catalog.extractors()
    assert key.startswith(f"kinds.{figures['sha256'][:8]}-")
    found = earshot.run("recommend", "--tag", "hum", "-k", "4", "--json")
    assert [row["title"].split()[0] for row in found.json] == ["hum"] * 4
    unknown = write(tmp_path / "new.flac", waveform("hiss", 500, 4.0))
    near = earshot.neighbours(unknown, "-k", "3")
    assert [row["title"].split()[0] for row in near] == ["hiss"] * 3


def test_a_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path, clips: Path, train: Any
) -> None:
    how = (clips, *QUICK, "--crops", "2", "--epochs", "5", "--name", "kinds")
    whole = train(*how, "--out", tmp_path / "whole")
    assert whole.status == 0, whole.err
    killed = tmp_path / "killed"
    arguments = [*how, "--out", killed, "--cache", tmp_path / "cache"]
    process = fork("train-tagger", *arguments, output=tmp_path / "log")
    try:
        until(
            lambda: (
                "epoch 2:" in (tmp_path / "log").read_text()
                if (tmp_path / "log").exists()
                else False
            )
        )
    finally:
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert not (killed / "kinds.safetensors").exists()
    refused = train(*how, "--out", killed)
    assert refused.status == 1
    assert "--resume" in refused.err
    resumed = train(*how, "--out", killed, "--resume")
    assert resumed.status == 0, resumed.err
    assert "epoch 2:" not in resumed.err
    assert "epoch 5:" in resumed.err
    expected = (tmp_path / "whole" / "kinds.safetensors").read_bytes()
    assert (killed / "kinds.safetensors").read_bytes() == expected


def test_two_processes_train_together(tmp_path: Path, clips: Path) -> None:
    out = tmp_path / "both"
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "earshot", "train-tagger", clips, "--out", out, *QUICK, "--epochs", "3", "--json"),
        *("--cache", tmp_path / "cache"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout.strip().splitlines()[-1])
    assert figures["test"]["roc_auc"]["value"] == 1.0
    assert result.stderr.count("epoch 3:") == 1
    assert "2 x CPU" in (out / "both.md").read_text()


def test_what_cannot_be_trained_on_is_said(tmp_path: Path, clips: Path, train: Any) -> None:
    labels = clips / "labels.csv"
    no_column = train(labels, "--by", "mood", "--out", tmp_path / "a")
    assert (no_column.status, 'no column "mood"' in no_column.err) == (2, True)
    (tmp_path / "empty").mkdir()
    nothing = train(tmp_path / "empty", "--out", tmp_path / "b")
    assert (nothing.status, "no labelled clips" in nothing.err) == (1, True)
    layout = train(tmp_path / "empty", "--dataset", "mtat", "--out", tmp_path / "c")
    assert (layout.status, "clip_info_final.csv" in layout.err) == (1, True)
    assert train(labels, "--out", tmp_path / "d", "--augment", "wow=1").status == 2
    assert train(labels, "--out", tmp_path / "a-b").status == 2
    parted = labels.read_text().replace("artist\n", "artist,split\n", 1).splitlines()
    labels.write_text("\n".join([parted[0], *(f"{row},maybe" for row in parted[1:])]) + "\n")
    strange = train(labels, "--by", "kind", "--out", tmp_path / "e")
    assert (strange.status, 'has "maybe"' in strange.err) == (1, True)


def test_a_catalogue_is_trained_on_and_broken_files_are_left_out(
    tmp_path: Path, clips: Path, train: Any, earshot: Commands
) -> None:
    lines = (clips / "labels.csv").read_text().splitlines()
    parts = ["split", *(["train"] * 12 + ["valid"] * 6 + ["test"] * 6)]
    table = "\n".join(f"{line},{part}" for line, part in zip(lines, parts, strict=True))
    (clips / "labels.csv").write_text(table + "\n")
    (clips / "hum" / "1.wav").write_bytes(b"RIFF")
    how = (*QUICK, "--epochs", "1", "--json")
    result = train(clips / "labels.csv", "--by", "kind", "--out", tmp_path / "csv", *how)
    assert result.status == 0, result.err
    assert result.json["clips"] == {"train": 11, "valid": 6, "test": 6}
    assert "1.wav" in result.err
    music = tmp_path / "music"
    for number in range(12):
        kind = ("hum", "hiss")[number % 2]
        tags = {"genre": kind, "artist": f"artist {number // 2}", "title": f"{number}"}
        write(music / f"{number}.flac", waveform(kind, number, 3.2), **tags)
    earshot.build_json(music, "--tagger", tmp_path / "csv" / "csv.safetensors")
    home = train("--home", earshot.home, "--by", "genres", "--out", tmp_path / "home", *how)
    assert home.status == 0, home.err
    assert home.json["tags"] == ["hiss", "hum"]
    assert sum(home.json["clips"].values()) == 12


def test_a_student_is_taught_by_a_tagger_and_heard_with(
    tmp_path: Path, clips: Path, train: Any, earshot: Commands
) -> None:
    labels = clips / "labels.csv"
    teacher = train(labels, "--by", "kind", "--out", tmp_path / "kinds", *QUICK, "--epochs", "3")
    assert teacher.status == 0, teacher.err
    weights = tmp_path / "kinds" / "kinds.safetensors"
    how = ("--teach-from", weights, "--home", earshot.home, "--out", tmp_path / "quick")
    lessons = ("--crops", "2", "--epochs", "4", "--batch", "8", "--rate", "0.003")
    taught = train(clips, *how, *lessons, "--json")
    assert taught.status == 0, taught.err
    figures = taught.json
    assert figures["tags"] == ["hiss", "hum"]
    assert figures["parameters"] < 1_000_000
    assert figures["test"]["roc_auc"]["value"] == 1.0
    for name in ("embedding_cosine", "similarities"):
        assert figures["test"][name]["value"] > figures["test"][name]["chance"], name
    history = json.loads((tmp_path / "quick" / "quick.json").read_text())["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    card = (tmp_path / "quick" / "quick.md").read_text()
    assert f"to answer as {weights} do" in card
    assert train(clips, *how, "--by", "kind").status == 2
    assert train(clips, *how, "--augment", "mixup=0.2").status == 2
    unknown = train(
        clips, "--teach-from", "nobody", "--home", earshot.home, "--out", tmp_path / "x"
    )
    assert (unknown.status, "nobody" in unknown.err) == (1, True)

    music = tmp_path / "music"
    for number, kind in enumerate(["hum", "hiss"] * 2):
        sound = waveform(kind, 100 + number, 4.0)
        write(music / f"{number}.flac", sound, title=f"{kind} {number}")
    built = earshot.build_json(music, "--tagger", tmp_path / "quick" / "quick.safetensors")
    assert built["tracks"] == 4
    found = earshot.run("recommend", "--tag", "hum", "-k", "1", "--json")
    assert [row["title"].split()[0] for row in found.json] == ["hum"]
