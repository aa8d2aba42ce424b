"""A rule together with where it stands in its file."""

from __future__ import annotations

from dataclasses import dataclass

from flyball.core.rules.marked import Marked, Pairs
from flyball.core.rules.model import Rule, Turn


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and the mapping it was read from."""

    rule: Rule
    entry: Pairs

    def key(self, *names: str) -> Marked:
        """Where the first of these keys stands."""
        keys = {key.text: key for key, _ in self.entry.entries}
        return next((keys[name] for name in names if name in keys), self.entry)

    @property
    def turned(self) -> list[str]:
        """The knobs that the rule can turn, each once."""
        turned = [deed.knob for deed in self.rule.then if isinstance(deed, Turn)]
        return list(dict.fromkeys([*turned, *self.rule.hold]))
