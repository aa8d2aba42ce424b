"""The rule files that come with Flyball are proved by the scenarios that come with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flyball.adapters.project_files import project_files
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_scenarios import trials_of

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.glob("*.yaml"))

#: The numbers that labelling loops were founded on, and the rules that hold them.
FOUNDING = {
    "staleness": "when: answers.since_train > 1_000",
    "idle": "when: annotators.idle > 20% and queue.depth < 50",
    "gold": "gold.accuracy < 90%",
    "passive": "answers.total >= 10_000 and al.gain_vs_random < 1%",
    "early": "answers.total < 10_000",
    "backlog": "rate(capture.count, 10m) > rate(integrate.count, 10m) and delta(backlog.depth, 10m) > 0",
    "label shift": "when: labels.shift > 10%",
    "slow": "when: score.seconds_per_item > 1\n",
    "dead letters": "when: dlq.depth > 50",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenarios_show_all_of_every_rule_and_notice_nearly_every_nudge(path: Path) -> None:
    (trial,) = trials_of([path], CATALOGUE, mutation=True)
    assert not trial.failed, "\n".join(each.failure for each in trial.failed)
    assert trial.coverage.percent == 100.0
    assert trial.score is not None
    assert trial.score >= 90.0, "\n".join(str(each.nudge) for each in trial.survivors)


@pytest.mark.parametrize("name", ["adaptive", "fraud", "trend"])
@pytest.mark.parametrize("rule", FOUNDING.values(), ids=FOUNDING)
def test_the_founding_numbers_stand(name: str, rule: str) -> None:
    assert rule in (RULES / f"{name}.yaml").read_text()


def test_a_new_project_begins_with_all_of_them() -> None:
    written = project_files("simple")
    for path in (*FILES, *(RULES / "tests").glob("*.yaml")):
        assert written[f"rules/{path.relative_to(RULES)}"] == path.read_bytes()
