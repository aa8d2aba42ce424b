"""The rule engine on durable-rules, which matches and infers; of all it can do, what is safe.

Its C interface is used directly: the package's own `Host` brings threads that never end, swallows
errors of actions, and stops answering for ever when one takes ten seconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import count

import durable_rules_engine as durable

from flyball.adapters.durable_rulesets import ALIVE, Shard, shards_of
from flyball.core.ids import Digest
from flyball.core.rules.conditions import Side, annotators_in
from flyball.core.rules.model import Condition, Ruleset, condition_key
from flyball.errors import FlyballError

#: How many files stay loaded: the one in force, one in its shadow, and those they replace.
_MOST_LOADED = 4

_OK, _OBSERVED = 0, 2
#: Where the library keeps facts that name no session.
_SESSION = "0"


class EngineFailed(FlyballError):
    """The rule engine contradicts itself or does not answer. It was loaded anew in vain; this is a bug."""


class _Stuck(Exception):
    """A ruleset did not answer as it must; a fresh one may."""


class DurableEngine:
    """Answers conditions by asserting each look as facts, collecting what matched, and retracting.

    A file becomes rulesets on first use, named by its digest. Each annotator of a rule with `foreach`
    is a fact of their own, one after the other in one session: a ruleset has 1,024 sessions at most,
    of some 0.3 MB each.
    """

    def __init__(self) -> None:
        self._loaded: OrderedDict[Digest, _Program] = OrderedDict()
        self._ids = count(1)
        # One fact at a time: the library's state is per ruleset, and threads would mix their matches.
        self._lock = threading.Lock()

    def truths(self, rules: Ruleset, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        """For each condition by its key whether it holds; None is unknown."""
        with self._lock:
            try:
                return self._program(rules).truths(readings)
            except _Stuck:
                self._unload(rules.digest)
            except BaseException:
                # An interrupt amid a look leaves a fact behind that would answer the next one.
                self._unload(rules.digest)
                raise
            try:
                return self._program(rules).truths(readings)
            except _Stuck as error:
                self._unload(rules.digest)
                raise EngineFailed(f"The rule engine does not answer: {error}. This is a bug.") from error

    def close(self) -> None:
        """Free every ruleset."""
        with self._lock:
            for digest in list(self._loaded):
                self._unload(digest)

    def _program(self, rules: Ruleset) -> _Program:
        """The file's rulesets; new ones stand before old ones go."""
        program = self._loaded.get(rules.digest)
        if program is None:
            program = self._loaded[rules.digest] = _Program(rules, self._ids)
            while len(self._loaded) > _MOST_LOADED:
                self._unload(next(iter(self._loaded)))
        self._loaded.move_to_end(rules.digest)
        return program

    def _unload(self, digest: Digest) -> None:
        program = self._loaded.pop(digest, None)
        if program is not None:
            program.close()


class _Program:
    """The rulesets of one file: those of the loop, and those asked once for each annotator."""

    def __init__(self, rules: Ruleset, ids: count[int]) -> None:
        loop: list[tuple[str, Condition]] = list(rules.conditions.items())
        each: list[tuple[str, Condition]] = []
        for rule in rules.rules:
            of = loop if rule.foreach is None else each
            of.append((condition_key(rule.id, "when"), rule.when))
            if rule.until is not None:
                of.append((condition_key(rule.id, "until"), rule.until))
        self._loop_keys = [key for key, _ in loop]
        self._each_keys = [key for key, _ in each]
        self._rulesets: list[_Ruleset] = []
        loop_shards, levels = shards_of(loop, {})
        each_shards, _ = shards_of(each, levels)
        name = f"{rules.digest[:16]}"
        self._loop = self._created(loop_shards, f"{name}-loop", ids)
        self._each = self._created(each_shards, f"{name}-each", ids)

    def _created(self, shards: Iterable[Shard], name: str, ids: count[int]) -> list[_Ruleset]:
        created: list[_Ruleset] = []
        for number, shard in enumerate(shards):
            created.append(_Ruleset(shard, f"{name}-{number}", ids))
            self._rulesets.append(created[-1])
        return created

    def truths(self, readings: Mapping[str, Side]) -> dict[str, bool | None]:
        """All conditions, level by level; each level's truths are readings of the next."""
        known: dict[str, bool | None] = {}
        for ruleset in self._loop:
            ruleset.ask(readings.get, known)
        found = {key: known[key] for key in self._loop_keys}
        for about in annotators_in(readings) if self._each else ():
            own = dict(known)

            def reading(key: str, about: str = about) -> Side:
                return readings.get(f"{key}@{about}")

            for ruleset in self._each:
                ruleset.ask(reading, own)
            found.update((f"{key}@{about}", own[key]) for key in self._each_keys)
        return found

    def close(self) -> None:
        """Free every ruleset."""
        for ruleset in self._rulesets:
            ruleset.free()
        self._rulesets = []


class _Ruleset:
    """One loaded ruleset of durable-rules."""

    def __init__(self, shard: Shard, name: str, ids: count[int]) -> None:
        self._shard = shard
        self._ids = ids
        self._settled = False
        try:
            self._handle: int = durable.create_ruleset(name, shard.definition)
        except durable.error as error:
            raise EngineFailed(f"The rule engine refuses rules that were checked: {error}") from error

    def free(self) -> None:
        """Give the memory back; of a ruleset that was left amid a look or never asked, all but its session.

        Freeing such a session would follow pointers that the library has not set yet.
        """
        if self._settled:
            durable.delete_state(self._handle, _SESSION)
        durable.delete_ruleset(self._handle)

    def ask(self, reading: Callable[[str], Side], known: dict[str, bool | None]) -> None:
        """Add to `known` what this ruleset's parts are for these readings."""
        shard = self._shard
        found: dict[str, bool | None] = dict.fromkeys(shard.parts)
        for rule in self._matches(shard.fact(reading, known)):
            part, truth = shard.means[rule]
            if found[part] not in (None, truth):
                raise _Stuck(f"{part} is said to hold and not to")
            found[part] = truth
        known.update(found)

    def _matches(self, body: str) -> list[str]:
        """The rules that match a fact, which is gone again afterwards."""
        matched: list[str] = []
        self._settled = False
        try:
            fact, state = self._asserted(body)
            started = durable.start_action_for_state(self._handle, state)
            message = started[1] if started else None
            while message is not None:
                matched.append(message.split('"', 2)[1])
                message = durable.complete_and_start_action(self._handle, state)
            durable.retract_fact(self._handle, fact)
        except durable.error as error:
            raise _Stuck(str(error)) from error
        if ALIVE not in matched:
            raise _Stuck("the rule that always matches did not")
        self._settled = True
        matched.remove(ALIVE)
        return matched

    def _asserted(self, body: str) -> tuple[str, int]:
        """Assert a fact under a name that is new."""
        code = _OBSERVED
        for _ in range(3):
            fact = f'{{"id":"{next(self._ids)}",{body}}}'
            code, state = durable.assert_fact(self._handle, fact)
            if code == _OK:
                return fact, state
            # Two names may share a hash; then the next one does not.
            if code != _OBSERVED:
                break
        raise _Stuck(f"a fact is answered with code {code}")
