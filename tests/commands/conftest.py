from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for sounds and commands
sys.path.append(str(Path(__file__).parents[1] / "encoders"))  # for onnx_models

from commands import Commands, make_home

from encoders.bundles import BUNDLES, DEFAULT_MODELS


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights, converted once for all homes."""
    folder = tmp_path_factory.mktemp("weights")
    for name in DEFAULT_MODELS:
        BUNDLES[name].load(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, weights: Path) -> Path:
    return make_home(tmp_path / "home", weights)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def earshot(home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(home, capfdbinary)
