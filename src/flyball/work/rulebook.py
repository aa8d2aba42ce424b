"""The rule file in force: a new one is taken up when it is whole, and refused with its mistakes when not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flyball.core.facts import Looked, RulesLoaded, RulesRefused
from flyball.core.ids import Instant, digest_of
from flyball.core.rules.evaluator import Evaluator
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Ruleset
from flyball.core.signal import Snapshot
from flyball.errors import BadFile, BadUsage
from flyball.ports import RuleEngine
from flyball.work.tools import Tools


@dataclass(slots=True)
class Rulebook:
    """The rules of one loop with their evaluator.

    `source` gives the rule file's bytes and name as they are now; `read` makes a ruleset of them or
    raises BadFile.
    """

    tools: Tools
    engine: RuleEngine
    source: Callable[[], tuple[bytes, str]]
    read: Callable[[bytes, str], Ruleset]
    _evaluator: Evaluator | None = None
    _memory: Memory = field(default_factory=Memory)
    _refused: str = ""

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of the rules in force; there is one once the rulebook is awake."""
        assert self._evaluator is not None
        return self._evaluator

    def wake(self, memory: Memory | None, now: Instant) -> None:
        """Take up the rules that were in force with what they remember, then the file as it is now.

        Without a file that can be used, those from before serve. Raises BadFile where there are none.
        """
        if memory is not None:
            self._memory = memory
            if (before := self._before()) is not None:
                self._evaluator = self._made(before, memory)
        self.reload(now)

    def reload(self, now: Instant) -> None:
        """Take the rule file as it is now, if it is whole and new; keep the rules there are if it is not."""
        tools, standing = self.tools, self._evaluator
        try:
            content, name = self.source()
        except OSError as error:
            problem = f"the rule file {tools.settings.loop.rules} cannot be read: {error.strerror}"
            if standing is None:
                raise BadUsage(f"{problem}; loop.rules in loop.toml names it") from error
            tools.alert(now, "rules", f"{problem}. The rules before it stay in force.")
            return
        digest = digest_of(content)
        if standing is not None and digest == standing.rules.digest:
            self._refused = ""
            tools.clear(now, "rules")
            self._in_force(standing.rules, content.decode(), now)
            return
        if digest == self._refused:
            return
        try:
            rules = self.read(content, name)
        except BadFile as error:
            if standing is None:
                raise
            self._refused = digest
            told = tuple(str(problem) for problem in error.problems)
            tools.tell(now, RulesRefused(digest, name, told))
            count = f"{len(told)} mistake{'s' * (len(told) > 1)}"
            tools.alert(now, "rules", f"{name} has {count}; the rules before it stay in force. {told[0]}")
            return
        self._take(rules, now)

    def _take(self, rules: Ruleset, now: Instant) -> None:
        standing = self._evaluator
        old, memory = (standing.rules, standing.memory) if standing else (None, self._memory)
        memory, facts = carry(memory, old, rules)
        self._refused = ""
        self._evaluator = self._made(rules, memory)
        if facts:
            self.tools.tell(now, *facts)
        self.tools.clear(now, "rules")
        self._in_force(rules, rules.text, now)

    def _in_force(self, rules: Ruleset, text: str, now: Instant) -> None:
        self.tools.rule_file = text
        if self.tools.state.rules != rules.digest:
            self.tools.tell(now, RulesLoaded(rules.digest, rules.name, rules.text))

    def _before(self) -> Ruleset | None:
        """The rules that were in force when the last process ended."""
        last = None
        for recorded in self.tools.store.log.read(kinds=["rules-loaded"]):
            last = recorded.fact
        if not isinstance(last, RulesLoaded):
            return None
        try:
            return self.read(last.text.encode(), last.name)
        except BadFile:  # this Flyball reads it no more: the file there is must serve
            return None

    def _made(self, rules: Ruleset, memory: Memory) -> Evaluator:
        """An evaluator with as much of the past as these rules look back at."""
        evaluator = Evaluator(rules, self.engine.truths, memory)
        reach = evaluator.history.reach
        looks = [r.fact for r in self.tools.store.log.read(kinds=["looked"]) if isinstance(r.fact, Looked)]
        if not looks:
            return evaluator
        since, cycle = looks[-1].due - reach.seconds - rules.every, looks[-1].cycle - reach.cycles - 1
        for fact in looks:
            if fact.due >= since or fact.cycle >= cycle:
                evaluator.history.add(Snapshot(fact.due, fact.cycle, fact.values, fact.each))
        return evaluator
