"""Labels from files and tags, and who shares one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.evaluation.labels import (
    LabelColumn,
    LabelsError,
    catalogue_labels,
    read_labels,
    split_labels,
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Three tracks; the last one is the first one's copy."""
    tags = [
        Tags(title="One", artist="Ada", album="First", genres=("Rock", "Pop")),
        Tags(title="Two", artist="Bix"),
        Tags(title="One", artist="Ada", album="Best of", genres=("Rock",)),
    ]
    scanned_files = [
        ScannedFile(
            None, tmp_path / "music" / f"{i}.mp3", 1, 1, AudioInfo(200, 44_100, 2, "mp3", a), t
        )
        for i, (a, t) in enumerate(zip("aba", tags, strict=True))
    ]
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(scanned_files)
        yield catalog


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "music" / "labels.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_tags_are_labels(catalog: Catalog) -> None:
    table = catalogue_labels(catalog)
    assert table.index.tolist() == [1, 2, 3]
    assert table["artist"].tolist() == ["Ada", "Bix", "Ada"]
    assert table["album"].tolist() == ["First", "", "Best of"]
    assert table["genre"].tolist() == ["Rock", "", "Rock"]
    assert table["genres"].tolist() == ["Rock|Pop", "", "Rock"]
    assert table["recording"].tolist() == ["1", "2", "1"]


def test_a_file_joins_on_paths_and_takes_the_rest_from_tags(
    catalog: Catalog, tmp_path: Path
) -> None:
    path = write(tmp_path, "path,mood,album\n1.mp3,calm,A\n0.mp3,NA,B\n9.mp3,wild,C\n0.mp3,no,D\n")
    table = read_labels(path, catalog)
    assert table.index.tolist() == [1, 2]
    assert table["mood"].tolist() == ["NA", "calm"]
    assert table["album"].tolist() == ["B", "A"]
    assert table["artist"].tolist() == ["Ada", "Bix"]
    assert "genre" not in table.columns


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,mood\n1.mp3,calm\n", 'no column "path"'),
        ("path,mood\n9.mp3,calm\n", "None of the files"),
        ("", "cannot be read"),
    ],
)
def test_files_are_refused(catalog: Catalog, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(LabelsError, match=sentence):
        read_labels(write(tmp_path, text), catalog)


def test_labels_split() -> None:
    assert split_labels("a|b| c |b||") == ["a", "b", "c"]
    assert split_labels("") == split_labels(" | ") == []


def test_sharing_is_having_one_in_common() -> None:
    table = pd.DataFrame({"mood": ["a|b", "b|c", "", "c", "a"]})
    column = LabelColumn(table, "mood")
    shared = column.shared_with(np.arange(5))
    texts = [set(split_labels(text)) for text in table["mood"]]
    assert shared.tolist() == [[bool(one & other) for other in texts] for one in texts]
    assert column.rows.tolist() == [0, 0, 1, 1, 3, 4]
    assert column.of_size(2).all()
    assert not column.of_size(3).any()
    with pytest.raises(LabelsError, match='no column "genre"; got mood'):
        LabelColumn(table, "genre")


def test_a_column_of_nothing_shares_nothing() -> None:
    column = LabelColumn(pd.DataFrame({"mood": ["", ""]}), "mood")
    assert not column.shared_with(np.array([0, 1])).any()
