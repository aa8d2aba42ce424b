"""The rules that a scenario names: by id, and for whom where a rule is there for each annotator."""

from __future__ import annotations

from flyball.core.ids import RuleId
from flyball.core.rules.marked import Complaints, Scalar
from flyball.core.rules.model import Rule, Ruleset
from flyball.core.rules.scenario.model import Subject
from flyball.core.rules.words import near


class Subjects:
    """Looks up names of rules, and tells of those that are none."""

    def __init__(self, rules: Ruleset, tell: Complaints) -> None:
        self._rules = {rule.id: rule for rule in rules.rules}
        self._tell = tell

    def rule(self, scalar: Scalar) -> Rule | None:
        """A rule by its id."""
        rule = self._rules.get(RuleId(scalar.text))
        if rule is None:
            message = f"the rule file has no rule `{scalar.text}`{near(scalar.text, self._rules)}"
            self._tell.tell(scalar, "S102", message)
        return rule

    def one(self, scalar: Scalar) -> Subject | None:
        """A rule, as id@annotator where it has `foreach`."""
        name, at, about = scalar.text.partition("@")
        found = Scalar(name, scalar.line, scalar.column, scalar.end_line, scalar.end_column)
        rule = self.rule(found)
        if rule is None:
            return None
        if rule.foreach is None and at:
            self._tell.tell(scalar, "S108", f"`{name}` is one rule for the loop: write it without `@{about}`")
            return None
        if rule.foreach and not about:
            self._tell.tell(
                scalar, "S108", f"`{name}` is there for each annotator: say for whom, `{name}@ana`"
            )
            return None
        return Subject(rule.id, about or None)
