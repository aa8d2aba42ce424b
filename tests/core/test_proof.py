"""The proof that no answer is lost, and that it can fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flyball.core.labels.proof import Accounts, proof

counts = st.integers(0, 50)


@given(merged=counts, pending=counts, parked=counts, queued=counts, dead=counts, lost=st.integers(-3, 3))
def test_the_proof_holds_exactly_when_nothing_is_missing(
    merged: int, pending: int, parked: int, queued: int, dead: int, lost: int
) -> None:
    both = min(pending, dead)
    standing = {"merged": merged, "pending": pending, "parked": parked}
    captured = merged + pending + parked + queued + dead - both + lost
    found = proof(Accounts(captured, standing, queued, dead, both))  # type: ignore[arg-type]
    assert (found.holds, found.lost) == (lost == 0, lost)
    assert ("LOST" in str(found)) == (lost > 0)
    assert ("TWICE" in str(found)) == (lost < 0)
