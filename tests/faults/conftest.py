"""A place to build in for every test of behaviour."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)
