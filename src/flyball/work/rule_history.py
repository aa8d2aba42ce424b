"""The rule files that were in force, what each of them decided, and how a rule has fared in shadow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from flyball.core.facts import CanaryBegan, DecisionMade, ModelTrained, Recorded, RulesLoaded, RunBegan
from flyball.core.ids import Digest, Instant, ModelVersion, Position, RunId, digest_of
from flyball.core.rules.memory import meaning
from flyball.core.rules.model import Rule, Ruleset
from flyball.errors import BadFile, BadUsage, NotFound
from flyball.ports import Log

Read = Callable[[bytes, str], Ruleset]
_KINDS = ["rules-loaded", "decision-made", "run-began", "model-trained"]
_BOM = "\ufeff"
#: What is said of a file that nobody gave a reason for: of the first one, and of any other.
FIRST, BY_HAND = "the file the loop began with", "saved by hand"


@dataclass(slots=True)
class Reign:
    """One rule file for as long as it was in force. `until` None: it still is. `first`: none was before."""

    file: RulesLoaded
    since: Instant
    seq: Position
    first: bool = False
    until: Instant | None = None
    decisions: Counter[str] = field(default_factory=Counter)
    shadow: int = 0
    models: list[ModelVersion] = field(default_factory=list)


def reigns(log: Log) -> list[Reign]:
    """Every rule file that was in force, in order, one that came back once for each time."""
    found: list[Reign] = []
    under: dict[RunId, Reign] = {}
    for recorded in log.read(kinds=_KINDS):
        match recorded.fact:
            case RulesLoaded() as fact:
                if found:
                    found[-1].until = recorded.at
                found.append(Reign(fact, recorded.at, recorded.seq, first=not found))
            case DecisionMade(rules=rules) as fact if found and rules == found[-1].file.digest:
                found[-1].decisions[fact.verdict] += fact.live
                found[-1].shadow += not fact.live
            case RunBegan(run=run) if found:
                under[run] = found[-1]
            case ModelTrained(run=run, model=model) if run in under:
                under[run].models.append(model)
            case _:
                pass
    return found


def told(reign: Reign, now: Instant) -> dict[str, Any]:
    """A rule file's time in force as plain values."""
    file = reign.file
    return {
        "digest": file.digest,
        "name": file.name,
        "since": reign.since,
        "until": reign.until,
        "seconds": (now if reign.until is None else reign.until) - reign.since,
        "in_force": reign.until is None,
        "by": file.by,
        "because": origin(file, reign.first),
        "decisions": {verdict: count for verdict, count in reign.decisions.items() if count},
        "not_applied": reign.shadow,
        "models": list(reign.models),
    }


def origin(file: RulesLoaded, first: bool) -> str:
    """Why a file came into force; empty where only by whom is known."""
    return file.because or ("" if file.by else FIRST if first else BY_HAND)


def named(files: list[RulesLoaded], digest: str) -> RulesLoaded:
    """The file whose digest begins so. Raises NotFound, and BadUsage where several do."""
    found = {file.digest: file for file in files if digest and file.digest.startswith(digest.lower())}
    if not found:
        raise NotFound(f"no rule file {digest} was ever in force; `flyball rules history` lists them")
    if len(found) > 1:
        several = ", ".join(each[:12] for each in found)
        raise BadUsage(f"several rule files begin with {digest}: {several}; write more of it")
    return next(iter(found.values()))


def before(files: list[RulesLoaded], digest: Digest) -> RulesLoaded | None:
    """The file that was in force before this one came first; the newest time that there was one."""
    return next(
        (old for old, new in reversed(list(pairwise(files))) if new.digest == digest),
        None,
    )


def previous(files: list[RulesLoaded]) -> RulesLoaded:
    """The file that a rollback leads to. Raises BadUsage where there is none.

    A file that comes back takes those after it along, so that two rollbacks go two files back.
    """
    stack: list[RulesLoaded] = []
    for file in files:
        there = next((i for i, each in enumerate(stack) if each.digest == file.digest), None)
        stack = [*stack, file] if there is None else stack[: there + 1]
    if len(stack) < 2:
        raise BadUsage(
            "there is no rule file before the one in force; `flyball rules history` lists those that"
            " were, and `flyball rules rollback DIGEST` takes any of them"
        )
    return stack[-2]


def content_of(file: RulesLoaded | CanaryBegan) -> bytes:
    """The bytes of a file as they were."""
    content = file.text.encode()
    with_mark = (_BOM + file.text).encode()
    return with_mark if digest_of(with_mark) == file.digest else content


def shadow_record(log: Log, rule: Rule, rules: Ruleset, read: Read, now: Instant) -> dict[str, Any]:
    """What a rule would have done since it stands in the shadow as it is now.

    How long and how many looks; how often it would have fired; each change it would have made, and
    how often. `since` None: the loop has never looked at it so.
    """
    files = [each for each in log.read(kinds=["rules-loaded"]) if isinstance(each.fact, RulesLoaded)]
    since = _unchanged_since(files, rule, rules, read)
    record: dict[str, Any] = {"rule": rule.id, "since": None if since is None else since.at}
    if since is None:
        return {**record, "seconds": 0.0, "looks": 0, "verdicts": {}, "changes": [], "last": None}
    verdicts: Counter[str] = Counter()
    changes: dict[str, dict[str, Any]] = {}
    last: Instant | None = None
    looks = 0
    own = {each.fact.digest for each in files if each.seq >= since.seq and isinstance(each.fact, RulesLoaded)}
    for recorded in log.read(since.seq, kinds=["looked", "decision-made"]):
        looks += recorded.fact.kind == "looked"
        fact = recorded.fact
        if not isinstance(fact, DecisionMade) or fact.rule != rule.id or fact.live or fact.rules not in own:
            continue
        verdicts[fact.verdict] += 1
        if fact.verdict in ("fired", "repeated"):
            last = fact.due
            for name, change in _would(fact):
                changes.setdefault(name, {**change, "times": 0, "about": fact.about})["times"] += 1
    return {
        **record,
        "seconds": now - since.at,
        "looks": looks,
        "verdicts": dict(verdicts),
        "changes": list(changes.values()),
        "last": last,
    }


def _would(fact: DecisionMade) -> Iterator[tuple[str, dict[str, Any]]]:
    for change in fact.changes:
        if "do" in change:
            yield f"do {change['do']}", {"do": change["do"]}
        else:
            kept = {name: change.get(name) for name in ("knob", "from", "to", "limited_by")}
            yield f"{change['knob']} {change['from']} {change['to']} {fact.about}", kept


def _unchanged_since(files: list[Recorded], rule: Rule, rules: Ruleset, read: Read) -> Recorded | None:
    """The oldest file since which this rule stands in every file, and means the same."""
    wanted = meaning(rule, rules)
    since = None
    for recorded in reversed(files):
        assert isinstance(recorded.fact, RulesLoaded)
        try:
            then = read(content_of(recorded.fact), recorded.fact.name)
        except BadFile:  # written for an older Flyball
            return since
        same = next((each for each in then.rules if each.id == rule.id), None)
        if same is None or meaning(same, then) != wanted:
            return since
        since = recorded
    return since
