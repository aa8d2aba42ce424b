"""One mapping of a rule file: its known keys, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar
from flyball.core.rules.words import listed, near

_SHAPES = {Scalar: "a single value", Pairs: "a mapping", Items: "a list"}


class Section:
    """A mapping being read. What is asked for and missing, double, unknown or misshapen is told."""

    def __init__(self, pairs: Pairs, complaints: Complaints) -> None:
        self.pairs = pairs
        self._tell = complaints
        self._values: dict[str, Marked] = {}
        self._keys: dict[str, Scalar] = {}
        for key, value in pairs.entries:
            if key.text in self._keys:
                complaints.tell(key, "R010", f"`{key.text}` stands twice; one of them would be lost")
            else:
                self._keys[key.text], self._values[key.text] = key, value

    def only(self, known: Sequence[str], what: str) -> None:
        """Tell of every key that is not known here."""
        for name, key in self._keys.items():
            if name not in known and not self._tell.full:
                hint = near(name, known) or f"; {what} has {listed(known)}"
                if ")" in name:
                    hint = ": within { } a comma ends a value, so put an expression that has one in quotes"
                self._tell.tell(key, "R105", f"unknown key `{name}`{hint}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[tuple[Scalar, Marked]]:
        """Every key with its value, until enough is wrong."""
        for name, key in self._keys.items():
            if self._tell.full:
                return
            yield key, self._values[name]

    def key(self, name: str) -> Marked:
        """Where a key stands; the mapping itself where it is missing."""
        return self._keys.get(name, self.pairs)

    def need(self, name: str, why: str) -> None:
        """Tell that a key is missing."""
        if name not in self._values:
            self._tell.tell(self.pairs, "R201", f"`{name}` is missing{why}")

    def any(self, name: str) -> Marked | None:
        """A value of any shape."""
        return self._values.get(name)

    def scalar(self, name: str) -> Scalar | None:
        """A single value; an empty one counts as missing, and is told."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Scalar):
            self._misshapen(name, value, "a single value")
            return None
        if not value.text.strip():
            self._tell.tell(self.key(name), "R201", f"`{name}` says nothing")
            return None
        return value

    def section(self, name: str) -> Section | None:
        """A mapping within this one."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Pairs):
            self._misshapen(name, value, "a mapping")
            return None
        return Section(value, self._tell)

    def items(self, name: str) -> tuple[Marked, ...] | None:
        """A list."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Items):
            self._misshapen(name, value, "a list")
            return None
        return value.of

    def _misshapen(self, name: str, value: Marked, meant: str) -> None:
        shape = "nothing" if isinstance(value, Scalar) and not value.text else _SHAPES[type(value)]
        self._tell.tell(self.key(name), "R202", f"`{name}` is {meant}, not {shape}")
