"""A rule file tried: every scenario played, what was shown of each rule, which nudges nobody noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.core.ids import RuleId
from flyball.core.rules.evaluator import Truths
from flyball.core.rules.reference import ReferenceEngine
from flyball.core.rules.scenario.coverage import Coverage, coverage
from flyball.core.rules.scenario.judge import Difference, differences, disagreements
from flyball.core.rules.scenario.model import Scenario, Suite
from flyball.core.rules.scenario.mutation import Mutated, RuleFile, mutations, score
from flyball.core.rules.scenario.play import Shot, play
from flyball.core.rules.scenario.telling import failure
from flyball.core.rules.words import Catalogue


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario as it came out. `failure` tells what differs; empty where nothing does."""

    suite: str
    scenario: Scenario
    differences: tuple[Difference, ...]
    failure: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One rule file with the outcome of its scenarios.

    `mutated` None: not asked for, or not tried because scenarios failed.
    """

    file: RuleFile
    outcomes: tuple[Outcome, ...]
    coverage: Coverage
    mutated: tuple[Mutated, ...] | None

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The scenarios that came out otherwise than expected."""
        return tuple(each for each in self.outcomes if each.differences)

    @property
    def survivors(self) -> tuple[Mutated, ...]:
        """The nudges that nobody noticed."""
        return tuple(each for each in self.mutated or () if each.noticed_by is None)

    @property
    def score(self) -> float | None:
        """The share of nudges that were noticed, in percent; None where they were not tried."""
        return None if self.mutated is None else score(self.mutated)

    def nudged(self, rule: RuleId) -> tuple[int, int] | None:
        """How many nudges that concern a rule were noticed, and of how many."""
        if self.mutated is None:
            return None
        own = [each for each in self.mutated if rule in each.nudge.rules]
        return sum(each.noticed_by is not None for each in own), len(own)


def tried(
    file: RuleFile,
    suites: Sequence[Suite],
    engines: Mapping[str, Truths],
    catalogue: Catalogue,
    *,
    mutation: bool = True,
) -> Trial:
    """Play the scenarios of a rule file with the reference engine, and compare the others with it.

    `engines` by name: each must find the same truths in every look.
    """
    outcomes: list[Outcome] = []
    played: list[tuple[Scenario, Sequence[Shot]]] = []
    for suite in suites:
        for scenario in suite.scenarios:
            shots = list(play(file.rules, scenario, ReferenceEngine().truths, catalogue.knobs))
            found = [
                each
                for shot in shots
                for each in (
                    *differences(scenario, shot, file.rules),
                    *disagreements(scenario, shot, file.rules, engines),
                )
            ]
            told = failure(scenario, shots, found, file.rules, catalogue) if found else ""
            outcomes.append(Outcome(suite.name, scenario, tuple(found), told))
            played.append((scenario, shots))
    shown = coverage(file.rules, played)
    whole = mutation and not any(each.differences for each in outcomes)
    scenarios = [scenario for scenario, _ in played]
    return Trial(
        file, tuple(outcomes), shown, tuple(mutations(file, scenarios, catalogue)) if whole else None
    )
