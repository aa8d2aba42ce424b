"""The sources that may call us, with what shows that it is them; new secrets are taken in while we serve."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flyball.core.mappings import Map
from flyball.core.signatures import Scheme, Verdict, verify
from flyball.errors import BadFile, FlyballError
from flyball.settings import SourceSettings
from flyball.work.source_settings import map_of, scheme_of, secrets_of
from flyball.work.tools import Tools

#: The alert that the file cannot be used, and what of a source is taken from it while it is served.
_ALERT = "secrets"
_SHOWS = ("secrets", "scheme", "header", "tolerance")
#: What a file is told apart by from one that stood there before: time, size, number.
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """A source that calls us, with its secrets as they are, not as they are written."""

    name: str
    settings: SourceSettings
    scheme: Scheme
    secrets: tuple[str, ...]
    by: Map

    @property
    def signs(self) -> bool:
        """Whether a call shows only with its body from whom it is."""
        return self.scheme != "secret"

    def verdict(self, headers: Sequence[tuple[str, str]], body: bytes, now: float) -> Verdict:
        """Whether a call is from this source."""
        tolerance, header = self.settings.tolerance, self.settings.header
        return verify(self.scheme, headers, body, self.secrets, now, tolerance, header)


def callers_of(sources: Mapping[str, SourceSettings], environment: Mapping[str, str]) -> Mapping[str, Caller]:
    """The sources that may call: those with secrets. Raises BadUsage where one cannot be used as written."""
    found = {}
    for name, source in sources.items():
        if source.secrets:
            secrets = secrets_of(name, source, environment)
            found[name] = Caller(name, source, scheme_of(name, source), secrets, map_of(name, source))
    return found


class Callers:
    """Who may call. A `loop.toml` that changes is read anew with the next call, as a whole or not at all.

    Of the sources that were there at the start, their secrets, and how calls are signed with them, are taken
    from it, with the flags of this process over it; one that is there no more has none, and there is an
    alert. For anything else the loop is started again. A file that cannot be used changes nothing, and there
    is an alert.
    """

    def __init__(self, tools: Tools, environment: Mapping[str, str]) -> None:
        """Raises BadUsage for sources whose settings cannot be used."""
        self._tools, self._environment = tools, environment
        self._path = tools.settings.directory / "loop.toml"
        self._sources = dict(tools.settings.sources)
        self._callers = callers_of(self._sources, environment)
        # The file may be another one by now than that which the settings were read from.
        self._stamp: _Stamp = None
        self._lock = threading.Lock()

    def get(self, name: str) -> Caller | None:
        """Who calls under a name."""
        return self._callers.get(name)

    @property
    def changed(self) -> bool:
        """Whether the file is another one than that which was read last."""
        return _stamp_of(self._path) != self._stamp

    def look(self) -> None:
        """Take in what changed in the file; raise the alert where it cannot be used, and clear it."""
        from flyball.adapters.toml_file import load

        with self._lock:
            stamp = _stamp_of(self._path)
            if stamp is None or stamp == self._stamp:
                return
            now = self._tools.clock.now()
            try:
                written = load(self._path, self._tools.settings.overrides).sources
                sources = {name: self._now(name, written) for name in self._sources}
                callers = callers_of(sources, self._environment)
            except FlyballError as error:
                told = "loop.toml cannot be used, and the secrets of sources stay as they were"
                self._tools.warn(now, _ALERT, f"{told}: {_said(error)}")
            else:
                self._sources, self._callers = sources, callers
                there = self._tools.settings.sources
                if gone := [name for name in there if there[name].secrets and name not in written]:
                    self._tools.warn(now, _ALERT, _gone(gone))
                else:
                    self._tools.over(now, _ALERT)
            self._stamp = stamp

    def _now(self, name: str, written: Mapping[str, SourceSettings]) -> SourceSettings:
        source, told = self._sources[name], written.get(name)
        if told is None:
            return replace(source, secrets=())
        return replace(source, **{each: getattr(told, each) for each in _SHOWS})


def _gone(names: Sequence[str]) -> str:
    listed = ", ".join(f"[sources.{each}]" for each in names)
    return (
        f"{listed}: not in loop.toml any more, and calls in that name are refused;"
        " start the loop again, or write it back"
    )


def _said(error: FlyballError) -> str:
    """What is wrong, and of a file only where: an alert is kept for good, and the line may hold a secret."""
    if not isinstance(error, BadFile):
        return str(error)
    places = ", ".join(f"line {each.line} ({each.code})" for each in error.problems)
    return f"{places}; `flyball status` tells what is wrong there"


def _stamp_of(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
