"""Settings of a home: `earshot.toml` in its folder, overridden by environment variables."""

from __future__ import annotations

import codecs
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from index.hubs import METHODS

FILE_NAME = "earshot.toml"
KEYS = ("database", "hubs", "tag_encoding", "genre_separators", "learn", "spark")
_WIDER = {"shift_jis": "cp932", "gbk": "gb18030", "gb2312": "gb18030", "iso8859-1": "cp1252"}
SWITCH = {"on": True, "off": False}
HUBS = "nicdm"  # chosen by measurement: docs/decisions/hubs.md


class SettingsError(ValueError):
    """A setting is unknown or invalid; the message names the file and the key."""


@dataclass(frozen=True)
class Settings:
    """The settings of a home.

    home      the folder of the catalogue, the indexes and the settings file; EARSHOT_HOME
    database  SQLAlchemy URL of the catalogue, None for `catalogue.db` in the home;
              `database` in the file, EARSHOT_DATABASE
    hubs      hubness correction of scores, one of `index.hubs.METHODS`;
              `hubs` in the file, EARSHOT_HUBS
    tag_encoding
              Python's codec of tags that do not say their encoding, None to guess it;
              `tag_encoding` in the file, EARSHOT_TAG_ENCODING
    genre_separators
              characters that divide several genres in one text, None for the usual ones;
              `genre_separators` in the file, EARSHOT_GENRE_SEPARATORS
    learn     whether builds learn similarity from the files' tags, and from listens what might
              please many; `learn` in the file and EARSHOT_LEARN, "on" or "off"
    spark     URL of the Spark cluster that factorises listens, None for this machine; `spark` in
              the file, EARSHOT_SPARK
    named     the home as an argument named it, None where the environment or the default decides
    """

    home: Path
    database: str | None = field(default=None, repr=False)  # may hold a password
    hubs: str = HUBS
    tag_encoding: str | None = None
    genre_separators: str | None = None
    learn: bool = True
    named: Path | None = field(default=None, compare=False)
    spark: str | None = None


def load_settings(home: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of one home: `home`, or EARSHOT_HOME, or the user's data folder.

    An empty environment variable counts as unset. Raises SettingsError.
    """
    environ = os.environ if environ is None else environ
    named = home
    path = home or environ.get("EARSHOT_HOME")
    home = Path(path) if path else platformdirs.user_data_path("earshot")
    try:
        home = home.expanduser().absolute()
    except RuntimeError:
        raise SettingsError(f"The home {home} names a user who does not exist.") from None
    chosen = {
        key: (value, f'"{key}" in {home / FILE_NAME}')
        for key, value in _read_file(home / FILE_NAME).items()
    }
    for key in KEYS:
        variable = f"EARSHOT_{key.upper()}"
        if environ.get(variable):
            chosen[key] = environ[variable], f"The environment's {variable}"
    if "database" in chosen:
        _check_url(*chosen["database"])
    if "hubs" in chosen:
        _check_method(*chosen["hubs"])
    values = {key: value for key, (value, _) in chosen.items() if key != "learn"}
    if "tag_encoding" in chosen:
        values["tag_encoding"] = _encoding(*chosen["tag_encoding"])
    learn = _switch(*chosen["learn"]) if "learn" in chosen else True
    return Settings(home, **values, learn=learn, named=named)


def _read_file(path: Path) -> dict[str, str]:
    """Return the file's settings, none where there is no file."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is not a TOML file in UTF-8: {error}.") from error
    for key, value in values.items():
        if key not in KEYS:
            known = ", ".join(f'"{name}"' for name in KEYS)
            raise SettingsError(f'{path} has an unknown key "{key}"; it may hold {known}.')
        if not isinstance(value, str):
            raise SettingsError(f'"{key}" in {path} must be a text in quotes.')
    return values


def _check_url(url: str, source: str) -> None:
    """Raise SettingsError for an invalid database URL; do not show it: it may hold a password."""
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{source} is not a database URL such as sqlite:////path/to/file.db "
            "or postgresql://user:password@host/name."
        ) from None


def codec_of(name: str) -> str:
    """Return Python's name of an encoding. Raises LookupError for an unknown one.

    >>> codec_of("Windows-1251"), codec_of("Shift-JIS"), codec_of("GBK")
    ('cp1251', 'cp932', 'gb18030')
    """
    name = name.strip().lower().replace("windows-", "cp").replace(" ", "")
    codec = codecs.lookup(name).name
    "".encode(codec)  # a LookupError where it is no encoding of text
    return _WIDER.get(codec, codec)


def _encoding(name: str, source: str) -> str:
    """Return the codec of an encoding. Raises SettingsError for an unknown one."""
    try:
        return codec_of(name)
    except LookupError:
        raise SettingsError(
            f'{source} must name an encoding such as windows-1251, shift-jis or gbk, not "{name}".'
        ) from None


def _check_method(method: str, source: str) -> None:
    """Raise SettingsError for an unknown hubness correction."""
    if method not in METHODS:
        raise SettingsError(f'{source} must be one of {", ".join(METHODS)}, not "{method}".')


def _switch(text: str, source: str) -> bool:
    """Return what "on" or "off" says. Raises SettingsError."""
    if text not in SWITCH:
        raise SettingsError(f'{source} must be "on" or "off", not "{text}".')
    return SWITCH[text]
