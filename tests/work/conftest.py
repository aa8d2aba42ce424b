"""A little loop on every kind of store, and a quick one, for the tests that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.merging import loop_on
from tests.stores import KINDS

from flyball.bootstrap import App


@pytest.fixture(params=KINDS)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    with loop_on(request.param, tmp_path) as one:
        yield one


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[App]:
    with loop_on("memory", tmp_path) as one:
        yield one
