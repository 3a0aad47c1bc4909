from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from recsys.home.settings import HUBS, SettingsError, load_settings


def test_the_default_home_is_the_users_data_folder() -> None:
    settings = load_settings(environ={})
    assert settings.home == platformdirs.user_data_path("earshot")
    assert settings.database is None


def test_the_environment_goes_before_the_file_and_an_argument_before_both(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text('database = "sqlite:////tmp/of-the-file.db"')
    environ = {"EARSHOT_HOME": str(tmp_path)}
    assert load_settings(environ=environ).home == tmp_path
    assert load_settings(environ=environ).database == "sqlite:////tmp/of-the-file.db"
    environ["EARSHOT_DATABASE"] = "postgresql://host/name"
    assert load_settings(environ=environ).database == "postgresql://host/name"
    assert load_settings(tmp_path / "other", environ=environ).home == tmp_path / "other"


def test_how_hubs_are_corrected(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environ={}).hubs == HUBS
    (tmp_path / "earshot.toml").write_text('hubs = "none"')
    assert load_settings(tmp_path, environ={"EARSHOT_HUBS": ""}).hubs == "none"
    assert load_settings(tmp_path, environ={"EARSHOT_HUBS": "csls"}).hubs == "csls"
    with pytest.raises(SettingsError, match="EARSHOT_HUBS must be one of none, "):
        load_settings(tmp_path, environ={"EARSHOT_HUBS": "off"})


def test_whether_builds_learn(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environ={}).learn
    (tmp_path / "earshot.toml").write_text('learn = "off"')
    assert not load_settings(tmp_path, environ={}).learn
    assert load_settings(tmp_path, environ={"EARSHOT_LEARN": "on"}).learn
    with pytest.raises(SettingsError, match='EARSHOT_LEARN must be "on" or "off", not "maybe"'):
        load_settings(tmp_path, environ={"EARSHOT_LEARN": "maybe"})


def test_where_listens_are_factorised(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environ={}).spark is None
    (tmp_path / "earshot.toml").write_text('spark = "spark://host:7077"')
    assert load_settings(tmp_path, environ={}).spark == "spark://host:7077"
    assert load_settings(tmp_path, environ={"EARSHOT_SPARK": "local[2]"}).spark == "local[2]"


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={"EARSHOT_HOME": "", "EARSHOT_DATABASE": ""})
    assert settings.database is None


def test_a_home_may_be_relative_or_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(Path("music"), environ={}).home == tmp_path / "music"
    assert load_settings(environ={"EARSHOT_HOME": "~/music"}).home == tmp_path / "music"
    with pytest.raises(SettingsError, match="user who does not exist"):
        load_settings(Path("~nobody-of-this-name/music"), environ={})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'databse = "sqlite://"', ['unknown key "databse"']),
        (b"database = 3", ['"database"', "must be a text"]),
        (b'database = "no url"', ['"database"', "not a database URL"]),
        (b"database =", ["not a TOML file"]),
        (b'hubs = "cosine"', ['"hubs"', "none, nicdm, csls, mutual-proximity", "cosine"]),
        (b"\xff\xfe", ["not a TOML file in UTF-8"]),
    ],
)
def test_a_wrong_file_is_named_with_its_key(
    tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "earshot.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, environ={})
    for word in [str(tmp_path / "earshot.toml"), *words]:
        assert word in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").mkdir()
    with pytest.raises(SettingsError, match=r"earshot\.toml cannot be read"):
        load_settings(tmp_path, environ={})


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    environ = {"EARSHOT_DATABASE": "postgresql://me:secret@host/name"}
    assert "secret" not in repr(load_settings(tmp_path, environ=environ))
    with pytest.raises(SettingsError, match="EARSHOT_DATABASE") as caught:
        load_settings(tmp_path, environ={"EARSHOT_DATABASE": "me:secret@host"})
    assert "secret" not in str(caught.value)


def test_how_tags_are_read(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    assert (settings.tag_encoding, settings.genre_separators) == (None, None)
    (tmp_path / "earshot.toml").write_text('tag_encoding = "Windows-1251"\ngenre_separators = ""')
    settings = load_settings(tmp_path, environ={})
    assert (settings.tag_encoding, settings.genre_separators) == ("cp1251", "")
    environ = {"EARSHOT_TAG_ENCODING": "Shift-JIS", "EARSHOT_GENRE_SEPARATORS": ";"}
    settings = load_settings(tmp_path, environ=environ)
    assert (settings.tag_encoding, settings.genre_separators) == ("cp932", ";")
    with pytest.raises(SettingsError, match="TAG_ENCODING must name an encoding such as "):
        load_settings(tmp_path, environ={"EARSHOT_TAG_ENCODING": "klingon"})
