"""Checkpoints: the Merkle tree of RFC 6962, and notes that say what was signed and nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.core.checkpoint import Checkpoint, Key, Note, Tree, key_of_text, notes, written

KEY = Key("flyball/cards", bytes(range(32)))


def naive(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash as RFC 6962 defines it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive(leaves[:split]) + naive(leaves[split:])).digest()


def checkpoint(size: int = 5) -> Checkpoint:
    tree = Tree()
    tree.extend(bytes([number]) for number in range(size))
    return Checkpoint(KEY.name, tree.size, tree.root(), bytes(32), 1_000_000, tuple(tree.peaks))


def test_the_root_of_the_tree_in_the_standard() -> None:
    known = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    tree = Tree()
    tree.extend([b""])
    assert tree.root().hex() == known


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
def test_a_tree_that_grows_has_the_root_of_the_whole(leaves: list[bytes], cut: int) -> None:
    first = Tree()
    first.extend(leaves[:cut])
    again = Tree(first.size, first.peaks)
    again.extend(leaves[cut:])
    assert again.root() == naive(leaves)


def test_a_note_comes_back_as_it_was_written() -> None:
    text = written(checkpoint(), KEY, b"s" * 64) + written(checkpoint(9), KEY, b"t" * 64)
    first, second = notes(text)
    assert isinstance(first, Note) and isinstance(second, Note)
    assert (first.checkpoint, second.checkpoint) == (checkpoint(), checkpoint(9))
    assert first.signatures == ((KEY.name, KEY.id, b"s" * 64),)
    assert first.text.startswith("flyball/cards\n5\n")


def test_a_key_comes_back_as_it_was_written() -> None:
    assert key_of_text(f"{KEY}\n") == KEY


@pytest.mark.parametrize("damage", ["", "x", "flyball/cards+00000000+AQ==", "a+b", str(KEY)[:-4]])
def test_what_is_no_key_is_refused(damage: str) -> None:
    with pytest.raises(ValueError, match=r"no public key|base64"):
        key_of_text(damage)


@given(st.integers(0, 2 * len(written(checkpoint(), KEY, b"s" * 64)) - 1))
def test_a_note_that_was_cut_off_spoils_no_other(cut: int) -> None:
    whole = written(checkpoint(), KEY, b"s" * 64)
    torn = (whole * 2)[:cut]
    torn += "\n" * (not torn.endswith("\n") and bool(torn))
    found = [each for each in notes(torn + written(checkpoint(9), KEY, b"t" * 64)) if isinstance(each, Note)]
    assert found[-1].checkpoint == checkpoint(9)
    assert len(found) >= 1 + cut // len(whole)


@given(st.data())
def test_a_changed_letter_of_what_was_signed_is_not_read_as_the_same(data: st.DataObject) -> None:
    text = written(checkpoint(), KEY, b"s" * 64)
    place = data.draw(st.integers(0, len(checkpoint().text()) - 1))
    other = text[:place] + data.draw(st.sampled_from("aA0+\n ")) + text[place + 1 :]
    for found in notes(other):
        assert other == text or isinstance(found, str) or found.text != checkpoint().text()
