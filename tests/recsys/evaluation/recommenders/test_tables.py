"""Tables in anybody's columns, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from recsys.evaluation.recommenders.data import ListeningData, NoListens, TablesError, restricted
from recsys.evaluation.recommenders.tables import (
    NUMBERS_LENGTH,
    Columns,
    content_vectors,
    read_tables,
)
from recsys.interactions import Content

LISTENS = pd.DataFrame(
    {
        "who": ["bo", "bo", "al", "bo", "cy"],
        "what": ["t2", "t1", "t1", "t2", "t9"],
        "plays": [2, 1, 4, 3, 1],
        "when": ["2024-01-02", "2024-01-01T10:00:00Z", "2024-03-01", "2024-02-01", "2024-01-01"],
    }
)
ITEMS = pd.DataFrame(
    {
        "what": ["t1", "t2", "t3"],
        "by": ["Ada", None, "Ada"],
        "tempo": [100.0, 120.0, np.nan],
        "genres": ["Rock|live:3", "", "jazz"],
        "n_ratings": [4, 5, 6],
        "artist_id": [1, 2, 3],
        "sound": [[1.0, 0.0], None, [0.0, 1.0]],
    }
)
NAMED = Columns("who", "what", "plays", "when", "by")


def read(
    folder: Path,
    listens: pd.DataFrame = LISTENS,
    items: pd.DataFrame | None = ITEMS,
    **columns: object,
) -> ListeningData:
    listens.to_csv(folder / "listens.csv", index=False)
    path = None
    if items is not None:
        path = folder / "items.parquet"
        items.to_parquet(path)
    named = NAMED.__dict__ | columns
    return read_tables(folder / "listens.csv", path, Columns(**named))  # type: ignore[arg-type]


def test_rows_of_a_user_and_an_item_are_one_entry(tmp_path: Path) -> None:
    data = read(tmp_path)
    assert data.listeners.tolist() == ["al", "bo", "cy"]
    assert data.items.tolist() == ["t1", "t2", "t9"]
    assert data.interactions.counts.toarray().tolist() == [[4, 0, 0], [1, 5, 0], [0, 0, 1]]
    times = [pd.Timestamp(day, tz="UTC").timestamp() for day in ("2024-03-01", "2024-02-01")]
    assert data.interactions.times is not None
    assert data.interactions.times[[0, 2]].tolist() == times
    assert data.content.artists.tolist() == [0, -1, -1]
    assert data.content.known.tolist() == [True, True, False]
    assert data.notes == (
        "1 rows repeat a user and an item: added up.",
        "1 of 3 items are not in items.parquet.",
        "Content: tempo, sound, genres.",
    )


def test_columns_are_what_they_are_called_by_default(tmp_path: Path) -> None:
    pd.DataFrame({"user": [1, 1, 2], "item": [5, 7, 5]}).to_parquet(tmp_path / "I.parquet")
    data = read_tables(tmp_path / "I.parquet", None, Columns())
    assert data.interactions.counts.toarray().tolist() == [[1, 1], [1, 0]]
    assert data.interactions.times is None
    assert data.notes == ("Content: nothing.",)
    assert not data.content.known.any()
    assert (data.content.artists == -1).all()


def test_numbers_are_standardised_and_the_unknown_is_the_mean() -> None:
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"a": rng.normal(100, 5, 50), "b": rng.random(50), "same": 3.0})
    items.loc[7, "a"] = np.nan
    vectors, complete = content_vectors(items, ["a", "b", "same"], [])
    assert complete.tolist() == [row != 7 for row in range(50)]
    assert vectors[7, 0] == 0
    others = np.delete(vectors, 7, axis=0)
    assert others.mean(axis=0)[0] == pytest.approx(0, abs=1e-6)
    assert (others[:, 0] ** 2).mean() == pytest.approx(NUMBERS_LENGTH**2 / 3, rel=1e-4)
    assert not vectors[:, 2].any()


def test_texts_are_tf_idf() -> None:
    texts = ["rock|Pop", "rock|rock and roll", "", "jazz | pop", "rock:live"]
    vectors, complete = content_vectors(pd.DataFrame({"genres": texts}), [], ["genres"])
    theirs = TfidfVectorizer(tokenizer=lambda t: t.split("|"), token_pattern=None)
    terms = ["rock|pop", "rock|rock and roll", "", "jazz|pop", "rock:live"]
    expected = theirs.fit_transform(terms).toarray()[:, theirs.get_feature_names_out() != ""]
    assert complete.tolist() == [True, True, False, True, True]
    assert vectors @ vectors.T == pytest.approx(expected @ expected.T, abs=1e-5)
    weighed, _ = content_vectors(pd.DataFrame({"tags": ["a:9|b", "a|b:9"]}), [], ["tags"])
    assert weighed[0, 0] == weighed[1, 1] > weighed[0, 1] > 0


def test_many_terms_are_fewer_dimensions_of_nearly_the_same_cosines() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(400)]
    texts = ["|".join(rng.choice(words[n % 40 :: 40], 5)) for n in range(600)]
    vectors, _ = content_vectors(pd.DataFrame({"genres": texts}), [], ["genres"])
    assert vectors.shape == (600, 256)
    alike = vectors @ vectors.T
    kind = np.arange(600) % 40
    assert alike[kind[:, None] == kind].mean() > 20 * abs(alike[kind[:, None] != kind]).mean()


def test_a_column_of_vectors_keeps_its_geometry() -> None:
    rng = np.random.default_rng(0)
    given = rng.normal(5, 2, (20, 3))
    column: list[np.ndarray | None] = [*given, None]
    vectors, complete = content_vectors(pd.DataFrame({"sound": column}), ["sound"], [])
    centred = given - given.mean(axis=0)
    assert complete.tolist() == [True] * 20 + [False]
    assert (vectors[:20] ** 2).sum(axis=1).mean() == pytest.approx(1)
    ratio = vectors[:20] / centred
    assert ratio == pytest.approx(np.full((20, 3), ratio[0, 0]), rel=1e-4)
    assert not vectors[20].any()


WRONG: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object], str]] = {
    "no column": ({}, {}, {"user": "nobody"}, 'listens.csv has no column "nobody"; it has who'),
    "no count": ({}, {}, {"count": "n"}, 'has no column "n"'),
    "no content": ({}, {}, {"content": ("loud",)}, 'items.parquet has no column "loud"'),
    "no artist": ({}, {}, {"artist": "band"}, 'has no column "band"'),
    "no user": ({"who": [None] * 5}, {}, {}, "rows without a user or an item"),
    "no number": ({"plays": list("abcde")}, {}, {}, '"plays" must hold numbers'),
    "no listen": ({"plays": [1, 2, 0, 1, 1]}, {}, {}, "must hold numbers above 0"),
    "no time": ({"when": ["then"] * 5}, {}, {}, '"when".* no time'),
    "twice": ({}, {"what": ["t1", "t1", "t3"]}, {}, 'has the item "t1" more than once'),
    "others": ({}, {"what": ["x", "y", "z"]}, {}, "None of the items of .* is in "),
    "text": ({}, {}, {"content": ("genres",)}, '"genres" must hold numbers'),
    "empty": ({}, {"genres": [""] * 3}, {"text": ("genres",)}, '"genres" of the items is empty'),
    "ragged": ({}, {"sound": [[1.0], [1.0, 2.0], [3.0]]}, {}, '"sound" must hold vectors'),
    "infinite": ({}, {"sound": [[1.0], [np.inf], [3.0]]}, {}, "finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_sentence_says_what_is_wrong(case: str, tmp_path: Path) -> None:
    listens, items, columns, sentence = WRONG[case]
    with pytest.raises(TablesError, match=sentence):
        read(tmp_path, LISTENS.assign(**listens), ITEMS.assign(**items), **columns)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "no rows.csv").write_text("user,item\n")
    for name, sentence in {
        "missing.csv": "missing.csv cannot be read: No such file",
        "broken.parquet": "broken.parquet cannot be read",
        "empty.csv": "empty.csv cannot be read",
        "no rows.csv": "has no rows",
        "listens.txt": "must be a .parquet or .csv file",
    }.items():
        with pytest.raises(TablesError, match=sentence):
            read_tables(tmp_path / name, None, Columns())


def test_rare_and_incomplete_items_are_left_out_and_then_empty_listeners(tmp_path: Path) -> None:
    data = read(tmp_path)
    frequent = restricted(data, min_item_listeners=2)
    assert frequent.items.tolist() == ["t1"]
    assert frequent.listeners.tolist() == ["al", "bo"]
    assert frequent.interactions.counts.toarray().tolist() == [[4], [1]]
    assert frequent.interactions.times is not None
    assert (frequent.interactions.times == data.interactions.times[:2]).all()  # type: ignore[index]
    assert isinstance(frequent.content, Content)
    assert frequent.content.vectors == pytest.approx(data.content.vectors[:1])
    assert frequent.notes[-1] == "1 of 3 items are kept, as was asked."
    assert restricted(data, require_content=True).items.tolist() == ["t1"]
    assert restricted(data, min_item_listeners=1).notes == data.notes
    with pytest.raises(NoListens, match="None of the 3 items has 3 listeners and complete content"):
        restricted(data, min_item_listeners=3, require_content=True)
