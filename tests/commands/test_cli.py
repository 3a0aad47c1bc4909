"""The command `earshot`: its subcommands, its doors in scripts/, exit statuses, public names."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import start
from made_home import make_home

from earshot import cli
from earshot.command import Command, NotFound, UsageError
from earshot.commands.account import SUBCOMMANDS
from earshot.group import Group
from recsys.home.settings import SettingsError

ROOT = Path(__file__).parents[2]
DOORS = {
    "account": "account",
    "build_index": "build",
    "evaluate": "evaluate",
    "get_weights": "weights",
    "import_listens": "import",
    "mcp_server": "mcp",
    "playlists": "playlists",
    "plot": "plot",
    "recommend": "recommend",
    "serve": "serve",
    "similar": "similar",
    "tags": "tags",
    "teach_tag": "teach",
    "train_head": "train-head",
    "train_tagger": "train-tagger",
}
PUBLIC = ["Query", "Recommender", "Seed", "VectorIndex", "load_settings", "open_home"]


def help_of(run: Callable[[], object], capture: pytest.CaptureFixture[str]) -> str:
    capture.readouterr()
    with pytest.raises(SystemExit, match=r"^0$"):
        run()
    out, err = capture.readouterr()
    assert err == ""
    return out


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_help_version_and_import_load_nothing_of_ours() -> None:
    code = (
        "import sys, earshot\n"
        "from earshot import cli\n"
        "try: cli.main([sys.argv[1]])\n"
        "except SystemExit: pass\n"
        "ours = {'encoders', 'index', 'recsys', 'webui', 'numpy', 'rich'} & set(sys.modules)\n"
        "assert not ours, ours"
    )
    assert python(code, "--version") == f"earshot {importlib.metadata.version('earshot')}\n"
    listed = python(code, "--help")
    assert all(f"\n  {name} " in listed for name in cli.EARSHOT.subcommands)


def test_public_names_are_loaded_when_they_are_used() -> None:
    for name in PUBLIC:
        code = f"import earshot, sys; assert '{name}' in dir(earshot); print(earshot.{name})"
        assert name in python(code)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = importlib.import_module("earshot").nothing


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["biuld"], "there is no command biuld. Did you mean build?"),
        (["build_index"], "Did you mean build?"),
        (["train"], "Did you mean train-"),
        (["xyzzy"], "There are build, similar, recommend, playlists,"),
        (["evaluate", "lisening"], "Did you mean listening?"),
        ([], "arguments are required: COMMAND"),
        (["evaluate"], "arguments are required: COMMAND"),
        (["account", "ad"], "invalid choice: 'ad'"),
        (["similar", "1", "-k", "0"], "takes a whole number of at least 1, not 0"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main(arguments)
    assert sentence in capsys.readouterr().err


def test_every_script_has_a_command_and_every_command_a_script() -> None:
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == set(DOORS)
    assert set(DOORS.values()) == set(cli.EARSHOT.subcommands)


@pytest.mark.parametrize(("script", "command"), DOORS.items())
def test_a_script_is_its_command(
    script: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = ROOT / "scripts" / f"{script}.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    of_script = help_of(lambda: runpy.run_path(str(path), run_name="__main__"), capsys)
    assert of_script == help_of(lambda: cli.main([command, "--help"]), capsys)
    assert of_script.startswith(f"usage: earshot {command} ")


def test_the_documented_help_is_what_is_printed(tmp_path: Path) -> None:
    written = ROOT / "docs" / "commands.md"
    text = written.read_text(encoding="utf-8")
    for name, command in ((n, cli.EARSHOT.load(n)) for n in cli.EARSHOT.subcommands):
        below = command.subcommands if isinstance(command, Group) else ()
        for sub in SUBCOMMANDS if name == "account" else below:
            assert f"\n### earshot {name} {sub}\n" in text
    if sys.version_info[:2] != (3, 11):  # which .python-version names; others wrap otherwise
        pytest.skip("argparse of this Python formats help in another way")
    command = [sys.executable, "-m", "docs.write_commands", str(tmp_path / "commands.md")]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / "commands.md").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (None, 0, ""),
        (NotFound("No track."), 1, "No track.\n"),
        (KeyError("k"), 1, "'k'\n"),
        (UsageError("No such tagger."), 2, "No such tagger.\n"),
        (SettingsError("No such setting."), 2, "No such setting.\n"),
        (ZeroDivisionError("z"), 2, "z\n"),
        (OSError(13, "Permission denied", "x.m3u8"), 1, "x.m3u8 is lost: Permission denied.\n"),
        (OSError(28, "No space left"), 4, "A file of the home is lost: No space left.\n"),
        (OSError("strange"), 1, "A file of the home is lost: strange.\n"),
        (KeyboardInterrupt(), 130, "Stopped: go on.\n"),
        (
            ModuleNotFoundError("no", name="torch.nn"),
            1,
            "torch is not installed, which this needs. Install it with: "
            "pip install 'earshot[analysis]'\n",
        ),
        (BrokenPipeError(32, "Broken pipe"), 1, "A file of the home is lost: Broken pipe.\n"),
    ],
)
def test_an_error_is_a_sentence_and_a_status(
    error: BaseException | None,
    status: int,
    sentence: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def run(_: object) -> int:
        if error is not None:
            raise error
        return 0

    command = Command(
        lambda _: None,
        run,
        errors=(KeyError,),
        usage_errors=(ZeroDivisionError,),
        refused="is lost",
        stopped="Stopped: go on.",
    )
    assert command.main([]) == status
    assert capfd.readouterr().err == sentence


@pytest.mark.parametrize("error", [TypeError("bug"), ModuleNotFoundError("no", name="unheard_of")])
def test_what_nobody_expects_is_not_hidden(error: Exception) -> None:
    def run(_: object) -> int:
        raise error

    with pytest.raises(type(error)):
        Command(lambda _: None, run).main([])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_suggested_commands_are_for_the_home_that_was_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "a home"
    assert cli.main(["similar", "x", "--home", str(home)]) == 1
    assert f"run `earshot build --home '{home}'` first" in capsys.readouterr().err
    assert cli.main(["account", "list", "--home", str(home)]) == 0
    assert f"`earshot account add NAME --owner --home '{home}'`" in capsys.readouterr().out
    monkeypatch.setattr("encoders.weights.importlib.util.find_spec", lambda name: None)
    assert cli.main(["build", str(tmp_path), "--home", str(home)]) == 1
    assert f"Install them with: `earshot weights --home '{home}'`" in capsys.readouterr().err
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path / "other"))
    assert cli.main(["similar", "x"]) == 1
    assert "run `earshot build` first" in capsys.readouterr().err


def test_sentences_have_commands_between_backticks() -> None:
    """Or else they would not be given the home that was named."""
    named = re.compile(rf"(?<!`)\bearshot (?:{'|'.join(cli.EARSHOT.subcommands)})\b")
    bare = []
    for package in ("earshot", "encoders", "index", "recsys", "webui"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            docs = {
                id(node.body[0].value)
                for node in ast.walk(tree)
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                and node.body
                and isinstance(node.body[0], ast.Expr)
            }
            bare += [
                f"{path.relative_to(ROOT)}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docs
                and (found := named.search(node.value))
                and found.start() > 0  # a command by itself is no sentence
            ]
    assert not bare


def test_sigterm_is_ctrl_c() -> None:
    def run(_: object) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        return 0

    assert Command(lambda _: None, run).main([]) == 130


@pytest.mark.parametrize(
    "arguments",
    [("similar", 1), ("similar", 1, "--json"), ("similar", 1, "--m3u"), ("evaluate", "exposure")],
)
def test_a_reader_who_leaves_is_no_error(tmp_path: Path, arguments: tuple[str | int, ...]) -> None:
    make_home(tmp_path / "home", tmp_path / "music")
    process = start(str(arguments[0]), *arguments[1:], "--home", tmp_path / "home")
    assert process.stdout and process.stderr
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(), said) == (0, "")
