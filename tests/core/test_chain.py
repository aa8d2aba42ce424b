"""The chain of facts: whatever is changed in it later shows."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.chain import GENESIS, Head, Link, commitment_of, instant, key_of, micros, seal, verify
from flyball.core.ids import Position


def chain(count: int, salt: bytes = b"s" * 16) -> list[Link]:
    """Facts of three sources, some with a name and some as they were received."""
    links: list[Link] = []
    last: Head | Link = Head()
    for number in range(count):
        event_id = f"e-{number}" if number % 2 else None
        source = ("desk", "tool", "flyball")[number % 3]
        link = seal(
            last,
            1_000 * number,
            salt,
            source=source,
            event_id=event_id,
            key=None if event_id is None else key_of(source, event_id),
            kind="answer-given",
            item=f"i-{number}",
            body=b"{%d}" % number,
            raw=b"raw" if number % 2 else None,
        )
        links.append(link)
        last = link
    return links


def test_the_hash_is_what_the_documentation_says() -> None:
    def framed(*parts: bytes) -> bytes:
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    (link,) = chain(1)
    key = hashlib.sha256(b"seq" + framed(b"desk", (1).to_bytes(8, "big"))).digest()
    commitment = hmac.new(b"s" * 16, framed(b"{0}"), "sha256").digest()
    parts = (GENESIS, (1).to_bytes(8, "big"), bytes(8), key, b"answer-given", b"i-0", b"", commitment)
    assert (link.key, link.commitment) == (key, commitment)
    assert link.hash == hashlib.sha256(b"ev1" + framed(*parts)).digest()


def test_a_chain_as_it_was_written_holds() -> None:
    links = chain(6)
    assert verify(links) == ()
    assert verify(links[3:], Head(links[2].seq, links[2].at, links[2].hash)) == ()


def test_a_chain_whose_bytes_were_erased_still_holds() -> None:
    links = [link._replace(salt=None, body=None, raw=None) for link in chain(6)]
    assert verify(links) == ()


EDITS: dict[str, Any] = {
    "at": 5_001,
    "source": "other",
    "event_id": "e-99",
    "key": b"k" * 32,
    "kind": "label-settled",
    "item": "i-99",
    "schema": "s",
    "commitment": b"c" * 32,
    "hash": b"h" * 32,
    "salt": b"t" * 16,
    "body": b"{99}",
    "raw": b"other",
    "seq": Position(99),
}


@pytest.mark.parametrize("field", EDITS)
@pytest.mark.parametrize("place", [0, 3, 5], ids=["first", "middle", "last"])
def test_an_edit_of_any_field_anywhere_is_found(field: str, place: int) -> None:
    links = chain(6)
    links[place] = links[place]._replace(**{field: EDITS[field]})
    broken = verify(links)
    assert broken
    assert {found.seq for found in broken} <= {links[place].seq, place + 1, place + 2}


@given(st.integers(2, 8), st.data())
def test_deleting_inserting_and_exchanging_are_found(count: int, data: st.DataObject) -> None:
    links = chain(count)
    place = data.draw(st.integers(0, count - 2))
    deleted = links[:place] + links[place + 1 :]
    doubled = links[: place + 1] + links[place:]
    swapped = [*links[:place], links[place + 1], links[place], *links[place + 2 :]]
    for tampered in (deleted, doubled, swapped):
        assert verify(tampered)


def test_a_tail_that_was_cut_off_shows_only_against_a_head_kept_elsewhere() -> None:
    links = chain(6)
    assert verify(links[:4]) == ()
    assert links[3].hash != links[5].hash


def test_bytes_that_were_erased_in_part_are_found() -> None:
    links = chain(2)
    links[1] = links[1]._replace(body=None)
    assert [found.what for found in verify(links)] == ["its bytes were erased only in part"]


def test_parts_cannot_flow_into_each_other() -> None:
    assert key_of("ann-1", "2x") != key_of("ann-12", "x")
    assert key_of("a", "1") != key_of("a", Position(1))
    assert commitment_of(b"s", b"ab", b"c") != commitment_of(b"s", b"a", b"bc")
    assert commitment_of(b"s", b"ab", None) != commitment_of(b"s", b"ab", b"")


def test_the_same_bytes_give_nothing_away_without_the_salt() -> None:
    assert commitment_of(b"one salt", b"ann-7", None) != commitment_of(b"another", b"ann-7", None)


@given(st.integers(-(10**15), 8 * 10**15))
def test_microseconds_come_back_from_a_moment(at: int) -> None:
    assert micros(instant(at)) == at
