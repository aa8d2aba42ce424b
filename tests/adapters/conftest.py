"""What the tests of PostgreSQL share: a loop of their own there, and its store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.postgres import a_loop, fresh_postgres
from tests.stores import chance

from flyball.ports import Store


@pytest.fixture
def loop() -> Iterator[str]:
    """The name of a loop on PostgreSQL."""
    with a_loop() as name:
        yield name


@pytest.fixture
def store(loop: str) -> Iterator[Store]:
    """Its store, which is empty."""
    with closing(fresh_postgres(chance(), loop)) as one:
        yield one
