"""The rule file in force: a new one is taken up when it is whole, and refused with its mistakes when not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from flyball.core.facts import (
    AlertCleared,
    AlertRaised,
    Fact,
    KnobTurned,
    Looked,
    RulesLoaded,
    RulesRefused,
)
from flyball.core.ids import Digest, Instant, Position, digest_of
from flyball.core.rules.evaluator import Evaluator
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Ruleset
from flyball.core.signal import Snapshot
from flyball.errors import BadFile, BadUsage
from flyball.ports import Commit, Draft, RuleEngine
from flyball.work.rule_history import content_of
from flyball.work.tools import Tools

#: The checkpoint that lets pending, active and resting rules survive a restart: what they remember of
#: the last look, and when the next one is due. It belongs to the file that was loaded last.
NOTE = "steer"
#: Who is about to put which file in force, and why: written before the file, so that a process that is
#: killed between the two leaves both known.
INTENT = "rules-intent"


class RuleFile(Protocol):
    """The loop's rule file, wherever it is kept."""

    def read(self) -> tuple[bytes, str]:
        """Its bytes and its name as they are now. Raises OSError."""

    def replace(self, content: bytes) -> None:
        """Put other bytes in its place, all of them or none. Raises BadUsage."""

    def set_aside(self, content: bytes) -> str:
        """Keep bytes beside it, and say under which name. Raises BadUsage."""


@dataclass(slots=True)
class Rulebook:
    """The rules of one loop with their evaluator.

    `read` makes a ruleset of the file's bytes and its name, or raises BadFile.
    """

    tools: Tools
    engine: RuleEngine
    file: RuleFile
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
        self._memory = memory or Memory()
        if (before := self._before()) is not None:
            self._evaluator = self.made(before, self._memory)
            self.tools.rule_file = before.text
        self._refused = self._told()
        self.reload(now)

    def reload(self, now: Instant) -> None:
        """Take the rule file as it is now, if it is whole and new; keep the rules there are if it is not."""
        with self.tools.lock:
            self._reload(now)

    def _reload(self, now: Instant) -> None:
        tools, standing = self.tools, self._evaluator
        try:
            content, name = self.file.read()
        except OSError as error:
            problem = f"the rule file {tools.settings.loop.rules} cannot be read: {error.strerror}"
            if standing is None:
                raise BadUsage(f"{problem}; loop.rules in loop.toml names it") from error
            self._refused = ""
            tools.alert(now, "rules", f"{problem}. The rules before it stay in force.")
            return
        digest = digest_of(content)
        if standing is not None and digest == standing.rules.digest:
            self._refused = ""
            tools.clear(now, "rules")
            tools.rule_file = standing.rules.text
            return
        if digest == self._refused:
            return
        try:
            rules = self.read(content, name)
        except BadFile as error:
            if standing is None:
                raise
            self._refuse(digest, name, error, now)
            return
        self._take(rules, now)

    def _refuse(self, digest: Digest, name: str, error: BadFile, now: Instant) -> None:
        self._refused = digest
        told = tuple(str(problem) for problem in error.problems)
        count = f"{len(told)} mistake{'s' * (len(told) > 1)}"
        message = f"{name} has {count}; the rules before it stay in force. {told[0]}"
        self.tools.tell(now, RulesRefused(digest, name, told), AlertRaised("rules", "warn", message))

    def _take(self, rules: Ruleset, now: Instant) -> None:
        standing = self._evaluator
        old, memory = (standing.rules, standing.memory) if standing else (None, self._memory)
        memory, off = carry(memory, old, rules)
        evaluator = self.made(rules, memory)
        self._write(rules, memory, off, now)
        self._refused = ""
        self._evaluator = evaluator
        self.tools.rule_file = rules.text

    def _write(self, rules: Ruleset, memory: Memory, off: tuple[KnobTurned, ...], now: Instant) -> None:
        """Write down at once that the file is in force and what its rules remember: both, or neither."""
        log, facts = self.tools.store.log, list[Fact](off)
        notes: dict[str, str] = {}
        if kept := log.note(NOTE):
            notes[NOTE] = json.dumps({**json.loads(kept), "memory": memory.to_json()})
        if self.tools.state.rules != rules.digest:
            meant = json.loads(log.note(INTENT) or "{}")
            by, because = meant.get("said", ("", "")) if meant.get("digest") == rules.digest else ("", "")
            facts.append(RulesLoaded(rules.digest, rules.name, rules.text, by, because))
            notes[INTENT] = ""
        if "rules" in self.tools.state.alerts:
            facts.append(AlertCleared("rules"))
        if facts:
            self.tools.write(Commit(facts=[Draft(fact) for fact in facts], notes=notes), now)

    def intend(self, digest: Digest, by: str, because: str, now: Instant) -> None:
        """Keep who puts a file in force, and why, until it is. An empty digest: nobody does."""
        said = json.dumps({"digest": digest, "said": [by, because]})
        self.tools.write(Commit(notes={INTENT: said}), now)

    def _told(self) -> str:
        """The file of which the alert that stands says that it has mistakes."""
        alert = self.tools.state.alerts.get("rules")
        if alert is None:
            return ""
        for recorded in self.tools.store.log.read(Position(alert.seq - 2), limit=1):
            if isinstance(recorded.fact, RulesRefused):
                return recorded.fact.digest
        return ""

    def _before(self) -> Ruleset | None:
        """The rules that were in force when the last process ended."""
        last = None
        for recorded in self.tools.store.log.read(kinds=["rules-loaded"]):
            last = recorded.fact
        if not isinstance(last, RulesLoaded):
            return None
        try:
            return self.read(content_of(last), last.name)
        except BadFile:  # this Flyball reads it no more: the file there is must serve
            return None

    def made(self, rules: Ruleset, memory: Memory) -> Evaluator:
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
