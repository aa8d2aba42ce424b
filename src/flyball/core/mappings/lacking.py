"""What a labelling tool holds and the log lacks, and what the log holds that was taken back in the tool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flyball.core.facts import AnswerGiven
from flyball.core.ids import Instant, canonical
from flyball.core.mappings.told import Said

#: Whose words about what: batch, item, annotator.
Key = tuple[str | None, str, str]
#: The next revision after one that a tool gave: a microsecond later, as fine as tools count.
_NEXT = 1e-6


@dataclass(slots=True)
class Heard:
    """An annotator's words about an item: their revisions, the last of them, and when they came last."""

    revisions: set[float] = field(default_factory=set)
    last: float = float("-inf")
    label: str = ""
    withdrawn: bool = True
    content: bytes = b""
    at: Instant = float("-inf")


@dataclass(slots=True)
class Ledger:
    """What the log holds of one source, by whose words about what; a fold of the facts that came from it.

    Words are ordered by their revisions, as they are when they are merged. The same fact again changes
    nothing. `standing`: how many words stand: the last of their annotator about their item, and not taken
    back. `answered`: by batch, how many people have answered each item.
    """

    heard: dict[Key, Heard] = field(default_factory=lambda: defaultdict(Heard))
    standing: int = 0
    answered: dict[str | None, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def take(self, fact: AnswerGiven | Said, at: Instant) -> None:
        """Take in a word that was captured at a moment of our clock. A draft is no word yet."""
        if fact.draft:
            return
        heard = self.heard[_key(fact)]
        revision = heard.last if fact.revision is None else fact.revision
        heard.at = max(heard.at, at)
        heard.revisions.add(revision)
        if revision < heard.last:
            return
        more = int(heard.withdrawn) - int(fact.withdrawn)
        self.standing += more
        self.answered[fact.batch][fact.item] += more
        heard.last, heard.label, heard.withdrawn = revision, fact.label, fact.withdrawn
        heard.content = _content(fact)

    def difference(
        self,
        held: Sequence[Said],
        looked_at: Collection[tuple[str | None, str]] | None,
        since: Instant = float("inf"),
    ) -> list[Said]:
        """What is to be captured so that the log says what the tool holds; in order of revision.

        `held`: all words that the tool holds about the items `looked_at` (batch and item; None: about all
        there are), as read since a moment of our clock. Words that the log lacks come as they are. What
        the log holds last and the tool does not hold any more is taken back, right after it was said; and
        where the tool then holds older words, those are said again. Where the log has taken in something
        since then, the tool was asked too early to say, and only newer words come.
        """
        by_key: dict[Key, list[Said]] = defaultdict(list)
        for each in held:
            by_key[_key(each)].append(each)
        found: list[Said] = []
        for key, words in by_key.items():
            found += self._of(key, words, since)
        for key, heard in self.heard.items():
            inside = looked_at is None or key[:2] in looked_at
            if inside and key not in by_key and not heard.withdrawn and heard.at < since:
                found.append(_taken_back(key, heard))
        return sorted(found, key=lambda each: (each.revision or 0.0, each.item, each.annotator))

    def _of(self, key: Key, words: list[Said], since: Instant) -> Iterable[Said]:
        heard = self.heard.get(key, Heard())
        lacking = [each for each in words if each.revision not in heard.revisions]
        newest = max(words, key=lambda each: (each.revision or 0.0, each.word))
        after = max((each.revision or 0.0 for each in lacking), default=float("-inf"))
        if max(after, newest.revision or 0.0) < heard.last and heard.at < since and not _says(heard, newest):
            revision = _after(heard.last)
            again = replace(newest, revision=revision, version=f"{newest.version}/again@{revision:.6f}")
            return [*lacking, again]
        return lacking


def _key(word: AnswerGiven | Said) -> Key:
    return (word.batch, word.item, word.annotator)


def _says(heard: Heard, word: Said) -> bool:
    if heard.withdrawn or word.withdrawn:
        return heard.withdrawn == word.withdrawn
    return (heard.label, heard.content) == (word.label, _content(word))


def _content(word: AnswerGiven | Said) -> bytes:
    return canonical(_listed(word.fields)) if word.fields else b""


def _listed(value: Any) -> Any:
    """A value as JSON gives it back: tuples as lists, names as text."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(name): _listed(each) for name, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value


def _taken_back(key: Key, heard: Heard) -> Said:
    batch, item, annotator = key
    return Said(
        item=item,
        annotator=annotator,
        label=heard.label,
        word=f"gone/{batch or ''}/{item}/{annotator}",
        version=f"{_after(heard.last):.6f}",
        batch=batch,
        withdrawn=True,
        revision=_after(heard.last),
    )


def _after(revision: float) -> float:
    """The least revision above one; a word that has none comes after nothing at all."""
    return round(revision + _NEXT, 6) if revision > float("-inf") else 0.0
