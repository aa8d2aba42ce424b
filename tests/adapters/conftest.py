"""What tests of adapters share: a loop of their own on PostgreSQL with its store, and S3 that can go away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.buckets import Proxy, a_proxy, known_here
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


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A way to S3 that can be closed; this process knows S3 by it."""
    with a_proxy() as started:
        known_here(monkeypatch, started.url)
        yield started
