"""A shelf in memory, for tests and the twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from flyball.core.ids import Digest, ModelVersion
from flyball.errors import NotFound
from flyball.ports import Shelved, Trained


class MemoryShelf:
    """Model versions in the order in which they came, with their content and aliases."""

    def __init__(self) -> None:
        self._shelved: dict[ModelVersion, Shelved] = {}
        self._content: dict[ModelVersion, bytes] = {}
        self._by_pins: dict[Digest, ModelVersion] = {}
        self._aliases: dict[str, ModelVersion] = {}

    def put(self, trained: Trained) -> Shelved:
        """Keep a model. The same pins again give the version that stands there."""
        if (known := self._by_pins.get(trained.pins)) is None:
            known = ModelVersion(len(self._shelved) + 1)
            self._by_pins[trained.pins] = known
            self._content[known] = trained.content
            self._shelved[known] = Shelved(
                known, trained.pins, trained.snapshot, (), f"memory:{known}", dict(trained.metrics)
            )
        return self._named(known)

    def get(self, version: ModelVersion) -> bytes:
        """What the learner dumped. Raises NotFound."""
        if version not in self._content:
            raise missing(version)
        return self._content[version]

    def point(self, alias: Literal["champion", "challenger"], version: ModelVersion | None) -> None:
        """Let an alias name this version (None: no version). Raises NotFound."""
        if version is None:
            self._aliases.pop(alias, None)
        elif version in self._shelved:
            self._aliases[alias] = version
        else:
            raise missing(version)

    def versions(self) -> tuple[Shelved, ...]:
        """All versions, the oldest first."""
        return tuple(self._named(version) for version in sorted(self._shelved))

    def _named(self, version: ModelVersion) -> Shelved:
        aliases = tuple(sorted(name for name, named in self._aliases.items() if named == version))
        return replace(self._shelved[version], aliases=aliases)


def missing(version: ModelVersion) -> NotFound:
    """The complaint about a version that nobody put on the shelf."""
    return NotFound(f"there is no model version {version}; `flyball model ls` lists them")
