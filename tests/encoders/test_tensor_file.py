from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save

from encoders.tensor_file import read_tensors, with_digest

ARRAYS = {
    "values": np.arange(600, dtype=np.float32).reshape(20, 30),
    "ids": np.arange(20),
    "empty": np.zeros((0, 3), np.float32),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(ARRAYS, with_digest(ARRAYS, {"format": "1"})))
    arrays, metadata = read_tensors(path)
    assert metadata == {"format": "1"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_a_file_of_an_older_version_is_read_without_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(ARRAYS, {"format": "1"}))
    assert read_tensors(path)[1] == {"format": "1"}


def test_torn_and_altered_files_are_refused(tmp_path: Path) -> None:
    content = save(ARRAYS, with_digest(ARRAYS, {"format": "1"}))
    path = tmp_path / "a.safetensors"
    for at in range(0, len(content) - 1, 97):
        for torn in (
            content[:at],
            content[:at] + bytes(len(content) - at),
            content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :],
        ):
            path.write_bytes(torn)
            try:
                arrays, metadata = read_tensors(path)
            except SafetensorError:
                continue
            assert metadata != {"format": "1"}, at
            assert arrays.keys() == ARRAYS.keys()


@pytest.mark.parametrize("changed", ["names", "shapes", "types"])
def test_a_digest_is_of_names_shapes_and_types(changed: str, tmp_path: Path) -> None:
    other = {
        "names": {"numbers": ARRAYS["values"]},
        "shapes": {"values": ARRAYS["values"].reshape(30, 20)},
        "types": {"values": ARRAYS["values"].view(np.int32)},
    }[changed]
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(other, with_digest({"values": ARRAYS["values"]}, {})))
    with pytest.raises(SafetensorError, match="checksum"):
        read_tensors(path)
