"""What /metrics says of the answers that lie apart."""

from __future__ import annotations

from pathlib import Path

from tests.web.served import an_api, asked, body, posted

from flyball.core.facts import AnswerParked
from flyball.work import deadletters


def test_the_dead_letters_of_the_metrics_are_those_that_are_listed_parked_ones_among_them(
    tmp_path: Path,
) -> None:
    with an_api(tmp_path) as api:
        tools, now = api.tools, api.tools.clock.now()
        for name in ("e-1", "e-2", "e-3"):
            assert posted(api, body(id=name)).status_code == 202
        for number in range(3):
            (job,) = tools.store.jobs.claim("merge", now + 60.0, 1, 60.0)
            if number:
                tools.tell(now, AnswerParked(job.cause.seq, "it waits", "class-blocked"), done=[job])
            else:
                tools.store.jobs.fail(job, "ValueError", "poison", now, None)
        told = asked(api, lambda client: client.get("/metrics")).text.splitlines()
        assert len(deadletters.dead(tools.store)) == 3
    assert {"flyball_dead_letters 3", "flyball_parked_answers 2"} <= set(told)
