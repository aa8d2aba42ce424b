"""What a source delivers, as answers with ids that stay the same however often and however it is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flyball.core.facts import DeliveryUnread, WordsDeleted
from flyball.core.ids import Digest, canonical, digest_of
from flyball.core.mappings import Gone, Map, Said, kept, mapped
from flyball.core.strict_json import BadJson, Flaw, Reader
from flyball.ports import Answer, Commit, Draft, Receipt
from flyball.ports.intake import answer_of
from flyball.work.accept import Given, accept
from flyball.work.tools import Tools

#: Behind the word and version of an answer that was taken back because the tool had deleted it.
GONE = "gone"
#: So many problems of one delivery are kept.
PROBLEMS = 20
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one payload, row or message comes to.

    `beside`: facts that are no answers: what could not be read, what was deleted. `flaws`: the former in
    detail. `about`: why there is nothing, where that is as it should be.
    """

    answers: tuple[Answer, ...] = ()
    beside: tuple[Draft, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    gone: tuple[Gone, ...] = ()
    about: str = ""

    @property
    def size(self) -> int:
        """How many bytes were received."""
        said = sum(len(each.raw or b"") for each in self.answers)
        return said + sum(len(each.raw or b"") for each in self.beside)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a payload comes from: the source as the log names it, the place in it for people to find.

    `delivery`: the sender's id of it, where that was signed. `definitions`: what its labels mean, where
    the way it came says so. `key`: the item, where the payload does not name it.
    """

    source: str
    where: str
    delivery: str | None = None
    definitions: Digest | None = None
    key: str | None = None


def source_of(name: str) -> str:
    """What the log calls a source of the settings."""
    return f"source:{name}"


def of_bytes(raw: bytes, by: Map, origin: Origin) -> Delivery:
    """What a payload of JSON comes to; one that is broken, or wrong in a part of it, is kept whole.

    What is kept, and named by, are its bytes without the secrets of the tool that sent it.
    """
    safe = kept(raw, by)
    try:
        read = Reader().one(raw)
    except BadJson as error:
        return unread(safe, (error.flaw,), origin)
    if read.flaws:
        return unread(safe, read.flaws, origin)
    return of_value(read.value, safe, by, origin)


def of_value(value: Any, raw: bytes, by: Map, origin: Origin) -> Delivery:
    """What a value comes to whose bytes were `raw`."""
    if origin.key is not None and isinstance(value, dict) and "item" not in by.parts:
        value = {"item": origin.key, **value}
    found = mapped(value, by)
    many = len(found.said) > 1
    answers = tuple(
        _answer(said, raw, origin, place if many else None) for place, said in enumerate(found.said)
    )
    beside: tuple[Draft, ...] = ()
    if found.gone:
        words = tuple(sorted({word_of(each.word) for each in found.gone}))
        name = f"deleted-{digest_of(raw)[:32]}"
        beside = (Draft(WordsDeleted(origin.source, words), origin.source, name, raw),)
    if found.flaws:
        beside += unread(raw, found.flaws, origin).beside
    return Delivery(answers, beside, found.flaws, found.gone, found.about)


def unread(raw: bytes, flaws: Sequence[Flaw], origin: Origin) -> Delivery:
    """What cannot be read is kept, once, with what is wrong with it."""
    problems = tuple(
        f"{flaw.where}: {flaw.message}" if flaw.where else flaw.message for flaw in flaws[:PROBLEMS]
    )
    fact = DeliveryUnread(origin.source, origin.where, flaws[0].code, problems)
    # Named by its bytes alone: a better map that still cannot read them makes no second fact of them.
    name = f"unread-{digest_of(raw)[:32]}"
    return Delivery(beside=(Draft(fact, origin.source, name, raw),), flaws=tuple(flaws))


def take(tools: Tools, deliveries: Sequence[Delivery], source: str, now: float) -> tuple[Receipt, ...]:
    """Write all of it down; gives the receipts of the answers in order. Raises what `Log.append` raises."""
    answers = [answer for each in deliveries for answer in each.answers]
    receipts = accept(tools, [Given(answer, source) for answer in answers], now) if answers else ()
    keep(tools, [draft for each in deliveries for draft in each.beside], now)
    return receipts


def keep(tools: Tools, beside: Sequence[Draft], now: float) -> None:
    """Write down what is no answer: once, whatever was said of the same bytes before."""
    known: set[tuple[str, str | None]] = set()
    drafts = []
    for draft in beside:
        if (draft.source, draft.event_id) not in known:
            known.add((draft.source, draft.event_id))
            drafts.append(draft)
    if drafts:
        tools.store.log.append(Commit(facts=drafts, apart=True), now)
        tools.behind = True
        tools.changed()


def word_of(name: str) -> str:
    """A tool's own name of somebody's words, as it stands in front of the event id."""
    return quote(name, safe=" :/-_.+")


def definitions_of(said: str) -> Digest:
    """What a source calls the definitions that its labels were given under, as a digest.

    >>> definitions_of("v7") == definitions_of("v7"), definitions_of("AB" * 32) == "ab" * 32
    (True, True)
    """
    lower = said.lower()
    return Digest(lower) if _HEX.fullmatch(lower) else digest_of(b"definitions\0" + said.encode())


def _answer(said: Said, raw: bytes, origin: Origin, place: int | None) -> Answer:
    received = raw if said.part is None else canonical(said.part)
    definitions = origin.definitions if said.definitions is None else definitions_of(said.definitions)
    return answer_of(said, _event_id(said, received, origin, place), received, definitions)


def _event_id(said: Said, received: bytes, origin: Origin, place: int | None) -> str:
    """The tool's name and version of the words; their bytes too where the name may mean several things."""
    digest = digest_of(received)
    if said.word:
        named = f"{word_of(said.word)}@{quote(said.version, safe=' :+-.')}"
        return named if said.exact else f"{named}#{digest[:24]}"
    if origin.delivery is not None:
        return f"delivery-{origin.delivery}" + ("" if place is None else f"/{place}")
    return f"row-{digest[:40]}"
