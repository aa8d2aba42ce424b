"""Whatever a rule file says and whatever is read, the engine says what the reference says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules_oracle import BROKEN, Truths, differences, judged

#: Together with `SNAPSHOTS` 2,000 cases, each with some twenty conditions.
FILES, SNAPSHOTS = 100, 20


@settings(max_examples=FILES, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_engine_says_what_the_reference_says(seed: int) -> None:
    assert judged(seed, SNAPSHOTS) == []


@pytest.mark.parametrize("broken", BROKEN, ids=lambda engine: engine.__name__)
def test_an_engine_that_is_wrong_is_caught(broken: Truths) -> None:
    assert any(differences(seed, SNAPSHOTS, broken) for seed in range(FILES))
